# What turns logs and metrics into a message to a person: the critical filter, the alarms, the topic.
# The dashboard is in dashboard.tf, the saved queries in queries.tf.

locals {
  topic_arn       = var.topic_arn == null ? one(aws_sns_topic.this[*].arn) : var.topic_arn
  topic_arn_parts = split(":", local.topic_arn)
  region          = local.topic_arn_parts[3]
  alarm_arn       = "arn:${local.topic_arn_parts[1]}:cloudwatch:${local.region}:${local.topic_arn_parts[4]}:alarm"

  alarm_prefix   = coalesce(var.names.alarm_prefix, "WhatsAppProcessor")
  critical_alarm = coalesce(var.names.critical_alarm, "${local.alarm_prefix}FinalDbUpdateFailureAlarm-${var.stage}")
  own            = { service = var.service_name }

  # Every alarm tells the topic and has an entry in docs/runbook.md under its key. All but the critical one, which has
  # its exact form below. `pages`: a person must act now; the others are notes for business hours. It rings while
  # `datapoints` of the last `of` periods breach: what shows only in retries, at most 15 minutes apart, is one incident.
  # `missing` is what no data means. Metric math has the metrics' `ids` for the names in its `expression`.
  alarms = merge(
    {
      DeadLetterQueueDepth = {
        description = "A message was given up and is in the DLQ."
        pages       = false
        namespace   = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = var.dead_letter_queue_name }
        statistic   = "Maximum", operator = "GreaterThanThreshold", threshold = 0, period = 60, datapoints = 1, of = 1, missing = "notBreaching"
      }
      DeadLetterQueueGrowth = {
        description = "At least ${var.dead_letters_per_five_minutes} messages reached the DLQ in five minutes: many conversations fail for good."
        pages       = false
        expression  = "DIFF(FILL(depth, 0))" # SQS does not count what it moves to a DLQ as sent
        namespace   = "AWS/SQS", ids = { depth = "ApproximateNumberOfMessagesVisible" }, dimensions = { QueueName = var.dead_letter_queue_name }
        statistic   = "Maximum", operator = "GreaterThanOrEqualToThreshold", threshold = var.dead_letters_per_five_minutes, period = 300, datapoints = 1, of = 1, missing = "notBreaching"
      }
      OldestMessageAge = {
        description = "Messages wait longer than ${var.oldest_message_age_seconds} s: the function does not keep up, or does not run."
        pages       = false
        namespace   = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", dimensions = { QueueName = var.queue_name }
        statistic   = "Maximum", operator = "GreaterThanThreshold", threshold = var.oldest_message_age_seconds, period = 60, datapoints = 3, of = 3, missing = "notBreaching"
      }
      FailedInvokeEvents = {
        description = "Many messages are given back to the queue: a vendor refuses or fails, or the messages are bad."
        pages       = false
        namespace   = "AWS/Lambda", metric = "FailedInvokeEventCount", dimensions = { EventSourceMappingUUID = var.event_source_mapping_uuid }
        statistic   = "Sum", operator = "GreaterThanOrEqualToThreshold", threshold = var.failed_events_per_five_minutes, period = 300, datapoints = 1, of = 1, missing = "notBreaching"
      }
      Throttles = {
        description = "Lambda refuses to run the function: each refused poll costs its messages a receive, and three fill the DLQ unseen."
        pages       = false
        namespace   = "AWS/Lambda", metric = "Throttles", dimensions = { FunctionName = var.function_name }
        statistic   = "Sum", operator = "GreaterThanThreshold", threshold = 0, period = 300, datapoints = 1, of = 1, missing = "notBreaching"
      }
      Errors = {
        description = "The function crashed, timed out or could not start: failures of a message never show here."
        pages       = true
        namespace   = "AWS/Lambda", metric = "Errors", dimensions = { FunctionName = var.function_name }
        statistic   = "Sum", operator = "GreaterThanThreshold", threshold = 0, period = 300, datapoints = 2, of = 3, missing = "notBreaching"
      }
      DurationNearTimeout = {
        description = "Runs last longer than 90 percent of the timeout: work is given back for lack of time."
        pages       = false
        namespace   = "AWS/Lambda", metric = "Duration", dimensions = { FunctionName = var.function_name }
        statistic   = "Maximum", operator = "GreaterThanThreshold", threshold = var.function_timeout_seconds * 900, period = 300, datapoints = 2, of = 2, missing = "notBreaching"
      }
      HeartbeatLost = {
        description = "A message could not be kept hidden, so another run may have taken it over."
        pages       = false
        namespace   = var.metrics_namespace, metric = "HeartbeatLost", dimensions = local.own
        statistic   = "Sum", operator = "GreaterThanOrEqualToThreshold", threshold = 1, period = 300, datapoints = 1, of = 1, missing = "notBreaching"
      }
      AdoptedUnseen = {
        description = "More than ${var.adopted_unseen_percent} percent of an hour's messages were adopted although Twilio does not show their text: answers are lost, or another program sends."
        pages       = true
        expression  = "IF(FILL(adopted, 0) >= 10, 100 * FILL(adopted, 0) / FILL(sent, 0), 0)"
        namespace   = var.metrics_namespace, ids = { adopted = "AdoptedUnseen", sent = "MessagesSent" }, dimensions = local.own
        statistic   = "Sum", operator = "GreaterThanThreshold", threshold = var.adopted_unseen_percent, period = 3600, datapoints = 1, of = 1, missing = "notBreaching"
      }
      UndeliveredRate = {
        description = "More than ${var.undelivered_percent} percent of an hour's messages were not delivered: a template, a sender or a list of recipients is at fault."
        pages       = true
        expression  = "IF(FILL(undelivered, 0) >= ${var.undelivered_at_least}, 100 * FILL(undelivered, 0) / (FILL(undelivered, 0) + FILL(delivered, 0)), 0)"
        namespace   = var.metrics_namespace, ids = { undelivered = "MessagesUndelivered", delivered = "MessagesDelivered" }, dimensions = local.own
        statistic   = "Sum", operator = "GreaterThanThreshold", threshold = var.undelivered_percent, period = 3600, datapoints = 1, of = 1, missing = "notBreaching"
      }
      ConversationsWaiting = {
        description = "A conversation has been waiting longer than ${var.waiting_seconds} s for the same thing: a vendor is down for long, or the model is stuck."
        pages       = true
        namespace   = var.metrics_namespace, metric = "WaitingSeconds", dimensions = local.own
        statistic   = "Maximum", operator = "GreaterThanThreshold", threshold = var.waiting_seconds, period = 300, datapoints = 1, of = 4, missing = "notBreaching"
      }
      VendorDown = {
        description = "Many conversations wait because a vendor or AWS does not answer or throttles: it seems to be down."
        pages       = true
        namespace   = var.metrics_namespace, metric = "WaitingSeconds", dimensions = merge(local.own, { code = "unavailable" })
        statistic   = "SampleCount", operator = "GreaterThanOrEqualToThreshold", threshold = 20, period = 300, datapoints = 2, of = 4, missing = "notBreaching"
      }
      ConfigurationFaults = {
        description = "The setup is at fault: a rejected key, billing, an unusable sender or template, a missing permission. Messages wait or fail until a person puts that right."
        pages       = true
        namespace   = var.metrics_namespace, metric = "ConfigurationFaults", dimensions = local.own
        statistic   = "Sum", operator = "GreaterThanOrEqualToThreshold", threshold = 1, period = 300, datapoints = 1, of = 4, missing = "notBreaching"
      }
      RunawayContinuations = {
        description = "A message was postponed more than 100 times; at 200 it is given up."
        pages       = false
        namespace   = var.metrics_namespace, metric = "ContinuationNumber", dimensions = local.own
        statistic   = "Maximum", operator = "GreaterThanThreshold", threshold = 100, period = 300, datapoints = 1, of = 1, missing = "notBreaching"
      }
    },
    var.no_messages_sent_minutes == null ? {} : {
      NoMessagesSent = {
        description = "No message was sent for ${var.no_messages_sent_minutes} minutes."
        pages       = true
        namespace   = var.metrics_namespace, metric = "MessagesSent", dimensions = local.own
        statistic   = "Sum", operator = "LessThanThreshold", threshold = 1, period = var.no_messages_sent_minutes * 60, datapoints = 1, of = 1, missing = "breaching"
      }
    },
  )

  alarm_names = concat([aws_cloudwatch_metric_alarm.critical.alarm_name], [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name])
  composites  = [aws_cloudwatch_composite_alarm.paging.alarm_name, aws_cloudwatch_composite_alarm.notes.alarm_name]
}

resource "aws_cloudwatch_log_metric_filter" "critical" {
  name           = coalesce(var.names.metric_filter, "FinalDbUpdateFailureFilter-${var.stage}")
  log_group_name = var.log_group_name
  pattern        = "{ ($.level = \"CRITICAL\") && ($.event = \"final_db_update_failed\") }"

  metric_transformation {
    name      = "FinalDbUpdateFailureCount"
    namespace = var.metrics_namespace
    value     = "1"
    unit      = "Count"
  }
}

resource "aws_cloudwatch_metric_alarm" "critical" {
  alarm_name          = local.critical_alarm
  alarm_description   = "A message was sent, but its conversation could not be closed. The next delivery heals it without sending again; if this repeats, DynamoDB refuses writes. First: docs/runbook.md#finaldbupdatefailure"
  namespace           = var.metrics_namespace
  metric_name         = "FinalDbUpdateFailureCount"
  statistic           = "Sum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [local.topic_arn]
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${local.alarm_prefix}${each.key}Alarm-${var.stage}"
  alarm_description   = "${each.value.description} First: docs/runbook.md#${lower(each.key)}"
  namespace           = can(each.value.metric) ? each.value.namespace : null
  metric_name         = try(each.value.metric, null)
  dimensions          = can(each.value.metric) ? each.value.dimensions : null
  statistic           = can(each.value.metric) ? each.value.statistic : null
  period              = can(each.value.metric) ? each.value.period : null
  comparison_operator = each.value.operator
  threshold           = each.value.threshold
  evaluation_periods  = each.value.of
  datapoints_to_alarm = each.value.datapoints
  treat_missing_data  = each.value.missing
  tags                = var.tags
  alarm_actions       = [local.topic_arn]

  dynamic "metric_query" {
    for_each = try(each.value.ids, {})

    content {
      id = metric_query.key

      metric {
        namespace   = each.value.namespace
        metric_name = metric_query.value
        dimensions  = each.value.dimensions
        stat        = each.value.statistic
        period      = each.value.period
      }
    }
  }

  dynamic "metric_query" {
    for_each = can(each.value.expression) ? [each.value.expression] : []

    content {
      id          = "result"
      label       = each.key
      expression  = metric_query.value
      return_data = true
    }
  }
}

# A pager hears of what a person must do now, once for each incident. A letter in the DLQ is a note: it may lie there for
# days, and must not keep the pager from hearing of anything else.
resource "aws_cloudwatch_composite_alarm" "paging" {
  alarm_name        = "${local.alarm_prefix}PagingAlarm-${var.stage}"
  alarm_description = "A person must act now: an alarm of the WhatsApp channel processor rings that pages. First: docs/runbook.md#paging"
  alarm_rule        = join(" OR ", [for name in sort(concat([aws_cloudwatch_metric_alarm.critical.alarm_name], [for key, alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name if local.alarms[key].pages])) : "ALARM(\"${name}\")"])
  alarm_actions     = var.paging_action_arns
  ok_actions        = var.paging_action_arns
  tags              = var.tags
}

resource "aws_cloudwatch_composite_alarm" "notes" {
  alarm_name        = "${local.alarm_prefix}NotesAlarm-${var.stage}"
  alarm_description = "Something is left for business hours: an alarm of the WhatsApp channel processor rings that pages nobody. First: docs/runbook.md#notes"
  alarm_rule        = join(" OR ", [for name in sort([for key, alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name if !local.alarms[key].pages]) : "ALARM(\"${name}\")"])
  alarm_actions     = var.note_action_arns
  ok_actions        = var.note_action_arns
  tags              = var.tags
}

moved {
  from = aws_sns_topic.this
  to   = aws_sns_topic.this[0]
}

moved {
  from = aws_sns_topic_policy.this
  to   = aws_sns_topic_policy.this[0]
}

resource "aws_sns_topic" "this" {
  count = var.topic_arn == null ? 1 : 0

  name              = var.topic_name
  tags              = var.tags
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_policy" "this" {
  count = var.topic_arn == null ? 1 : 0

  arn = local.topic_arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "LetAlarmsPublish"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = local.topic_arn
        Condition = {
          ArnLike      = { "aws:SourceArn" = concat(["${local.alarm_arn}:${local.alarm_prefix}*-${var.stage}"], var.names.critical_alarm == null ? [] : ["${local.alarm_arn}:${local.critical_alarm}"]) }
          StringEquals = { "aws:SourceAccount" = local.topic_arn_parts[4] }
        }
      },
      {
        Sid       = "DenyPlainHttp"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = local.topic_arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each = var.emails

  topic_arn = local.topic_arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_sns_topic_subscription" "this" {
  for_each = var.subscriptions

  topic_arn = local.topic_arn
  protocol  = each.value.protocol
  endpoint  = each.value.endpoint
}
