output "table_arn" {
  description = "ARN of the table."
  value       = aws_dynamodb_table.this.arn
}

output "table_name" {
  description = "Name of the table."
  value       = aws_dynamodb_table.this.name
}

output "partition_key" {
  description = "Partition key of the table."
  value       = var.partition_key
}

output "replies_index_name" {
  description = "Name of the index by which the replies service finds conversations; null without it."
  value       = var.replies_index ? local.replies_index_name : null
}

output "attention_index_name" {
  description = "Name of the sparse index of conversations that need a person."
  value       = local.attention_index_name
}
