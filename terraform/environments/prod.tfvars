# Production: encrypted with a key of this account, protected from deletion. The defaults are made for it.
environment = "prod"

# Required: production is in one place, whatever profile or variable a terminal has.
# aws_account_id = "111122223333"
# aws_region     = "eu-central-1"

# Required: who puts Context Objects on the queue, and who may redrive. Everybody else is denied.
# queue = {
#   senders   = ["arn:aws:iam::111122223333:role/channel-router"]
#   operators = ["arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Operators_*"]
# }

# Required: how many days after its last write a conversation may be deleted, at least 30; 0 keeps it for ever.
# function_settings = {
#   record_retention_days = 0
# }

companies = {
  # acme = ["spring-sale", "support"] # whatsapp-credentials/acme/spring-sale/twilio, ...
}

function = {
  alias_name = "live" # the queue invokes this alias
  # pinned_version = 7 # a rollback: the alias stays there, whatever is deployed
}

event_source = {
  maximum_concurrency = 5 # x 10 messages a batch; raise it with the account's concurrency quota
}

alerting = {
  emails             = [] # your team's address
  paging_action_arns = [] # your pager's topic: what a person must do now
  note_action_arns   = [] # your ticket system's topic: what can wait for business hours
}
