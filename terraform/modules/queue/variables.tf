variable "name" {
  description = "Name of the queue that the Channel Router sends Context Objects to."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,80}$", var.name))
    error_message = "name takes 1 to 80 letters, digits, hyphens and underscores; the queue is a standard one, so no .fifo."
  }
}

variable "dead_letter_name" {
  description = "Name of the queue that keeps messages the function could not finish."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,80}$", var.dead_letter_name))
    error_message = "dead_letter_name takes 1 to 80 letters, digits, hyphens and underscores."
  }
}

variable "visibility_timeout_seconds" {
  description = "How long a received message stays hidden, in seconds (settings.json has the range). The function's heartbeat extends it by the same time again."
  type        = number
  default     = 360
  nullable    = false

  validation {
    condition     = var.visibility_timeout_seconds == floor(var.visibility_timeout_seconds) && var.visibility_timeout_seconds >= local.ranges.visibility_timeout_seconds[0] && var.visibility_timeout_seconds <= local.ranges.visibility_timeout_seconds[1]
    error_message = "visibility_timeout_seconds must be a whole number from ${join(" to ", local.ranges.visibility_timeout_seconds)}: SQS hides a message for 12 hours in all, counted from its receive, and the last heartbeat comes up to 900 s later."
  }
}

variable "message_retention_seconds" {
  description = "How long an unprocessed message is kept, in seconds (60 to 1209600). Default: 4 days."
  type        = number
  default     = 345600
  nullable    = false

  validation {
    condition     = var.message_retention_seconds == floor(var.message_retention_seconds) && var.message_retention_seconds >= 60 && var.message_retention_seconds <= 1209600
    error_message = "message_retention_seconds must be a whole number from 60 to 1209600 (14 days)."
  }
}

variable "dead_letter_retention_seconds" {
  description = "How long the DLQ keeps a message, in seconds (60 to 1209600), counted from its first send. Must exceed message_retention_seconds. Default: 14 days, the longest SQS allows."
  type        = number
  default     = 1209600
  nullable    = false

  validation {
    condition     = var.dead_letter_retention_seconds == floor(var.dead_letter_retention_seconds) && var.dead_letter_retention_seconds >= 60 && var.dead_letter_retention_seconds <= 1209600
    error_message = "dead_letter_retention_seconds must be a whole number from 60 to 1209600 (14 days)."
  }
}

variable "max_receive_count" {
  description = "How often a message is delivered before SQS moves it to the DLQ (settings.json has the range; two may be lost to faults that pass)."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.max_receive_count == floor(var.max_receive_count) && var.max_receive_count >= local.ranges.max_receive_count[0] && var.max_receive_count <= local.ranges.max_receive_count[1]
    error_message = "max_receive_count must be a whole number from ${join(" to ", local.ranges.max_receive_count)}: two receives may be lost to faults that pass."
  }
}

variable "max_message_size" {
  description = "Largest message that both queues take, attributes included, in bytes (1024 to 262144). Default: 262144 (256 KiB). The function refuses a body over 255 KiB, so a larger one is better refused at the sender, who hears of it at once."
  type        = number
  default     = 262144
  nullable    = false

  validation {
    condition     = var.max_message_size == floor(var.max_message_size) && var.max_message_size >= 1024 && var.max_message_size <= 262144
    error_message = "max_message_size must be a whole number from 1024 to 262144 bytes: the function refuses a body over 255 KiB."
  }
}

variable "producers" {
  description = <<-EOT
    Who may send to the queue, by a name that becomes the statement's sid. Roles of this account with an IAM policy of
    their own need no entry. `principals` are ARNs or account ids, `services` are service principals such as
    `events.amazonaws.com`; a service needs `source_arns` or `source_account`, so that nobody else's resource can use it.
  EOT
  type = map(object({
    principals     = optional(set(string), [])
    services       = optional(set(string), [])
    source_arns    = optional(set(string), [])
    source_account = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.producers) : can(regex("^[A-Za-z0-9]+$", name))])
    error_message = "A producer's name becomes a policy sid: letters and digits only."
  }

  validation {
    condition     = alltrue([for producer in var.producers : length(producer.principals) + length(producer.services) > 0])
    error_message = "A producer needs principals or services."
  }

  validation {
    condition     = alltrue([for producer in var.producers : alltrue([for principal in producer.principals : can(regex("^(arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:.+|[0-9]{12})$", principal))])])
    error_message = "principals are IAM ARNs or 12-digit account ids; \"*\" would let anyone send."
  }

  validation {
    condition     = alltrue([for producer in var.producers : length(producer.services) == 0 || length(producer.source_arns) > 0 || producer.source_account != null])
    error_message = "A service producer needs source_arns or source_account: without them the service could be made to send on behalf of any account (confused deputy)."
  }
}

variable "senders" {
  description = <<-EOT
    ARNs of the roles and users of this account that put Context Objects on the queue, such as the Channel Router's role;
    `*` stands for any part. Where they are listed, everybody else is denied, whatever IAM allows: but for `operators`,
    `producers` and the function itself. Null: whoever IAM allows may send. Default: null.
  EOT
  type        = set(string)
  default     = null

  validation {
    condition     = alltrue([for arn in coalesce(var.senders, []) : can(regex("^arn:aws[a-z-]*:(iam::[0-9]{12}:(role|user)|sts::[0-9]{12}:assumed-role)/.*[A-Za-z0-9].*$", arn))])
    error_message = "senders are ARNs of IAM roles, users or sessions, each of one account; \"*\" would let anyone send."
  }
}

variable "operators" {
  description = "ARNs of the roles and users that may put messages back where `senders` are listed (`ops dlq redrive`, `ops replay`); `*` stands for any part. Default: none."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.operators : can(regex("^arn:aws[a-z-]*:(iam::[0-9]{12}:(role|user)|sts::[0-9]{12}:assumed-role)/.*[A-Za-z0-9].*$", arn))])
    error_message = "operators are ARNs of IAM roles, users or sessions, each of one account; \"*\" would let anyone send."
  }
}

variable "function_role_name" {
  description = "Name of the function's role, with its path and without the slash before it, which may send where `senders` are listed: it puts off what must wait. Default: none."
  type        = string
  default     = null
}

variable "require_tls" {
  description = "Whether both queues refuse plain HTTP. False only for an emulator that enforces policies and speaks no TLS. Default: true."
  type        = bool
  default     = true
  nullable    = false
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts both queues. Null: SQS's own key (SSE-SQS), which is free."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags for both queues, besides the provider's default_tags. Default: none."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "statements" {
  description = "Statements of the queue's policy besides those of `producers` and `require_tls`, each as JSON: what was allowed or denied before Terraform came. Default: none."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for statement in var.statements : contains(["Allow", "Deny"], try(jsondecode(statement).Effect, ""))])
    error_message = "Each of statements must be one JSON object with an Effect of Allow or Deny."
  }
}

variable "dead_letter_statements" {
  description = "The same for the DLQ's policy. Default: none."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for statement in var.dead_letter_statements : contains(["Allow", "Deny"], try(jsondecode(statement).Effect, ""))])
    error_message = "Each of dead_letter_statements must be one JSON object with an Effect of Allow or Deny."
  }
}

variable "dead_letter_sources" {
  description = "ARNs of other queues, up to nine, that may use the DLQ too. Default: none, the DLQ is this queue's alone."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.dead_letter_sources) <= 9 && alltrue([for arn in var.dead_letter_sources : can(regex("^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", arn))])
    error_message = "dead_letter_sources takes up to nine ARNs of standard queues."
  }
}
