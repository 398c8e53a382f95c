# A development environment: cheap, and gone without a trace after `make destroy ENV=dev`.
environment = "dev"

# aws_account_id = "111122223333" # refuses every other account
# aws_region     = "eu-central-1" # else AWS_REGION or the profile decides

companies = {
  demo = ["welcome"] # whatsapp-credentials/demo/welcome/twilio
}

deletion_protection  = false
customer_managed_key = false # saves $1 a month
keep_key             = false # there never was one
secret_recovery_days = 0     # names are free again at once

function = {
  log_retention_days = 14
}

alerting = {
  emails = [] # yours
}
