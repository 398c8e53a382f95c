# One item per conversation. Only items that need a person carry `needs_attention`, so the index stays small and a
# list of them costs no scan.

locals {
  attention_index_name = "needs-attention-index"
  replies_index_name   = "company-whatsapp-number-recipient-tel-index"
  replies_index        = var.replies_index ? { hash = "gsi_company_whatsapp_number", range = "gsi_recipient_tel" } : {}

  own_attributes = concat([var.partition_key, "conversation_id", "needs_attention", "updated_at"], values(local.replies_index))
  index_keys     = merge([for index in var.indexes : merge({ (index.hash_key) = index.hash_type }, index.range_key == null ? {} : { (index.range_key) = index.range_type })]...)
}

resource "aws_dynamodb_table" "this" {
  #checkov:skip=CKV_AWS_119:The stack passes a key of the account unless it is told not to. Without one the block must say so, or a table would stay under a key that is about to go.
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = var.partition_key
  range_key                   = "conversation_id"
  deletion_protection_enabled = var.deletion_protection
  stream_enabled              = var.stream_view_type != null
  stream_view_type            = var.stream_view_type
  tags                        = var.tags

  attribute {
    name = var.partition_key
    type = "S"
  }

  attribute {
    name = "conversation_id"
    type = "S"
  }

  attribute {
    name = "needs_attention"
    type = "S"
  }

  attribute {
    name = "updated_at"
    type = "S"
  }

  dynamic "attribute" {
    for_each = local.replies_index
    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "attribute" {
    for_each = { for name, type in local.index_keys : name => type if !contains(local.own_attributes, name) }
    content {
      name = attribute.key
      type = attribute.value
    }
  }

  # hash_key and range_key are deprecated here late in provider 6, but 5.x and early 6.x know nothing else.
  global_secondary_index {
    name               = local.attention_index_name
    hash_key           = "needs_attention"
    range_key          = "updated_at"
    projection_type    = "INCLUDE"
    non_key_attributes = ["conversation_status", "last_error", "request_id", "company_id", "project_id"]
  }

  # How the service that continues conversations finds them, and what it reads of them; its key is always there.
  dynamic "global_secondary_index" {
    for_each = var.replies_index ? [true] : []
    content {
      name               = local.replies_index_name
      hash_key           = local.replies_index.hash
      range_key          = local.replies_index.range
      projection_type    = "INCLUDE"
      non_key_attributes = ["channel_config", "company_id", "conversation_status", "created_at", "project_id", "request_id"]
    }
  }

  dynamic "global_secondary_index" {
    for_each = var.indexes
    content {
      name               = global_secondary_index.key
      hash_key           = global_secondary_index.value.hash_key
      range_key          = global_secondary_index.value.range_key
      projection_type    = global_secondary_index.value.projection_type
      non_key_attributes = global_secondary_index.value.non_key_attributes
    }
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  # Always written: without the block, Terraform would leave a table encrypted with a key that is about to go.
  server_side_encryption {
    enabled     = var.kms_key_arn != null
    kms_key_arn = var.kms_key_arn
  }
}
