# Alarms of a production environment, by e-mail.

module "alerting" {
  source = "../.."

  stage                     = "Prod"
  topic_name                = "ai-comms-critical-alerts-prod"
  metrics_namespace         = "AIComms/WhatsAppProcessor/Prod"
  log_group_name            = "/aws/lambda/whatsapp-channel-processor-prod"
  function_name             = "whatsapp-channel-processor-prod"
  function_timeout_seconds  = 300
  event_source_mapping_uuid = "11111111-2222-3333-4444-555555555555"
  queue_name                = "ai-multi-comms-whatsapp-queue-prod"
  dead_letter_queue_name    = "ai-multi-comms-whatsapp-dlq-prod"

  emails = ["oncall@example.com"]
}

output "topic_arn" {
  description = "Where else to subscribe."
  value       = module.alerting.topic_arn
}
