mock_provider "aws" {
  mock_resource "aws_dynamodb_table" {
    defaults = {
      arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/conversations-dev"
    }
  }
}

variables {
  name = "conversations-dev"
}

run "a_conversation_is_found_by_recipient_and_id" {
  assert {
    condition     = aws_dynamodb_table.this.hash_key == "recipient_tel" && aws_dynamodb_table.this.range_key == "conversation_id"
    error_message = "The function claims a conversation by this key; another key would let it be claimed twice."
  }
  assert {
    condition     = { for attribute in aws_dynamodb_table.this.attribute : attribute.name => attribute.type } == { recipient_tel = "S", conversation_id = "S", needs_attention = "S", updated_at = "S" }
    error_message = "Keys of table and index are strings."
  }
  assert {
    condition     = aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST"
    error_message = "On demand: no capacity to guess, nothing to pay at rest."
  }
}

run "what_needs_a_person_is_listed_by_a_sparse_index" {
  assert {
    condition = [for index in aws_dynamodb_table.this.global_secondary_index : [index.name, index.hash_key, index.range_key, index.projection_type, join(" ", sort(index.non_key_attributes))]] == [
      ["needs-attention-index", "needs_attention", "updated_at", "INCLUDE", "company_id conversation_status last_error project_id request_id"]
    ]
    error_message = "The command-line tool lists these attributes from this index, oldest first; message text must not be copied into it."
  }
  assert {
    condition     = output.attention_index_name == "needs-attention-index"
    error_message = "The output names the index."
  }
}

run "data_can_be_restored_and_is_not_deleted_by_accident" {
  assert {
    condition     = aws_dynamodb_table.this.point_in_time_recovery[0].enabled && aws_dynamodb_table.this.deletion_protection_enabled
    error_message = "Safe by default: point-in-time recovery and deletion protection."
  }
  assert {
    condition     = aws_dynamodb_table.this.ttl[0].enabled && aws_dynamodb_table.this.ttl[0].attribute_name == "expires_at"
    error_message = "Items with expires_at disappear by themselves."
  }
}

run "without_a_key_of_ours_dynamodb_encrypts_with_its_own" {
  assert {
    condition     = length(aws_dynamodb_table.this.server_side_encryption) == 1 && !aws_dynamodb_table.this.server_side_encryption[0].enabled
    error_message = "Left unsaid, a table stays under a key that is about to go; enabled without a key, it costs a call of aws/dynamodb per request."
  }
}

run "a_key_of_ours_encrypts_the_table" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/k"
  }
  assert {
    condition     = aws_dynamodb_table.this.server_side_encryption[0].enabled && aws_dynamodb_table.this.server_side_encryption[0].kms_key_arn == var.kms_key_arn
    error_message = "The table holds names, numbers and messages."
  }
}

run "protection_can_be_lifted" {
  variables {
    deletion_protection = false
  }
  assert {
    condition     = !aws_dynamodb_table.this.deletion_protection_enabled
    error_message = "Development environments come and go."
  }
}

run "a_name_dynamodb_refuses_is_refused_here" {
  command = plan
  variables {
    name = "a b"
  }
  expect_failures = [var.name]
}

run "the_example_works" {
  module {
    source = "./examples/basic"
  }
}

run "the_engines_later_key_can_be_asked_for" {
  variables {
    partition_key = "primary_channel"
  }
  assert {
    condition     = aws_dynamodb_table.this.hash_key == "primary_channel" && aws_dynamodb_table.this.range_key == "conversation_id"
    error_message = "The engine's later schema calls the recipient's number primary_channel."
  }
}

run "no_other_key_is_known_to_the_function" {
  command = plan
  variables {
    partition_key = "phone"
  }
  expect_failures = [var.partition_key]
}

run "the_replies_service_finds_conversations_where_its_index_is_asked_for" {
  variables {
    replies_index = true
  }
  assert {
    condition = [for index in aws_dynamodb_table.this.global_secondary_index : [index.hash_key, index.range_key, index.projection_type, contains(index.non_key_attributes, "channel_config"), contains(index.non_key_attributes, "created_at")] if index.name == "company-whatsapp-number-recipient-tel-index"] == [
      ["gsi_company_whatsapp_number", "gsi_recipient_tel", "INCLUDE", true, true]
    ]
    error_message = "The index has the name, the keys and the projection that the service reads."
  }
}

run "indexes_and_a_stream_of_others_stay" {
  variables {
    indexes          = { by-number = { hash_key = "channel", range_key = "sequence", range_type = "N", projection_type = "KEYS_ONLY" }, by-key = { hash_key = "conversation_id" } }
    stream_view_type = "NEW_IMAGE"
  }
  assert {
    condition     = toset([for index in aws_dynamodb_table.this.global_secondary_index : index.name]) == toset(["needs-attention-index", "by-number", "by-key"])
    error_message = "An index that somebody reads must not be dropped."
  }
  assert {
    condition     = { for attribute in aws_dynamodb_table.this.attribute : attribute.name => attribute.type } == { recipient_tel = "S", conversation_id = "S", needs_attention = "S", updated_at = "S", channel = "S", sequence = "N" }
    error_message = "Every key of an index is an attribute, and each once."
  }
  assert {
    condition     = aws_dynamodb_table.this.stream_enabled && aws_dynamodb_table.this.stream_view_type == "NEW_IMAGE"
    error_message = "A stream that somebody reads must not end."
  }
}

run "an_index_has_keys_of_a_type" {
  command = plan
  variables {
    indexes = { other = { hash_key = "a", hash_type = "BOOL" } }
  }
  expect_failures = [var.indexes]
}

run "our_own_indexes_are_ours" {
  command = plan
  variables {
    indexes = { needs-attention-index = { hash_key = "needs_attention" } }
  }
  expect_failures = [var.indexes]
}

run "a_stream_shows_what_dynamodb_can_show" {
  command = plan
  variables {
    stream_view_type = "ALL"
  }
  expect_failures = [var.stream_view_type]
}
