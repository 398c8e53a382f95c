mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  # `name` is what provider 5 answers, `region` what 6 does; the other is ignored.
  mock_data "aws_region" {
    defaults = { name = "eu-central-1", region = "eu-central-1" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:111122223333:key/k", key_id = "k" }
  }
}

variables {
  alias          = "whatsapp-channel-processor-dev"
  log_group_name = "/aws/lambda/whatsapp-channel-processor-dev"
  topic_name     = "ai-comms-critical-alerts-dev"
}

run "the_key_rotates_and_can_be_restored" {
  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "Rotation and the longest time to change one's mind."
  }
  assert {
    condition     = aws_kms_alias.this.name == "alias/whatsapp-channel-processor-dev"
    error_message = "People find the key by its alias."
  }
}

run "iam_of_the_account_decides_about_its_own_principals" {
  assert {
    condition     = [for statement in jsondecode(aws_kms_key.this.policy).Statement : statement.Principal.AWS if statement.Sid == "LetIamDecideInThisAccount"] == ["arn:aws:iam::111122223333:root"]
    error_message = "Without this statement the key could become unmanageable."
  }
}

run "logs_may_encrypt_this_log_group_only" {
  assert {
    condition = [for statement in jsondecode(aws_kms_key.this.policy).Statement : [statement.Principal.Service, statement.Condition.ArnEquals["kms:EncryptionContext:aws:logs:arn"]] if statement.Sid == "EncryptTheLogGroup"] == [
      ["logs.eu-central-1.amazonaws.com", "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/whatsapp-channel-processor-dev"]
    ]
    error_message = "CloudWatch Logs uses the key through its regional principal, for our log group."
  }
}

run "alarms_may_publish_to_the_encrypted_topic_only" {
  assert {
    condition = [for statement in jsondecode(aws_kms_key.this.policy).Statement : [statement.Principal.Service, statement.Action, statement.Condition.StringEquals["kms:EncryptionContext:aws:sns:topicArn"]] if statement.Sid == "LetAlarmsPublishToTheTopic"] == [
      ["cloudwatch.amazonaws.com", ["kms:Decrypt", "kms:GenerateDataKey*"], "arn:aws:sns:eu-central-1:111122223333:ai-comms-critical-alerts-dev"]
    ]
    error_message = "Without this grant alarms change state and tell nobody."
  }
}

run "only_the_account_logs_and_alarms_are_granted_by_default" {
  assert {
    condition     = toset([for statement in jsondecode(aws_kms_key.this.policy).Statement : statement.Sid]) == toset(["LetIamDecideInThisAccount", "EncryptTheLogGroup", "LetAlarmsPublishToTheTopic"])
    error_message = "Nobody else needs the key."
  }
}

run "producers_may_encrypt_what_they_send" {
  variables {
    producers = {
      Router = { principals = ["444455556666"] }
      Rules  = { services = ["events.amazonaws.com"], source_account = "111122223333" }
    }
  }
  assert {
    condition = { for statement in jsondecode(aws_kms_key.this.policy).Statement : statement.Sid => { Principal = statement.Principal, Action = statement.Action, Condition = statement.Condition } if startswith(statement.Sid, "LetSend") } == {
      LetSendRouter = {
        Principal = { AWS = ["444455556666"] }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Condition = { StringLike = { "kms:ViaService" = "sqs.eu-central-1.*" } }
      }
      LetSendRules = {
        Principal = { Service = ["events.amazonaws.com"] }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Condition = { StringEquals = { "aws:SourceAccount" = "111122223333" } }
      }
    }
    error_message = "A producer needs a data key to send to an encrypted queue, through SQS or for its own sources only."
  }
}

run "an_alias_kms_refuses_is_refused_here" {
  command = plan
  variables {
    alias                = "aws/mine"
    deletion_window_days = 6
  }
  expect_failures = [var.alias, var.deletion_window_days]
}

run "a_deletion_window_above_thirty_days_is_refused" {
  command = plan
  variables {
    deletion_window_days = 31
  }
  expect_failures = [var.deletion_window_days]
}

run "the_example_works" {
  module {
    source = "./examples/basic"
  }
}
