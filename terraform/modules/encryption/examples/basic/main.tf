# The key of a production environment.

module "encryption" {
  source = "../.."

  alias          = "whatsapp-channel-processor-prod"
  log_group_name = "/aws/lambda/whatsapp-channel-processor-prod"
  topic_name     = "ai-comms-critical-alerts-prod"
}

output "key_arn" {
  description = "For the kms_key_arn of every other module."
  value       = module.encryption.key_arn
}
