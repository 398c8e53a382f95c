# One page: is it well, what flows, how long the vendors take, what fails, what it costs.

locals {
  own_metric = { for name in ["MessagesSent", "MessagesFailed", "DuplicatesSuppressed", "Resumed", "Reconciled", "AdoptedUnseen", "OpenAILatency", "TwilioLatency", "EndToEndLatency", "TokensIn", "TokensOut", "HeartbeatLost", "MessagesPostponed", "WaitingSeconds", "ContinuationNumber", "ConfigurationFaults", "MessagesDelivered", "MessagesRead", "MessagesUndelivered", "DeliveryUnconfirmed", "DeliveryLatency"] :
    name => [var.metrics_namespace, name, "service", var.service_name]
  }
  failures_by_code    = "SEARCH('{\"${var.metrics_namespace}\",code,service} MetricName=\"MessagesFailed\" service=\"${var.service_name}\"', 'Sum')"
  undelivered_by_code = "SEARCH('{\"${var.metrics_namespace}\",code,service} MetricName=\"MessagesUndelivered\" service=\"${var.service_name}\"', 'Sum')"
  faults_by_code      = "SEARCH('{\"${var.metrics_namespace}\",code,service} MetricName=\"ConfigurationFaults\" service=\"${var.service_name}\"', 'Sum')"
  prices              = var.token_prices_usd_per_million

  charts = [
    {
      title = "Conversations"
      stat  = "Sum"
      metrics = [
        concat(local.own_metric.MessagesSent, [{ label = "sent" }]),
        concat(local.own_metric.MessagesFailed, [{ label = "failed" }]),
        concat(local.own_metric.DuplicatesSuppressed, [{ label = "duplicates suppressed" }]),
        concat(local.own_metric.Resumed, [{ label = "resumed" }]),
        concat(local.own_metric.Reconciled, [{ label = "reconciled with Twilio" }]),
        concat(local.own_metric.AdoptedUnseen, [{ label = "adopted unseen" }]),
      ]
    },
    {
      title = "Failures by code"
      stat  = "Sum"
      metrics = [
        [{ expression = local.failures_by_code, label = "$${PROP('Dim.code')}", id = "failures" }],
      ]
    },
    {
      title = "Configuration faults by code"
      stat  = "Sum"
      metrics = [
        [{ expression = local.faults_by_code, label = "$${PROP('Dim.code')}", id = "faults" }],
      ]
    },
    {
      title = "Delivery"
      stat  = "Sum"
      metrics = [
        concat(local.own_metric.MessagesDelivered, [{ label = "delivered", color = "#2ca02c" }]),
        concat(local.own_metric.MessagesRead, [{ label = "read when looked at" }]),
        concat(local.own_metric.MessagesUndelivered, [{ label = "not delivered", color = "#d62728" }]),
        concat(local.own_metric.DeliveryUnconfirmed, [{ label = "not known" }]),
        concat(local.own_metric.DeliveryLatency, [{ label = "time to delivery, p95 (ms)", stat = "p95", yAxis = "right" }]),
      ]
    },
    {
      title = "Undelivered by code"
      stat  = "Sum"
      metrics = [
        [{ expression = local.undelivered_by_code, label = "$${PROP('Dim.code')}", id = "undelivered" }],
      ]
    },
    {
      title = "Waiting in the queue"
      stat  = "Sum"
      metrics = [
        concat(local.own_metric.MessagesPostponed, [{ label = "postponed" }]),
        concat(local.own_metric.ConfigurationFaults, [{ label = "configuration faults", color = "#d62728" }]),
        concat(local.own_metric.WaitingSeconds, [{ label = "longest wait (s)", stat = "Maximum", yAxis = "right" }]),
        concat(local.own_metric.ContinuationNumber, [{ label = "most times postponed", stat = "Maximum", yAxis = "right" }]),
      ]
    },
    {
      title = "Latency of OpenAI (ms)"
      stat  = "p50"
      metrics = [
        concat(local.own_metric.OpenAILatency, [{ label = "p50" }]),
        concat(local.own_metric.OpenAILatency, [{ label = "p95", stat = "p95" }]),
        concat(local.own_metric.OpenAILatency, [{ label = "longest", stat = "Maximum" }]),
      ]
    },
    {
      title = "Latency of Twilio (ms)"
      stat  = "p50"
      metrics = [
        concat(local.own_metric.TwilioLatency, [{ label = "p50" }]),
        concat(local.own_metric.TwilioLatency, [{ label = "p95", stat = "p95" }]),
        concat(local.own_metric.TwilioLatency, [{ label = "longest", stat = "Maximum" }]),
      ]
    },
    {
      title = "End to end (ms)"
      stat  = "p50"
      metrics = [
        concat(local.own_metric.EndToEndLatency, [{ label = "p50" }]),
        concat(local.own_metric.EndToEndLatency, [{ label = "p95", stat = "p95" }]),
        concat(local.own_metric.EndToEndLatency, [{ label = "longest", stat = "Maximum" }]),
      ]
    },
    {
      title = "Queue"
      stat  = "Maximum"
      metrics = [
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.queue_name, { label = "waiting" }],
        ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "QueueName", var.queue_name, { label = "worked on or backing off" }],
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.dead_letter_queue_name, { label = "in the DLQ", color = "#d62728" }],
        ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", var.queue_name, { label = "oldest (s)", yAxis = "right" }],
      ]
    },
    {
      title = "Messages through the event source"
      stat  = "Sum"
      metrics = [for metric, label in { PolledEventCount = "polled", InvokedEventCount = "handed to the function", FailedInvokeEventCount = "given back", DeletedEventCount = "finished" } :
        ["AWS/Lambda", metric, "EventSourceMappingUUID", var.event_source_mapping_uuid, { label = label }]
      ]
    },
    {
      title = "Function"
      stat  = "Sum"
      metrics = [
        ["AWS/Lambda", "Invocations", "FunctionName", var.function_name, { label = "runs" }],
        ["AWS/Lambda", "Errors", "FunctionName", var.function_name, { label = "crashes and timeouts", color = "#d62728" }],
        ["AWS/Lambda", "Throttles", "FunctionName", var.function_name, { label = "throttles", color = "#ff7f0e" }],
        concat(local.own_metric.HeartbeatLost, [{ label = "heartbeats lost" }]),
        ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", var.function_name, { label = "at the same time", stat = "Maximum" }],
        ["AWS/Lambda", "Duration", "FunctionName", var.function_name, { label = "longest run (ms)", stat = "Maximum", yAxis = "right" }],
      ]
    },
    {
      title = "Tokens and their cost (USD)"
      stat  = "Sum"
      metrics = [
        concat(local.own_metric.TokensIn, [{ label = "tokens in", id = "tokens_in" }]),
        concat(local.own_metric.TokensOut, [{ label = "tokens out", id = "tokens_out" }]),
        [{ expression = "(FILL(tokens_in, 0) * ${local.prices.input} + FILL(tokens_out, 0) * ${local.prices.output}) / 1000000", label = "USD", id = "cost", yAxis = "right" }],
      ]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = coalesce(var.names.dashboard, "WhatsAppProcessor-${var.stage}")
  dashboard_body = jsonencode({
    widgets = concat(
      [
        {
          type       = "alarm"
          x          = 0
          y          = 0
          width      = 24
          height     = 3
          properties = { title = "Alarms", alarms = [for name in concat(sort(local.alarm_names), local.composites) : "${local.alarm_arn}:${name}"] }
        },
      ],
      [
        for index, chart in local.charts : {
          type   = "metric"
          x      = index % 3 * 8
          y      = 3 + floor(index / 3) * 6
          width  = 8
          height = 6
          properties = {
            title   = chart.title
            region  = local.region
            view    = "timeSeries"
            period  = 300
            stat    = chart.stat
            metrics = chart.metrics
          }
        }
      ],
      [
        {
          type   = "log"
          x      = 0
          y      = 3 + ceil(length(local.charts) / 3) * 6
          width  = 24
          height = 6
          properties = {
            title  = "Latest errors"
            region = local.region
            view   = "table"
            query  = "SOURCE '${var.log_group_name}' | ${local.queries["critical-and-errors"]}"
          }
        },
      ],
    )
  })
}
