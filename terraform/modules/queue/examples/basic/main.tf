# A queue that one role of another account may send to.

module "queue" {
  source = "../.."

  name             = "ai-multi-comms-whatsapp-queue-dev"
  dead_letter_name = "ai-multi-comms-whatsapp-dlq-dev"

  producers = {
    ChannelRouter = { principals = ["arn:aws:iam::111122223333:role/channel-router"] }
  }
}

output "queue_url" {
  description = "Where the Channel Router sends."
  value       = module.queue.queue_url
}
