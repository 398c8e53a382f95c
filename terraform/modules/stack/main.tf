# The WhatsApp channel processor: queue -> function -> conversations, with its secrets, alarms and key.
# Names come from here alone. No provider is configured here, so that any configuration can call it.

locals {
  stage = title(var.environment)

  default_names = {
    queue             = "ai-multi-comms-whatsapp-queue-${var.environment}"
    dead_letter_queue = "ai-multi-comms-whatsapp-dlq-${var.environment}"
    table             = "conversations-${var.environment}"
    function          = "whatsapp-channel-processor-${var.environment}"
    role              = "ai-multi-comms-whatsapp-processor-${var.environment}-role"
    topic             = "ai-comms-critical-alerts-${var.environment}"
    key_alias         = "whatsapp-channel-processor-${var.environment}"
    log_group         = "/aws/lambda/${coalesce(var.names.function, "whatsapp-channel-processor-${var.environment}")}"
    metrics           = "AIComms/WhatsAppProcessor/${local.stage}"
  }
  names = { for name, given in local.default_names : name => coalesce(var.names[name], given) }

  # The queue, the table and the topic are ours, or exist already and are used as they are.
  queue = var.existing.queue_arn == null ? {
    arn                        = one(module.queue[*].queue_arn)
    url                        = one(module.queue[*].queue_url)
    name                       = one(module.queue[*].queue_name)
    dead_letter_name           = one(module.queue[*].dead_letter_queue_name)
    dead_letter_url            = one(module.queue[*].dead_letter_queue_url)
    visibility_timeout_seconds = one(module.queue[*].visibility_timeout_seconds)
    max_receive_count          = one(module.queue[*].max_receive_count)
    } : {
    arn                        = var.existing.queue_arn
    url                        = one(data.aws_sqs_queue.existing[*].url)
    name                       = one(data.aws_sqs_queue.existing[*].name)
    dead_letter_name           = one(data.aws_sqs_queue.existing_dead_letter[*].name)
    dead_letter_url            = one(data.aws_sqs_queue.existing_dead_letter[*].url)
    visibility_timeout_seconds = coalesce(var.queue.visibility_timeout_seconds, 360)
    max_receive_count          = coalesce(var.queue.max_receive_count, 3)
  }
  table = {
    arn  = var.existing.table_arn == null ? one(module.conversations[*].table_arn) : var.existing.table_arn
    name = var.existing.table_arn == null ? one(module.conversations[*].table_name) : try(regex("[^/]+$", var.existing.table_arn), null)
  }
  partition_key = coalesce(var.table.partition_key, "recipient_tel")

  # By default deliveries start when no secret of ours is without a value.
  deliveries_enabled_at_creation = coalesce(
    var.event_source.enabled,
    length(setsubtract(module.secrets.secret_names, keys(var.secret_value_versions))) == 0,
  )

  # The key that exists, and the key that encrypts: they differ between the two steps of letting one go.
  existing_key_arn = var.existing.kms_key_arn == null ? one(module.encryption[*].key_arn) : var.existing.kms_key_arn
  kms_key_arn      = var.customer_managed_key ? local.existing_key_arn : null
}

module "encryption" {
  source = "../encryption"
  count  = var.existing.kms_key_arn == null && (var.customer_managed_key || var.keep_key) ? 1 : 0

  alias          = local.names.key_alias
  log_group_name = local.names.log_group
  topic_name     = local.names.topic
  producers      = var.queue.producers
  tags           = var.tags
}

data "aws_sqs_queue" "existing" {
  count = var.existing.queue_arn == null ? 0 : 1
  name  = regex("[^:]+$", var.existing.queue_arn)

  lifecycle {
    postcondition {
      condition     = self.arn == var.existing.queue_arn
      error_message = "existing.queue_arn names a queue of another account or region than the one deployed to."
    }
  }
}

data "aws_sqs_queue" "existing_dead_letter" {
  count = var.existing.dead_letter_queue_arn == null ? 0 : 1
  name  = regex("[^:]+$", var.existing.dead_letter_queue_arn)
}

moved {
  from = module.queue
  to   = module.queue[0]
}

moved {
  from = module.conversations
  to   = module.conversations[0]
}

module "queue" {
  source = "../queue"
  count  = var.existing.queue_arn == null ? 1 : 0

  name                          = local.names.queue
  dead_letter_name              = local.names.dead_letter_queue
  visibility_timeout_seconds    = var.queue.visibility_timeout_seconds
  message_retention_seconds     = var.queue.message_retention_seconds
  dead_letter_retention_seconds = var.queue.dead_letter_retention_seconds
  max_receive_count             = var.queue.max_receive_count
  max_message_size              = var.queue.max_message_size
  producers                     = var.queue.producers
  senders                       = var.queue.senders
  operators                     = var.queue.operators
  function_role_name            = "${trimprefix(coalesce(var.function.role_path, "/"), "/")}${local.names.role}"
  require_tls                   = var.queue.require_tls
  statements                    = var.queue.statements
  dead_letter_statements        = var.queue.dead_letter_statements
  dead_letter_sources           = var.queue.dead_letter_sources
  tags                          = var.tags
  kms_key_arn                   = local.kms_key_arn
}

module "conversations" {
  source = "../conversations"
  count  = var.existing.table_arn == null ? 1 : 0

  name                = local.names.table
  partition_key       = local.partition_key
  replies_index       = var.table.replies_index
  indexes             = var.table.indexes
  stream_view_type    = var.table.stream_view_type
  tags                = var.tags
  deletion_protection = var.deletion_protection
  kms_key_arn         = local.kms_key_arn
}

module "secrets" {
  source = "../secrets"

  name_prefix          = var.secret_name_prefix
  twilio_name          = var.twilio_secret_name
  companies            = var.companies
  openai_keys          = var.openai_keys
  environment_tag      = var.secrets_need_environment_tag ? var.environment : null
  recovery_window_days = var.secret_recovery_days
  value_versions       = var.secret_value_versions
  tags                 = var.tags
  values               = var.secret_values
  kms_key_arn          = local.kms_key_arn
}

module "processor" {
  source = "../processor"

  function_name            = local.names.function
  role_name                = local.names.role
  log_group_name           = local.names.log_group
  role_path                = var.function.role_path
  permissions_boundary_arn = var.function.permissions_boundary_arn
  vpc                      = var.function.vpc
  layers                   = var.function.layers
  package_path             = var.package_path
  package_s3               = var.package_s3
  tags                     = var.tags
  release                  = var.release
  runtime                  = var.function.runtime
  architecture             = var.function.architecture
  memory_mb                = var.function.memory_mb
  timeout_seconds          = var.function.timeout_seconds
  reserved_concurrency     = var.function.reserved_concurrency
  alias_name               = var.function.alias_name
  pinned_version           = var.function.pinned_version
  snap_start               = var.function.snap_start
  tracing                  = var.function.tracing
  code_signing_config_arn  = var.function.code_signing_config_arn
  log_retention_days       = var.function.log_retention_days
  kms_key_arn              = local.kms_key_arn
  usable_key_arn           = local.existing_key_arn
  secret_key_arns          = var.secret_key_arns
  settings                 = var.function_settings
  metrics_namespace        = local.names.metrics
  secret_name_prefix       = var.secret_name_prefix
  secret_names             = concat(module.secrets.secret_names, sort(var.existing_secrets))
  secret_environment_tag   = var.secrets_need_environment_tag ? var.environment : null

  event_source = merge(var.event_source, { enabled = local.deliveries_enabled_at_creation })

  queue_arn                        = local.queue.arn
  queue_url                        = local.queue.url
  queue_visibility_timeout_seconds = local.queue.visibility_timeout_seconds
  queue_max_receive_count          = local.queue.max_receive_count

  table_arn           = local.table.arn
  table_name          = local.table.name
  table_partition_key = local.partition_key
  table_name_variable = var.environment == "dev" ? "CONVERSATIONS_TABLE_NAME_DEV" : "CONVERSATIONS_TABLE_NAME"
}

module "alerting" {
  source = "../alerting"

  stage                     = local.stage
  topic_name                = local.names.topic
  topic_arn                 = var.existing.topic_arn
  names                     = { for name in ["metric_filter", "critical_alarm", "alarm_prefix", "dashboard"] : name => var.names[name] }
  metrics_namespace         = local.names.metrics
  log_group_name            = module.processor.log_group_name
  function_name             = module.processor.function_name
  function_timeout_seconds  = module.processor.timeout_seconds
  event_source_mapping_uuid = module.processor.event_source_mapping_uuid
  queue_name                = local.queue.name
  dead_letter_queue_name    = local.queue.dead_letter_name
  kms_key_arn               = local.kms_key_arn

  tags                           = var.tags
  emails                         = var.alerting.emails
  subscriptions                  = var.alerting.subscriptions
  paging_action_arns             = var.alerting.paging_action_arns
  note_action_arns               = var.alerting.note_action_arns
  dead_letters_per_five_minutes  = var.alerting.dead_letters_per_five_minutes
  undelivered_percent            = var.alerting.undelivered_percent
  undelivered_at_least           = var.alerting.undelivered_at_least
  adopted_unseen_percent         = var.alerting.adopted_unseen_percent
  waiting_seconds                = var.alerting.waiting_seconds
  oldest_message_age_seconds     = var.alerting.oldest_message_age_seconds
  failed_events_per_five_minutes = var.alerting.failed_events_per_five_minutes
  no_messages_sent_minutes       = var.alerting.no_messages_sent_minutes
  saved_queries                  = var.alerting.saved_queries
  token_prices_usd_per_million   = var.alerting.token_prices_usd_per_million
}
