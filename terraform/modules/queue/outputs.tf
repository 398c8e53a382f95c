output "queue_arn" {
  description = "ARN of the queue."
  value       = aws_sqs_queue.this.arn
}

output "queue_name" {
  description = "Name of the queue, the QueueName dimension of its metrics."
  value       = aws_sqs_queue.this.name
}

output "queue_url" {
  description = "URL that producers send to and the function's heartbeat uses."
  value       = aws_sqs_queue.this.url
}

output "dead_letter_queue_name" {
  description = "Name of the DLQ, the QueueName dimension of its metrics."
  value       = aws_sqs_queue.dead_letter.name
}

output "dead_letter_queue_url" {
  description = "URL of the DLQ."
  value       = aws_sqs_queue.dead_letter.url
}

output "visibility_timeout_seconds" {
  description = "Visibility timeout of the queue, in seconds."
  value       = aws_sqs_queue.this.visibility_timeout_seconds
}

output "max_receive_count" {
  description = "Deliveries after which SQS moves a message to the DLQ."
  value       = var.max_receive_count
}
