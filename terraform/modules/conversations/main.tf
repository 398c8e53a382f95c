# One item per conversation. Only items that need a person carry `needs_attention`, so the index stays small and a
# list of them costs no scan.

locals {
  attention_index_name = "needs-attention-index"
}

resource "aws_dynamodb_table" "this" {
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "recipient_tel"
  range_key                   = "conversation_id"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "recipient_tel"
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

  # hash_key and range_key are deprecated here late in provider 6, but 5.x and early 6.x know nothing else.
  global_secondary_index {
    name               = local.attention_index_name
    hash_key           = "needs_attention"
    range_key          = "updated_at"
    projection_type    = "INCLUDE"
    non_key_attributes = ["conversation_status", "last_error", "request_id", "company_id", "project_id"]
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  dynamic "server_side_encryption" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]
    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value
    }
  }
}
