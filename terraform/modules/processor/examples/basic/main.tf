# The function of a production environment, fed by a queue that exists, with twice the default concurrency.

module "processor" {
  source = "../.."

  function_name     = "whatsapp-channel-processor-prod"
  role_name         = "ai-multi-comms-whatsapp-processor-prod-role"
  package_path      = var.package_path
  metrics_namespace = "AIComms/WhatsAppProcessor/Prod"

  queue_arn                        = "arn:aws:sqs:eu-central-1:111122223333:ai-multi-comms-whatsapp-queue-prod"
  queue_url                        = "https://sqs.eu-central-1.amazonaws.com/111122223333/ai-multi-comms-whatsapp-queue-prod"
  queue_visibility_timeout_seconds = 360
  queue_max_receive_count          = 3

  table_arn  = "arn:aws:dynamodb:eu-central-1:111122223333:table/conversations-prod"
  table_name = "conversations-prod"

  secret_names = ["openai-api-key/whatsapp", "whatsapp-credentials/acme/spring-sale/twilio"]

  event_source = { maximum_concurrency = 10 }
  settings     = { openai_model = "gpt-6-luna" }
}

variable "package_path" {
  description = "Path of the deployment package."
  type        = string
  default     = "dist/whatsapp_processor_deployment_package.zip"
}
