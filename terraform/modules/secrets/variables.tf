variable "name_prefix" {
  description = "Path that every name begins with; the slash after it may be left out. Default: no path."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([A-Za-z0-9_.@+=-]+/)*([A-Za-z0-9_.@+=-]+)?$", var.name_prefix)) && length(var.name_prefix) <= 256
    error_message = "name_prefix is a path of up to 256 letters, digits and _.@+=- characters, without a slash at its start."
  }
}

variable "twilio_name" {
  description = "Last part of the name of each project's Twilio secret. Default: twilio."
  type        = string
  default     = "twilio"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.@+=-]{1,100}$", var.twilio_name))
    error_message = "twilio_name takes 1 to 100 letters, digits and _.@+=- characters, no slash."
  }
}

variable "companies" {
  description = "Company id to the ids of its projects. Each project gets an empty secret whatsapp-credentials/<company>/<project>/<twilio_name>. Empty: the Twilio secrets are made elsewhere."
  type        = map(set(string))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for part in flatten([keys(var.companies), [for projects in var.companies : tolist(projects)]]) : can(regex("^[A-Za-z0-9_.@+=-]{1,100}$", part))])
    error_message = "Company and project ids become parts of a secret's name: 1 to 100 letters, digits and _.@+=- characters, no slash."
  }
}

variable "openai_keys" {
  description = "Names below openai-api-key/ of the empty OpenAI secrets to create. Empty: they are made elsewhere, e.g. by another environment in the same account."
  type        = set(string)
  default     = ["whatsapp"]
  nullable    = false

  validation {
    condition     = alltrue([for name in var.openai_keys : can(regex("^[A-Za-z0-9_.@+=/-]{1,200}$", name))])
    error_message = "An OpenAI key's name takes 1 to 200 letters, digits and _.@+=/- characters."
  }
}

variable "recovery_window_days" {
  description = "Days a deleted secret can be restored (7 to 30), during which its name stays taken. 0 deletes at once: for stacks that come and go. Default: 30."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.recovery_window_days == 0 || (var.recovery_window_days == floor(var.recovery_window_days) && var.recovery_window_days >= 7 && var.recovery_window_days <= 30)
    error_message = "recovery_window_days must be 0 or a whole number from 7 to 30."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the secrets. Null: the account's aws/secretsmanager key."
  type        = string
  default     = null
}

variable "value_versions" {
  description = "Secret name to a number that you raise to store a new value of it from `values`. Empty: values are stored outside Terraform."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.value_versions) : contains(local.names, name)])
    error_message = "value_versions names a secret that companies and openai_keys do not create."
  }
}

variable "values" {
  description = "Secret name to its JSON. Write-only: neither plan nor state ever holds it."
  type        = map(string)
  default     = {}
  ephemeral   = true
  sensitive   = true
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.value_versions) : contains(keys(var.values), name)])
    error_message = "value_versions names a secret whose value is not in values. Every run needs the values of all secrets it names, because nothing remembers them; pass them, or take the name out of value_versions, which leaves the stored value as it is."
  }
}

variable "environment_tag" {
  description = "Value of the tag Environment that each secret carries, for a function that may read no other. Null: no tag of this module. Default: null."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags for each secret, besides the provider's default_tags. Default: none."
  type        = map(string)
  default     = {}
  nullable    = false
}
