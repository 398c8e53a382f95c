# What is watched

variable "stage" {
  description = "Environment as it ends the names of filter, alarms and dashboard, e.g. Dev."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Z][A-Za-z0-9]{0,19}$", var.stage))
    error_message = "stage starts with a capital letter and takes up to 20 letters and digits."
  }
}

variable "topic_name" {
  description = "Name of the topic that alarms notify."
  type        = string
  nullable    = false
}

variable "topic_arn" {
  description = "ARN of an existing topic that alarms notify instead of one of ours; its owner lets cloudwatch.amazonaws.com publish. Null: a topic is made."
  type        = string
  default     = null
}

variable "names" {
  description = "Names in the place of the design's: of the metric filter, the critical alarm and the dashboard, and what the names of the other alarms begin with."
  type = object({
    metric_filter  = optional(string) # FinalDbUpdateFailureFilter-<Stage>
    critical_alarm = optional(string) # <alarm_prefix>FinalDbUpdateFailureAlarm-<Stage>
    alarm_prefix   = optional(string) # WhatsAppProcessor
    dashboard      = optional(string) # WhatsAppProcessor-<Stage>
  })
  default  = {}
  nullable = false
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the function's own metrics and of the critical metric."
  type        = string
  nullable    = false
}

variable "service_name" {
  description = "Value of the `service` dimension that all of the function's own metrics carry."
  type        = string
  default     = "whatsapp-channel-processor"
  nullable    = false
}

variable "log_group_name" {
  description = "Log group of the function."
  type        = string
  nullable    = false
}

variable "function_name" {
  description = "Name of the function."
  type        = string
  nullable    = false
}

variable "function_timeout_seconds" {
  description = "Timeout of the function, in seconds. The duration alarm rings at 90 percent of it."
  type        = number
  nullable    = false
}

variable "event_source_mapping_uuid" {
  description = "UUID of the function's event source mapping."
  type        = string
  nullable    = false
}

variable "queue_name" {
  description = "Name of the queue."
  type        = string
  nullable    = false
}

variable "dead_letter_queue_name" {
  description = "Name of the DLQ."
  type        = string
  nullable    = false
}

# Who is told

variable "emails" {
  description = "Addresses that are told of every alarm. Each must confirm the e-mail AWS sends it. Empty: nobody is told by e-mail."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", email))])
    error_message = "emails must be e-mail addresses."
  }
}

variable "subscriptions" {
  description = "Others that are told of every alarm, by a name of yours: a protocol of SNS (https, sqs, lambda, sms, firehose, ...) and its endpoint. Default: none."
  type = map(object({
    protocol = string
    endpoint = string
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for subscription in var.subscriptions : contains(["application", "email", "email-json", "firehose", "http", "https", "lambda", "sms", "sqs"], subscription.protocol)])
    error_message = "A subscription's protocol is one of SNS: application, email, email-json, firehose, http, https, lambda, sms or sqs."
  }
}

variable "paging_action_arns" {
  description = "Actions of the composite alarm that pages, e.g. the SNS topic of a pager: one page for one incident, however many alarms it sets off. Empty: the composite only shows on the dashboard."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.paging_action_arns : startswith(arn, "arn:")]) && length(var.paging_action_arns) <= 5
    error_message = "paging_action_arns takes up to five ARNs."
  }
}

variable "note_action_arns" {
  description = "Actions of the composite alarm that takes notes for business hours, e.g. the SNS topic of a ticket system. Empty: the composite only shows on the dashboard."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.note_action_arns : startswith(arn, "arn:")]) && length(var.note_action_arns) <= 5
    error_message = "note_action_arns takes up to five ARNs."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the topic; its policy must let cloudwatch.amazonaws.com use it. Null: not encrypted, because alarms cannot publish through the account's aws/sns key."
  type        = string
  default     = null
}

# When

variable "waiting_seconds" {
  description = "How long a conversation may wait in the queue for the same thing before ConversationsWaiting rings, in seconds (60 to 86400). Default: 3600."
  type        = number
  default     = 3600
  nullable    = false

  validation {
    condition     = var.waiting_seconds >= 60 && var.waiting_seconds <= 86400
    error_message = "waiting_seconds must be from 60 to 86400."
  }
}

variable "oldest_message_age_seconds" {
  description = "Age of the oldest waiting message that sets off an alarm, in seconds (60 to 86400). Default: 900."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.oldest_message_age_seconds >= 60 && var.oldest_message_age_seconds <= 86400
    error_message = "oldest_message_age_seconds must be from 60 to 86400."
  }
}

variable "failed_events_per_five_minutes" {
  description = "Messages given back to the queue in five minutes that set off an alarm (1 to 100000). Some are normal: each retry counts. Default: 25."
  type        = number
  default     = 25
  nullable    = false

  validation {
    condition     = var.failed_events_per_five_minutes >= 1 && var.failed_events_per_five_minutes <= 100000
    error_message = "failed_events_per_five_minutes must be from 1 to 100000."
  }
}

variable "dead_letters_per_five_minutes" {
  description = "Messages that reach the DLQ in five minutes and set off an alarm (1 to 100000). Default: 10."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.dead_letters_per_five_minutes >= 1 && var.dead_letters_per_five_minutes <= 100000
    error_message = "dead_letters_per_five_minutes must be from 1 to 100000."
  }
}

variable "undelivered_percent" {
  description = "Share of an hour's messages that WhatsApp may leave undelivered before UndeliveredRate rings, in percent (0.1 to 100). Some are normal: people block numbers and leave WhatsApp. Default: 10."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.undelivered_percent >= 0.1 && var.undelivered_percent <= 100
    error_message = "undelivered_percent must be from 0.1 to 100."
  }
}

variable "undelivered_at_least" {
  description = "Undelivered messages in an hour below which no share of them rings (1 to 100000): lower it where few messages are sent. Default: 10."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.undelivered_at_least == floor(var.undelivered_at_least) && var.undelivered_at_least >= 1 && var.undelivered_at_least <= 100000
    error_message = "undelivered_at_least must be a whole number from 1 to 100000."
  }
}

variable "adopted_unseen_percent" {
  description = "Share of an hour's messages that may be adopted unseen before AdoptedUnseen rings, in percent (0.1 to 100), from ten such messages on. Default: 5."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.adopted_unseen_percent >= 0.1 && var.adopted_unseen_percent <= 100
    error_message = "adopted_unseen_percent must be from 0.1 to 100."
  }
}

variable "no_messages_sent_minutes" {
  description = "Minutes without one message sent that set off an alarm (5 to 1440), for systems that never rest so long. Null: no such alarm."
  type        = number
  default     = null

  validation {
    condition     = var.no_messages_sent_minutes == null ? true : var.no_messages_sent_minutes == floor(var.no_messages_sent_minutes) && var.no_messages_sent_minutes >= 5 && var.no_messages_sent_minutes <= 1440
    error_message = "no_messages_sent_minutes must be null or a whole number from 5 to 1440."
  }
}

# What helps to look

variable "saved_queries" {
  description = "Whether to save queries for CloudWatch Logs Insights. Emulators of AWS know no saved queries. Default: true."
  type        = bool
  default     = true
  nullable    = false
}

variable "token_prices_usd_per_million" {
  description = "Prices of the model, in USD per million tokens, for the cost on the dashboard. Default: gpt-6-luna."
  type = object({
    input  = optional(number, 0.10)
    output = optional(number, 0.50)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.token_prices_usd_per_million.input >= 0 && var.token_prices_usd_per_million.output >= 0
    error_message = "token_prices_usd_per_million must not be negative."
  }
}

variable "tags" {
  description = "Tags for topic and alarms, besides the provider's default_tags. Default: none."
  type        = map(string)
  default     = {}
  nullable    = false
}
