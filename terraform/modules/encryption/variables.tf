variable "alias" {
  description = "Alias of the key, without `alias/`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9/_-]{1,250}$", var.alias)) && !startswith(var.alias, "aws/")
    error_message = "alias takes 1 to 250 letters, digits and /_- characters and does not start with aws/."
  }
}

variable "log_group_name" {
  description = "Name of the one log group that CloudWatch Logs may encrypt with the key."
  type        = string
  nullable    = false
}

variable "topic_name" {
  description = "Name of the one SNS topic that CloudWatch alarms may publish to through the key."
  type        = string
  nullable    = false
}

variable "producers" {
  description = "The queue module's `producers`. Those outside this account's IAM, services and other accounts, must be able to encrypt what they send."
  type = map(object({
    principals     = optional(set(string), [])
    services       = optional(set(string), [])
    source_arns    = optional(set(string), [])
    source_account = optional(string)
  }))
  default  = {}
  nullable = false
}

variable "deletion_window_days" {
  description = "Days between the deletion of the key and its end (7 to 30); until then it can be restored. Default: 30."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.deletion_window_days == floor(var.deletion_window_days) && var.deletion_window_days >= 7 && var.deletion_window_days <= 30
    error_message = "deletion_window_days must be a whole number from 7 to 30."
  }
}

variable "tags" {
  description = "Tags for the key, besides the provider's default_tags. Default: none."
  type        = map(string)
  default     = {}
  nullable    = false
}
