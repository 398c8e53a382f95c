"""The whole function in memory: the real core behind the real entry point, on fakes of every port."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import index
from composition import Runtime
from core.delivery import Delivery
from core.wiring import Ports, wire
from tests.fakes.clock import FakeClock
from tests.fakes.model import InMemoryModel
from tests.fakes.queue import InMemoryQueue
from tests.fakes.secrets import InMemorySecrets
from tests.fakes.store import InMemoryConversationStore, Record
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.whatsapp import InMemoryWhatsApp
from utils.assistant_definition import AssistantDefinitions
from utils.deadline import Deadline
from utils.settings import Settings
from utils.sqs_heartbeat import SqsHeartbeat

T = TypeVar("T")

DEFINITIONS = AssistantDefinitions(Path(__file__).parents[1] / "lambda" / "assistants")
SETTINGS = Settings.from_environ(
    {"CONVERSATIONS_TABLE_NAME_DEV": "conversations-dev", "WHATSAPP_QUEUE_URL": "https://sqs.test/queue"}
)
TIMEOUT_SECONDS = 300.0


class InlineExecutor(Executor):
    """Runs each call at once, in the caller's thread."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as exc:  # noqa: BLE001 - a future keeps what its call raised
            future.set_exception(exc)
        return future


class StillHeart(SqsHeartbeat[Delivery]):
    """A heartbeat for what is over before its first beat: it starts no thread."""

    @contextmanager
    def holding(self, messages: Sequence[Delivery]) -> Iterator[None]:
        self._held = {message.receipt_handle: message for message in messages if message.receipt_handle}
        yield
        self._held = {}


@dataclass
class InMemoryFunction:
    """One execution environment and the world around it; replace a port to see what the function makes of it."""

    clock: FakeClock = field(default_factory=FakeClock)
    store: Any = field(default_factory=InMemoryConversationStore)
    secrets: Any = field(default_factory=InMemorySecrets)
    queue: Any = field(default_factory=InMemoryQueue)
    telemetry: Any = field(default_factory=RecordingTelemetry)
    model: Any = None
    whatsapp: Any = None
    executor: Executor = field(default_factory=InlineExecutor)
    heartbeat_type: type[SqsHeartbeat[Delivery]] = SqsHeartbeat

    def __post_init__(self) -> None:
        self.model = self.model or InMemoryModel(self.clock)
        self.whatsapp = self.whatsapp or InMemoryWhatsApp(self.clock)
        self._owners = 0

    def runtime(self) -> Runtime:
        ports = Ports(
            store=self.store,
            secrets=self.secrets,
            model=self.model,
            whatsapp=self.whatsapp,
            queue=self.queue,
            definitions=DEFINITIONS,
            clock=self.clock,
            telemetry=self.telemetry,
            executor=self.executor,
            jitter=lambda: 0.5,
            new_owner=self._new_owner,
        )
        return Runtime(SETTINGS, self.telemetry, wire(SETTINGS, ports, self.heartbeat_type))

    def process(self, event: object, timeout_seconds: float = TIMEOUT_SECONDS) -> list[str]:
        """Let one invocation process an event and return the ids of the messages that are not done."""
        end = self.clock.monotonic() + timeout_seconds
        deadline = Deadline(lambda: end - self.clock.monotonic(), SETTINGS.safety_margin_seconds)
        return index.process(self.runtime(), event, deadline)

    def record(self) -> Record:
        """Return the only record."""
        (record,) = self.store.records.values()
        return record  # type: ignore[no-any-return]

    def _new_owner(self) -> str:
        self._owners += 1
        return f"owner-{self._owners}"
