# The WhatsApp channel processor: queue -> function -> conversations, with its secrets, alarms and key.
# Names and tags come from here alone.

locals {
  stage = title(var.environment)

  names = {
    queue             = "ai-multi-comms-whatsapp-queue-${var.environment}"
    dead_letter_queue = "ai-multi-comms-whatsapp-dlq-${var.environment}"
    table             = "conversations-${var.environment}"
    function          = "whatsapp-channel-processor-${var.environment}"
    role              = "ai-multi-comms-whatsapp-processor-${var.environment}-role"
    topic             = "ai-comms-critical-alerts-${var.environment}"
    key_alias         = "whatsapp-channel-processor-${var.environment}"
    metrics           = "AIComms/WhatsAppProcessor/${local.stage}"
  }

  tags = merge(var.tags, {
    Project     = "whatsapp-channel-processor"
    Environment = var.environment
    ManagedBy   = "terraform"
  })

  kms_key_arn = one(module.encryption[*].key_arn)
}

module "encryption" {
  source = "./modules/encryption"
  count  = var.customer_managed_key ? 1 : 0

  alias          = local.names.key_alias
  log_group_name = "/aws/lambda/${local.names.function}"
  topic_name     = local.names.topic
  producers      = var.queue.producers
}

module "queue" {
  source = "./modules/queue"

  name                          = local.names.queue
  dead_letter_name              = local.names.dead_letter_queue
  visibility_timeout_seconds    = var.queue.visibility_timeout_seconds
  message_retention_seconds     = var.queue.message_retention_seconds
  dead_letter_retention_seconds = var.queue.dead_letter_retention_seconds
  max_receive_count             = var.queue.max_receive_count
  producers                     = var.queue.producers
  require_tls                   = var.queue.require_tls
  kms_key_arn                   = local.kms_key_arn
}

module "conversations" {
  source = "./modules/conversations"

  name                = local.names.table
  deletion_protection = var.deletion_protection
  kms_key_arn         = local.kms_key_arn
}

module "secrets" {
  source = "./modules/secrets"

  name_prefix          = var.secret_name_prefix
  twilio_name          = var.twilio_secret_name
  companies            = var.companies
  openai_keys          = var.openai_keys
  recovery_window_days = var.secret_recovery_days
  value_versions       = var.secret_value_versions
  values               = var.secret_values
  kms_key_arn          = local.kms_key_arn
}

module "processor" {
  source = "./modules/processor"

  function_name           = local.names.function
  role_name               = local.names.role
  package_path            = var.package_path
  release                 = var.release
  runtime                 = var.function.runtime
  architecture            = var.function.architecture
  memory_mb               = var.function.memory_mb
  timeout_seconds         = var.function.timeout_seconds
  reserved_concurrency    = var.function.reserved_concurrency
  alias_name              = var.function.alias_name
  snap_start              = var.function.snap_start
  tracing                 = var.function.tracing
  code_signing_config_arn = var.function.code_signing_config_arn
  log_retention_days      = var.function.log_retention_days
  kms_key_arn             = local.kms_key_arn
  settings                = var.function_settings
  event_source            = var.event_source
  metrics_namespace       = local.names.metrics
  secret_name_prefix      = var.secret_name_prefix
  secret_names            = concat(module.secrets.secret_names, sort(var.existing_secrets))

  queue_arn                        = module.queue.queue_arn
  queue_url                        = module.queue.queue_url
  queue_visibility_timeout_seconds = module.queue.visibility_timeout_seconds
  queue_max_receive_count          = module.queue.max_receive_count

  table_arn           = module.conversations.table_arn
  table_name          = module.conversations.table_name
  table_name_variable = var.environment == "dev" ? "CONVERSATIONS_TABLE_NAME_DEV" : "CONVERSATIONS_TABLE_NAME"
}

module "alerting" {
  source = "./modules/alerting"

  stage                     = local.stage
  topic_name                = local.names.topic
  metrics_namespace         = local.names.metrics
  log_group_name            = module.processor.log_group_name
  function_name             = module.processor.function_name
  function_timeout_seconds  = module.processor.timeout_seconds
  event_source_mapping_uuid = module.processor.event_source_mapping_uuid
  queue_name                = module.queue.queue_name
  dead_letter_queue_name    = module.queue.dead_letter_queue_name
  kms_key_arn               = local.kms_key_arn

  emails                         = var.alerting.emails
  paging_action_arns             = var.alerting.paging_action_arns
  oldest_message_age_seconds     = var.alerting.oldest_message_age_seconds
  failed_events_per_five_minutes = var.alerting.failed_events_per_five_minutes
  no_messages_sent_minutes       = var.alerting.no_messages_sent_minutes
  saved_queries                  = var.alerting.saved_queries
  token_prices_usd_per_million   = var.alerting.token_prices_usd_per_million
}
