"""Entry point of the function and composition root."""

import json
import os
import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from boto3.session import Session
from botocore.config import Config

from core.batch import BatchProcessor, LeaseRenewal
from core.events import Event, Metric
from core.openai_processor import OpenAIProcessor
from core.outbox import Outbox
from core.pipeline import Limits, MessagePipeline
from core.ports import ModelGateway
from core.reconciliation import Reconciler
from services.dynamodb_service import DynamoDBConversationStore
from services.secrets_manager_service import SecretsManagerSecrets
from services.sqs_service import SqsMessageQueue
from services.twilio_service import TwilioWhatsApp
from utils.assistant_definition import AssistantDefinitions
from utils.deadline import Deadline, InvocationContext
from utils.logging_config import EventLog
from utils.settings import CLOCK_SKEW_SECONDS, Settings, SettingsError
from utils.sqs_heartbeat import SqsHeartbeat
from utils.system_clock import SystemClock

AWS_CONFIG = Config(
    connect_timeout=2,
    read_timeout=4,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
    tcp_keepalive=True,
)
"""The SDK owns the retries of AWS calls; its worst case fits into the safety margin."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What one execution environment builds once."""

    settings: Settings
    log: EventLog
    batch: BatchProcessor


def lambda_handler(event: dict[str, Any], context: InvocationContext) -> dict[str, list[dict[str, str]]]:
    """Process one SQS batch and name the records that SQS must deliver again."""
    runtime = get_runtime()
    runtime.log.begin(str(getattr(context, "aws_request_id", "")))
    try:
        records = event.get("Records") if isinstance(event, dict) else None
        named = [r for r in records if is_record(r)] if isinstance(records, list) else []
        deadline = Deadline.from_lambda(context, runtime.settings.safety_margin_seconds)
        again = runtime.batch.process(named, deadline) if named else []
        if not isinstance(records, list) or len(named) < len(records):
            runtime.log.error(Event.INVALID_EVENT, records=len(named))
            again = [r["messageId"] for r in named]
            again.append("")  # a record that can't be named: with an empty id, Lambda deletes none of the batch
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}
    finally:
        runtime.log.flush()


def is_record(record: object) -> bool:
    """Whether it is a record that a batch response can name."""
    return isinstance(record, dict) and isinstance(record.get("messageId"), str) and bool(record["messageId"])


@cache
def get_runtime() -> Runtime:
    """Build the runtime from the environment, once.

    Raises:
        SettingsError: The environment is not usable.
    """
    return build_runtime(Settings.from_environ(os.environ))


def build_runtime(settings: Settings) -> Runtime:
    log = EventLog(settings.log_level, settings.version, settings.metrics_namespace)
    clock = SystemClock()
    aws = Session()
    store = DynamoDBConversationStore(
        aws.client("dynamodb", config=AWS_CONFIG),
        settings.conversations_table_name,
        settings.record_retention_days,
    )
    queue = SqsMessageQueue(aws.client("sqs", config=AWS_CONFIG), settings.queue_url)
    secrets = SecretsManagerSecrets(
        aws.client("secretsmanager", config=AWS_CONFIG), settings.secrets_cache_seconds, clock.monotonic
    )
    twilio = TwilioWhatsApp(
        settings.twilio_timeout_seconds,
        clock.now,
        settings.twilio_api_base_url,
        settings.twilio_status_callback_url,
    )
    pipeline = MessagePipeline(
        store=store,
        secrets=secrets,
        processor=OpenAIProcessor(
            gateway=model_gateway(settings),
            store=store,
            definitions=AssistantDefinitions(Path(__file__).parent / "assistants"),
            clock=clock,
            telemetry=log,
            max_message_parts=settings.max_message_parts,
        ),
        outbox=Outbox(
            gateway=twilio,
            store=store,
            reconciler=Reconciler(twilio, store, clock, log, settings.settle_seconds, CLOCK_SKEW_SECONDS),
            clock=clock,
            telemetry=log,
            timeout_seconds=settings.twilio_timeout_seconds,
            start_seconds=settings.send_start_seconds,
            clock_skew_seconds=CLOCK_SKEW_SECONDS,
        ),
        clock=clock,
        telemetry=log,
        jitter=random.random,
        limits=Limits(settings.safety_margin_seconds, CLOCK_SKEW_SECONDS, settings.max_receive_count),
    )
    return Runtime(settings, log, batch_processor(settings, log, clock, store, queue, pipeline))


def batch_processor(
    settings: Settings,
    log: EventLog,
    clock: SystemClock,
    store: DynamoDBConversationStore,
    queue: SqsMessageQueue,
    pipeline: MessagePipeline,
) -> BatchProcessor:
    def report_lost(delivery: Any) -> None:
        log.warning(Event.HEARTBEAT_LOST, message_id=delivery.message_id)
        log.metric(Metric.HEARTBEAT_LOST)

    heartbeat = SqsHeartbeat(
        hide=queue.hide,
        renew=LeaseRenewal(store, settings.safety_margin_seconds),
        now=lambda: clock.now().timestamp(),
        on_lost=report_lost,
        on_failure=lambda exc: log.warning(Event.HEARTBEAT_FAILED, exception_type=type(exc).__name__),
        visibility_seconds=settings.visibility_timeout_seconds,
        interval_seconds=settings.heartbeat_interval_seconds,
    )
    return BatchProcessor(
        pipeline=pipeline,
        heartbeat=heartbeat,
        queue=queue,
        executor=ThreadPoolExecutor(settings.max_concurrent_messages, thread_name_prefix="message"),
        clock=clock,
        telemetry=log,
        new_owner=lambda: uuid.uuid4().hex,
        visibility_seconds=settings.visibility_timeout_seconds,
    )


def model_gateway(settings: Settings) -> ModelGateway:
    from services.openai_client import OpenAIClients  # noqa: PLC0415 - the API that is not used is not imported

    clients = OpenAIClients(settings.openai_base_url)
    if settings.openai_api == "assistants":
        from services.openai_assistants_service import AssistantsGateway  # noqa: PLC0415

        return AssistantsGateway(clients)
    from services.openai_responses_service import ResponsesGateway  # noqa: PLC0415

    return ResponsesGateway(clients, settings.openai_model, background=settings.openai_background)


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:  # Lambda's init phase is faster than an invocation
    try:
        get_runtime()
    except SettingsError as exc:
        print(json.dumps({"level": "CRITICAL", "event": Event.START_REFUSED, "message": str(exc)}))  # noqa: T201
        raise
