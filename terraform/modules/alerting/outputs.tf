output "topic_arn" {
  description = "ARN of the topic that alarms notify; subscribe whoever must know."
  value       = local.topic_arn
}

output "alarm_names" {
  description = "Names of all alarms, the two composites last: paging, then notes."
  value       = concat(sort(local.alarm_names), local.composites)
}

output "dashboard_name" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "critical_filter_pattern" {
  description = "Pattern of the metric filter behind the critical alarm, for tests that match it with real log lines."
  value       = aws_cloudwatch_log_metric_filter.critical.pattern
}
