# The queue, its DLQ, and who may use them.
#
# The provider waits about 25 s for SQS to agree on each change of attributes. The two queues are therefore created
# side by side, and what ties them together side by side after them: two waits, not three.

resource "aws_sqs_queue" "this" {
  name                       = var.name
  tags                       = var.tags
  visibility_timeout_seconds = var.visibility_timeout_seconds
  message_retention_seconds  = var.message_retention_seconds
  max_message_size           = var.max_message_size
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn
}

resource "aws_sqs_queue" "dead_letter" {
  name                      = var.dead_letter_name
  tags                      = var.tags
  message_retention_seconds = var.dead_letter_retention_seconds
  max_message_size          = var.max_message_size
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn

  lifecycle {
    precondition {
      condition     = var.dead_letter_retention_seconds > var.message_retention_seconds
      error_message = "dead_letter_retention_seconds must exceed message_retention_seconds: a message keeps its first send time when it moves to the DLQ, so it could expire there before anyone has seen it."
    }
  }
}

resource "aws_sqs_queue_redrive_policy" "this" {
  queue_url = aws_sqs_queue.this.url
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = var.max_receive_count
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letter" {
  queue_url = aws_sqs_queue.dead_letter.url
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = concat([aws_sqs_queue.this.arn], sort(var.dead_letter_sources))
  })
}

locals {
  # What the function can work with: `make schema` writes the file from its settings.
  ranges = jsondecode(file("${path.module}/settings.json")).ranges

  deny_plain_http = {
    Sid       = "DenyPlainHttp"
    Effect    = "Deny"
    Principal = "*"
    Action    = "sqs:*"
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  }

  producer_statements = [
    for name, producer in var.producers : merge(
      {
        Sid    = name
        Effect = "Allow"
        Principal = merge(
          length(producer.principals) == 0 ? {} : { AWS = sort(producer.principals) },
          length(producer.services) == 0 ? {} : { Service = sort(producer.services) },
        )
        Action   = "sqs:SendMessage"
        Resource = aws_sqs_queue.this.arn
      },
      length(producer.source_arns) == 0 && producer.source_account == null ? {} : {
        Condition = merge(
          length(producer.source_arns) == 0 ? {} : { ArnLike = { "aws:SourceArn" = sort(producer.source_arns) } },
          producer.source_account == null ? {} : { StringEquals = { "aws:SourceAccount" = producer.source_account } },
        )
      },
    )
  ]

  queue_arn_parts = split(":", aws_sqs_queue.this.arn)
  iam             = "arn:${local.queue_arn_parts[1]}:iam:"

  # Who is behind a request, as aws:PrincipalArn says it: of a session its role, of an account anybody in it.
  listed = sort(distinct(concat(
    var.function_role_name == null ? [] : ["${local.iam}:${local.queue_arn_parts[4]}:role/${var.function_role_name}"],
    [
      for principal in setunion(coalesce(var.senders, []), var.operators, flatten([for producer in var.producers : producer.principals])) :
      can(regex("^[0-9]{12}$", principal)) ? "${local.iam}:${principal}:*" :
      can(regex(":root$", principal)) ? "${trimsuffix(principal, "root")}*" :
      can(regex(":assumed-role/", principal)) ? "${local.iam}:${split(":", principal)[4]}:role/${split("/", principal)[1]}" :
      principal
    ],
  )))

  # An explicit denial: whatever IAM in this account allows, no other principal speaks for the companies. Services have
  # no principal's ARN; those that may send are the producers above.
  deny_unlisted = {
    Sid       = "DenyUnlistedSenders"
    Effect    = "Deny"
    Principal = "*"
    Action    = "sqs:SendMessage"
    Resource  = aws_sqs_queue.this.arn
    Condition = {
      ArnNotLike = { "aws:PrincipalArn" = local.listed }
      Bool       = { "aws:PrincipalIsAWSService" = "false" }
    }
  }

  statements = concat(
    var.senders == null ? [] : [local.deny_unlisted],
    var.require_tls ? [merge(local.deny_plain_http, { Resource = aws_sqs_queue.this.arn })] : [],
    local.producer_statements,
    [for statement in var.statements : jsondecode(statement)],
  )

  dead_letter_statements = concat(
    var.require_tls ? [merge(local.deny_plain_http, { Resource = aws_sqs_queue.dead_letter.arn })] : [],
    [for statement in var.dead_letter_statements : jsondecode(statement)],
  )
}

resource "aws_sqs_queue_policy" "this" {
  count = var.require_tls || length(var.producers) > 0 || length(var.statements) > 0 || var.senders != null ? 1 : 0

  queue_url = aws_sqs_queue.this.url
  policy    = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}

resource "aws_sqs_queue_policy" "dead_letter" {
  count = var.require_tls || length(var.dead_letter_statements) > 0 ? 1 : 0

  queue_url = aws_sqs_queue.dead_letter.url
  policy    = jsonencode({ Version = "2012-10-17", Statement = local.dead_letter_statements })
}
