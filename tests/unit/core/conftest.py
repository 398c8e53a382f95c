"""The core on fakes: one pipeline, driven delivery by delivery."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.claim import Claims
from core.close import FinalUpdate
from core.delivery import Delivery
from core.lease import Lease
from core.openai_processor import OpenAIProcessor
from core.outbox import Outbox
from core.pipeline import MessagePipeline, Redelivery
from core.reconciliation import Reconciler
from tests.context_objects import make_body
from tests.fakes.clock import FakeClock
from tests.fakes.model import InMemoryModel
from tests.fakes.secrets import InMemorySecrets
from tests.fakes.store import InMemoryConversationStore, Record
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.whatsapp import InMemoryWhatsApp
from utils.assistant_definition import AssistantDefinitions
from utils.context_processor import InvalidContextError, parse_context
from utils.deadline import Deadline

ASSISTANTS = Path(__file__).parents[3] / "lambda" / "assistants"
VISIBILITY_SECONDS = 360
TIMEOUT_SECONDS = 300.0
MARGIN_SECONDS = 15.0
SETTLE_SECONDS = 60.0
SKEW_SECONDS = 2.0


@dataclass
class Core:
    """A pipeline and the world around it."""

    clock: FakeClock = field(default_factory=FakeClock)
    store: Any = field(default_factory=InMemoryConversationStore)
    secrets: Any = field(default_factory=InMemorySecrets)
    telemetry: RecordingTelemetry = field(default_factory=RecordingTelemetry)
    model: Any = None
    whatsapp: Any = None
    max_message_parts: int = 3

    def __post_init__(self) -> None:
        self.model = self.model or InMemoryModel(self.clock)
        self.whatsapp = self.whatsapp or InMemoryWhatsApp(self.clock)

    def pipeline(self) -> MessagePipeline:
        return MessagePipeline(
            store=self.store,
            secrets=self.secrets,
            claims=Claims(self.store, self.clock, self.telemetry, MARGIN_SECONDS, SKEW_SECONDS),
            processor=OpenAIProcessor(
                self.model,
                self.store,
                AssistantDefinitions(ASSISTANTS),
                self.clock,
                self.telemetry,
                self.max_message_parts,
            ),
            outbox=Outbox(
                gateway=self.whatsapp,
                store=self.store,
                reconciler=Reconciler(
                    self.whatsapp, self.store, self.clock, self.telemetry, SETTLE_SECONDS, SKEW_SECONDS
                ),
                clock=self.clock,
                telemetry=self.telemetry,
                timeout_seconds=20,
                start_seconds=10,
                clock_skew_seconds=SKEW_SECONDS,
            ),
            final_update=FinalUpdate(self.store, self.clock, self.telemetry),
            clock=self.clock,
            telemetry=self.telemetry,
            jitter=lambda: 0.5,
            max_receive_count=3,
            clock_skew_seconds=SKEW_SECONDS,
        )

    def delivery(self, *, message_id: str = "m-1", receive_count: int = 1, body: str | None = None) -> Delivery:
        context: Any
        try:
            context = parse_context(make_body() if body is None else body)
        except InvalidContextError as error:
            context = error
        return Delivery(
            message_id=message_id,
            receipt_handle=f"{message_id}/{receive_count}",
            receive_count=receive_count,
            sent_at=self.clock.now(),
            context=context,
            hidden_until=self.clock.now().timestamp() + VISIBILITY_SECONDS,
            lease=Lease(f"owner of {message_id}/{receive_count}"),
        )

    def deadline(self, timeout_seconds: float = TIMEOUT_SECONDS) -> Deadline:
        end = self.clock.monotonic() + timeout_seconds
        return Deadline(lambda: end - self.clock.monotonic(), MARGIN_SECONDS)

    def receive(self, **delivery: Any) -> Redelivery | None:
        """Process one delivery in an invocation of its own."""
        return self.pipeline().process(self.delivery(**delivery), self.deadline())

    def record(self) -> Record:
        """Return the only record."""
        (record,) = self.store.records.values()
        return record  # type: ignore[no-any-return]

    def sent(self) -> list[str]:
        """Return what the recipients got."""
        return [delivered.message.body for delivered in self.whatsapp.delivered]


@pytest.fixture
def make_core() -> Callable[..., Core]:
    return Core


@pytest.fixture
def core() -> Core:
    return Core()
