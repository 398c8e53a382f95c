mock_provider "aws" {
  mock_resource "aws_sqs_queue" {
    defaults = {
      arn = "arn:aws:sqs:eu-central-1:111122223333:queue"
      url = "https://sqs.eu-central-1.amazonaws.com/111122223333/queue"
    }
  }
}

variables {
  name             = "queue"
  dead_letter_name = "dlq"
}

run "a_failed_message_comes_three_times_and_then_stays_in_the_dlq_for_two_weeks" {
  assert {
    condition     = jsondecode(aws_sqs_queue_redrive_policy.this.redrive_policy) == { deadLetterTargetArn = aws_sqs_queue.dead_letter.arn, maxReceiveCount = 3 }
    error_message = "Without this redrive policy a poison message would come back until it expires."
  }
  assert {
    condition     = aws_sqs_queue_redrive_policy.this.queue_url == aws_sqs_queue.this.url
    error_message = "The redrive policy belongs on the queue, not on the DLQ."
  }
  assert {
    condition     = aws_sqs_queue.dead_letter.message_retention_seconds == 1209600
    error_message = "The DLQ must keep messages as long as SQS can, so that someone finds them."
  }
  assert {
    condition     = aws_sqs_queue.this.visibility_timeout_seconds == 360
    error_message = "The design's visibility timeout is 360 s."
  }
}

run "a_message_is_at_most_256_kib" {
  assert {
    condition     = aws_sqs_queue.this.max_message_size == 262144 && aws_sqs_queue.dead_letter.max_message_size == 262144
    error_message = "SQS takes 1 MiB where nothing is said. The function refuses bodies over 255 KiB, so the sender should hear of it at once."
  }
}

run "only_the_queue_may_use_the_dlq" {
  assert {
    condition     = jsondecode(aws_sqs_queue_redrive_allow_policy.dead_letter.redrive_allow_policy) == { redrivePermission = "byQueue", sourceQueueArns = [aws_sqs_queue.this.arn] }
    error_message = "Any other queue could fill the DLQ and set off its alarm."
  }
}

run "both_queues_refuse_plain_http" {
  assert {
    condition     = alltrue([for policy in [aws_sqs_queue_policy.this[0].policy, aws_sqs_queue_policy.dead_letter[0].policy] : length([for statement in jsondecode(policy).Statement : statement if statement.Effect == "Deny" && statement.Action == "sqs:*" && statement.Condition.Bool["aws:SecureTransport"] == "false"]) == 1])
    error_message = "Context Objects hold phone numbers and names: they travel by TLS or not at all."
  }
}

run "an_emulator_without_tls_can_be_used" {
  variables {
    require_tls = false
  }
  assert {
    condition     = length(aws_sqs_queue_policy.this) == 0 && length(aws_sqs_queue_policy.dead_letter) == 0
    error_message = "An emulator that enforces policies would lock everyone out."
  }
}

run "nobody_is_let_in_by_default" {
  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue_policy.this[0].policy).Statement : statement.Sid if statement.Effect == "Allow"] == []
    error_message = "Who may send is the account's IAM and what the caller lists, nobody else."
  }
}

run "a_producer_may_send_and_nothing_else" {
  variables {
    producers = {
      Router = { principals = ["arn:aws:iam::444455556666:role/router"] }
      Rules  = { services = ["events.amazonaws.com"], source_arns = ["arn:aws:events:eu-central-1:111122223333:rule/open"], source_account = "111122223333" }
    }
  }
  assert {
    condition = { for statement in jsondecode(aws_sqs_queue_policy.this[0].policy).Statement : statement.Sid => statement if statement.Effect == "Allow" } == {
      Router = {
        Sid       = "Router"
        Effect    = "Allow"
        Principal = { AWS = ["arn:aws:iam::444455556666:role/router"] }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.this.arn
      }
      Rules = {
        Sid       = "Rules"
        Effect    = "Allow"
        Principal = { Service = ["events.amazonaws.com"] }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.this.arn
        Condition = {
          ArnLike      = { "aws:SourceArn" = ["arn:aws:events:eu-central-1:111122223333:rule/open"] }
          StringEquals = { "aws:SourceAccount" = "111122223333" }
        }
      }
    }
    error_message = "A producer gets sqs:SendMessage on the queue, a service only for the sources named."
  }
}

run "queues_are_encrypted_without_a_key_of_ours" {
  assert {
    condition     = aws_sqs_queue.this.sqs_managed_sse_enabled && aws_sqs_queue.dead_letter.sqs_managed_sse_enabled
    error_message = "Encryption must not depend on a customer managed key."
  }
}

run "a_key_of_ours_encrypts_both_queues" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/k"
  }
  assert {
    condition     = aws_sqs_queue.this.kms_master_key_id == var.kms_key_arn && aws_sqs_queue.dead_letter.kms_master_key_id == var.kms_key_arn
    error_message = "A DLQ with another key would leave the given-up messages outside the key's policy."
  }
}

run "the_dlq_outlives_the_queue" {
  command = plan
  variables {
    message_retention_seconds     = 1209600
    dead_letter_retention_seconds = 1209600
  }
  expect_failures = [aws_sqs_queue.dead_letter]
}

run "values_below_their_range_are_refused" {
  command = plan
  variables {
    name                          = ""
    dead_letter_name              = ""
    visibility_timeout_seconds    = 3
    message_retention_seconds     = 59
    dead_letter_retention_seconds = 59
    max_receive_count             = 2
  }
  expect_failures = [var.name, var.dead_letter_name, var.visibility_timeout_seconds, var.message_retention_seconds, var.dead_letter_retention_seconds, var.max_receive_count]
}

run "values_above_their_range_are_refused" {
  command = plan
  variables {
    name                          = "queue.fifo"
    dead_letter_name              = "dlq.fifo"
    visibility_timeout_seconds    = 42301
    message_retention_seconds     = 1209601
    dead_letter_retention_seconds = 1209601
    max_receive_count             = 1001
  }
  expect_failures = [var.name, var.dead_letter_name, var.visibility_timeout_seconds, var.message_retention_seconds, var.dead_letter_retention_seconds, var.max_receive_count]
}

run "fractions_are_refused" {
  command = plan
  variables {
    visibility_timeout_seconds    = 4.5
    message_retention_seconds     = 60.5
    dead_letter_retention_seconds = 1000.5
    max_receive_count             = 3.5
  }
  expect_failures = [var.visibility_timeout_seconds, var.message_retention_seconds, var.dead_letter_retention_seconds, var.max_receive_count]
}

run "a_producer_cannot_be_everybody" {
  command = plan
  variables {
    producers = { Anyone = { principals = ["*"] } }
  }
  expect_failures = [var.producers]
}

run "a_service_without_a_source_is_refused" {
  command = plan
  variables {
    producers = { Rules = { services = ["events.amazonaws.com"] } }
  }
  expect_failures = [var.producers]
}

run "a_producer_without_a_principal_is_refused" {
  command = plan
  variables {
    producers = { Nobody = {} }
  }
  expect_failures = [var.producers]
}

run "a_producer_needs_a_name_that_is_a_sid" {
  command = plan
  variables {
    producers = { "the-router" = { principals = ["444455556666"] } }
  }
  expect_failures = [var.producers]
}

run "the_example_works" {
  module {
    source = "./examples/basic"
  }
}

run "a_smaller_message_can_be_asked_for" {
  variables {
    max_message_size = 65536
  }
  assert {
    condition     = aws_sqs_queue.this.max_message_size == 65536 && aws_sqs_queue.dead_letter.max_message_size == 65536
    error_message = "The DLQ must take whatever the queue took."
  }
}

run "a_message_larger_than_the_function_takes_is_refused_at_the_sender" {
  command = plan
  variables {
    max_message_size = 1048576
  }
  expect_failures = [var.max_message_size]
}

run "sqs_takes_no_limit_below_1024_bytes" {
  command = plan
  variables {
    max_message_size = 1000
  }
  expect_failures = [var.max_message_size]
}

# Who may send

run "nobody_is_denied_where_senders_are_not_listed" {
  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue_policy.this[0].policy).Statement : statement.Sid if statement.Effect == "Deny"] == ["DenyPlainHttp"]
    error_message = "Whoever IAM allows may send: a stack of before goes on as it was."
  }
}

run "where_senders_are_listed_nobody_else_may_send" {
  variables {
    senders            = ["arn:aws:iam::111122223333:role/router"]
    operators          = ["arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Ops_*", "arn:aws:sts::111122223333:assumed-role/ops/ana"]
    function_role_name = "processor"
    producers = {
      Neighbour = { principals = ["444455556666"] }
      Partner   = { principals = ["arn:aws:iam::777788889999:root"] }
      Rules     = { services = ["events.amazonaws.com"], source_account = "111122223333" }
    }
  }
  assert {
    condition = [for statement in jsondecode(aws_sqs_queue_policy.this[0].policy).Statement : statement if statement.Sid == "DenyUnlistedSenders"] == [{
      Sid       = "DenyUnlistedSenders"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.this.arn
      Condition = {
        ArnNotLike = {
          "aws:PrincipalArn" = [
            "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Ops_*",
            "arn:aws:iam::111122223333:role/ops",
            "arn:aws:iam::111122223333:role/processor",
            "arn:aws:iam::111122223333:role/router",
            "arn:aws:iam::444455556666:*",
            "arn:aws:iam::777788889999:*",
          ]
        }
        Bool = { "aws:PrincipalIsAWSService" = "false" }
      }
    }]
    error_message = "An explicit denial of everybody but the listed, the function's own role and operators: it beats whatever IAM allows."
  }
}

run "an_empty_list_leaves_the_function_alone" {
  variables {
    senders            = []
    function_role_name = "processor"
    require_tls        = false
  }
  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue_policy.this[0].policy).Statement : statement.Condition.ArnNotLike["aws:PrincipalArn"]] == [["arn:aws:iam::111122223333:role/processor"]]
    error_message = "A list with nobody in it is a list."
  }
}

run "everyone_is_no_sender" {
  command = plan
  variables {
    senders = ["*"]
  }
  expect_failures = [var.senders]
}

run "every_principal_of_every_account_is_no_sender" {
  command = plan
  variables {
    senders = ["arn:aws:iam::*:role/router"]
  }
  expect_failures = [var.senders]
}

run "a_whole_account_is_no_sender" {
  command = plan
  variables {
    senders = ["arn:aws:iam::111122223333:*"]
  }
  expect_failures = [var.senders]
}

run "everyone_is_no_operator" {
  command = plan
  variables {
    operators = ["arn:aws:iam::111122223333:*"]
  }
  expect_failures = [var.operators]
}

run "what_others_were_allowed_before_stays" {
  variables {
    statements             = ["{\"Sid\":\"Peek\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"111122223333\"},\"Action\":\"sqs:ReceiveMessage\",\"Resource\":\"*\"}"]
    dead_letter_statements = ["{\"Sid\":\"Drain\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"111122223333\"},\"Action\":\"sqs:DeleteMessage\",\"Resource\":\"*\"}"]
    dead_letter_sources    = ["arn:aws:sqs:eu-central-1:111122223333:neighbour"]
  }
  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue_policy.this[0].policy).Statement : statement.Sid] == ["DenyPlainHttp", "Peek"]
    error_message = "Statements are added, word for word."
  }
  assert {
    condition     = [for statement in jsondecode(aws_sqs_queue_policy.dead_letter[0].policy).Statement : statement.Sid] == ["DenyPlainHttp", "Drain"]
    error_message = "The DLQ's too."
  }
  assert {
    condition     = jsondecode(aws_sqs_queue_redrive_allow_policy.dead_letter.redrive_allow_policy).sourceQueueArns == [aws_sqs_queue.this.arn, "arn:aws:sqs:eu-central-1:111122223333:neighbour"]
    error_message = "Another queue must not lose its way to the DLQ."
  }
}

run "a_statement_is_one" {
  command = plan
  variables {
    statements = ["[]"]
  }
  expect_failures = [var.statements]
}

run "a_statement_of_the_dlq_is_one" {
  command = plan
  variables {
    dead_letter_statements = ["nothing"]
  }
  expect_failures = [var.dead_letter_statements]
}

run "a_source_of_the_dlq_is_a_queue" {
  command = plan
  variables {
    dead_letter_sources = ["neighbour"]
  }
  expect_failures = [var.dead_letter_sources]
}
