# Production: encrypted with a key of this account, protected from deletion. The defaults are made for it.
environment = "prod"

# aws_region = "eu-central-1" # pin it, so that no profile moves production

companies = {
  # acme = ["spring-sale", "support"] # whatsapp-credentials/acme/spring-sale/twilio, ...
}

function = {
  alias_name = "live" # the queue invokes this alias; a rollback moves it to the version before
}

event_source = {
  maximum_concurrency = 5 # x 10 messages a batch; raise it with the account's concurrency quota
}

alerting = {
  emails             = [] # your team's address
  paging_action_arns = [] # your pager's topic
}
