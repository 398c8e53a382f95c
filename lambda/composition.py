"""Composition: the one place that knows which adapter stands behind which port."""

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from boto3.session import Session
from botocore.config import Config

from core.batch import BatchProcessor, LeaseRenewal
from core.claim import Claims
from core.close import FinalUpdate
from core.delivery import Delivery
from core.events import Event, Metric
from core.model import ModelGateway
from core.openai_processor import OpenAIProcessor
from core.outbox import Outbox
from core.pipeline import MessagePipeline
from core.ports import ConversationStore, MessageQueue
from core.reconciliation import Reconciler
from services.dynamodb_service import DynamoDBConversationStore
from services.secrets_manager_service import SecretsManagerSecrets
from services.sqs_service import SqsMessageQueue
from services.twilio_service import TwilioWhatsApp
from utils.assistant_definition import AssistantDefinitions
from utils.logging_config import EventLog
from utils.settings import CLOCK_SKEW_SECONDS, Settings
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


def build_runtime(settings: Settings) -> Runtime:
    aws, clock = Session(), SystemClock()
    log = EventLog(settings.log_level, settings.version, settings.metrics_namespace)
    store = DynamoDBConversationStore(
        aws.client("dynamodb", config=AWS_CONFIG), settings.conversations_table_name, settings.record_retention_days
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
        claims=Claims(store, clock, log, settings.safety_margin_seconds, CLOCK_SKEW_SECONDS),
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
        final_update=FinalUpdate(store, clock, log),
        clock=clock,
        telemetry=log,
        jitter=random.random,
        max_receive_count=settings.max_receive_count,
        clock_skew_seconds=CLOCK_SKEW_SECONDS,
    )
    batch = BatchProcessor(
        pipeline=pipeline,
        heartbeat=heartbeat(settings, queue, store, log, clock),
        queue=queue,
        executor=ThreadPoolExecutor(settings.max_concurrent_messages, thread_name_prefix="message"),
        clock=clock,
        telemetry=log,
        new_owner=lambda: uuid.uuid4().hex,
        visibility_seconds=settings.visibility_timeout_seconds,
    )
    return Runtime(settings, log, batch)


def heartbeat(
    settings: Settings, queue: MessageQueue, store: ConversationStore, log: EventLog, clock: SystemClock
) -> SqsHeartbeat[Delivery]:
    return SqsHeartbeat(
        hide=queue.hide,
        renew=LeaseRenewal(store, settings.safety_margin_seconds),
        now=lambda: clock.now().timestamp(),
        on_lost=partial(report_lost, log),
        on_failure=lambda exc: log.warning(Event.HEARTBEAT_FAILED, exception_type=type(exc).__name__),
        visibility_seconds=settings.visibility_timeout_seconds,
        interval_seconds=settings.heartbeat_interval_seconds,
    )


def report_lost(log: EventLog, delivery: Delivery) -> None:
    log.warning(Event.HEARTBEAT_LOST, message_id=delivery.message_id)
    log.metric(Metric.HEARTBEAT_LOST)


def model_gateway(settings: Settings) -> ModelGateway:
    """Return the gateway of the API that is used; the other one is not even imported."""
    from services.openai_client import OpenAIClients  # noqa: PLC0415

    clients = OpenAIClients(settings.openai_base_url)
    if settings.openai_api == "assistants":
        from services.openai_assistants_service import AssistantsGateway  # noqa: PLC0415

        return AssistantsGateway(clients)
    from services.openai_responses_service import ResponsesGateway  # noqa: PLC0415

    return ResponsesGateway(clients, settings.openai_model, background=settings.openai_background)
