# What it is called

variable "function_name" {
  description = "Name of the function; its log group is /aws/lambda/<name> unless log_group_name says otherwise."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.function_name))
    error_message = "function_name takes 1 to 64 letters, digits, hyphens and underscores."
  }
}

variable "log_group_name" {
  description = "Log group of the function. Null: /aws/lambda/<function_name>."
  type        = string
  default     = null
}

variable "role_name" {
  description = "Name of the function's execution role."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", var.role_name))
    error_message = "role_name takes 1 to 64 letters, digits and +=,.@_- characters."
  }
}

# What it runs

variable "package_path" {
  description = "Path of the deployment package (`make package`), relative to the root module. Null: package_s3 says where it is."
  type        = string
  default     = null
}

variable "package_s3" {
  description = "Where the deployment package is in S3, in the function's region; `sha256` in base64 has Terraform notice a new package under the same key. Null: package_path says where it is."
  type = object({
    bucket  = string
    key     = string
    version = optional(string)
    sha256  = optional(string)
  })
  default = null
}

variable "layers" {
  description = "ARNs of layer versions, up to five, that the function gets besides its package. Default: none."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.layers) <= 5 && alltrue([for arn in var.layers : can(regex("^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:layer:[A-Za-z0-9_-]+:[0-9]+$", arn))])
    error_message = "layers takes up to five ARNs of layer versions."
  }
}

variable "vpc" {
  description = "Subnets and security groups that the function runs in; its role may then make interfaces there. It needs a way to AWS, OpenAI and Twilio. Null: no VPC."
  type = object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  })
  default = null

  validation {
    condition     = var.vpc == null ? true : length(var.vpc.subnet_ids) > 0 && length(var.vpc.security_group_ids) > 0
    error_message = "vpc needs a subnet and a security group at least."
  }
}

variable "role_path" {
  description = "Path of the role. Default: /."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([!-~]+/)?$", var.role_path)) && length(var.role_path) <= 512
    error_message = "role_path begins and ends with a slash."
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of the policy that bounds what the role may be allowed. Null: no boundary."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null ? true : can(regex("^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of an IAM policy."
  }
}

variable "release" {
  description = "Release of the code, on every log line (VERSION)."
  type        = string
  default     = "unknown"
  nullable    = false

  validation {
    condition     = can(regex(local.rules.patterns.version, var.release))
    error_message = "release must match ${local.rules.patterns.version}."
  }
}

variable "runtime" {
  description = "Python runtime the package was built for. Default: python3.13."
  type        = string
  default     = "python3.13"
  nullable    = false

  validation {
    # python3.14 came with a later provider than the one that is locked, which refuses it.
    condition     = contains(["python3.11", "python3.12", "python3.13"], var.runtime)
    error_message = "runtime must be python3.11, python3.12 or python3.13."
  }
}

variable "architecture" {
  description = "Processor the package was built for: arm64, or x86_64 at a fifth more per second. Default: arm64."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "memory_mb" {
  description = "Memory in MB (128 to 10240), which also sets the share of a processor. Default 1024: imports stay well inside Lambda's 10 s start limit."
  type        = number
  default     = 1024
  nullable    = false

  validation {
    condition     = var.memory_mb == floor(var.memory_mb) && var.memory_mb >= 128 && var.memory_mb <= 10240
    error_message = "memory_mb must be a whole number from 128 to 10240."
  }
}

variable "timeout_seconds" {
  description = "Longest run of the function, in seconds (3 to 900). At most the queue's visibility timeout less the batching window."
  type        = number
  default     = 300
  nullable    = false

  validation {
    condition     = var.timeout_seconds == floor(var.timeout_seconds) && var.timeout_seconds >= 3 && var.timeout_seconds <= 900
    error_message = "timeout_seconds must be a whole number from 3 to 900."
  }
}

variable "reserved_concurrency" {
  description = "Concurrent runs taken out of the account's pool for this function alone (1 to 1000). Null: none. Limit the load with event_source.maximum_concurrency instead: a throttled poll costs a message one of its receives."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null ? true : var.reserved_concurrency == floor(var.reserved_concurrency) && var.reserved_concurrency >= 1 && var.reserved_concurrency <= 1000
    error_message = "reserved_concurrency must be null or a whole number from 1 to 1000."
  }
}

variable "alias_name" {
  description = "Alias of the newest published version, which the queue then invokes: a rollback is one command. Null: no versions, the queue invokes $LATEST."
  type        = string
  default     = null

  validation {
    condition     = var.alias_name == null ? true : can(regex("^[A-Za-z_-][A-Za-z0-9_-]{0,127}$", var.alias_name))
    error_message = "alias_name takes up to 128 letters, digits, hyphens and underscores and does not start with a digit."
  }
}

variable "pinned_version" {
  description = "Published version that the alias stays on, whatever is deployed: a rollback that lasts. Needs alias_name. Null: the newest."
  type        = number
  default     = null

  validation {
    condition     = var.pinned_version == null ? true : var.pinned_version == floor(var.pinned_version) && var.pinned_version >= 1
    error_message = "pinned_version must be null or the whole number of a published version, from 1 on."
  }
}

variable "snap_start" {
  description = "Whether published versions start from a snapshot. Needs alias_name. Default: false."
  type        = bool
  default     = false
  nullable    = false
}

variable "tracing" {
  description = "Whether X-Ray samples the runs. Default: false."
  type        = bool
  default     = false
  nullable    = false
}

variable "code_signing_config_arn" {
  description = "ARN of a code signing configuration that the package must satisfy. Null: unsigned packages are accepted."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "Days the log is kept; one of the values CloudWatch offers, 0 for ever. Default: 365."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a retention that CloudWatch Logs offers: 0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts log group and the function's environment. Null: the services' own keys."
  type        = string
  default     = null
}

variable "usable_key_arn" {
  description = "ARN of the KMS key that the role may use for queue, table and secrets: one that still encrypts what was stored before, if not kms_key_arn. Null: kms_key_arn."
  type        = string
  default     = null
}

variable "secret_environment_tag" {
  description = "Value of the tag Environment that a secret must carry to be read. Null: secrets are read whatever their tags are. Default: null."
  type        = string
  default     = null
}

variable "secret_key_arns" {
  description = "ARNs of the KMS keys behind secrets that are made elsewhere, such as another environment of this account. The role may decrypt secrets with them, and nothing else."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.secret_key_arns : can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", arn))])
    error_message = "secret_key_arns are ARNs of KMS keys, not of aliases: IAM knows a key by its own ARN."
  }
}

# How it behaves

variable "settings" {
  description = <<-EOT
    The function's own settings; each attribute is the environment variable of the same name in capitals. Omitted or null:
    the function's default, but for patience_seconds: six hours, and delivery_watch_seconds: one hour, if there is
    patience and no twilio_status_callback_url. For both the role may send to the queue and Lambda lets messages come round;
    patience_seconds = 0 turns all of that off. docs/configuration.md has defaults, ranges and meaning; settings.json, made
    from the function's own model, is what is checked here.
  EOT
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
    condition     = alltrue([for name, choices in local.rules.choices : contains(choices, try(var.settings[name], null)) if try(var.settings[name], null) != null])
    error_message = "A setting is none of its choices: ${join("; ", [for name, choices in local.rules.choices : "${name} is ${join(" or ", choices)}" if contains(keys(var.settings), name)])}."
  }

  validation {
    condition     = alltrue([for name, pattern in local.rules.patterns : can(regex(pattern, var.settings[name])) if try(var.settings[name], null) != null])
    error_message = "A setting is not what it must be. openai_base_url and twilio_api_base_url: an https URL (http only to this machine), without user, query or fragment, because keys and texts go there. twilio_status_callback_url: an http or https URL. openai_model: ${local.rules.patterns.openai_model}; openai_models: the same, with commas between them. outgoing_link_hosts: hosts such as acme.com, or *.acme.com for all below one, with commas between them."
  }

  validation {
    condition     = alltrue([for name, range in local.rules.ranges : var.settings[name] == floor(var.settings[name]) && var.settings[name] >= range[0] && var.settings[name] <= range[1] if try(var.settings[name], null) != null])
    error_message = "A setting is not a whole number in its range: ${join(", ", [for name, range in local.rules.ranges : "${name} ${range[0]} to ${range[1]}" if contains(keys(var.settings), name)])}."
  }

  validation {
    condition     = try(coalesce(var.settings.openai_api), "responses") == "responses" || try(coalesce(var.settings.outgoing_links), "any") != "given"
    error_message = "outgoing_links must not be given with openai_api assistants: nobody knows which links the server's own definition gives."
  }

  validation {
    condition     = try(coalesce(var.settings.openai_models), "") == "" || contains(split(",", try(coalesce(var.settings.openai_models), "")), try(coalesce(var.settings.openai_model), local.rules.defaults.openai_model))
    error_message = "openai_models must include openai_model, ${local.rules.defaults.openai_model} where that is not given."
  }

  validation {
    condition     = coalesce(var.settings.record_retention_days, 0) == 0 || coalesce(var.settings.record_retention_days, 0) >= local.rules.days.min_retention
    error_message = "record_retention_days must be 0 or at least ${local.rules.days.min_retention}: a record must outlive every message about it, 14 days in the queue and, once redriven, 14 more."
  }
}

variable "event_source" {
  description = <<-EOT
    How the queue feeds the function: messages a batch (1 to 10), how long to wait for a batch to fill (0 to 300 s, part
    of the visibility timeout), and the most batches at the same time (2 to 1000). Five batches of ten fit into the
    concurrency of 10 that a new AWS account starts with; a limit above the account's would be throttled.
    `enabled` counts only when the mapping is created; later it is whatever people made of it.
  EOT
  type = object({
    batch_size              = optional(number, 10)
    batching_window_seconds = optional(number, 0)
    maximum_concurrency     = optional(number, 5)
    enabled                 = optional(bool, false)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.event_source.batch_size == floor(var.event_source.batch_size) && var.event_source.batch_size >= 1 && var.event_source.batch_size <= 10
    error_message = "batch_size must be a whole number from 1 to 10; the function works on at most ten messages at a time."
  }

  validation {
    condition     = var.event_source.batching_window_seconds == floor(var.event_source.batching_window_seconds) && var.event_source.batching_window_seconds >= 0 && var.event_source.batching_window_seconds <= 300
    error_message = "batching_window_seconds must be a whole number from 0 to 300."
  }

  validation {
    condition     = var.event_source.maximum_concurrency == floor(var.event_source.maximum_concurrency) && var.event_source.maximum_concurrency >= 2 && var.event_source.maximum_concurrency <= 1000
    error_message = "maximum_concurrency must be a whole number from 2 to 1000."
  }
}

# What it works with

variable "queue_arn" {
  description = "ARN of the queue that feeds the function."
  type        = string
  nullable    = false
}

variable "queue_url" {
  description = "URL of that queue (WHATSAPP_QUEUE_URL)."
  type        = string
  nullable    = false
}

variable "queue_visibility_timeout_seconds" {
  description = "Visibility timeout of that queue, in seconds (VISIBILITY_TIMEOUT_SECONDS)."
  type        = number
  nullable    = false

  validation {
    condition     = var.queue_visibility_timeout_seconds >= local.rules.ranges.visibility_timeout_seconds[0] && var.queue_visibility_timeout_seconds <= local.rules.ranges.visibility_timeout_seconds[1]
    error_message = "The queue's visibility timeout must be ${join(" to ", local.rules.ranges.visibility_timeout_seconds)} s: SQS hides a message for 12 hours in all, counted from its receive, and the last heartbeat comes up to 900 s later."
  }
}

variable "queue_max_receive_count" {
  description = "Deliveries before that queue's DLQ (MAX_RECEIVE_COUNT)."
  type        = number
  nullable    = false

  validation {
    condition     = var.queue_max_receive_count >= local.rules.ranges.max_receive_count[0] && var.queue_max_receive_count <= local.rules.ranges.max_receive_count[1]
    error_message = "The queue must deliver a message ${join(" to ", local.rules.ranges.max_receive_count)} times before its DLQ: two receives may be lost to faults that pass."
  }
}

variable "table_arn" {
  description = "ARN of the conversations table."
  type        = string
  nullable    = false
}

variable "table_name" {
  description = "Name of the conversations table."
  type        = string
  nullable    = false
}

variable "table_partition_key" {
  description = "Partition key of that table (CONVERSATIONS_PARTITION_KEY). Default: recipient_tel."
  type        = string
  default     = "recipient_tel"
  nullable    = false

  validation {
    condition     = contains(local.rules.choices.conversations_partition_key, var.table_partition_key)
    error_message = "table_partition_key must be ${join(" or ", local.rules.choices.conversations_partition_key)}."
  }
}

variable "table_name_variable" {
  description = "Environment variable that carries the table's name. Default: CONVERSATIONS_TABLE_NAME."
  type        = string
  default     = "CONVERSATIONS_TABLE_NAME"
  nullable    = false

  validation {
    condition     = contains(["CONVERSATIONS_TABLE_NAME", "CONVERSATIONS_TABLE_NAME_DEV"], var.table_name_variable)
    error_message = "The function reads CONVERSATIONS_TABLE_NAME or CONVERSATIONS_TABLE_NAME_DEV."
  }
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the function's own metrics (METRICS_NAMESPACE)."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex(local.rules.patterns.metrics_namespace, var.metrics_namespace))
    error_message = "metrics_namespace must match ${local.rules.patterns.metrics_namespace}."
  }
}

variable "secret_names" {
  description = "Names of the secrets that the function may read."
  type        = list(string)
  nullable    = false

  validation {
    condition     = alltrue([for name in var.secret_names : can(regex("^[A-Za-z0-9_.@+=-]+(/[A-Za-z0-9_.@+=-]+)+$", name)) && length(setintersection(split("/", name), ["openai-api-key", "whatsapp-credentials"])) == 1])
    error_message = "A secret's name is a path of which one segment is openai-api-key or whatsapp-credentials, as Context Objects refer to it: no ARN, no wildcard."
  }

  validation {
    condition     = alltrue([for name in var.secret_names : startswith(name, var.secret_name_prefix == "" ? "" : "${trimsuffix(var.secret_name_prefix, "/")}/")])
    error_message = "Every secret's name must begin with secret_name_prefix: the function refuses references to others."
  }
}

variable "secret_name_prefix" {
  description = "Path that every reference to a secret must begin with (SECRET_NAME_PREFIX); the slash after it may be left out. Default: no path."
  type        = string
  default     = ""
  nullable    = false
}

variable "tags" {
  description = "Tags for function, role, log group and mapping, besides the provider's default_tags. Default: none."
  type        = map(string)
  default     = {}
  nullable    = false
}
