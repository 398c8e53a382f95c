# Saved queries of CloudWatch Logs Insights. START, END and REPORT lines of Lambda are plain text; every other line is
# one JSON object.

locals {
  queries = {
    "one-conversation"       = "fields @timestamp, level, event, code, step, message_sid\n| filter conversation_id = \"PASTE-THE-ID\"\n| sort @timestamp asc"
    "failures-by-code"       = "filter ispresent(code)\n| stats count(*) as failures, latest(@timestamp) as last by code, event\n| sort failures desc"
    "critical-and-errors"    = "fields @timestamp, level, event, code, conversation_id, request_id\n| filter level in [\"CRITICAL\", \"ERROR\"]\n| sort @timestamp desc\n| limit 100"
    "timeouts-and-crashes"   = "fields @timestamp, @requestId, @message\n| filter @message like /Task timed out|Runtime exited|Runtime.ImportModuleError/\n| sort @timestamp desc\n| limit 100"
    "duration-and-memory"    = "filter @type = \"REPORT\"\n| stats count(*) as runs, max(@duration) as longest_ms, pct(@duration, 95) as p95_ms, max(@maxMemoryUsed / 1000000) as memory_mb, max(@initDuration) as start_ms by bin(1h)"
    "conversations-per-hour" = "filter ispresent(conversation_id)\n| stats count_distinct(conversation_id) as conversations by bin(1h)"
  }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = var.saved_queries ? local.queries : {}

  name            = "${var.function_name}/${each.key}"
  log_group_names = [var.log_group_name]
  query_string    = each.value
}
