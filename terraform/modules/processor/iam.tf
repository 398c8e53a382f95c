# What the function may do: one statement a capability, nothing it does not call.

data "aws_partition" "this" {}

locals {
  queue_arn_parts = split(":", var.queue_arn)
  secret_arn      = "arn:${local.queue_arn_parts[1]}:secretsmanager:${local.queue_arn_parts[3]}:${local.queue_arn_parts[4]}:secret"

  usable_key_arn = var.usable_key_arn == null ? var.kms_key_arn : var.usable_key_arn

  # Secrets Manager adds a hyphen and six characters to a name. Patterns only for a kind of which no name is known, and
  # only below a prefix: without one they would open every secret of the account that has such a segment.
  secret_prefix = var.secret_name_prefix == "" ? "" : "${trimsuffix(var.secret_name_prefix, "/")}/"
  secret_kinds  = ["openai-api-key", "whatsapp-credentials"]
  unnamed_kinds = [for kind in local.secret_kinds : kind if !anytrue([for name in var.secret_names : contains(split("/", name), kind)])]
  secret_arns = concat(
    [for name in sort(distinct(var.secret_names)) : "${local.secret_arn}:${name}-??????"],
    local.secret_prefix == "" ? [] : flatten([
      for kind in local.unnamed_kinds : ["${local.secret_arn}:${local.secret_prefix}${kind}/*", "${local.secret_arn}:${local.secret_prefix}*/${kind}/*"]
    ]),
  )

  capabilities = merge(
    {
      WriteLog = {
        actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
      }
      # Lambda's poller acts in the name of this role; the heartbeat changes visibility, in batches too.
      ReceiveMessages = {
        actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        resources = [var.queue_arn]
      }
      # Query only to ask which SIDs the other conversations of a recipient hold, never on the happy path.
      KeepConversations = {
        actions   = ["dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
        resources = [var.table_arn]
      }
      ReadSecrets = {
        actions   = ["secretsmanager:GetSecretValue"]
        resources = local.secret_arns
      }
    },
    local.postpones ? {
      PostponeMessages = {
        actions   = ["sqs:SendMessage"]
        resources = [var.queue_arn]
      }
    } : {},
    local.postpones && local.usable_key_arn != null ? {
      EncryptMessagesWithKey = {
        actions   = ["kms:GenerateDataKey"]
        resources = [local.usable_key_arn]
      }
    } : {},
    # Lambda makes and deletes the interfaces in the name of this role; EC2 names no resource before they exist.
    var.vpc == null ? {} : {
      MakeInterfaces = {
        actions   = ["ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"]
        resources = ["*"]
      }
    },
    var.tracing ? {
      # X-Ray has no resources to name.
      SendTraces = {
        actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        resources = ["*"]
      }
    } : {},
    local.usable_key_arn == null ? {} : {
      # Messages, items, secrets and the function's own environment.
      DecryptWithKey = {
        actions   = ["kms:Decrypt"]
        resources = [local.usable_key_arn]
      }
      EncryptItemsWithKey = {
        actions   = ["kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        resources = [local.usable_key_arn]
      }
    },
    length(var.secret_key_arns) == 0 ? {} : {
      DecryptSecretsMadeElsewhere = {
        actions   = ["kms:Decrypt"]
        resources = [for arn in sort(var.secret_key_arns) : arn]
      }
    },
  )

  conditions = merge(
    {
      # Whoever steals the role's credentials can't use the key by itself.
      DecryptWithKey              = { StringEquals = { "kms:ViaService" = [for service in ["dynamodb", "lambda", "secretsmanager", "sqs"] : "${service}.${local.queue_arn_parts[3]}.${data.aws_partition.this.dns_suffix}"] } }
      EncryptItemsWithKey         = { StringEquals = { "kms:ViaService" = "dynamodb.${local.queue_arn_parts[3]}.${data.aws_partition.this.dns_suffix}" } }
      EncryptMessagesWithKey      = { StringEquals = { "kms:ViaService" = "sqs.${local.queue_arn_parts[3]}.${data.aws_partition.this.dns_suffix}" } }
      DecryptSecretsMadeElsewhere = { StringEquals = { "kms:ViaService" = "secretsmanager.${local.queue_arn_parts[3]}.${data.aws_partition.this.dns_suffix}" } }
    },
    var.secret_environment_tag == null ? {} : {
      ReadSecrets = { StringEquals = { "aws:ResourceTag/Environment" = var.secret_environment_tag } }
    },
  )

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for sid, capability in local.capabilities : merge(
        {
          Sid      = sid
          Effect   = "Allow"
          Action   = capability.actions
          Resource = capability.resources
        },
        contains(keys(local.conditions), sid) ? { Condition = local.conditions[sid] } : {},
      )
    ]
  })
}

resource "aws_iam_role" "this" {
  name                 = var.role_name
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary_arn
  description          = "Execution role of ${var.function_name}."
  tags                 = var.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "LetLambdaRunTheFunction"
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name   = "process-whatsapp-messages"
  role   = aws_iam_role.this.name
  policy = local.policy
}
