# One customer managed key for everything the stack stores.
#
# SQS, DynamoDB, Secrets Manager and Lambda use the key in the name of an IAM principal of this account: the function's
# role (its policy allows it) or whoever deploys. The first statement lets IAM decide about those. What follows names
# the callers that no IAM policy of this account can speak for, each tied to the one thing it may encrypt.

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  account_id = data.aws_caller_identity.this.account_id
  partition  = data.aws_partition.this.partition
  # The attribute is called `name` in provider 5 and `region` in 6, where `name` is deprecated.
  region_attributes = { for attribute, value in data.aws_region.this : attribute => value }
  region            = try(local.region_attributes["region"], local.region_attributes["name"])

  statements = concat(
    [
      {
        Sid       = "LetIamDecideInThisAccount"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "EncryptTheLogGroup"
        Effect    = "Allow"
        Principal = { Service = "logs.${local.region}.${data.aws_partition.this.dns_suffix}" }
        Action    = ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource  = "*"
        Condition = {
          ArnEquals = {
            "kms:EncryptionContext:aws:logs:arn" = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:${var.log_group_name}"
          }
        }
      },
      {
        Sid       = "LetAlarmsPublishToTheTopic"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = {
          StringEquals = {
            "kms:EncryptionContext:aws:sns:topicArn" = "arn:${local.partition}:sns:${local.region}:${local.account_id}:${var.topic_name}"
          }
        }
      },
    ],
    [
      for name, producer in var.producers : {
        Sid    = "LetSend${name}"
        Effect = "Allow"
        Principal = merge(
          length(producer.principals) == 0 ? {} : { AWS = sort(producer.principals) },
          length(producer.services) == 0 ? {} : { Service = sort(producer.services) },
        )
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = "*"
        Condition = merge(
          length(producer.source_arns) == 0 ? {} : { ArnLike = { "aws:SourceArn" = sort(producer.source_arns) } },
          producer.source_account == null ? {} : { StringEquals = { "aws:SourceAccount" = producer.source_account } },
          length(producer.services) > 0 ? {} : { StringLike = { "kms:ViaService" = "sqs.${local.region}.*" } },
        )
      }
    ],
  )
}

resource "aws_kms_key" "this" {
  description             = "Encrypts the WhatsApp channel processor: ${var.alias}"
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_window_days
  tags                    = var.tags
  policy                  = jsonencode({ Version = "2012-10-17", Statement = local.statements })

  # Terraform then deletes a key after everything that used it was changed, not before.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.alias}"
  target_key_id = aws_kms_key.this.key_id
}
