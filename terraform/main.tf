# One environment of this project: modules/stack, with a provider, in the one place that the environment belongs to.

locals {
  tags = merge(var.tags, {
    (var.tag_names.project)     = "whatsapp-channel-processor"
    (var.tag_names.environment) = var.environment
    (var.tag_names.managed_by)  = "terraform"
  })
}

module "stack" {
  source = "./modules/stack"

  environment          = var.environment
  names                = var.names
  existing             = var.existing
  deletion_protection  = var.deletion_protection
  customer_managed_key = var.customer_managed_key
  keep_key             = var.keep_key
  queue                = var.queue
  table                = var.table
  secret_name_prefix   = var.secret_name_prefix
  twilio_secret_name   = var.twilio_secret_name
  existing_secrets     = var.existing_secrets
  companies            = var.companies
  openai_keys          = var.openai_keys
  secret_key_arns      = var.secret_key_arns

  secrets_need_environment_tag = var.secrets_need_environment_tag

  secret_recovery_days  = var.secret_recovery_days
  secret_value_versions = var.secret_value_versions
  secret_values         = var.secret_values
  package_path          = var.package_s3 == null ? var.package_path : null
  package_s3            = var.package_s3
  release               = var.release
  function              = var.function
  function_settings     = var.function_settings
  event_source          = var.event_source
  alerting              = var.alerting
}
