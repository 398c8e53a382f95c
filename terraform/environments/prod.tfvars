# Production: encrypted with a key of this account, protected from deletion. The defaults are made for it.
environment = "prod"

# aws_region = "eu-central-1"                   # pin it, so that no profile moves production

companies = {
  # acme = ["spring-sale", "support"]           # whatsapp-credentials/acme/spring-sale/twilio, ...
}

function = {
  alias_name = "live" # a rollback is one `aws lambda update-alias`
}

event_source = {
  maximum_concurrency = 20 # x 10 messages a batch: most conversations at the same time
}

alerting = {
  emails             = [] # your team's address
  paging_action_arns = [] # your pager's topic
}
