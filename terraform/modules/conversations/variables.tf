variable "name" {
  description = "Name of the table."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.name))
    error_message = "name takes 3 to 255 letters, digits, dots, hyphens and underscores."
  }
}

variable "partition_key" {
  description = "Partition key, which holds the recipient's number: recipient_tel, or primary_channel as in the engine's later schema. Another one replaces the table. Default: recipient_tel."
  type        = string
  default     = "recipient_tel"
  nullable    = false

  validation {
    condition     = contains(["recipient_tel", "primary_channel"], var.partition_key)
    error_message = "partition_key must be recipient_tel or primary_channel."
  }
}

variable "replies_index" {
  description = "Whether the table has the index company-whatsapp-number-recipient-tel-index, by which the engine's replies service finds conversations. Default: false."
  type        = bool
  default     = false
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether DynamoDB refuses to delete the table. Default: true."
  type        = bool
  default     = true
  nullable    = false
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the table. Null: DynamoDB's own key, which is free."
  type        = string
  default     = null
}
