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

variable "tags" {
  description = "Tags for the table, besides the provider's default_tags. Default: none."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "indexes" {
  description = <<-EOT
    Global indexes besides ours, by name, that others made and read: the attributes of their keys with their types (S, N or
    B), and what they project. Default: none.
  EOT
  type = map(object({
    hash_key           = string
    hash_type          = optional(string, "S")
    range_key          = optional(string)
    range_type         = optional(string, "S")
    projection_type    = optional(string, "ALL")
    non_key_attributes = optional(list(string))
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for index in var.indexes : contains(["S", "N", "B"], index.hash_type) && contains(["S", "N", "B"], index.range_type) && contains(["ALL", "INCLUDE", "KEYS_ONLY"], index.projection_type)])
    error_message = "An index has keys of the types S, N or B and projects ALL, INCLUDE or KEYS_ONLY."
  }

  validation {
    condition     = length(setintersection(keys(var.indexes), ["needs-attention-index", "company-whatsapp-number-recipient-tel-index"])) == 0
    error_message = "indexes are those besides ours: needs-attention-index is always there, replies_index makes company-whatsapp-number-recipient-tel-index."
  }
}

variable "stream_view_type" {
  description = "What the table's stream shows of each change: KEYS_ONLY, NEW_IMAGE, OLD_IMAGE or NEW_AND_OLD_IMAGES. Null: no stream."
  type        = string
  default     = null

  validation {
    condition     = var.stream_view_type == null ? true : contains(["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"], var.stream_view_type)
    error_message = "stream_view_type must be KEYS_ONLY, NEW_IMAGE, OLD_IMAGE or NEW_AND_OLD_IMAGES, or null."
  }
}
