# Empty secrets for two companies. Store a value with:
#   aws secretsmanager put-secret-value --secret-id whatsapp-credentials/acme/spring-sale/twilio --secret-string file://twilio.json

module "secrets" {
  source = "../.."

  companies = {
    acme   = ["spring-sale", "support"]
    globex = ["welcome"]
  }
}

output "secret_names" {
  description = "Secrets that need a value."
  value       = module.secrets.secret_names
}
