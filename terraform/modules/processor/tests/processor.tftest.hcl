# What the module builds. rules.tftest.hcl has what it refuses.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { dns_suffix = "amazonaws.com" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/whatsapp-channel-processor-dev" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/role" }
  }
  mock_resource "aws_lambda_function" {
    defaults = {
      arn     = "arn:aws:lambda:eu-central-1:111122223333:function:whatsapp-channel-processor-dev"
      version = "7"
    }
  }
  mock_resource "aws_lambda_alias" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:whatsapp-channel-processor-dev:live" }
  }
}

variables {
  function_name                    = "whatsapp-channel-processor-dev"
  role_name                        = "ai-multi-comms-whatsapp-processor-dev-role"
  package_path                     = "main.tf" # any file: nothing is uploaded
  metrics_namespace                = "AIComms/WhatsAppProcessor/Dev"
  queue_arn                        = "arn:aws:sqs:eu-central-1:111122223333:ai-multi-comms-whatsapp-queue-dev"
  queue_url                        = "https://sqs.eu-central-1.amazonaws.com/111122223333/ai-multi-comms-whatsapp-queue-dev"
  queue_visibility_timeout_seconds = 360
  queue_max_receive_count          = 3
  table_arn                        = "arn:aws:dynamodb:eu-central-1:111122223333:table/conversations-dev"
  table_name                       = "conversations-dev"
  secret_names                     = ["openai-api-key/whatsapp", "whatsapp-credentials/acme/spring/twilio"]
}

run "the_function_is_the_designs" {
  assert {
    condition     = [aws_lambda_function.this.handler, aws_lambda_function.this.runtime, aws_lambda_function.this.architectures[0], aws_lambda_function.this.timeout] == ["index.lambda_handler", "python3.13", "arm64", 300]
    error_message = "index.lambda_handler on python3.13 and arm64, for at most 300 s."
  }
  assert {
    condition     = aws_lambda_function.this.source_code_hash == filebase64sha256("main.tf")
    error_message = "A changed package must be deployed."
  }
}

run "the_log_group_exists_before_the_function_and_does_not_grow_for_ever" {
  assert {
    condition     = aws_cloudwatch_log_group.this.name == "/aws/lambda/whatsapp-channel-processor-dev" && aws_cloudwatch_log_group.this.retention_in_days == 365
    error_message = "Lambda would make a group that is kept for ever."
  }
  assert {
    condition     = aws_lambda_function.this.logging_config[0].log_group == aws_cloudwatch_log_group.this.name && aws_lambda_function.this.logging_config[0].log_format == "Text"
    error_message = "The function's own JSON lines must reach its group unfiltered."
  }
}

run "without_settings_the_function_gets_only_what_terraform_knows" {
  assert {
    condition = tomap(aws_lambda_function.this.environment[0].variables) == tomap({
      CONVERSATIONS_TABLE_NAME   = "conversations-dev"
      WHATSAPP_QUEUE_URL         = var.queue_url
      METRICS_NAMESPACE          = "AIComms/WhatsAppProcessor/Dev"
      VISIBILITY_TIMEOUT_SECONDS = "360"
      MAX_RECEIVE_COUNT          = "3"
      VERSION                    = "unknown"
      OUTGOING_LINKS             = "given"
      PATIENCE_SECONDS           = "21600"
      DELIVERY_WATCH_SECONDS     = "3600"
    })
    error_message = "A setting left out is the function's own default, but for links, where Terraform is stricter, and for patience and the delivery watch, for which it grants what is needed."
  }
}

run "every_setting_becomes_the_variable_of_its_name" {
  variables {
    table_name_variable = "CONVERSATIONS_TABLE_NAME_DEV"
    release             = "1.2.3"
    settings = {
      log_level                   = "DEBUG"
      heartbeat_interval_seconds  = 60
      max_concurrent_messages     = 5
      safety_margin_seconds       = 20
      secrets_cache_seconds       = 0
      openai_api                  = "assistants"
      openai_background           = false
      openai_model                = "gpt-6.1-terra"
      openai_base_url             = "http://127.0.0.1:1/v1"
      twilio_api_base_url         = "http://127.0.0.1:2"
      twilio_status_callback_url  = "https://example.com/status"
      twilio_timeout_seconds      = 10
      twilio_list_lag_seconds     = 20
      reconcile_after_seconds     = 30
      max_message_parts           = 1
      record_retention_days       = 400
      openai_models               = "gpt-6-luna,gpt-6.1-terra"
      openai_max_output_tokens    = 4000
      inline_definitions          = true
      outgoing_links              = "listed"
      outgoing_link_hosts         = "acme.com,*.acme.com"
      outgoing_max_characters     = 900
      outgoing_phone_numbers      = "own"
      outgoing_moderation         = true
      patience_seconds            = 3600
      openai_hold_seconds         = 5
      delivery_watch_seconds      = 600
      openai_run_deadline_seconds = 1800
    }
  }
  assert {
    condition = tomap(aws_lambda_function.this.environment[0].variables) == tomap({
      CONVERSATIONS_TABLE_NAME_DEV = "conversations-dev"
      WHATSAPP_QUEUE_URL           = var.queue_url
      METRICS_NAMESPACE            = "AIComms/WhatsAppProcessor/Dev"
      VISIBILITY_TIMEOUT_SECONDS   = "360"
      MAX_RECEIVE_COUNT            = "3"
      VERSION                      = "1.2.3"
      LOG_LEVEL                    = "DEBUG"
      HEARTBEAT_INTERVAL_SECONDS   = "60"
      MAX_CONCURRENT_MESSAGES      = "5"
      SAFETY_MARGIN_SECONDS        = "20"
      SECRETS_CACHE_SECONDS        = "0"
      OPENAI_API                   = "assistants"
      OPENAI_BACKGROUND            = "false"
      OPENAI_MODEL                 = "gpt-6.1-terra"
      OPENAI_BASE_URL              = "http://127.0.0.1:1/v1"
      TWILIO_API_BASE_URL          = "http://127.0.0.1:2"
      TWILIO_STATUS_CALLBACK_URL   = "https://example.com/status"
      TWILIO_TIMEOUT_SECONDS       = "10"
      TWILIO_LIST_LAG_SECONDS      = "20"
      RECONCILE_AFTER_SECONDS      = "30"
      MAX_MESSAGE_PARTS            = "1"
      RECORD_RETENTION_DAYS        = "400"
      OPENAI_MODELS                = "gpt-6-luna,gpt-6.1-terra"
      OPENAI_MAX_OUTPUT_TOKENS     = "4000"
      INLINE_DEFINITIONS           = "true"
      OUTGOING_LINKS               = "listed"
      OUTGOING_LINK_HOSTS          = "acme.com,*.acme.com"
      OUTGOING_MAX_CHARACTERS      = "900"
      OUTGOING_PHONE_NUMBERS       = "own"
      OUTGOING_MODERATION          = "true"
      PATIENCE_SECONDS             = "3600"
      OPENAI_HOLD_SECONDS          = "5"
      DELIVERY_WATCH_SECONDS       = "600"
      OPENAI_RUN_DEADLINE_SECONDS  = "1800"
    })
    error_message = "lambda/utils/settings.py reads these names."
  }
}

run "an_assistants_server_can_not_tell_which_links_are_given" {
  variables {
    settings = { openai_api = "assistants" }
  }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables.OUTGOING_LINKS == "any"
    error_message = "The function refuses to start with given links then."
  }
}

run "given_links_need_definitions_of_ours" {
  command = plan
  variables {
    settings = { openai_api = "assistants", outgoing_links = "given" }
  }
  expect_failures = [var.settings]
}

run "links_are_any_listed_or_given" {
  command = plan
  variables {
    settings = { outgoing_links = "some" }
  }
  expect_failures = [var.settings]
}

run "a_host_has_no_scheme" {
  command = plan
  variables {
    settings = { outgoing_link_hosts = "https://acme.com" }
  }
  expect_failures = [var.settings]
}

run "phone_numbers_are_any_or_the_companys" {
  command = plan
  variables {
    settings = { outgoing_phone_numbers = "none" }
  }
  expect_failures = [var.settings]
}

run "the_models_include_the_default_one" {
  command = plan
  variables {
    settings = { openai_models = "gpt-6-astra" }
  }
  expect_failures = [var.settings]
}

run "a_model_has_a_models_name" {
  command = plan
  variables {
    settings = { openai_models = "gpt-6-luna,gpt 6" }
  }
  expect_failures = [var.settings]
}

run "one_failed_message_does_not_bring_back_its_batch" {
  assert {
    condition     = aws_lambda_event_source_mapping.this.function_response_types == toset(["ReportBatchItemFailures"])
    error_message = "Without it Lambda deletes the failed messages with the others."
  }
  assert {
    condition     = aws_lambda_event_source_mapping.this.batch_size == 10 && aws_lambda_event_source_mapping.this.maximum_batching_window_in_seconds == 0 && aws_lambda_event_source_mapping.this.scaling_config[0].maximum_concurrency == 5
    error_message = "Batches of ten, at once, five batches at a time."
  }
  assert {
    condition     = aws_lambda_event_source_mapping.this.metrics_config[0].metrics == toset(["EventCount"])
    error_message = "The alarm on messages given back needs these metrics: Errors does not count them."
  }
  assert {
    condition     = aws_lambda_event_source_mapping.this.event_source_arn == var.queue_arn && aws_lambda_event_source_mapping.this.function_name == aws_lambda_function.this.arn
    error_message = "The queue feeds the function."
  }
}

run "the_role_may_do_what_the_code_calls_and_nothing_else" {
  assert {
    condition = { for statement in jsondecode(output.role_policy).Statement : statement.Sid => join(" ", concat(statement.Action, ["on"], statement.Resource)) } == {
      WriteLog          = "logs:CreateLogStream logs:PutLogEvents on arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/whatsapp-channel-processor-dev:*"
      ReceiveMessages   = "sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage on arn:aws:sqs:eu-central-1:111122223333:ai-multi-comms-whatsapp-queue-dev"
      KeepConversations = "dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem on arn:aws:dynamodb:eu-central-1:111122223333:table/conversations-dev"
      PostponeMessages  = "sqs:SendMessage on arn:aws:sqs:eu-central-1:111122223333:ai-multi-comms-whatsapp-queue-dev"
      ReadSecrets       = "secretsmanager:GetSecretValue on arn:aws:secretsmanager:eu-central-1:111122223333:secret:openai-api-key/whatsapp-?????? arn:aws:secretsmanager:eu-central-1:111122223333:secret:whatsapp-credentials/acme/spring/twilio-??????"
    }
    error_message = "Least privilege: exact resources, the secrets by name, no log group creation, no scan, no delete, no read of items."
  }
  assert {
    condition     = aws_iam_role_policy.this.policy == output.role_policy
    error_message = "The output is the policy in force."
  }
  assert {
    condition     = [for statement in jsondecode(aws_iam_role.this.assume_role_policy).Statement : statement.Principal.Service] == ["lambda.amazonaws.com"]
    error_message = "Only Lambda takes the role."
  }
}

run "a_key_of_ours_comes_with_the_right_to_use_it" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/k"
  }
  assert {
    condition = { for statement in jsondecode(output.role_policy).Statement : statement.Sid => join(" ", concat(statement.Action, ["on"], statement.Resource)) if endswith(statement.Sid, "WithKey") } == {
      DecryptWithKey         = "kms:Decrypt on arn:aws:kms:eu-central-1:111122223333:key/k"
      EncryptItemsWithKey    = "kms:DescribeKey kms:Encrypt kms:GenerateDataKey* kms:ReEncrypt* on arn:aws:kms:eu-central-1:111122223333:key/k"
      EncryptMessagesWithKey = "kms:GenerateDataKey on arn:aws:kms:eu-central-1:111122223333:key/k"
    }
    error_message = "Messages, items and secrets are decrypted with the key, items and messages encrypted."
  }
  assert {
    condition     = { for statement in jsondecode(output.role_policy).Statement : statement.Sid => statement.Condition.StringEquals["kms:ViaService"] if startswith(statement.Sid, "Encrypt") } == { EncryptItemsWithKey = "dynamodb.eu-central-1.amazonaws.com", EncryptMessagesWithKey = "sqs.eu-central-1.amazonaws.com" }
    error_message = "The function encrypts through DynamoDB and SQS only."
  }
  assert {
    condition = [for statement in jsondecode(output.role_policy).Statement : statement.Condition.StringEquals["kms:ViaService"] if statement.Sid == "DecryptWithKey"] == [[
      "dynamodb.eu-central-1.amazonaws.com", "lambda.eu-central-1.amazonaws.com", "secretsmanager.eu-central-1.amazonaws.com", "sqs.eu-central-1.amazonaws.com",
    ]]
    error_message = "It decrypts what these services hand it, and nothing that somebody brings along."
  }
  assert {
    condition     = aws_lambda_function.this.kms_key_arn == var.kms_key_arn && aws_cloudwatch_log_group.this.kms_key_id == var.kms_key_arn
    error_message = "Environment and log are encrypted with the same key."
  }
}

run "waiting_in_the_queue_comes_with_what_it_needs" {
  assert {
    condition     = aws_lambda_function_recursion_config.this[0].recursive_loop == "Allow"
    error_message = "Lambda would refuse a message that comes round for the sixteenth time."
  }
}

run "waiting_in_the_queue_is_one_switch" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/k"
    settings    = { patience_seconds = 0 }
  }
  assert {
    condition     = length(aws_lambda_function_recursion_config.this) == 0
    error_message = "Without waiting, a message that comes round is a mistake, and Lambda may say so."
  }
  assert {
    condition     = [for statement in jsondecode(output.role_policy).Statement : statement.Sid if contains(["PostponeMessages", "EncryptMessagesWithKey"], statement.Sid)] == []
    error_message = "The role has no right that the function does not use."
  }
  assert {
    condition = (
      aws_lambda_function.this.environment[0].variables.PATIENCE_SECONDS == "0"
      && aws_lambda_function.this.environment[0].variables.DELIVERY_WATCH_SECONDS == "0"
    )
    error_message = "The function is told, too."
  }
}

run "the_fate_of_messages_is_not_asked_for_where_twilio_reports_it" {
  variables {
    settings = { twilio_status_callback_url = "https://example.com/status" }
  }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables.DELIVERY_WATCH_SECONDS == "0"
    error_message = "Looking as well would cost something and tell nothing."
  }
}

run "the_delivery_watch_alone_waits_in_the_queue_too" {
  variables {
    settings = { patience_seconds = 0, delivery_watch_seconds = 600 }
  }
  assert {
    condition     = contains([for statement in jsondecode(output.role_policy).Statement : statement.Sid], "PostponeMessages")
    error_message = "Its looks are messages that the function puts on the queue."
  }
}

run "below_a_prefix_a_kind_without_names_is_granted_as_a_whole" {
  variables {
    secret_name_prefix = "ai-multi-comms"
    secret_names       = ["ai-multi-comms/openai-api-key/whatsapp-dev"]
  }
  assert {
    condition = [for statement in jsondecode(output.role_policy).Statement : [for arn in statement.Resource : split(":secret:", arn)[1]] if statement.Sid == "ReadSecrets"] == [[
      "ai-multi-comms/openai-api-key/whatsapp-dev-??????",
      "ai-multi-comms/whatsapp-credentials/*",
      "ai-multi-comms/*/whatsapp-credentials/*",
    ]]
    error_message = "Names where they are known, patterns below the prefix where they are not."
  }
  assert {
    condition     = output.environment_variables["SECRET_NAME_PREFIX"] == "ai-multi-comms"
    error_message = "What the role may read and what the function asks for follow from one variable."
  }
}

run "the_function_is_told_of_another_partition_key" {
  variables {
    table_partition_key = "primary_channel"
  }
  assert {
    condition     = output.environment_variables["CONVERSATIONS_PARTITION_KEY"] == "primary_channel"
    error_message = "A function that takes the table's key for another can write nothing."
  }
}

run "tracing_is_off_until_asked_for" {
  assert {
    condition     = aws_lambda_function.this.tracing_config[0].mode == "PassThrough" && !strcontains(output.role_policy, "xray")
    error_message = "No tracing, no right to trace."
  }
}

run "tracing_comes_with_the_right_to_trace" {
  variables {
    tracing = true
  }
  assert {
    condition     = aws_lambda_function.this.tracing_config[0].mode == "Active" && strcontains(output.role_policy, "xray:PutTraceSegments")
    error_message = "Active tracing without the permission loses every trace."
  }
}

run "with_an_alias_the_queue_invokes_its_version" {
  variables {
    alias_name = "live"
    snap_start = true
  }
  assert {
    condition     = aws_lambda_function.this.publish && aws_lambda_alias.this[0].function_version == aws_lambda_function.this.version
    error_message = "The alias points at the version just published."
  }
  assert {
    condition     = aws_lambda_event_source_mapping.this.function_name == aws_lambda_alias.this[0].arn
    error_message = "The queue must invoke the alias, or a rollback changes nothing."
  }
  assert {
    condition     = aws_lambda_function.this.snap_start[0].apply_on == "PublishedVersions"
    error_message = "Snapshots are taken of published versions."
  }
}

run "without_an_alias_no_versions_pile_up" {
  assert {
    condition     = !aws_lambda_function.this.publish && length(aws_lambda_alias.this) == 0 && length(aws_lambda_function.this.snap_start) == 0
    error_message = "Every published version is kept and counts against the account's storage."
  }
}

run "the_example_works" {
  module {
    source = "./examples/basic"
  }
}

run "a_pinned_version_outlasts_a_deployment" {
  variables {
    alias_name     = "live"
    pinned_version = 5
  }
  assert {
    condition     = aws_lambda_alias.this[0].function_version == "5"
    error_message = "A rollback must not be undone by the next deployment."
  }
}

run "without_a_pin_the_alias_moves_to_what_was_deployed" {
  variables {
    alias_name = "live"
  }
  assert {
    condition     = aws_lambda_alias.this[0].function_version == "7"
    error_message = "The newest version is the default."
  }
}

run "a_new_mapping_delivers_nothing" {
  variables {
    event_source = { enabled = false }
  }
  assert {
    condition     = !aws_lambda_event_source_mapping.this.enabled
    error_message = "Off until the secrets have values."
  }
}

run "a_mapping_is_left_as_people_switched_it" {
  variables {
    event_source = { enabled = true }
  }
  assert {
    condition     = !aws_lambda_event_source_mapping.this.enabled
    error_message = "A deployment must not start what was stopped."
  }
}

run "a_key_that_encrypts_nothing_new_still_decrypts" {
  variables {
    usable_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/old"
  }
  assert {
    condition = [
      for statement in jsondecode(output.role_policy).Statement : statement.Resource[0] if statement.Sid == "DecryptWithKey"
    ] == ["arn:aws:kms:eu-central-1:111122223333:key/old"]
    error_message = "What was stored under the old key must stay readable."
  }
  assert {
    condition     = aws_lambda_function.this.kms_key_arn == null && aws_cloudwatch_log_group.this.kms_key_id == null
    error_message = "Nothing new is encrypted with it."
  }
}

run "secrets_made_elsewhere_can_be_decrypted_and_nothing_else" {
  variables {
    secret_key_arns = ["arn:aws:kms:eu-central-1:111122223333:key/prods"]
  }
  assert {
    condition = [
      for statement in jsondecode(output.role_policy).Statement : [statement.Action[0], statement.Resource[0], statement.Condition.StringEquals["kms:ViaService"]]
      if statement.Sid == "DecryptSecretsMadeElsewhere"
    ] == [["kms:Decrypt", "arn:aws:kms:eu-central-1:111122223333:key/prods", "secretsmanager.eu-central-1.amazonaws.com"]]
    error_message = "Another environment's key opens its secrets to this function, not its messages or records."
  }
}

run "secrets_of_another_environment_can_be_closed_by_their_tag" {
  variables {
    secret_environment_tag = "dev"
  }
  assert {
    condition     = [for statement in jsondecode(output.role_policy).Statement : statement.Condition.StringEquals["aws:ResourceTag/Environment"] if statement.Sid == "ReadSecrets"] == ["dev"]
    error_message = "In one account, dev must not read prod's secrets, whatever a Context Object names."
  }
}

run "without_that_choice_a_secret_needs_no_tag" {
  assert {
    condition     = [for statement in jsondecode(output.role_policy).Statement : statement.Sid if statement.Sid == "ReadSecrets" && can(statement.Condition)] == []
    error_message = "Secrets made by hand have no tag."
  }
}

run "a_company_bounds_the_role_and_says_where_it_is" {
  variables {
    role_path                = "/apps/whatsapp/"
    permissions_boundary_arn = "arn:aws:iam::111122223333:policy/boundary"
  }
  assert {
    condition     = aws_iam_role.this.path == "/apps/whatsapp/" && aws_iam_role.this.permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
    error_message = "Without them a strict account refuses the role."
  }
}

run "in_a_vpc_the_role_may_make_interfaces" {
  variables {
    vpc = { subnet_ids = ["subnet-1", "subnet-2"], security_group_ids = ["sg-1"] }
  }
  assert {
    condition     = aws_lambda_function.this.vpc_config[0].subnet_ids == toset(["subnet-1", "subnet-2"]) && aws_lambda_function.this.vpc_config[0].security_group_ids == toset(["sg-1"])
    error_message = "The function runs where it is told."
  }
  assert {
    condition     = contains(local.capabilities.MakeInterfaces.actions, "ec2:CreateNetworkInterface")
    error_message = "Without interfaces Lambda refuses the function."
  }
}

run "without_a_vpc_the_role_may_not_touch_a_network" {
  assert {
    condition     = length(aws_lambda_function.this.vpc_config) == 0 && !strcontains(local.policy, "ec2:")
    error_message = "No right that is not needed."
  }
}

run "the_package_may_be_in_s3" {
  variables {
    package_path = null
    package_s3   = { bucket = "artifacts", key = "processor.zip", version = "v1", sha256 = "aGFzaA==" }
    layers       = ["arn:aws:lambda:eu-central-1:111122223333:layer:extension:3"]
  }
  assert {
    condition     = [aws_lambda_function.this.s3_bucket, aws_lambda_function.this.s3_key, aws_lambda_function.this.s3_object_version, aws_lambda_function.this.source_code_hash] == ["artifacts", "processor.zip", "v1", "aGFzaA=="] && aws_lambda_function.this.filename == null
    error_message = "A repository that has the package in S3 deploys it from there."
  }
  assert {
    condition     = aws_lambda_function.this.layers == tolist(["arn:aws:lambda:eu-central-1:111122223333:layer:extension:3"])
    error_message = "Layers come along."
  }
}

run "tags_are_on_everything_that_takes_them" {
  variables {
    tags = { team = "messaging" }
  }
  assert {
    condition     = alltrue([for tags in [aws_lambda_function.this.tags, aws_iam_role.this.tags, aws_cloudwatch_log_group.this.tags, aws_lambda_event_source_mapping.this.tags] : tags == tomap({ team = "messaging" })])
    error_message = "A module that is called from elsewhere tags what it makes."
  }
}

run "services_are_named_in_any_partition" {
  override_data {
    target = data.aws_partition.this
    values = { dns_suffix = "amazonaws.com.cn" }
  }
  variables {
    queue_arn   = "arn:aws-cn:sqs:cn-north-1:111122223333:queue"
    kms_key_arn = "arn:aws-cn:kms:cn-north-1:111122223333:key/k"
  }
  assert {
    condition     = strcontains(local.policy, "dynamodb.cn-north-1.amazonaws.com.cn") && strcontains(local.policy, "arn:aws-cn:secretsmanager:cn-north-1:")
    error_message = "China's services end in another suffix."
  }
}
