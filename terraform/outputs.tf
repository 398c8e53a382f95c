output "queue_url" {
  description = "URL the Channel Router sends Context Objects to."
  value       = module.stack.queue_url
}

output "queue_arn" {
  description = "ARN of the queue, for the policy of whoever sends."
  value       = module.stack.queue_arn
}

output "dead_letter_queue_url" {
  description = "URL of the DLQ."
  value       = module.stack.dead_letter_queue_url
}

output "table_name" {
  description = "Name of the conversations table."
  value       = module.stack.table_name
}

output "table_partition_key" {
  description = "Partition key of the conversations table."
  value       = module.stack.table_partition_key
}

output "replies_index_name" {
  description = "Index by which the engine's replies service finds conversations; null without table.replies_index."
  value       = module.stack.replies_index_name
}

output "attention_index_name" {
  description = "Index of the conversations that need a person; null where an existing table is used."
  value       = module.stack.attention_index_name
}

output "function_name" {
  description = "Name of the function."
  value       = module.stack.function_name
}

output "log_group_name" {
  description = "Log group of the function."
  value       = module.stack.log_group_name
}

output "event_source_mapping_uuid" {
  description = "The mapping that feeds the function; disable it to stop deliveries."
  value       = module.stack.event_source_mapping_uuid
}

output "deliveries_enabled_at_creation" {
  description = "Whether the mapping delivers from the moment it is created. If not, enable it when every secret has its value; later deployments leave it as it is."
  value       = module.stack.deliveries_enabled_at_creation
}

output "function_environment" {
  description = "The function's environment variables."
  value       = module.stack.function_environment
}

output "role_policy" {
  description = "The function's role policy as JSON: every AWS call it may make."
  value       = module.stack.role_policy
}

output "metrics_namespace" {
  description = "CloudWatch namespace of the function's own metrics."
  value       = module.stack.metrics_namespace
}

output "critical_filter_pattern" {
  description = "Pattern of the metric filter behind the critical alarm."
  value       = module.stack.critical_filter_pattern
}

output "alarm_names" {
  description = "Names of all alarms."
  value       = module.stack.alarm_names
}

output "alarm_topic_arn" {
  description = "Topic that alarms notify."
  value       = module.stack.alarm_topic_arn
}

output "dashboard_name" {
  description = "CloudWatch dashboard."
  value       = module.stack.dashboard_name
}

output "secret_names" {
  description = "Secrets that need a value before the first message."
  value       = module.stack.secret_names
}

output "kms_key_arn" {
  description = "Key that encrypts the stack; null without customer_managed_key, even while the key is kept. Producers need kms:GenerateDataKey and kms:Decrypt on it."
  value       = module.stack.kms_key_arn
}

output "deletion_protection" {
  description = "Whether this environment is guarded against destruction."
  value       = module.stack.deletion_protection
}
