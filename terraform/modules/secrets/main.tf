# The containers of the secrets. Their values come later, from the command line or by the write-only way at the end.

locals {
  prefix = var.name_prefix == "" ? "" : "${trimsuffix(var.name_prefix, "/")}/"
  twilio_names = flatten([
    for company, projects in var.companies : [for project in projects : "${local.prefix}whatsapp-credentials/${company}/${project}/${var.twilio_name}"]
  ])
  openai_names = [for name in var.openai_keys : "${local.prefix}openai-api-key/${name}"]
  names        = concat(local.twilio_names, local.openai_names)
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV_AWS_149:The stack passes a key of the account unless it is told not to. Without one the service's own is named, or a secret would stay under a key that is about to go.
  #checkov:skip=CKV2_AWS_57:Twilio and OpenAI issue these keys, and neither lets AWS rotate them. A rotated key is stored as a new version; the function fetches it after the first 401.
  for_each = toset(local.names)

  name                    = each.key
  description             = contains(local.openai_names, each.key) ? "OpenAI API key: {\"ai_api_key\"}" : "Twilio account: {\"twilio_account_sid\", \"twilio_auth_token\" or \"twilio_api_key_sid\" and \"twilio_api_key_secret\", optional \"twilio_template_sid\", \"twilio_messaging_service_sid\"}"
  recovery_window_in_days = var.recovery_window_days
  tags                    = merge(var.tags, var.environment_tag == null ? {} : { Environment = var.environment_tag })
  # Never null: Secrets Manager would leave the secret under the key it had.
  kms_key_id = coalesce(var.kms_key_arn, "alias/aws/secretsmanager")
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each = var.value_versions

  secret_id                = aws_secretsmanager_secret.this[each.key].id
  secret_string_wo         = var.values[each.key]
  secret_string_wo_version = each.value
}
