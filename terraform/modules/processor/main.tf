# The function, its log group, and the queue that feeds it. The role is in iam.tf.

locals {
  # Ranges, choices, patterns and defaults of the function's settings: `make schema` writes the file from the model that
  # parses them.
  rules     = jsondecode(file("${path.module}/settings.json"))
  effective = { for name, default in local.rules.defaults : name => try(coalesce(var.settings[name], default), default) }

  # patience_seconds = 0 turns all waiting in the queue off; where Twilio reports each message's fate, nobody has to ask.
  watches                = var.settings.patience_seconds > 0 && var.settings.twilio_status_callback_url == null
  delivery_watch_seconds = coalesce(var.settings.delivery_watch_seconds, local.watches ? 3600 : 0)

  # Whether messages wait in the queue: the function puts them there.
  postpones = var.settings.patience_seconds > 0 || local.delivery_watch_seconds > 0

  # A send must fit between two renewals of the lease, which ends safety_margin_seconds before the visibility timeout.
  lease_needs_seconds = local.effective.safety_margin_seconds + local.effective.heartbeat_interval_seconds + local.effective.twilio_timeout_seconds + local.rules.seconds.clock_skew

  # Settings.min_timeout_seconds of lambda/utils/settings.py.
  timeout_needs_seconds = local.effective.safety_margin_seconds + local.effective.twilio_timeout_seconds + local.rules.seconds.min_work

  environment_variables = merge(
    {
      (var.table_name_variable)  = var.table_name
      WHATSAPP_QUEUE_URL         = var.queue_url
      METRICS_NAMESPACE          = var.metrics_namespace
      VISIBILITY_TIMEOUT_SECONDS = tostring(var.queue_visibility_timeout_seconds)
      MAX_RECEIVE_COUNT          = tostring(var.queue_max_receive_count)
      VERSION                    = var.release
      DELIVERY_WATCH_SECONDS     = tostring(local.delivery_watch_seconds)
      OUTGOING_LINKS             = coalesce(var.settings.openai_api, "responses") == "assistants" ? "any" : "given"
    },
    var.table_partition_key == "recipient_tel" ? {} : {
      CONVERSATIONS_PARTITION_KEY = var.table_partition_key
    },
    var.secret_name_prefix == "" ? {} : {
      SECRET_NAME_PREFIX = var.secret_name_prefix
    },
    { for name, value in var.settings : upper(name) => tostring(value) if value != null },
  )
}

resource "aws_cloudwatch_log_group" "this" {
  name              = coalesce(var.log_group_name, "/aws/lambda/${var.function_name}")
  retention_in_days = var.log_retention_days
  tags              = var.tags
  kms_key_id        = var.kms_key_arn
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:Optional (tracing): the logs carry the ids of every step, and X-Ray samples, so it misses the one conversation you look for.
  #checkov:skip=CKV_AWS_116:A function's own DLQ serves asynchronous calls only; this one is fed by a queue, which has a DLQ.
  #checkov:skip=CKV_AWS_117:Optional (vpc): it talks to AWS, OpenAI and Twilio over public TLS endpoints, so a VPC adds NAT cost and protects nothing by itself.
  function_name     = var.function_name
  description       = "Opens WhatsApp conversations from the queue: OpenAI writes, Twilio sends, DynamoDB remembers."
  role              = aws_iam_role.this.arn
  filename          = var.package_path
  s3_bucket         = try(var.package_s3.bucket, null)
  s3_key            = try(var.package_s3.key, null)
  s3_object_version = try(var.package_s3.version, null)
  source_code_hash  = var.package_path == null ? try(var.package_s3.sha256, null) : fileexists(var.package_path) ? filebase64sha256(var.package_path) : null
  layers            = var.layers
  handler           = "index.lambda_handler"
  tags              = var.tags
  runtime           = var.runtime
  architectures     = [var.architecture]
  memory_size       = var.memory_mb
  timeout           = var.timeout_seconds
  publish           = var.alias_name != null
  kms_key_arn       = var.kms_key_arn

  reserved_concurrent_executions = var.reserved_concurrency
  code_signing_config_arn        = var.code_signing_config_arn

  environment {
    variables = local.environment_variables
  }

  # The function prints one JSON object a line. With "JSON" Lambda would filter those lines a second time, by its own
  # level names and time format; LOG_LEVEL alone decides.
  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  dynamic "vpc_config" {
    for_each = var.vpc == null ? [] : [var.vpc]
    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  dynamic "snap_start" {
    for_each = var.snap_start ? [true] : []
    content {
      apply_on = "PublishedVersions"
    }
  }

  # So that the first run can write its log and read its secrets.
  depends_on = [aws_iam_role_policy.this]

  lifecycle {
    precondition {
      condition     = (var.package_path == null) != (var.package_s3 == null)
      error_message = "Where the package is must be said once: by package_path, or by package_s3."
    }
    precondition {
      condition     = var.package_path == null ? true : fileexists(var.package_path)
      error_message = "There is no deployment package at ${coalesce(var.package_path, "package_path")}: build it with `make package`, or set package_path."
    }
    precondition {
      condition     = var.timeout_seconds >= local.timeout_needs_seconds
      error_message = "timeout_seconds must be at least safety_margin_seconds + twilio_timeout_seconds + ${local.rules.seconds.min_work} (${local.timeout_needs_seconds} s): in less, no message can be sent, and the function refuses to start."
    }
    precondition {
      condition     = local.effective.reconcile_after_seconds >= local.effective.twilio_timeout_seconds + local.effective.twilio_list_lag_seconds
      error_message = "reconcile_after_seconds must be at least twilio_timeout_seconds + twilio_list_lag_seconds: before that, Twilio may not list a message that it has accepted, and it would be sent again."
    }
    precondition {
      condition     = var.queue_visibility_timeout_seconds > local.lease_needs_seconds
      error_message = "The queue's visibility timeout must exceed safety_margin_seconds + heartbeat_interval_seconds + twilio_timeout_seconds + ${local.rules.seconds.clock_skew} (${local.lease_needs_seconds} s), or no send would fit between two heartbeats."
    }
    precondition {
      condition     = local.secret_prefix != "" || length(local.unnamed_kinds) == 0
      error_message = "The function could read no secret of the kind ${join(", ", local.unnamed_kinds)}: name its companies and openai_keys, or its existing_secrets, or set secret_name_prefix, below which it may read all."
    }
    precondition {
      condition     = var.pinned_version == null || var.alias_name != null
      error_message = "pinned_version needs alias_name: without it the queue invokes $LATEST, which is whatever was deployed last."
    }
    precondition {
      condition     = !var.snap_start || var.alias_name != null
      error_message = "snap_start needs alias_name: snapshots exist for published versions only."
    }
    precondition {
      condition     = !var.snap_start || var.runtime != "python3.11"
      error_message = "snap_start needs python3.12 or later."
    }
  }
}

# A message that waits in the queue passes through the function again and again. Lambda would take that for a mistake and
# refuse it after some 16 times; the function has a bound of its own.
resource "aws_lambda_function_recursion_config" "this" {
  count = local.postpones ? 1 : 0

  function_name  = aws_lambda_function.this.function_name
  recursive_loop = "Allow"
}

resource "aws_lambda_alias" "this" {
  count = var.alias_name == null ? 0 : 1

  name             = var.alias_name
  description      = "The version that the queue invokes."
  function_name    = aws_lambda_function.this.function_name
  function_version = coalesce(var.pinned_version, aws_lambda_function.this.version)
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn                   = var.queue_arn
  function_name                      = var.alias_name == null ? aws_lambda_function.this.arn : aws_lambda_alias.this[0].arn
  enabled                            = var.event_source.enabled
  batch_size                         = var.event_source.batch_size
  maximum_batching_window_in_seconds = var.event_source.batching_window_seconds
  function_response_types            = ["ReportBatchItemFailures"]
  tags                               = var.tags

  scaling_config {
    maximum_concurrency = var.event_source.maximum_concurrency
  }

  metrics_config {
    metrics = ["EventCount"]
  }

  lifecycle {
    # Who stopped deliveries decides when they start again; a deployment must not.
    ignore_changes = [enabled]

    precondition {
      condition     = var.queue_visibility_timeout_seconds >= var.timeout_seconds + var.event_source.batching_window_seconds
      error_message = "The queue's visibility timeout must be at least timeout_seconds + batching_window_seconds: it starts when Lambda receives the message, and SQS would hand it out again while it is still worked on."
    }
    precondition {
      condition     = var.reserved_concurrency == null ? true : var.event_source.maximum_concurrency <= var.reserved_concurrency
      error_message = "event_source.maximum_concurrency must not exceed reserved_concurrency: throttled polls cost messages their receives."
    }
  }
}
