"""Composition: the one place that knows which adapter stands behind which port."""

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from boto3.session import Session
from botocore.config import Config

from core.batch import BatchProcessor
from core.model import ModelGateway, Moderation
from core.wiring import Ports, wire
from services.conversation_item import TableKey
from services.dynamodb_service import DynamoDBConversationStore
from services.secrets_manager_service import SecretsManagerSecrets
from services.sqs_service import SqsMessageQueue
from services.twilio_service import TwilioWhatsApp
from utils.assistant_definition import AssistantDefinitions
from utils.logging_config import EventLog
from utils.settings import Settings
from utils.system_clock import SystemClock

AWS_CONFIG = Config(
    connect_timeout=2,
    read_timeout=4,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
    tcp_keepalive=True,
)
"""The SDK owns the retries of AWS calls; its worst case fits into the safety margin."""

CLOSING_CONFIG = AWS_CONFIG.merge(Config(connect_timeout=1, read_timeout=1.5, retries={"total_max_attempts": 1}))
"""For the final update, which the core repeats: its two calls at most fit into `core.close.CALL_SECONDS`."""

ASSISTANTS = Path(__file__).parent / "assistants"


@dataclass(frozen=True, slots=True)
class Runtime:
    """What one execution environment builds once."""

    settings: Settings
    log: EventLog
    batch: BatchProcessor


def build_runtime(settings: Settings) -> Runtime:
    """Build adapters for AWS, OpenAI and Twilio, and the core on them."""
    aws, clock = Session(), SystemClock()
    log = EventLog(settings.log_level, settings.version, settings.metrics_namespace)
    model, moderation = openai_gateways(settings)
    ports = Ports(
        store=DynamoDBConversationStore(
            aws.client("dynamodb", config=AWS_CONFIG),
            settings.conversations_table_name,
            settings.record_retention_days,
            aws.client("dynamodb", config=CLOSING_CONFIG),
            table_key=TableKey(settings.conversations_partition_key),
            processor_version=settings.version,
        ),
        secrets=SecretsManagerSecrets(
            aws.client("secretsmanager", config=AWS_CONFIG),
            settings.secrets_cache_seconds,
            clock.monotonic,
            settings.secret_name_prefix,
        ),
        model=model,
        moderation=moderation,
        whatsapp=TwilioWhatsApp(
            settings.twilio_timeout_seconds,
            clock.now,
            settings.twilio_api_base_url,
            settings.twilio_status_callback_url,
        ),
        queue=SqsMessageQueue(aws.client("sqs", config=AWS_CONFIG), settings.queue_url),
        definitions=AssistantDefinitions(ASSISTANTS),
        clock=clock,
        telemetry=log,
        executor=ThreadPoolExecutor(settings.max_concurrent_messages, thread_name_prefix="message"),
        jitter=random.random,
        new_owner=lambda: uuid.uuid4().hex,
    )
    return Runtime(settings, log, wire(settings, ports))


def openai_gateways(settings: Settings) -> tuple[ModelGateway, Moderation]:
    """Return the gateway of the API that is used, and the moderation; the other API is not even imported."""
    from services.openai_client import OpenAIClients  # noqa: PLC0415
    from services.openai_moderation_service import OpenAIModeration  # noqa: PLC0415

    clients = OpenAIClients(settings.openai_base_url, max_age_seconds=settings.secrets_cache_seconds)
    moderation = OpenAIModeration(clients)
    if settings.openai_api == "assistants":
        from services.openai_assistants_service import AssistantsGateway  # noqa: PLC0415

        return AssistantsGateway(clients), moderation
    from services.openai_responses_service import ResponsesGateway  # noqa: PLC0415

    return ResponsesGateway(clients, settings.openai_model, background=settings.openai_background), moderation
