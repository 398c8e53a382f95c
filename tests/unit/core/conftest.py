"""The core on fakes: one pipeline, driven delivery by delivery."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.delivery import Delivery
from core.lease import Lease
from core.pipeline import MessagePipeline, Redelivery
from core.wiring import Ports, pipeline
from sandbox.context_objects import make_body
from tests.fakes.clock import FakeClock
from tests.fakes.model import InMemoryModel
from tests.fakes.queue import InMemoryQueue
from tests.fakes.secrets import InMemorySecrets
from tests.fakes.store import InMemoryConversationStore, Record
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.whatsapp import InMemoryWhatsApp
from utils.assistant_definition import AssistantDefinitions
from utils.context_processor import InvalidContextError, parse_context
from utils.deadline import Deadline
from utils.settings import Settings

ASSISTANTS = Path(__file__).parents[3] / "lambda" / "assistants"
SETTINGS = Settings.from_environ(
    {"CONVERSATIONS_TABLE_NAME_DEV": "conversations-dev", "WHATSAPP_QUEUE_URL": "https://sqs.test/queue"}
)
VISIBILITY_SECONDS = SETTINGS.visibility_timeout_seconds
MARGIN_SECONDS = SETTINGS.safety_margin_seconds
SETTLE_SECONDS = SETTINGS.settle_seconds
TIMEOUT_SECONDS = 300.0


@dataclass
class Core:
    """A pipeline and the world around it."""

    clock: FakeClock = field(default_factory=FakeClock)
    store: Any = field(default_factory=InMemoryConversationStore)
    secrets: Any = field(default_factory=InMemorySecrets)
    telemetry: RecordingTelemetry = field(default_factory=RecordingTelemetry)
    model: Any = None
    whatsapp: Any = None

    def __post_init__(self) -> None:
        self.model = self.model or InMemoryModel(self.clock)
        self.whatsapp = self.whatsapp or InMemoryWhatsApp(self.clock)

    def pipeline(self) -> MessagePipeline:
        return pipeline(
            SETTINGS,
            Ports(
                store=self.store,
                secrets=self.secrets,
                model=self.model,
                whatsapp=self.whatsapp,
                queue=InMemoryQueue(),
                definitions=AssistantDefinitions(ASSISTANTS),
                clock=self.clock,
                telemetry=self.telemetry,
                executor=ThreadPoolExecutor(1),
                jitter=lambda: 0.5,
                new_owner=lambda: "unused",
            ),
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
