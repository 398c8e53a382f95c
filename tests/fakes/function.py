"""The whole function in memory: the real core behind the real entry point, on fakes of every port."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import index
from composition import Runtime
from core.continuation import Continuation
from core.delivery import Delivery
from core.lease import Lease
from core.outcome import Outcome
from core.pipeline import MessagePipeline
from core.wiring import Ports, pipeline, wire
from sandbox.context_objects import make_body
from tests.fakes.clock import FakeClock
from tests.fakes.model import InMemoryModel, InMemoryModeration
from tests.fakes.queue import InMemoryQueue
from tests.fakes.secrets import InMemorySecrets
from tests.fakes.store import InMemoryConversationStore, Record
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.whatsapp import InMemoryWhatsApp
from utils.assistant_definition import AssistantDefinitions
from utils.context_processor import InvalidContextError, parse_context
from utils.deadline import Deadline
from utils.settings import Settings
from utils.sqs_heartbeat import SqsHeartbeat

T = TypeVar("T")

DEFINITIONS = AssistantDefinitions(Path(__file__).parents[2] / "lambda" / "assistants")
SETTINGS = Settings.from_environ(
    {"CONVERSATIONS_TABLE_NAME_DEV": "conversations-dev", "WHATSAPP_QUEUE_URL": "https://sqs.test/queue"}
)
PATIENT = SETTINGS.model_copy(update={"patience_seconds": 21_600})
"""With waiting in the queue switched on, as Terraform does."""

VISIBILITY_SECONDS = SETTINGS.visibility_timeout_seconds
SETTLE_SECONDS = SETTINGS.settle_seconds
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
    """The function and the world around it, driven by events or delivery by delivery; every port can be replaced."""

    clock: FakeClock = field(default_factory=FakeClock)
    store: Any = field(default_factory=InMemoryConversationStore)
    secrets: Any = field(default_factory=InMemorySecrets)
    queue: Any = field(default_factory=InMemoryQueue)
    telemetry: Any = field(default_factory=RecordingTelemetry)
    model: Any = None
    moderation: Any = field(default_factory=InMemoryModeration)
    definitions: AssistantDefinitions = DEFINITIONS
    settings: Settings = SETTINGS
    whatsapp: Any = None
    executor: Executor = field(default_factory=InlineExecutor)
    heartbeat_type: type[SqsHeartbeat[Delivery]] = SqsHeartbeat

    def __post_init__(self) -> None:
        self.model = self.model or InMemoryModel(self.clock)
        self.whatsapp = self.whatsapp or InMemoryWhatsApp(self.clock)
        self._owners = 0

    def runtime(self) -> Runtime:
        return Runtime(self.settings, self.telemetry, wire(self.settings, self._ports(), self.heartbeat_type))

    def pipeline(self) -> MessagePipeline:
        return pipeline(self.settings, self._ports())

    def process(self, event: object, timeout_seconds: float = TIMEOUT_SECONDS) -> list[str]:
        """Let one invocation process an event and return the ids of the messages that are not done."""
        return index.process(self.runtime(), event, self.deadline(timeout_seconds))

    def receive(self, **delivery: Any) -> Outcome:
        """Let the pipeline process one delivery in an invocation of its own; no batch, no heartbeat."""
        return self.pipeline().process(self.delivery(**delivery), self.deadline())

    def delivery(
        self,
        *,
        message_id: str = "m-1",
        receive_count: int = 1,
        body: str | None = None,
        continuation: Continuation | None = None,
    ) -> Delivery:
        context: Any
        try:
            context = parse_context(
                make_body() if body is None else body, inline_definitions=self.settings.inline_definitions
            )
        except InvalidContextError as error:
            context = error
        return Delivery(
            message_id=message_id,
            receipt_handle=f"{message_id}/{receive_count}",
            receive_count=receive_count,
            sent_at=self.clock.now(),
            context=context,
            received_at=self.clock.now().timestamp(),
            hidden_until=self.clock.now().timestamp() + VISIBILITY_SECONDS,
            lease=Lease(f"owner of {message_id}/{receive_count}"),
            continuation=continuation,
        )

    def deadline(self, timeout_seconds: float = TIMEOUT_SECONDS) -> Deadline:
        end = self.clock.monotonic() + timeout_seconds
        return Deadline(lambda: end - self.clock.monotonic(), SETTINGS.safety_margin_seconds)

    def record(self) -> Record:
        """Return the only record."""
        (record,) = self.store.records.values()
        return record  # type: ignore[no-any-return]

    def sent(self) -> list[str]:
        """Return what the recipients got."""
        return [delivered.message.body for delivered in self.whatsapp.delivered]

    def _ports(self) -> Ports:
        return Ports(
            store=self.store,
            secrets=self.secrets,
            model=self.model,
            moderation=self.moderation,
            whatsapp=self.whatsapp,
            queue=self.queue,
            definitions=self.definitions,
            clock=self.clock,
            telemetry=self.telemetry,
            executor=self.executor,
            jitter=lambda: 0.5,
            new_owner=self._new_owner,
        )

    def _new_owner(self) -> str:
        self._owners += 1
        return f"owner-{self._owners}"
