# Every value has a default but the environment. Objects group what belongs together; an attribute left out or null takes
# the default of the module it goes to, which also checks it: modules/<name>/variables.tf says units and ranges.

variable "environment" {
  description = "Name of the environment: 2 to 16 lower-case letters and digits, a letter first. Part of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,15}$", var.environment))
    error_message = "environment takes 2 to 16 lower-case letters and digits and starts with a letter."
  }
}

variable "tags" {
  description = "Tags for every resource, besides the provider's default_tags, from which none may differ in case alone: IAM refuses such a pair. Default: none."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(distinct([for name in keys(var.tags) : lower(name)])) == length(var.tags)
    error_message = "Two tags differ in case alone, which IAM refuses."
  }
}

# Names and what exists already

variable "names" {
  description = "Names in the place of the design's, for resources that are to keep the ones they have. Secrets: secret_name_prefix, twilio_secret_name, openai_keys."
  type = object({
    queue             = optional(string) # ai-multi-comms-whatsapp-queue-<environment>
    dead_letter_queue = optional(string) # ai-multi-comms-whatsapp-dlq-<environment>
    table             = optional(string) # conversations-<environment>
    function          = optional(string) # whatsapp-channel-processor-<environment>
    role              = optional(string) # ai-multi-comms-whatsapp-processor-<environment>-role
    log_group         = optional(string) # /aws/lambda/<function>
    topic             = optional(string) # ai-comms-critical-alerts-<environment>
    key_alias         = optional(string) # whatsapp-channel-processor-<environment>
    metrics           = optional(string) # AIComms/WhatsAppProcessor/<Environment>
    metric_filter     = optional(string) # FinalDbUpdateFailureFilter-<Environment>
    critical_alarm    = optional(string) # WhatsAppProcessorFinalDbUpdateFailureAlarm-<Environment>
    alarm_prefix      = optional(string) # WhatsAppProcessor
    dashboard         = optional(string) # WhatsAppProcessor-<Environment>
  })
  default  = {}
  nullable = false
}

variable "existing" {
  description = "ARNs of resources that are used as they are, instead of being made. An existing queue's visibility timeout and receive count are said in `queue`, an existing table's partition key in `table`; whoever owns the topic lets alarms publish to it."
  type = object({
    queue_arn             = optional(string) # a standard queue of this account and region
    dead_letter_queue_arn = optional(string) # its DLQ
    table_arn             = optional(string) # with a recipient_tel or primary_channel and a conversation_id
    topic_arn             = optional(string)
    kms_key_arn           = optional(string) # encrypts instead of a key of ours; its policy lets CloudWatch Logs and alarms use it (modules/encryption)
  })
  default  = {}
  nullable = false

  validation {
    condition     = !anytrue([for arn in [var.existing.queue_arn, var.existing.dead_letter_queue_arn] : endswith(coalesce(arn, "-"), ".fifo")])
    error_message = "A FIFO queue takes no delay for a single message, and the function puts off what must wait by exactly that: use a standard queue."
  }

  validation {
    condition     = (var.existing.queue_arn == null) == (var.existing.dead_letter_queue_arn == null)
    error_message = "queue_arn and dead_letter_queue_arn belong together: give both, or neither."
  }

  validation {
    condition     = alltrue([for arn in [var.existing.queue_arn, var.existing.dead_letter_queue_arn] : arn == null ? true : can(regex("^arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+$", arn))])
    error_message = "queue_arn and dead_letter_queue_arn must be ARNs of SQS queues."
  }

  validation {
    condition     = var.existing.table_arn == null ? true : can(regex("^arn:[a-z-]+:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[A-Za-z0-9_.-]+$", var.existing.table_arn))
    error_message = "table_arn must be the ARN of a DynamoDB table, without an index or a stream."
  }

  validation {
    condition     = var.existing.topic_arn == null ? true : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.existing.topic_arn))
    error_message = "topic_arn must be the ARN of a standard SNS topic: CloudWatch alarms cannot publish to a FIFO one that orders by group."
  }

  validation {
    condition     = var.existing.kms_key_arn == null ? true : can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.existing.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key, not of an alias: IAM knows a key by its own ARN."
  }
}

# Protection

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted, and `make destroy` refuses to start. Default: true."
  type        = bool
  default     = true
  nullable    = false
}

variable "customer_managed_key" {
  description = "Whether one KMS key of this account ($1 a month) encrypts queue, table, secrets, topic, log and the function's environment. False: the services' own keys; what the key has encrypted stays readable as long as keep_key says so. Default: true."
  type        = bool
  default     = true
  nullable    = false
}

variable "keep_key" {
  description = "Whether the key exists, with the function's right to decrypt with it, although customer_managed_key is false. False lets it go: messages, backups and log lines it encrypted are lost 30 days later, and cannot be read at once. Say false where there never was a key, or in a deployment after the one that set customer_managed_key to false. Default: true."
  type        = bool
  default     = true
  nullable    = false

  validation {
    condition     = var.keep_key || !var.customer_managed_key
    error_message = "keep_key = false lets the key go, and customer_managed_key = true uses it: deploy customer_managed_key = false first, keep_key = false after it."
  }
}

# Queue and table

variable "queue" {
  description = "The queue and its DLQ, and who outside this account's IAM may send (modules/queue). Its visibility timeout is also how far each heartbeat reaches."
  type = object({
    visibility_timeout_seconds    = optional(number)          # 360
    message_retention_seconds     = optional(number)          # 4 days
    dead_letter_retention_seconds = optional(number)          # 14 days
    max_receive_count             = optional(number)          # 3
    max_message_size              = optional(number)          # 256 KiB
    require_tls                   = optional(bool)            # true
    statements                    = optional(list(string))    # none
    dead_letter_statements        = optional(list(string))    # none
    dead_letter_sources           = optional(set(string))     # none
    senders                       = optional(set(string))     # nobody is denied; a set denies all others
    operators                     = optional(set(string), []) # who may redrive and replay where senders are listed
    producers = optional(map(object({
      principals     = optional(set(string), [])
      services       = optional(set(string), [])
      source_arns    = optional(set(string), [])
      source_account = optional(string)
    })), {})
  })
  default  = {}
  nullable = false
}

variable "table" {
  description = "The table's partition key, whether it has the index of the engine's replies service, and what others made on it (modules/conversations)."
  type = object({
    partition_key    = optional(string) # recipient_tel
    replies_index    = optional(bool)   # false
    stream_view_type = optional(string) # no stream
    indexes = optional(map(object({     # none besides ours
      hash_key           = string
      hash_type          = optional(string, "S")
      range_key          = optional(string)
      range_type         = optional(string, "S")
      projection_type    = optional(string, "ALL")
      non_key_attributes = optional(list(string))
    })))
  })
  default  = {}
  nullable = false
}

# Secrets

variable "secret_name_prefix" {
  description = "Path that every secret's name begins with, e.g. ai-multi-comms; the slash after it may be left out. Secrets are made below it, the function refuses references to others, and may read all of its two kinds below it where companies or openai_keys name none. Default: no path."
  type        = string
  default     = ""
  nullable    = false
}

variable "twilio_secret_name" {
  description = "Last part of the name of each project's Twilio secret, e.g. twilio-prod. Default: twilio."
  type        = string
  default     = "twilio"
  nullable    = false
}

variable "existing_secrets" {
  description = "Full names of secrets made elsewhere that the function may read too: references of Context Objects, exactly as they are written there."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "companies" {
  description = "Company id to the ids of its projects; each project gets an empty secret whatsapp-credentials/<company>/<project>/twilio (modules/secrets). Ids here are the parts of the references in the router's Context Objects."
  type        = map(set(string))
  default     = {}
  nullable    = false
}

variable "openai_keys" {
  description = "Names below openai-api-key/ of the empty OpenAI secrets to create. Secret names carry no environment: where two share an account, give each names of its own, or let one create the secret and the other say [], existing_secrets and secret_key_arns. Default: whatsapp."
  type        = set(string)
  default     = ["whatsapp"]
  nullable    = false
}

variable "secrets_need_environment_tag" {
  description = "Whether the function may read only secrets that carry the tag Environment with this environment's name, so that in one account dev cannot read prod's. Secrets made here carry it then; those of existing_secrets must be tagged by whoever made them. Default: false."
  type        = bool
  default     = false
  nullable    = false
}

variable "secret_key_arns" {
  description = "ARNs of the KMS keys behind secrets made elsewhere that the function reads, such as the output kms_key_arn of another environment of this account. Default: none."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "secret_recovery_days" {
  description = "Days a deleted secret can be restored (7 to 30), during which its name stays taken; 0 deletes at once. Default: 30."
  type        = number
  default     = null
}

variable "secret_value_versions" {
  description = "Secret name to a number that you raise to store a new value from secret_values. Empty: values are stored with the AWS command line (docs/deploying.md)."
  type        = map(number)
  default     = {}
  nullable    = false
}

variable "secret_values" {
  description = "Secret name to its JSON. Write-only: pass it by TF_VAR_secret_values; neither plan nor state ever holds it."
  type        = map(string)
  default     = {}
  ephemeral   = true
  sensitive   = true
  nullable    = false
}

# Function

variable "package_path" {
  description = "Path of the deployment package, from the folder of the root module. Null: package_s3 says where it is."
  type        = string
  default     = null
}

variable "package_s3" {
  description = "Where the deployment package is in S3 (modules/processor). Null: package_path says where it is."
  type = object({
    bucket  = string
    key     = string
    version = optional(string)
    sha256  = optional(string)
  })
  default = null
}

variable "release" {
  description = "Release of the code, on every log line. `make deploy` sets it to what `git describe` says."
  type        = string
  default     = null
}

variable "function" {
  description = "The Lambda function (modules/processor)."
  type = object({
    runtime                  = optional(string)       # python3.13
    architecture             = optional(string)       # arm64
    memory_mb                = optional(number)       # 1024
    timeout_seconds          = optional(number)       # 300
    reserved_concurrency     = optional(number)       # none
    alias_name               = optional(string)       # none: the queue invokes $LATEST
    pinned_version           = optional(number)       # none: the alias moves to what is deployed
    snap_start               = optional(bool)         # false; needs alias_name
    tracing                  = optional(bool)         # false
    code_signing_config_arn  = optional(string)       # none
    log_retention_days       = optional(number)       # 365
    layers                   = optional(list(string)) # none
    role_path                = optional(string)       # /
    permissions_boundary_arn = optional(string)       # none
    vpc = optional(object({                           # none
      subnet_ids         = set(string)
      security_group_ids = set(string)
    }))
  })
  default  = {}
  nullable = false
}

variable "function_settings" {
  description = "The function's own settings, each the environment variable of the same name in capitals (modules/processor)."
  type = object({
    log_level                   = optional(string)
    heartbeat_interval_seconds  = optional(number)
    max_concurrent_messages     = optional(number)
    safety_margin_seconds       = optional(number)
    secrets_cache_seconds       = optional(number)
    openai_api                  = optional(string)
    openai_background           = optional(bool)
    openai_model                = optional(string)
    openai_models               = optional(string) # with commas between them
    openai_max_output_tokens    = optional(number)
    inline_definitions          = optional(bool)
    outgoing_links              = optional(string) # given, or any where openai_api is assistants
    outgoing_link_hosts         = optional(string) # with commas between them
    outgoing_max_characters     = optional(number)
    outgoing_phone_numbers      = optional(string)
    outgoing_moderation         = optional(bool)
    openai_base_url             = optional(string)
    twilio_api_base_url         = optional(string)
    twilio_status_callback_url  = optional(string)
    twilio_timeout_seconds      = optional(number)
    twilio_list_lag_seconds     = optional(number)
    reconcile_after_seconds     = optional(number)
    max_message_parts           = optional(number)
    record_retention_days       = optional(number)
    patience_seconds            = optional(number, 21600)
    openai_hold_seconds         = optional(number)
    delivery_watch_seconds      = optional(number) # 3600; 0 without patience or with twilio_status_callback_url
    openai_run_deadline_seconds = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = try(coalesce(var.function_settings.record_retention_days), 0) == 0 || (var.existing.table_arn == null && !coalesce(var.table.replies_index, false))
    error_message = "record_retention_days must be 0 where other programs write to the table (existing.table_arn, table.replies_index): the function's last write is not a conversation's last word there."
  }
}

variable "event_source" {
  description = "How the queue feeds the function (modules/processor)."
  type = object({
    batch_size              = optional(number, 10)
    batching_window_seconds = optional(number, 0)
    maximum_concurrency     = optional(number, 5)
    enabled                 = optional(bool) # when the mapping is created, and never again: whether every secret has a value
  })
  default  = {}
  nullable = false
}

# Alarms

variable "alerting" {
  description = "Who is told, and when (modules/alerting)."
  type = object({
    emails             = optional(set(string)) # nobody
    paging_action_arns = optional(set(string)) # none
    note_action_arns   = optional(set(string)) # none
    subscriptions = optional(map(object({      # none
      protocol = string
      endpoint = string
    })))
    oldest_message_age_seconds     = optional(number) # 900
    waiting_seconds                = optional(number) # 3600
    failed_events_per_five_minutes = optional(number) # 25
    dead_letters_per_five_minutes  = optional(number) # 10
    undelivered_percent            = optional(number) # 10
    undelivered_at_least           = optional(number) # 10
    adopted_unseen_percent         = optional(number) # 5
    no_messages_sent_minutes       = optional(number) # no such alarm
    saved_queries                  = optional(bool)   # true
    token_prices_usd_per_million = optional(object({  # gpt-6-luna
      input  = optional(number, 0.10)
      output = optional(number, 0.50)
    }))
  })
  default  = {}
  nullable = false
}
