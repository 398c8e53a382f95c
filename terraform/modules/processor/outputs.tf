output "function_name" {
  description = "Name of the function, the FunctionName dimension of its metrics."
  value       = aws_lambda_function.this.function_name
}

output "function_arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.this.arn
}

output "timeout_seconds" {
  description = "Longest run of the function, in seconds."
  value       = aws_lambda_function.this.timeout
}

output "log_group_name" {
  description = "Name of the function's log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "event_source_mapping_uuid" {
  description = "UUID of the event source mapping, the EventSourceMappingUUID dimension of its metrics."
  value       = aws_lambda_event_source_mapping.this.uuid
}

output "environment_variables" {
  description = "The function's environment."
  value       = local.environment_variables
}

output "role_policy" {
  description = "The role's policy as JSON: every AWS call the function may make, one statement a capability."
  value       = local.policy
}
