mock_provider "aws" {}

variables {
  companies = { acme = ["spring-sale", "support"], globex = ["welcome"] }
  values    = {} # an ephemeral variable must be set in a test
}

run "each_project_gets_a_twilio_secret_and_openai_one" {
  assert {
    condition = output.secret_names == tolist([
      "openai-api-key/whatsapp",
      "whatsapp-credentials/acme/spring-sale/twilio",
      "whatsapp-credentials/acme/support/twilio",
      "whatsapp-credentials/globex/welcome/twilio",
    ])
    error_message = "A Context Object refers to its secrets by these names."
  }
}

run "secrets_are_created_empty" {
  assert {
    condition     = length(aws_secretsmanager_secret_version.this) == 0
    error_message = "Values come from people or pipelines, not from configuration."
  }
}

run "a_deleted_secret_can_be_restored" {
  assert {
    condition     = alltrue([for secret in aws_secretsmanager_secret.this : secret.recovery_window_in_days == 30])
    error_message = "Safe by default: thirty days to change one's mind."
  }
}

run "a_key_of_ours_encrypts_every_secret" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/k"
  }
  assert {
    condition     = alltrue([for secret in aws_secretsmanager_secret.this : secret.kms_key_id == var.kms_key_arn])
    error_message = "Every secret uses the key."
  }
}

run "secrets_made_elsewhere_are_left_alone" {
  variables {
    companies   = {}
    openai_keys = []
  }
  assert {
    condition     = length(aws_secretsmanager_secret.this) == 0
    error_message = "Two environments in one account share the OpenAI secret; only one creates it."
  }
}

run "a_value_is_written_without_being_remembered" {
  variables {
    value_versions = { "openai-api-key/whatsapp" = 2 }
    values         = { "openai-api-key/whatsapp" = "{\"ai_api_key\":\"not-a-real-key\"}" }
  }
  assert {
    condition     = aws_secretsmanager_secret_version.this["openai-api-key/whatsapp"].secret_string_wo_version == 2
    error_message = "Raising the number stores the new value."
  }
  assert {
    condition     = aws_secretsmanager_secret_version.this["openai-api-key/whatsapp"].secret_string == null || aws_secretsmanager_secret_version.this["openai-api-key/whatsapp"].secret_string == ""
    error_message = "The attribute that state remembers must stay empty."
  }
}

run "a_version_without_its_value_is_refused" {
  command = plan
  variables {
    value_versions = { "openai-api-key/whatsapp" = 1 }
  }
  expect_failures = [var.values]
}

run "a_version_of_an_unknown_secret_is_refused" {
  command = plan
  variables {
    openai_keys    = []
    value_versions = { "openai-api-key/whatsapp" = 1 }
    values         = { "openai-api-key/whatsapp" = "{}" }
  }
  expect_failures = [var.value_versions]
}

run "a_slash_in_a_company_is_refused" {
  command = plan
  variables {
    companies = { "acme/other" = ["welcome"] }
  }
  expect_failures = [var.companies]
}

run "a_slash_in_a_project_is_refused" {
  command = plan
  variables {
    companies = { acme = ["welcome/other"] }
  }
  expect_failures = [var.companies]
}

run "a_key_name_secrets_manager_refuses_is_refused_here" {
  command = plan
  variables {
    openai_keys = ["what's app"]
  }
  expect_failures = [var.openai_keys]
}

run "a_recovery_window_secrets_manager_does_not_offer_is_refused" {
  command = plan
  variables {
    recovery_window_days = 6
  }
  expect_failures = [var.recovery_window_days]
}

run "a_recovery_window_above_thirty_days_is_refused" {
  command = plan
  variables {
    recovery_window_days = 31
  }
  expect_failures = [var.recovery_window_days]
}

run "the_example_works" {
  module {
    source = "./examples/basic"
  }
}

run "names_are_the_routers_references" {
  variables {
    name_prefix = "ai-multi-comms"
    twilio_name = "twilio-prod"
    companies   = { acme = ["spring"] }
    openai_keys = ["whatsapp-prod"]
  }
  assert {
    condition     = output.secret_names == tolist(["ai-multi-comms/openai-api-key/whatsapp-prod", "ai-multi-comms/whatsapp-credentials/acme/spring/twilio-prod"])
    error_message = "A prefix and suffixes of an environment make the references that the engine's router sends."
  }
  assert {
    condition     = startswith(aws_secretsmanager_secret.this["ai-multi-comms/openai-api-key/whatsapp-prod"].description, "OpenAI")
    error_message = "The description says what the secret holds."
  }
}

run "a_prefix_starts_with_no_slash" {
  command = plan
  variables {
    name_prefix = "/prod"
  }
  expect_failures = [var.name_prefix]
}

run "the_last_part_of_a_twilio_secret_has_no_slash" {
  command = plan
  variables {
    twilio_name = "a/b"
  }
  expect_failures = [var.twilio_name]
}

run "without_a_key_a_secret_names_the_services_own" {
  assert {
    condition     = aws_secretsmanager_secret.this["openai-api-key/whatsapp"].kms_key_id == "alias/aws/secretsmanager"
    error_message = "Left unsaid, Secrets Manager would leave the secret under a key that is about to be deleted."
  }
}

run "a_secret_says_whose_it_is_only_where_the_function_asks" {
  variables {
    companies       = { acme = ["spring"] }
    environment_tag = "dev"
  }
  assert {
    condition     = alltrue([for secret in aws_secretsmanager_secret.this : secret.tags == tomap({ Environment = "dev" })])
    error_message = "A function that may read tagged secrets alone could not read this one."
  }
}
