# Where this environment belongs is said and checked here. Everything else goes to modules/stack as it is: its
# variables.tf has types, ranges and defaults. So that they are said once, a group is `any` here, and null is its default.

variable "environment" {
  description = "Name of the environment; `dev` and `prod` have tfvars."
  type        = string
  nullable    = false

  validation {
    condition     = terraform.workspace == var.environment || !fileexists("${path.root}/environments/${terraform.workspace}.tfvars")
    error_message = "The selected workspace belongs to another environment: select the workspace named like this one, or \"default\"."
  }
}

variable "aws_region" {
  description = "Region to deploy to. Null: the one in AWS_REGION or the AWS profile."
  type        = string
  default     = null

  validation {
    condition     = var.aws_region == null ? true : can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$", var.aws_region))
    error_message = "aws_region must look like eu-central-1, or be null."
  }
}

variable "aws_account_id" {
  description = "The one account that this environment may be deployed to. Null: any. Production must name it, and aws_region with it."
  type        = string
  default     = null

  validation {
    condition     = var.aws_account_id == null ? true : can(regex("^[0-9]{12}$", var.aws_account_id))
    error_message = "aws_account_id must be twelve digits in quotes, or null."
  }

  validation {
    condition     = var.environment != "prod" || (var.aws_account_id != null && var.aws_region != null)
    error_message = "prod must say aws_account_id and aws_region, so that no profile or variable can build a second production elsewhere."
  }
}

variable "tags" {
  description = "Tags for every resource, besides Project, Environment and ManagedBy."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setintersection([for name in keys(var.tags) : lower(name)], [for name in values(var.tag_names) : lower(name)])) == 0 && length(distinct([for name in keys(var.tags) : lower(name)])) == length(var.tags)
    error_message = "A tag has the name of another, or of one of tag_names, but for its case: IAM refuses such a pair, and the tools find an environment by those of tag_names."
  }
}

variable "tag_names" {
  description = "Names of the three tags by which the tools find an environment, where a company's rules ask for others, such as lower-case ones."
  type = object({
    project     = optional(string, "Project")
    environment = optional(string, "Environment")
    managed_by  = optional(string, "ManagedBy")
  })
  default  = {}
  nullable = false
}

variable "package_path" {
  description = "Path of the deployment package, from this folder. Default: where `make package` puts it."
  type        = string
  default     = "../dist/whatsapp_processor_deployment_package.zip"
  nullable    = false
}

variable "package_s3" {
  description = "Where the deployment package is in S3, instead of package_path."
  type        = any
  default     = null
}

variable "release" {
  description = "Release of the code, on every log line. `make deploy` sets it to what `git describe` says."
  type        = string
  default     = null
}

variable "secret_values" {
  description = "Secret name to its JSON. Write-only: pass it by TF_VAR_secret_values; neither plan nor state ever holds it."
  type        = map(string)
  default     = {}
  ephemeral   = true
  sensitive   = true
  nullable    = false
}

variable "names" {
  description = "Names in the place of the design's, for resources that are to keep the ones they have."
  type        = any
  default     = null
}

variable "existing" {
  description = "ARNs of resources that are used as they are, instead of being made."
  type        = any
  default     = null
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted, and `make destroy` refuses to start. Default: true."
  type        = bool
  default     = null
}

variable "customer_managed_key" {
  description = "Whether a KMS key of this account encrypts everything. Default: true."
  type        = bool
  default     = null
}

variable "keep_key" {
  description = "Whether the key stays although customer_managed_key is false. Default: true."
  type        = bool
  default     = null
}

variable "queue" {
  description = "The queue and its DLQ, who may send, and who may put messages back. Production must list its senders."
  type        = any
  default     = null

  validation {
    condition     = var.environment != "prod" || try(var.queue.senders, null) != null || try(var.existing.queue_arn, null) != null
    error_message = "prod must say queue.senders, the roles that put Context Objects on the queue: where they are not listed, everyone of the account with sqs:SendMessage speaks for every company."
  }
}

variable "table" {
  description = "The table's partition key, and its index for the engine's replies service."
  type        = any
  default     = null
}

variable "secret_name_prefix" {
  description = "Path that every secret's name begins with. Default: no path."
  type        = string
  default     = null
}

variable "twilio_secret_name" {
  description = "Last part of the name of each project's Twilio secret. Default: twilio."
  type        = string
  default     = null
}

variable "existing_secrets" {
  description = "Full names of secrets made elsewhere that the function may read too."
  type        = any
  default     = null
}

variable "companies" {
  description = "Company id to the ids of its projects; each project gets an empty Twilio secret."
  type        = any
  default     = null
}

variable "openai_keys" {
  description = "Names below openai-api-key/ of the empty OpenAI secrets to create. Default: whatsapp."
  type        = any
  default     = null
}

variable "secrets_need_environment_tag" {
  description = "Whether the function may read only secrets tagged with this environment. Default: false."
  type        = bool
  default     = null
}

variable "secret_key_arns" {
  description = "ARNs of the KMS keys behind secrets made elsewhere that the function reads."
  type        = any
  default     = null
}

variable "secret_recovery_days" {
  description = "Days a deleted secret can be restored. Default: 30."
  type        = number
  default     = null
}

variable "secret_value_versions" {
  description = "Secret name to a number that you raise to store a new value from secret_values."
  type        = any
  default     = null
}

variable "function" {
  description = "The Lambda function."
  type        = any
  default     = null
}

variable "function_settings" {
  description = "The function's own settings, each the environment variable of the same name in capitals."
  type        = any
  default     = null

  validation {
    condition     = var.environment != "prod" || try(var.function_settings.record_retention_days, null) != null
    error_message = "prod must say function_settings.record_retention_days: after how many days a conversation may be deleted, at least 30, or 0 to keep it for ever."
  }
}

variable "event_source" {
  description = "How the queue feeds the function."
  type        = any
  default     = null
}

variable "alerting" {
  description = "Who is told, and when."
  type        = any
  default     = null
}
