# What the module refuses. processor.tftest.hcl has what it builds.

mock_provider "aws" {}

variables {
  function_name                    = "whatsapp-channel-processor-dev"
  role_name                        = "ai-multi-comms-whatsapp-processor-dev-role"
  package_path                     = "main.tf"
  metrics_namespace                = "AIComms/WhatsAppProcessor/Dev"
  queue_arn                        = "arn:aws:sqs:eu-central-1:111122223333:ai-multi-comms-whatsapp-queue-dev"
  queue_url                        = "https://sqs.eu-central-1.amazonaws.com/111122223333/ai-multi-comms-whatsapp-queue-dev"
  queue_visibility_timeout_seconds = 360
  queue_max_receive_count          = 3
  table_arn                        = "arn:aws:dynamodb:eu-central-1:111122223333:table/conversations-dev"
  table_name                       = "conversations-dev"
  secret_names                     = ["openai-api-key/whatsapp", "whatsapp-credentials/acme/spring/twilio"]
}

run "a_kind_of_secret_that_could_not_be_read_is_told_before_anything_is_made" {
  command = plan
  variables {
    secret_names = ["openai-api-key/whatsapp"]
  }
  expect_failures = [aws_lambda_function.this]
}

run "a_secret_is_named_by_a_path_with_one_kind_in_it" {
  command = plan
  variables {
    secret_names = ["openai-api-key/whatsapp", "arn:aws:secretsmanager:eu-central-1:111122223333:secret:whatsapp-credentials/acme/spring/twilio"]
  }
  expect_failures = [var.secret_names]
}

run "every_secret_is_below_the_prefix" {
  command = plan
  variables {
    secret_name_prefix = "ai-multi-comms"
  }
  expect_failures = [var.secret_names]
}

run "a_missing_package_is_told_before_anything_is_made" {
  command = plan
  variables {
    package_path = "no/such/package.zip"
  }
  expect_failures = [aws_lambda_function.this]
}

run "a_message_stays_hidden_as_long_as_the_function_may_run" {
  command = plan
  variables {
    queue_visibility_timeout_seconds = 299
  }
  expect_failures = [aws_lambda_event_source_mapping.this]
}

run "waiting_for_a_batch_counts_as_running" {
  command = plan
  variables {
    event_source = { batching_window_seconds = 61 }
  }
  expect_failures = [aws_lambda_event_source_mapping.this]
}

run "a_window_that_just_fits_is_accepted" {
  command = plan
  variables {
    event_source = { batching_window_seconds = 60 }
  }
}

run "polls_are_not_throttled_by_the_reservation" {
  command = plan
  variables {
    reserved_concurrency = 4
  }
  expect_failures = [aws_lambda_event_source_mapping.this]
}

run "a_message_can_be_sent_within_the_timeout" {
  command = plan
  variables {
    # 15 + 20 + 3
    timeout_seconds = 37
  }
  expect_failures = [aws_lambda_function.this]
}

run "the_shortest_timeout_is_accepted" {
  command = plan
  variables {
    timeout_seconds = 38
  }
}

run "two_receives_may_be_lost" {
  command = plan
  variables {
    queue_max_receive_count = 2
  }
  expect_failures = [var.queue_max_receive_count]
}

run "the_last_heartbeat_stays_within_twelve_hours" {
  command = plan
  variables {
    queue_visibility_timeout_seconds = 42301
  }
  expect_failures = [var.queue_visibility_timeout_seconds]
}

run "keys_do_not_travel_in_the_open" {
  command = plan
  variables {
    settings = { openai_base_url = "http://openai.example/v1" }
  }
  expect_failures = [var.settings]
}

run "a_base_url_has_no_query" {
  command = plan
  variables {
    settings = { twilio_api_base_url = "https://twilio.example?key=1" }
  }
  expect_failures = [var.settings]
}

run "stubs_on_this_machine_are_accepted" {
  command = plan
  variables {
    settings = { openai_base_url = "http://127.0.0.1:8080/v1", twilio_api_base_url = "http://host.docker.internal:8080" }
  }
}

run "nothing_is_sent_again_before_twilio_must_list_it" {
  command = plan
  variables {
    settings = { reconcile_after_seconds = 49 }
  }
  expect_failures = [aws_lambda_function.this]
}

run "reconciling_as_soon_as_twilio_must_list_it_is_accepted" {
  command = plan
  variables {
    settings = { reconcile_after_seconds = 50 }
  }
}

run "a_send_fits_between_two_heartbeats" {
  command = plan
  variables {
    timeout_seconds = 100
    # 15 + 120 + 20 + 2
    queue_visibility_timeout_seconds = 157
  }
  expect_failures = [aws_lambda_function.this]
}

run "a_send_that_just_fits_is_accepted" {
  command = plan
  variables {
    timeout_seconds                  = 100
    queue_visibility_timeout_seconds = 158
  }
}

run "snapshots_need_versions" {
  command = plan
  variables {
    snap_start = true
  }
  expect_failures = [aws_lambda_function.this]
}

run "snapshots_need_a_runtime_that_has_them" {
  command = plan
  variables {
    snap_start = true
    alias_name = "live"
    runtime    = "python3.11"
  }
  expect_failures = [aws_lambda_function.this]
}

run "values_below_their_range_are_refused" {
  command = plan
  variables {
    memory_mb            = 127
    timeout_seconds      = 2
    reserved_concurrency = 0
    log_retention_days   = 2
    event_source         = { batch_size = 0 }
    release              = ""
    alias_name           = "1"
  }
  expect_failures = [var.memory_mb, var.timeout_seconds, var.reserved_concurrency, var.log_retention_days, var.event_source, var.release, var.alias_name]
}

run "values_above_their_range_are_refused" {
  command = plan
  variables {
    memory_mb            = 10241
    timeout_seconds      = 901
    reserved_concurrency = 1001
    log_retention_days   = 3654
    event_source         = { batch_size = 11 }
  }
  expect_failures = [var.memory_mb, var.timeout_seconds, var.reserved_concurrency, var.log_retention_days, var.event_source]
}

run "fractions_are_refused" {
  command = plan
  variables {
    memory_mb            = 512.5
    timeout_seconds      = 30.5
    reserved_concurrency = 10.5
    event_source         = { batch_size = 1.5 }
    settings             = { max_message_parts = 1.5 }
  }
  expect_failures = [var.memory_mb, var.timeout_seconds, var.reserved_concurrency, var.event_source, var.settings]
}

run "a_window_above_five_minutes_is_refused" {
  command = plan
  variables {
    event_source = { batching_window_seconds = 301 }
  }
  expect_failures = [var.event_source]
}

run "lambda_cannot_poll_with_less_than_two" {
  command = plan
  variables {
    event_source = { maximum_concurrency = 1 }
  }
  expect_failures = [var.event_source]
}

run "names_aws_refuses_are_refused_here" {
  command = plan
  variables {
    function_name       = "whatsapp.processor"
    role_name           = "a role"
    runtime             = "python3.9"
    architecture        = "arm"
    table_name_variable = "TABLE"
    metrics_namespace   = "a b"
  }
  expect_failures = [var.function_name, var.role_name, var.runtime, var.architecture, var.table_name_variable, var.metrics_namespace]
}

run "an_unknown_log_level_is_refused" {
  command = plan
  variables {
    settings = { log_level = "TRACE" }
  }
  expect_failures = [var.settings]
}

run "an_unknown_openai_api_is_refused" {
  command = plan
  variables {
    settings = { openai_api = "completions" }
  }
  expect_failures = [var.settings]
}

run "a_base_url_must_be_a_url" {
  command = plan
  variables {
    settings = { openai_base_url = "api.openai.com" }
  }
  expect_failures = [var.settings]
}

run "a_setting_below_its_range_is_refused" {
  command = plan
  variables {
    settings = { heartbeat_interval_seconds = 0 }
  }
  expect_failures = [var.settings]
}

run "a_setting_above_its_range_is_refused" {
  command = plan
  variables {
    settings = { max_concurrent_messages = 101 }
  }
  expect_failures = [var.settings]
}

run "a_record_outlives_the_messages_about_it" {
  command = plan
  variables {
    settings = { record_retention_days = 29 }
  }
  expect_failures = [var.settings]
}

run "a_pin_needs_an_alias" {
  command = plan
  variables {
    pinned_version = 5
  }
  expect_failures = [aws_lambda_function.this]
}

run "a_pin_is_the_number_of_a_version" {
  command = plan
  variables {
    alias_name     = "live"
    pinned_version = 0
  }
  expect_failures = [var.pinned_version]
}

run "a_key_of_secrets_is_no_alias" {
  command = plan
  variables {
    secret_key_arns = ["arn:aws:kms:eu-central-1:111122223333:alias/prods"]
  }
  expect_failures = [var.secret_key_arns]
}

run "a_path_of_a_role_ends_in_a_slash" {
  command = plan
  variables {
    role_path = "/apps"
  }
  expect_failures = [var.role_path]
}

run "a_boundary_is_a_policy" {
  command = plan
  variables {
    permissions_boundary_arn = "arn:aws:iam::111122223333:role/boundary"
  }
  expect_failures = [var.permissions_boundary_arn]
}

run "a_vpc_has_a_security_group" {
  command = plan
  variables {
    vpc = { subnet_ids = ["subnet-1"], security_group_ids = [] }
  }
  expect_failures = [var.vpc]
}

run "a_layer_has_a_version" {
  command = plan
  variables {
    layers = ["arn:aws:lambda:eu-central-1:111122223333:layer:extension"]
  }
  expect_failures = [var.layers]
}

run "the_package_is_in_one_place" {
  command = plan
  variables {
    package_s3 = { bucket = "artifacts", key = "processor.zip" }
  }
  expect_failures = [aws_lambda_function.this]
}
