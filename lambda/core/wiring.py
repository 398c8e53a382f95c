"""Wiring: the core put together, whatever stands behind its ports."""

import math
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from core.aftermath import Aftermath
from core.attempt import Jitter
from core.batch import BatchProcessor, LeaseRenewal
from core.claim import Claims
from core.close import FinalUpdate
from core.definitions import Bounds, ConversationDefinitions
from core.delivery import Delivery
from core.events import Event, Metric
from core.model import ModelGateway, Moderation
from core.openai_processor import OpenAIProcessor
from core.outbox import Outbox
from core.outgoing_policy import OutgoingPolicy
from core.pipeline import MessagePipeline
from core.ports import Clock, ConversationStore, MessageQueue, Secrets, WhatsAppGateway
from core.postponement import Postponement
from core.reconciler import Reconciler
from core.reconciliation import Windows
from core.telemetry import Telemetry
from core.watch import DeliveryWatch
from utils.assistant_definition import AssistantDefinitions
from utils.context_processor import parse_context
from utils.settings import CLOCK_SKEW_SECONDS, Settings
from utils.sqs_heartbeat import SqsHeartbeat


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the core asks of the world.

    Attributes:
        jitter: Returns a random number from 0 up to 1.
        new_owner: Returns a name that no other delivery has.
    """

    store: ConversationStore
    secrets: Secrets
    model: ModelGateway
    moderation: Moderation
    whatsapp: WhatsAppGateway
    queue: MessageQueue
    definitions: AssistantDefinitions
    clock: Clock
    telemetry: Telemetry
    executor: Executor
    jitter: Jitter
    new_owner: Callable[[], str]


def wire(
    settings: Settings, ports: Ports, heartbeat_type: type[SqsHeartbeat[Delivery]] = SqsHeartbeat
) -> BatchProcessor:
    """Return the batch processor that does the function's work."""
    return BatchProcessor(
        pipeline=pipeline(settings, ports),
        heartbeat=heartbeat(settings, ports, heartbeat_type),
        queue=ports.queue,
        executor=ports.executor,
        clock=ports.clock,
        telemetry=ports.telemetry,
        new_owner=ports.new_owner,
        visibility_seconds=settings.visibility_timeout_seconds,
        parse=partial(
            parse_context,
            secret_name_prefix=settings.secret_name_prefix,
            inline_definitions=settings.inline_definitions,
        ),
    )


def pipeline(settings: Settings, ports: Ports) -> MessagePipeline:
    store, clock, telemetry = ports.store, ports.clock, ports.telemetry
    bounds = Bounds(settings.allowed_models, settings.openai_max_output_tokens)
    definitions = ConversationDefinitions(ports.definitions, bounds, needed=ports.model.needs_definition)
    return MessagePipeline(
        secrets=ports.secrets,
        claims=Claims(store, clock, telemetry, settings.safety_margin_seconds, CLOCK_SKEW_SECONDS),
        processor=OpenAIProcessor(
            ports.model,
            store,
            definitions,
            clock,
            telemetry,
            settings.max_message_parts,
            timedelta(seconds=settings.openai_run_deadline_seconds),
        ),
        policy=OutgoingPolicy(definitions, ports.moderation, settings.outgoing_rules),
        outbox=Outbox(
            gateway=ports.whatsapp,
            store=store,
            reconciler=Reconciler(ports.whatsapp, store, clock, telemetry, windows(settings)),
            clock=clock,
            telemetry=telemetry,
            timeout_seconds=settings.twilio_timeout_seconds,
            start_seconds=settings.send_start_seconds,
            clock_skew_seconds=CLOCK_SKEW_SECONDS,
        ),
        final_update=FinalUpdate(store, clock, telemetry),
        watch=DeliveryWatch(
            store, ports.whatsapp, clock, telemetry, timedelta(seconds=settings.delivery_watch_seconds)
        ),
        aftermath=Aftermath(store, postponement(settings), clock, telemetry, ports.jitter, CLOCK_SKEW_SECONDS),
        clock=clock,
        telemetry=telemetry,
        jitter=ports.jitter,
        max_receive_count=settings.max_receive_count,
        hold_seconds=settings.openai_hold_seconds if settings.patience_seconds else math.inf,
    )


def postponement(settings: Settings) -> Postponement:
    return Postponement(
        patience=timedelta(seconds=settings.patience_seconds),
        run_deadline=timedelta(seconds=settings.openai_run_deadline_seconds),
    )


def windows(settings: Settings) -> Windows:
    return Windows(
        reach=timedelta(seconds=settings.send_start_seconds + settings.twilio_timeout_seconds),
        skew=timedelta(seconds=CLOCK_SKEW_SECONDS + 1),  # Twilio's times are in whole seconds
        settle=timedelta(seconds=settings.settle_seconds),
    )


def heartbeat(settings: Settings, ports: Ports, heartbeat_type: type[SqsHeartbeat[Delivery]]) -> SqsHeartbeat[Delivery]:
    telemetry, clock = ports.telemetry, ports.clock

    def report_lost(delivery: Delivery) -> None:
        telemetry.warning(Event.HEARTBEAT_LOST, message_id=delivery.message_id)
        telemetry.metric(Metric.HEARTBEAT_LOST)

    def report_failure(exc: Exception) -> None:
        telemetry.warning(Event.HEARTBEAT_FAILED, exception_type=type(exc).__name__)

    return heartbeat_type(
        hide=ports.queue.hide,
        renew=LeaseRenewal(ports.store, settings.safety_margin_seconds),
        now=lambda: clock.now().timestamp(),
        on_lost=report_lost,
        on_failure=report_failure,
        visibility_seconds=settings.visibility_timeout_seconds,
        interval_seconds=settings.heartbeat_interval_seconds,
    )
