# What the root module adds to modules/stack: a place, tags, and the way of a state of the layout before.

mock_provider "aws" {
  source = "./modules/stack/tests/mocks"
}

variables {
  environment   = "dev"
  package_path  = "main.tf" # any file: nothing is uploaded
  secret_values = {}
  companies     = { acme = ["spring"] }
}

run "what_is_not_said_is_the_stacks_default" {
  assert {
    condition     = output.deletion_protection && output.kms_key_arn == "arn:aws:kms:eu-central-1:111122223333:key/k" && output.table_partition_key == "recipient_tel"
    error_message = "A null must not switch a default off."
  }
}

run "what_is_said_reaches_the_stack" {
  variables {
    deletion_protection = false
    names               = { table = "records" }
    table               = { partition_key = "primary_channel" }
    queue               = { visibility_timeout_seconds = 400 }
    function_settings   = { openai_model = "gpt-6-luna", secrets_cache_seconds = 60 }
    secret_name_prefix  = "team"
  }
  assert {
    condition     = !output.deletion_protection && output.table_name == "records" && output.table_partition_key == "primary_channel"
    error_message = "Values of every kind are passed on."
  }
  assert {
    condition     = [for name in ["VISIBILITY_TIMEOUT_SECONDS", "OPENAI_MODEL", "SECRETS_CACHE_SECONDS", "SECRET_NAME_PREFIX"] : output.function_environment[name]] == ["400", "gpt-6-luna", "60", "team"]
    error_message = "Values of every kind are passed on."
  }
}

run "tags_name_project_environment_and_owner" {
  variables {
    tags = { CostCenter = "42" }
  }
  assert {
    condition     = local.tags == { CostCenter = "42", Project = "whatsapp-channel-processor", Environment = "dev", ManagedBy = "terraform" }
    error_message = "Own tags are added to the three by which the tools find a stack."
  }
}

run "the_tags_of_a_stack_may_have_other_names" {
  variables {
    tag_names = { project = "project", environment = "stage", managed_by = "managed-by" }
  }
  assert {
    condition     = local.tags == { project = "whatsapp-channel-processor", stage = "dev", managed-by = "terraform" }
    error_message = "Some companies allow lower-case tags alone."
  }
}

run "no_tag_differs_from_another_in_case_alone" {
  command = plan
  variables {
    tags = { environment = "forged" }
  }
  expect_failures = [var.tags]
}

run "regions_of_every_partition_are_regions" {
  command = plan
  variables {
    aws_region = "us-isob-east-1"
  }
}

run "a_region_looks_like_one" {
  command = plan
  variables {
    aws_region = "Frankfurt"
  }
  expect_failures = [var.aws_region]
}

run "an_account_is_twelve_digits" {
  command = plan
  variables {
    aws_account_id = "1111-2222-3333"
  }
  expect_failures = [var.aws_account_id]
}

run "production_names_its_account" {
  command = plan
  variables {
    environment = "prod"
    aws_region  = "eu-central-1"

    queue             = { senders = [] }
    function_settings = { record_retention_days = 0 }
  }
  expect_failures = [var.aws_account_id]
}

run "production_names_its_region" {
  command = plan
  variables {
    environment    = "prod"
    aws_account_id = "111122223333"

    queue             = { senders = [] }
    function_settings = { record_retention_days = 0 }
  }
  expect_failures = [var.aws_account_id]
}

run "production_lists_its_senders" {
  command = plan
  variables {
    environment    = "prod"
    aws_account_id = "111122223333"
    aws_region     = "eu-central-1"

    function_settings = { record_retention_days = 0 }
  }
  expect_failures = [var.queue]
}

run "production_chooses_how_long_conversations_are_kept" {
  command = plan
  variables {
    environment    = "prod"
    aws_account_id = "111122223333"
    aws_region     = "eu-central-1"

    queue             = { senders = ["arn:aws:iam::111122223333:role/router"] }
    function_settings = {}
  }
  expect_failures = [var.function_settings]
}
