# Saved queries of CloudWatch Logs Insights. START, END and REPORT lines of Lambda are plain text; every other line is
# one JSON object.

locals {
  queries = {
    "one-conversation"     = "fields @timestamp, level, event, step, status, code, reason, receive_count, message_sid, duration_ms\n| filter conversation_id = \"PASTE-THE-ID\"\n| sort @timestamp asc"
    "failures-by-code"     = "filter event = \"message_failed\"\n| stats count(*) as failures, count_distinct(conversation_id) as conversations, latest(@timestamp) as last by code, step, permanent\n| sort failures desc"
    "critical-and-errors"  = "fields @timestamp, level, event, step, code, reason, conversation_id, request_id, message_id\n| filter level in [\"CRITICAL\", \"ERROR\"]\n| sort @timestamp desc\n| limit 100"
    "unknown-deliveries"   = "fields @timestamp, event, conversation_id, message_sid, receive_count\n| filter event in [\"send_outcome_unknown\", \"send_reconciled\", \"adopted_unseen\"]\n| sort @timestamp desc\n| limit 100"
    "waiting"              = "filter event in [\"message_postponed\", \"message_not_postponed\"]\n| stats count(*) as times, count_distinct(conversation_id) as conversations, max(delay_seconds) as longest_delay, latest(@timestamp) as last by waits_for, code\n| sort times desc"
    "replies-and-tokens"   = "filter event = \"reply_received\"\n| stats count(*) as replies, sum(tokens_in) as input, sum(tokens_out) as output, pct(duration_ms, 95) as p95_ms by bin(1h)"
    "timeouts-and-crashes" = "fields @timestamp, @requestId, @message\n| filter @message like /Task timed out|Runtime exited|Runtime.ImportModuleError/\n| sort @timestamp desc\n| limit 100"
    "duration-and-memory"  = "filter @type = \"REPORT\"\n| stats count(*) as runs, max(@duration) as longest_ms, pct(@duration, 95) as p95_ms, max(@maxMemoryUsed / 1000000) as memory_mb, max(@initDuration) as start_ms by bin(1h)"
  }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = var.saved_queries ? local.queries : {}

  name            = "${var.function_name}/${each.key}"
  log_group_names = [var.log_group_name]
  query_string    = each.value
}
