# The whole stack. Each module's own tests are in modules/<name>/tests.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment   = "dev"
  package_path  = "main.tf" # any file: nothing is uploaded
  secret_values = {}
  companies     = { acme = ["spring"] }
}

run "names_in_dev_are_the_designs" {
  assert {
    condition = join("\n", [
      local.names.queue, local.names.dead_letter_queue, output.function_name, output.table_name, local.names.role,
      output.log_group_name, output.metrics_namespace, local.names.topic,
      ]) == join("\n", [
      "ai-multi-comms-whatsapp-queue-dev", "ai-multi-comms-whatsapp-dlq-dev", "whatsapp-channel-processor-dev", "conversations-dev",
      "ai-multi-comms-whatsapp-processor-dev-role", "/aws/lambda/whatsapp-channel-processor-dev", "AIComms/WhatsAppProcessor/Dev", "ai-comms-critical-alerts-dev",
    ])
    error_message = "Producers, operators and dashboards know the stack by these names."
  }
  assert {
    condition     = contains(output.alarm_names, "WhatsAppProcessorFinalDbUpdateFailureAlarm-Dev")
    error_message = "The critical alarm's name is the design's."
  }
  assert {
    condition     = output.secret_names == tolist(["openai-api-key/whatsapp", "whatsapp-credentials/acme/spring/twilio"])
    error_message = "The secrets' names are the design's."
  }
}

run "names_of_another_environment_differ_in_it_alone" {
  variables {
    environment = "staging"
  }
  assert {
    condition     = alltrue([for name in values(local.names) : strcontains(lower(name), "staging") && !strcontains(lower(name), "dev")])
    error_message = "Two environments in one account must not meet."
  }
  assert {
    condition     = contains(output.alarm_names, "WhatsAppProcessorFinalDbUpdateFailureAlarm-Staging") && output.metrics_namespace == "AIComms/WhatsAppProcessor/Staging"
    error_message = "Alarms and metrics carry the environment with a capital."
  }
}

run "dev_names_its_table_by_the_dev_variable" {
  assert {
    condition     = output.function_environment["CONVERSATIONS_TABLE_NAME_DEV"] == "conversations-dev" && !contains(keys(output.function_environment), "CONVERSATIONS_TABLE_NAME")
    error_message = "In dev the table's name is in CONVERSATIONS_TABLE_NAME_DEV."
  }
}

run "other_environments_name_their_table_by_the_plain_variable" {
  variables {
    environment = "prod"
  }
  assert {
    condition     = output.function_environment["CONVERSATIONS_TABLE_NAME"] == "conversations-prod" && !contains(keys(output.function_environment), "CONVERSATIONS_TABLE_NAME_DEV")
    error_message = "Elsewhere it is in CONVERSATIONS_TABLE_NAME."
  }
}

run "the_function_learns_the_queues_numbers_from_the_queue" {
  variables {
    queue = { visibility_timeout_seconds = 400, max_receive_count = 5 }
  }
  assert {
    condition     = output.function_environment["VISIBILITY_TIMEOUT_SECONDS"] == "400" && output.function_environment["MAX_RECEIVE_COUNT"] == "5"
    error_message = "A heartbeat that assumes another visibility timeout loses its messages."
  }
}

run "everything_is_protected_by_default" {
  assert {
    condition     = output.deletion_protection && output.kms_key_arn == "arn:aws:kms:eu-central-1:111122223333:key/k"
    error_message = "Who says nothing gets a protected, encrypted stack."
  }
  assert {
    condition     = strcontains(output.role_policy, "DecryptWithKey")
    error_message = "With the key comes the function's right to use it."
  }
}

run "a_key_that_encrypts_nothing_new_stays_usable" {
  variables {
    customer_managed_key = false
  }
  assert {
    condition     = length(module.encryption) == 1 && strcontains(output.role_policy, "DecryptWithKey") && strcontains(output.role_policy, "EncryptItemsWithKey")
    error_message = "customer_managed_key = false alone must leave everything stored readable: the key, and the right to use it, stay."
  }
  assert {
    condition     = output.kms_key_arn == null
    error_message = "What is stored from now on is under the services' own keys."
  }
}

run "the_key_goes_in_a_second_step" {
  command = plan
  variables {
    keep_key = false
  }
  expect_failures = [var.keep_key]
}

run "the_key_can_be_left_out" {
  variables {
    customer_managed_key = false
    keep_key             = false
  }
  assert {
    condition     = output.kms_key_arn == null && length(module.encryption) == 0 && !strcontains(output.role_policy, "kms:")
    error_message = "No key, no grants."
  }
}

run "an_environment_name_is_part_of_names" {
  command = plan
  variables {
    environment = "My-Env"
  }
  expect_failures = [var.environment]
}

run "an_environment_name_fits_into_the_longest_name" {
  command = plan
  variables {
    environment = "abcdefghijklmnopq"
  }
  expect_failures = [var.environment]
}

run "every_name_can_be_given" {
  variables {
    names = {
      queue     = "q", dead_letter_queue = "d", table = "ai-multi-comms-conversations-dev", function = "f", role = "r", log_group = "/our/log", topic = "t",
      key_alias = "k", metrics = "Our/Metrics", metric_filter = "filter", critical_alarm = "alarm", alarm_prefix = "Our", dashboard = "board"
    }
  }
  assert {
    condition = [module.queue[0].queue_name, module.queue[0].dead_letter_queue_name, output.table_name, output.function_name, output.log_group_name, output.metrics_namespace, output.dashboard_name] == [
      "q", "d", "ai-multi-comms-conversations-dev", "f", "/our/log", "Our/Metrics", "board"
    ]
    error_message = "Resources that exist keep their names."
  }
  assert {
    condition     = contains(output.alarm_names, "alarm") && contains(output.alarm_names, "OurThrottlesAlarm-Dev")
    error_message = "Alarms too."
  }
}

run "a_queue_a_table_and_a_topic_that_exist_are_used" {
  variables {
    existing = {
      queue_arn             = "arn:aws:sqs:eu-central-1:111122223333:existing"
      dead_letter_queue_arn = "arn:aws:sqs:eu-central-1:111122223333:existing-dlq"
      table_arn             = "arn:aws:dynamodb:eu-central-1:111122223333:table/existing"
      topic_arn             = "arn:aws:sns:eu-central-1:111122223333:existing"
    }
    queue = { visibility_timeout_seconds = 905 }
    table = { partition_key = "primary_channel" }
  }
  assert {
    condition     = length(module.queue) == 0 && length(module.conversations) == 0
    error_message = "What exists is not made again."
  }
  assert {
    condition     = [output.queue_arn, output.table_name, output.alarm_topic_arn] == [var.existing.queue_arn, "existing", var.existing.topic_arn]
    error_message = "Outputs name what is used."
  }
  assert {
    condition     = [for name in ["WHATSAPP_QUEUE_URL", "VISIBILITY_TIMEOUT_SECONDS", "CONVERSATIONS_PARTITION_KEY", "CONVERSATIONS_TABLE_NAME_DEV"] : output.function_environment[name]] == ["https://sqs.eu-central-1.amazonaws.com/111122223333/existing", "905", "primary_channel", "existing"]
    error_message = "The function works with them."
  }
  assert {
    condition     = strcontains(output.role_policy, var.existing.queue_arn) && strcontains(output.role_policy, var.existing.table_arn)
    error_message = "The role may."
  }
}

run "a_fifo_queue_is_refused" {
  command = plan
  variables {
    existing = {
      queue_arn             = "arn:aws:sqs:eu-central-1:111122223333:existing.fifo"
      dead_letter_queue_arn = "arn:aws:sqs:eu-central-1:111122223333:existing-dlq.fifo"
    }
  }
  expect_failures = [var.existing]
}

run "a_queue_comes_with_its_dlq" {
  command = plan
  variables {
    existing = { queue_arn = "arn:aws:sqs:eu-central-1:111122223333:existing" }
  }
  expect_failures = [var.existing]
}

run "a_queue_elsewhere_is_refused" {
  command = plan
  variables {
    existing = {
      queue_arn             = "arn:aws:sqs:eu-west-1:111122223333:existing"
      dead_letter_queue_arn = "arn:aws:sqs:eu-west-1:111122223333:existing-dlq"
    }
  }
  expect_failures = [data.aws_sqs_queue.existing]
}

run "an_index_is_no_table" {
  command = plan
  variables {
    existing = { table_arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/existing/index/i" }
  }
  expect_failures = [var.existing]
}

run "a_queue_is_no_topic" {
  command = plan
  variables {
    existing = { topic_arn = "arn:aws:sqs:eu-central-1:111122223333:existing" }
  }
  expect_failures = [var.existing]
}

run "deliveries_wait_for_the_secrets" {
  assert {
    condition     = !output.deliveries_enabled_at_creation
    error_message = "A message that arrives before the secrets have values would spend its receives and end in the DLQ."
  }
}

run "deliveries_start_at_once_where_the_secrets_come_along" {
  variables {
    secret_value_versions = { "openai-api-key/whatsapp" = 1, "whatsapp-credentials/acme/spring/twilio" = 1 }
    secret_values         = { "openai-api-key/whatsapp" = "{}", "whatsapp-credentials/acme/spring/twilio" = "{}" }
  }
  assert {
    condition     = output.deliveries_enabled_at_creation
    error_message = "Every secret of ours has a value after this apply."
  }
}

run "one_secret_without_a_value_is_enough_to_wait" {
  variables {
    secret_value_versions = { "openai-api-key/whatsapp" = 1 }
    secret_values         = { "openai-api-key/whatsapp" = "{}" }
  }
  assert {
    condition     = !output.deliveries_enabled_at_creation
    error_message = "acme's secret is empty."
  }
}

run "who_creates_the_mapping_may_decide" {
  variables {
    event_source = { enabled = true }
  }
  assert {
    condition     = output.deliveries_enabled_at_creation
    error_message = "Said explicitly, it counts."
  }
}

run "a_table_that_others_write_to_is_not_emptied" {
  command = plan
  variables {
    table             = { replies_index = true }
    function_settings = { record_retention_days = 400 }
  }
  expect_failures = [var.function_settings]
}

run "a_secret_of_another_environment_can_be_closed" {
  variables {
    secrets_need_environment_tag = true
  }
  assert {
    condition     = strcontains(output.role_policy, "aws:ResourceTag/Environment")
    error_message = "Secrets are tagged and the role asks for the tag, or neither."
  }
}

run "a_key_that_exists_encrypts" {
  variables {
    existing = { kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/theirs" }
  }
  assert {
    condition     = length(module.encryption) == 0 && output.kms_key_arn == "arn:aws:kms:eu-central-1:111122223333:key/theirs" && strcontains(output.role_policy, "key/theirs")
    error_message = "A company's own key is used, and none is made beside it."
  }
}

run "an_alias_is_no_key" {
  command = plan
  variables {
    existing = { kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:alias/theirs" }
  }
  expect_failures = [var.existing]
}

run "two_tags_differ_in_more_than_case" {
  command = plan
  variables {
    tags = { Team = "a", team = "b" }
  }
  expect_failures = [var.tags]
}
