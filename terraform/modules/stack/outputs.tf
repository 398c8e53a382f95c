output "queue_url" {
  description = "URL the Channel Router sends Context Objects to."
  value       = local.queue.url
}

output "queue_arn" {
  description = "ARN of the queue, for the policy of whoever sends."
  value       = local.queue.arn
}

output "dead_letter_queue_url" {
  description = "URL of the DLQ."
  value       = local.queue.dead_letter_url
}

output "table_name" {
  description = "Name of the conversations table."
  value       = local.table.name
}

output "table_partition_key" {
  description = "Partition key of the conversations table."
  value       = local.partition_key
}

output "replies_index_name" {
  description = "Index by which the engine's replies service finds conversations; null without table.replies_index."
  value       = one(module.conversations[*].replies_index_name)
}

output "attention_index_name" {
  description = "Index of the conversations that need a person; null where an existing table is used."
  value       = one(module.conversations[*].attention_index_name)
}

output "function_name" {
  description = "Name of the function."
  value       = module.processor.function_name
}

output "log_group_name" {
  description = "Log group of the function."
  value       = module.processor.log_group_name
}

output "event_source_mapping_uuid" {
  description = "The mapping that feeds the function; disable it to stop deliveries."
  value       = module.processor.event_source_mapping_uuid
}

output "deliveries_enabled_at_creation" {
  description = "Whether the mapping delivers from the moment it is created. If not, enable it when every secret has its value; later deployments leave it as it is."
  value       = local.deliveries_enabled_at_creation
}

output "function_environment" {
  description = "The function's environment variables."
  value       = module.processor.environment_variables
}

output "role_policy" {
  description = "The function's role policy as JSON: every AWS call it may make."
  value       = module.processor.role_policy
}

output "metrics_namespace" {
  description = "CloudWatch namespace of the function's own metrics."
  value       = local.names.metrics
}

output "critical_filter_pattern" {
  description = "Pattern of the metric filter behind the critical alarm."
  value       = module.alerting.critical_filter_pattern
}

output "alarm_names" {
  description = "Names of all alarms."
  value       = module.alerting.alarm_names
}

output "alarm_topic_arn" {
  description = "Topic that alarms notify."
  value       = module.alerting.topic_arn
}

output "dashboard_name" {
  description = "CloudWatch dashboard."
  value       = module.alerting.dashboard_name
}

output "secret_names" {
  description = "Secrets that need a value before the first message."
  value       = module.secrets.secret_names
}

output "kms_key_arn" {
  description = "Key that encrypts the stack; null without customer_managed_key, even while the key is kept. Producers need kms:GenerateDataKey and kms:Decrypt on it."
  value       = local.kms_key_arn
}

output "deletion_protection" {
  description = "Whether this environment is guarded against destruction."
  value       = var.deletion_protection
}
