mock_provider "aws" {
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:111122223333:ai-comms-critical-alerts-dev" }
  }
}

variables {
  stage                     = "Dev"
  topic_name                = "ai-comms-critical-alerts-dev"
  metrics_namespace         = "AIComms/WhatsAppProcessor/Dev"
  log_group_name            = "/aws/lambda/whatsapp-channel-processor-dev"
  function_name             = "whatsapp-channel-processor-dev"
  function_timeout_seconds  = 300
  event_source_mapping_uuid = "11111111-2222-3333-4444-555555555555"
  queue_name                = "ai-multi-comms-whatsapp-queue-dev"
  dead_letter_queue_name    = "ai-multi-comms-whatsapp-dlq-dev"
}

run "a_conversation_that_could_not_be_closed_is_counted" {
  assert {
    condition     = aws_cloudwatch_log_metric_filter.critical.name == "FinalDbUpdateFailureFilter-Dev" && aws_cloudwatch_log_metric_filter.critical.log_group_name == var.log_group_name
    error_message = "The filter's name is the design's."
  }
  assert {
    condition     = output.critical_filter_pattern == "{ ($.level = \"CRITICAL\") && ($.event = \"final_db_update_failed\") }"
    error_message = "Both fields, not free text, which a message could contain."
  }
  assert {
    condition     = one([for transformation in aws_cloudwatch_log_metric_filter.critical.metric_transformation : "${transformation.namespace} ${transformation.name} ${transformation.value}"]) == "AIComms/WhatsAppProcessor/Dev FinalDbUpdateFailureCount 1"
    error_message = "Each line counts one."
  }
}

run "one_such_conversation_sets_off_the_critical_alarm" {
  assert {
    condition     = aws_cloudwatch_metric_alarm.critical.alarm_name == "WhatsAppProcessorFinalDbUpdateFailureAlarm-Dev"
    error_message = "The alarm's name is the design's."
  }
  assert {
    condition     = join(" ", [aws_cloudwatch_metric_alarm.critical.namespace, aws_cloudwatch_metric_alarm.critical.metric_name, aws_cloudwatch_metric_alarm.critical.statistic, aws_cloudwatch_metric_alarm.critical.comparison_operator, aws_cloudwatch_metric_alarm.critical.threshold, aws_cloudwatch_metric_alarm.critical.period, aws_cloudwatch_metric_alarm.critical.evaluation_periods, aws_cloudwatch_metric_alarm.critical.treat_missing_data]) == "AIComms/WhatsAppProcessor/Dev FinalDbUpdateFailureCount Sum GreaterThanOrEqualToThreshold 1 300 1 notBreaching"
    error_message = "Sum >= 1 in 300 s, missing data not breaching."
  }
  assert {
    condition     = length(coalesce(aws_cloudwatch_metric_alarm.critical.dimensions, {})) == 0
    error_message = "The filter's metric has no dimensions: with one the alarm would never ring."
  }
}

run "every_trouble_of_the_runbook_has_its_alarm" {
  assert {
    condition = { for key, alarm in aws_cloudwatch_metric_alarm.this : key => join(" ", concat([alarm.alarm_name, alarm.namespace, alarm.metric_name], [for name, value in alarm.dimensions : "${name}=${value}"], [alarm.statistic, alarm.comparison_operator, alarm.threshold, alarm.period, "${alarm.datapoints_to_alarm}/${alarm.evaluation_periods}", alarm.treat_missing_data])) if length(alarm.metric_query) == 0 } == {
      DeadLetterQueueDepth = "WhatsAppProcessorDeadLetterQueueDepthAlarm-Dev AWS/SQS ApproximateNumberOfMessagesVisible QueueName=ai-multi-comms-whatsapp-dlq-dev Maximum GreaterThanThreshold 0 60 1/1 notBreaching"
      OldestMessageAge     = "WhatsAppProcessorOldestMessageAgeAlarm-Dev AWS/SQS ApproximateAgeOfOldestMessage QueueName=ai-multi-comms-whatsapp-queue-dev Maximum GreaterThanThreshold 900 60 3/3 notBreaching"
      FailedInvokeEvents   = "WhatsAppProcessorFailedInvokeEventsAlarm-Dev AWS/Lambda FailedInvokeEventCount EventSourceMappingUUID=11111111-2222-3333-4444-555555555555 Sum GreaterThanOrEqualToThreshold 25 300 1/1 notBreaching"
      Throttles            = "WhatsAppProcessorThrottlesAlarm-Dev AWS/Lambda Throttles FunctionName=whatsapp-channel-processor-dev Sum GreaterThanThreshold 0 300 1/1 notBreaching"
      Errors               = "WhatsAppProcessorErrorsAlarm-Dev AWS/Lambda Errors FunctionName=whatsapp-channel-processor-dev Sum GreaterThanThreshold 0 300 2/3 notBreaching"
      DurationNearTimeout  = "WhatsAppProcessorDurationNearTimeoutAlarm-Dev AWS/Lambda Duration FunctionName=whatsapp-channel-processor-dev Maximum GreaterThanThreshold 270000 300 2/2 notBreaching"
      HeartbeatLost        = "WhatsAppProcessorHeartbeatLostAlarm-Dev AIComms/WhatsAppProcessor/Dev HeartbeatLost service=whatsapp-channel-processor Sum GreaterThanOrEqualToThreshold 1 300 1/1 notBreaching"
      ConversationsWaiting = "WhatsAppProcessorConversationsWaitingAlarm-Dev AIComms/WhatsAppProcessor/Dev WaitingSeconds service=whatsapp-channel-processor Maximum GreaterThanThreshold 3600 300 1/4 notBreaching"
      VendorDown           = "WhatsAppProcessorVendorDownAlarm-Dev AIComms/WhatsAppProcessor/Dev WaitingSeconds code=unavailable service=whatsapp-channel-processor SampleCount GreaterThanOrEqualToThreshold 20 300 2/4 notBreaching"
      ConfigurationFaults  = "WhatsAppProcessorConfigurationFaultsAlarm-Dev AIComms/WhatsAppProcessor/Dev ConfigurationFaults service=whatsapp-channel-processor Sum GreaterThanOrEqualToThreshold 1 300 1/4 notBreaching"
      RunawayContinuations = "WhatsAppProcessorRunawayContinuationsAlarm-Dev AIComms/WhatsAppProcessor/Dev ContinuationNumber service=whatsapp-channel-processor Maximum GreaterThanThreshold 100 300 1/1 notBreaching"
    }
    error_message = "Metric, dimensions and threshold of an alarm decide whether it ever rings."
  }
  assert {
    condition = { for key, alarm in aws_cloudwatch_metric_alarm.this : key => join(" ", [alarm.alarm_name, alarm.comparison_operator, alarm.threshold, "${alarm.datapoints_to_alarm}/${alarm.evaluation_periods}", alarm.treat_missing_data, one([for query in alarm.metric_query : query.expression if query.return_data == true])]) if length(alarm.metric_query) > 0 } == {
      DeadLetterQueueGrowth = "WhatsAppProcessorDeadLetterQueueGrowthAlarm-Dev GreaterThanOrEqualToThreshold 10 1/1 notBreaching DIFF(FILL(depth, 0))"
      AdoptedUnseen         = "WhatsAppProcessorAdoptedUnseenAlarm-Dev GreaterThanThreshold 5 1/1 notBreaching IF(FILL(adopted, 0) >= 10, 100 * FILL(adopted, 0) / FILL(sent, 0), 0)"
      UndeliveredRate       = "WhatsAppProcessorUndeliveredRateAlarm-Dev GreaterThanThreshold 10 1/1 notBreaching IF(FILL(undelivered, 0) >= 10, 100 * FILL(undelivered, 0) / (FILL(undelivered, 0) + FILL(delivered, 0)), 0)"
    }
    error_message = "What is compared is a rate or a growth, not a count."
  }
  assert {
    condition = toset(flatten([for alarm in aws_cloudwatch_metric_alarm.this : [for query in alarm.metric_query : [for metric in query.metric : "${query.id} ${metric.namespace} ${metric.metric_name} ${one(values(metric.dimensions))} ${metric.stat} ${metric.period}"]]])) == toset([
      "depth AWS/SQS ApproximateNumberOfMessagesVisible ai-multi-comms-whatsapp-dlq-dev Maximum 300",
      "adopted AIComms/WhatsAppProcessor/Dev AdoptedUnseen whatsapp-channel-processor Sum 3600",
      "sent AIComms/WhatsAppProcessor/Dev MessagesSent whatsapp-channel-processor Sum 3600",
      "undelivered AIComms/WhatsAppProcessor/Dev MessagesUndelivered whatsapp-channel-processor Sum 3600",
      "delivered AIComms/WhatsAppProcessor/Dev MessagesDelivered whatsapp-channel-processor Sum 3600",
    ])
    error_message = "Each expression's metrics are the function's own, or the DLQ's."
  }
}

run "every_alarm_says_what_to_do_first" {
  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.this), [aws_cloudwatch_metric_alarm.critical]) : strcontains(alarm.alarm_description, "First: docs/runbook.md#")])
    error_message = "Whoever is woken needs the first step, not a metric's name."
  }
}

run "every_alarm_tells_the_topic" {
  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.this), [aws_cloudwatch_metric_alarm.critical]) : alarm.alarm_actions == toset([aws_sns_topic.this[0].arn])])
    error_message = "An alarm that tells nobody is a chart."
  }
  assert {
    condition     = aws_sns_topic.this[0].name == "ai-comms-critical-alerts-dev"
    error_message = "The topic's name is the design's."
  }
}

run "the_pager_hears_of_what_a_person_must_do_now" {
  variables {
    paging_action_arns = ["arn:aws:sns:eu-central-1:111122223333:pager"]
  }
  assert {
    condition     = aws_cloudwatch_composite_alarm.paging.alarm_rule == join(" OR ", [for key in ["AdoptedUnseen", "ConfigurationFaults", "ConversationsWaiting", "Errors", "FinalDbUpdateFailure", "UndeliveredRate", "VendorDown"] : "ALARM(\"WhatsAppProcessor${key}Alarm-Dev\")"])
    error_message = "Nothing pages that can wait, or that whoever may write to the queue can set off."
  }
  assert {
    condition     = aws_cloudwatch_composite_alarm.paging.alarm_actions == var.paging_action_arns && aws_cloudwatch_composite_alarm.paging.ok_actions == var.paging_action_arns
    error_message = "The pager is told of the beginning and of the end."
  }
  assert {
    condition     = length(coalesce(aws_cloudwatch_composite_alarm.notes.alarm_actions, [])) == 0
    error_message = "The pager hears of no note."
  }
}

run "all_else_is_a_note" {
  variables {
    note_action_arns = ["arn:aws:sns:eu-central-1:111122223333:tickets"]
  }
  assert {
    condition     = sort(concat(regexall("WhatsApp\\w+-Dev", aws_cloudwatch_composite_alarm.paging.alarm_rule), regexall("WhatsApp\\w+-Dev", aws_cloudwatch_composite_alarm.notes.alarm_rule))) == sort(slice(output.alarm_names, 0, length(output.alarm_names) - 2))
    error_message = "Every alarm is in one of the two composites, and in one only."
  }
  assert {
    condition     = slice(output.alarm_names, length(output.alarm_names) - 2, length(output.alarm_names)) == ["WhatsAppProcessorPagingAlarm-Dev", "WhatsAppProcessorNotesAlarm-Dev"] && length(output.alarm_names) == 17
    error_message = "Fifteen alarms and two composites."
  }
  assert {
    condition     = aws_cloudwatch_composite_alarm.notes.alarm_actions == var.note_action_arns && aws_cloudwatch_composite_alarm.notes.ok_actions == var.note_action_arns
    error_message = "Who takes notes is told of the beginning and of the end."
  }
}

run "silence_is_an_alarm_for_those_who_ask" {
  variables {
    no_messages_sent_minutes = 60
  }
  assert {
    condition     = join(" ", [for alarm in [aws_cloudwatch_metric_alarm.this["NoMessagesSent"]] : "${alarm.metric_name} ${alarm.dimensions.service} ${alarm.statistic} ${alarm.comparison_operator} ${alarm.threshold} ${alarm.period} ${alarm.treat_missing_data}"]) == "MessagesSent whatsapp-channel-processor Sum LessThanThreshold 1 3600 breaching"
    error_message = "No data is the very thing to tell."
  }
  assert {
    condition     = strcontains(aws_cloudwatch_composite_alarm.paging.alarm_rule, "WhatsAppProcessorNoMessagesSentAlarm-Dev")
    error_message = "The composite covers it."
  }
}

run "only_our_alarms_may_publish" {
  assert {
    condition     = [for statement in jsondecode(aws_sns_topic_policy.this[0].policy).Statement : statement.Condition.StringEquals["aws:SourceAccount"] if statement.Effect == "Allow"] == ["111122223333"]
    error_message = "No alarm of another account publishes, whatever it is called."
  }
  assert {
    condition = [for statement in jsondecode(aws_sns_topic_policy.this[0].policy).Statement : "${statement.Principal.Service} ${statement.Action} ${one(statement.Condition.ArnLike["aws:SourceArn"])}" if statement.Effect == "Allow"] == [
      "cloudwatch.amazonaws.com sns:Publish arn:aws:cloudwatch:eu-central-1:111122223333:alarm:WhatsAppProcessor*-Dev"
    ]
    error_message = "A topic policy replaces the default one: without this statement alarms change state and tell nobody."
  }
  assert {
    condition     = alltrue([for name in output.alarm_names : startswith(name, "WhatsAppProcessor") && endswith(name, "-Dev")])
    error_message = "The policy lets alarms publish by the pattern of their names."
  }
}

run "addresses_are_subscribed" {
  variables {
    emails = ["ops@example.com", "oncall@example.com"]
  }
  assert {
    condition     = toset([for subscription in aws_sns_topic_subscription.email : "${subscription.protocol} ${subscription.endpoint}"]) == toset(["email ops@example.com", "email oncall@example.com"])
    error_message = "Each address is subscribed by e-mail."
  }
}

run "a_key_of_ours_encrypts_the_topic" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/k"
  }
  assert {
    condition     = aws_sns_topic.this[0].kms_master_key_id == var.kms_key_arn
    error_message = "The topic uses the key."
  }
}

run "the_dashboard_shows_everything_the_function_measures" {
  assert {
    condition     = alltrue([for metric in ["MessagesSent", "MessagesFailed", "DuplicatesSuppressed", "Resumed", "Reconciled", "AdoptedUnseen", "OpenAILatency", "TwilioLatency", "EndToEndLatency", "TokensIn", "TokensOut", "HeartbeatLost", "ConfigurationFaults", "MessagesDelivered", "MessagesRead", "MessagesUndelivered", "DeliveryUnconfirmed", "DeliveryLatency"] : strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "\"AIComms/WhatsAppProcessor/Dev\",\"${metric}\",\"service\",\"whatsapp-channel-processor\"")])
    error_message = "A metric that no chart shows helps nobody."
  }
  assert {
    condition     = aws_cloudwatch_dashboard.this.dashboard_name == "WhatsAppProcessor-Dev"
    error_message = "One dashboard an environment."
  }
  assert {
    condition     = [for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : length(widget.properties.alarms) if widget.type == "alarm"] == [17]
    error_message = "The first row shows every alarm."
  }
  assert {
    condition     = strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "tokens_in, 0) * 0.1 + FILL(tokens_out, 0) * 0.5) / 1000000")
    error_message = "Cost is tokens times the model's prices."
  }
}

run "widgets_do_not_overlap" {
  assert {
    condition = length(distinct([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : "${widget.x},${widget.y}"])) == length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) && alltrue([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.x + widget.width <= 24
    ])
    error_message = "The grid is 24 wide and every widget has its own place."
  }
}

run "queries_are_saved_for_the_functions_log" {
  assert {
    condition     = alltrue([for query in aws_cloudwatch_query_definition.this : query.log_group_names == tolist([var.log_group_name]) && startswith(query.name, "whatsapp-channel-processor-dev/")]) && length(aws_cloudwatch_query_definition.this) == 8
    error_message = "Seven queries, in a folder named like the function."
  }
}

run "emulators_get_no_saved_queries" {
  variables {
    saved_queries = false
  }
  assert {
    condition     = length(aws_cloudwatch_query_definition.this) == 0
    error_message = "They refuse them."
  }
}

run "values_below_their_range_are_refused" {
  command = plan
  variables {
    stage                          = "dev"
    emails                         = ["ops"]
    paging_action_arns             = ["pager"]
    oldest_message_age_seconds     = 59
    waiting_seconds                = 59
    failed_events_per_five_minutes = 0
    no_messages_sent_minutes       = 4
    token_prices_usd_per_million   = { input = -1 }
    note_action_arns               = ["tickets"]
    dead_letters_per_five_minutes  = 0
    undelivered_percent            = 0
    undelivered_at_least           = 0
    adopted_unseen_percent         = 0
  }
  expect_failures = [var.note_action_arns, var.dead_letters_per_five_minutes, var.undelivered_percent, var.undelivered_at_least, var.adopted_unseen_percent, var.stage, var.emails, var.paging_action_arns, var.oldest_message_age_seconds, var.waiting_seconds, var.failed_events_per_five_minutes, var.no_messages_sent_minutes, var.token_prices_usd_per_million]
}

run "values_above_their_range_are_refused" {
  command = plan
  variables {
    oldest_message_age_seconds     = 86401
    waiting_seconds                = 86401
    failed_events_per_five_minutes = 100001
    no_messages_sent_minutes       = 1441
    paging_action_arns             = [for n in range(6) : "arn:aws:sns:eu-central-1:111122223333:pager-${n}"]
    note_action_arns               = [for n in range(6) : "arn:aws:sns:eu-central-1:111122223333:tickets-${n}"]
    dead_letters_per_five_minutes  = 100001
    undelivered_percent            = 101
    undelivered_at_least           = 1.5
    adopted_unseen_percent         = 101
  }
  expect_failures = [var.note_action_arns, var.dead_letters_per_five_minutes, var.undelivered_percent, var.undelivered_at_least, var.adopted_unseen_percent, var.oldest_message_age_seconds, var.waiting_seconds, var.failed_events_per_five_minutes, var.no_messages_sent_minutes, var.paging_action_arns]
}

run "the_example_works" {
  module {
    source = "./examples/basic"
  }
}

run "an_existing_topic_is_used_as_it_is" {
  variables {
    topic_arn = "arn:aws:sns:eu-central-1:111122223333:on-call"
  }
  assert {
    condition     = length(aws_sns_topic.this) == 0 && length(aws_sns_topic_policy.this) == 0
    error_message = "Its owner keeps its policy."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.critical.alarm_actions == toset([var.topic_arn]) && output.topic_arn == var.topic_arn
    error_message = "The alarms tell it."
  }
}

run "names_can_be_kept" {
  variables {
    names = { metric_filter = "our-filter", critical_alarm = "our-critical-alarm", alarm_prefix = "Ours", dashboard = "ours" }
  }
  assert {
    condition     = [aws_cloudwatch_log_metric_filter.critical.name, aws_cloudwatch_metric_alarm.critical.alarm_name, output.dashboard_name, contains(output.alarm_names, "OursThrottlesAlarm-Dev")] == ["our-filter", "our-critical-alarm", "ours", true]
    error_message = "Who has alarms by these names keeps them."
  }
  assert {
    condition     = strcontains(aws_sns_topic_policy.this[0].policy, ":alarm:our-critical-alarm")
    error_message = "The topic lets the critical alarm publish under its own name too."
  }
}

run "others_are_told_by_any_protocol" {
  variables {
    subscriptions = { pager = { protocol = "https", endpoint = "https://pager.example/alarms" } }
  }
  assert {
    condition     = aws_sns_topic_subscription.this["pager"].protocol == "https" && aws_sns_topic_subscription.this["pager"].endpoint == "https://pager.example/alarms"
    error_message = "Not every team reads e-mail."
  }
}

run "a_protocol_is_one_of_sns" {
  command = plan
  variables {
    subscriptions = { pager = { protocol = "carrier-pigeon", endpoint = "roof" } }
  }
  expect_failures = [var.subscriptions]
}
