# The root module once composed what modules/stack composes now. A state of that layout moves by itself, without a change.

moved {
  from = module.encryption
  to   = module.stack.module.encryption
}

moved {
  from = module.queue
  to   = module.stack.module.queue
}

moved {
  from = module.conversations
  to   = module.stack.module.conversations
}

moved {
  from = module.secrets
  to   = module.stack.module.secrets
}

moved {
  from = module.processor
  to   = module.stack.module.processor
}

moved {
  from = module.alerting
  to   = module.stack.module.alerting
}
