"""SQS and its event source mapping in simulated time: visibility, receive counts, the DLQ, duplicates, delayed puts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.continuation import ATTRIBUTE
from core.delivery import Envelope
from core.errors import PutDeniedError
from tests.fakes.clock import START
from tests.simulation.kernel import Kernel
from utils.sqs_heartbeat import Hiding

MAX_RECEIVE_COUNT = 3
POLL_SECONDS = 0.5
PUT = "put-"
MAX_DELAY_SECONDS = 900


@dataclass(eq=False)
class Message:
    """A message.

    Attributes:
        origin: Id of the message that it continues, its own if it continues none.
    """

    message_id: str
    conversation_id: str
    body: str
    sent_at: float
    visible_at: float
    attributes: Mapping[str, Any] = field(default_factory=dict)
    group_id: str | None = None
    origin: str = ""
    receive_count: int = 0
    handle: str = ""
    deleted: bool = False
    dead_lettered: bool = False

    @property
    def waiting(self) -> bool:
        return not self.deleted and not self.dead_lettered

    @property
    def alive(self) -> bool:
        """Whether it may still lead to something: in the queue, in flight, or in the DLQ for a person."""
        return not self.deleted

    @property
    def was_put(self) -> bool:
        """Whether the function put it on the queue."""
        return self.message_id.startswith(PUT) and not self.message_id.endswith("redriven")

    @property
    def continuation(self) -> str | None:
        value = self.attributes.get(ATTRIBUTE, {}).get("stringValue")
        return value if isinstance(value, str) else None


EARLY_SECONDS, LATE_SECONDS = 0.9, 120.0
"""How much sooner and later than its delay a message may come, if delays are not exact."""


class SimulatedQueue:
    """The queue; `deliver` gets each batch of records.

    Attributes:
        exact: Whether a delayed message comes at its time, rather than a little early or much later.
        denies: Whether it takes no message of the function.
        on_delete: Told of every message that is deleted.
        on_put: Told of every message that the function is about to put: its conversation and its delay.
    """

    def __init__(self, kernel: Kernel, batch_size: int, visibility_seconds: int) -> None:
        self.exact = True
        self.denies = False
        self.on_delete: list[Callable[[Message], None]] = []
        self.on_put: list[Callable[[str, float], None]] = []
        self._kernel = kernel
        self._visibility_seconds = visibility_seconds
        self._batch_size = batch_size
        self.messages: list[Message] = []
        self.deliver: Callable[[list[Message], list[dict[str, Any]]], None] = lambda _messages, _records: None

    def send(
        self,
        message_id: str,
        conversation_id: str,
        body: str,
        at: float,
        *,
        delay_seconds: float = 0.0,
        attributes: Mapping[str, Any] | None = None,
        group_id: str | None = None,
        origin: str | None = None,
    ) -> None:
        visible_at = at + delay_seconds
        message = Message(
            message_id, conversation_id, body, at, visible_at, attributes or {}, group_id, origin or message_id
        )
        self.messages.append(message)
        self._kernel.at(visible_at, self._poll)

    def put(self, envelope: Envelope, continuation: str, delay_seconds: int) -> None:
        """Take a message of the function."""
        if self.denies:
            raise PutDeniedError("no right to send")
        if not 0 <= delay_seconds <= MAX_DELAY_SECONDS or type(delay_seconds) is not int:
            raise AssertionError(f"SQS takes no delay of {delay_seconds}")
        like = next(message for message in self.messages if message.body == envelope.body)
        kept = [name for name in like.attributes if name != ATTRIBUTE]
        if envelope.group_id != like.group_id or any(envelope.attributes[n] != like.attributes[n] for n in kept):
            raise AssertionError("the message was not put as it was")
        for told in self.on_put:
            told(like.conversation_id, delay_seconds)
        shift = 0.0
        if not self.exact:
            random = self._kernel.random
            shift = random.choice((-random.random() * EARLY_SECONDS, 0.0, random.random() * LATE_SECONDS))
        self.send(
            f"{PUT}{len(self.messages)}",
            like.conversation_id,
            envelope.body,
            self._kernel.now,
            delay_seconds=max(delay_seconds + shift, 0.0),
            attributes={**envelope.attributes, ATTRIBUTE: {"dataType": "String", "stringValue": continuation}},
            group_id=envelope.group_id,
            origin=like.origin,
        )

    def hide(self, receipt_handles: list[str], seconds: int) -> Hiding:
        """Change the visibility of messages whose handle is still good; return the other handles."""
        lost = set()
        for handle in receipt_handles:
            message = next((m for m in self.messages if m.handle == handle and m.waiting), None)
            if message is None or message.visible_at <= self._kernel.now:
                lost.add(handle)
                continue
            message.visible_at = self._kernel.now + seconds
            self._kernel.at(message.visible_at + self._kernel.random.random() * POLL_SECONDS, self._poll)
        return Hiding(frozenset(lost))

    def finish(self, received: list[tuple[Message, str]], failed: list[str]) -> None:
        """Delete what a batch response does not name. A handle that is out of date may delete or not."""
        for message, handle in received:
            if message.message_id in failed or message.dead_lettered:
                continue
            if message.handle == handle or self._kernel.random.random() < 0.5:
                message.deleted = True
                for told in self.on_delete:
                    told(message)

    def redrive(self) -> None:
        """Move what is in the DLQ back, as SQS itself does: each message gets another id and another time."""
        for message in [message for message in self.messages if message.dead_lettered and not message.deleted]:
            message.deleted = True
            self.send(
                f"{message.message_id}-redriven",
                message.conversation_id,
                message.body,
                self._kernel.now,
                attributes=message.attributes,
                group_id=message.group_id,
                origin=message.origin,
            )

    def receive_again(self, message: Message) -> None:
        """Deliver a message although it is hidden, as a standard queue may."""
        if message.waiting and message.receive_count < MAX_RECEIVE_COUNT:
            message.visible_at = self._kernel.now
            self._kernel.at(self._kernel.now, self._poll)

    def _poll(self) -> None:
        ready = [m for m in self.messages if m.waiting and m.visible_at <= self._kernel.now]
        self._kernel.random.shuffle(ready)
        batch = []
        for message in ready[: self._batch_size]:
            if message.receive_count >= MAX_RECEIVE_COUNT:
                message.dead_lettered = True
                self._kernel.log(f"sqs: {message.message_id} goes to the DLQ")
                continue
            message.receive_count += 1
            message.handle = f"{message.message_id}/{message.receive_count}"
            message.visible_at = self._kernel.now + self._visibility_seconds
            self._kernel.at(message.visible_at + self._kernel.random.random() * POLL_SECONDS, self._poll)
            batch.append(message)
        if batch:
            self.deliver(batch, [self._record(message) for message in batch])
        if len(ready) > self._batch_size:
            self._kernel.at(self._kernel.now, self._poll)

    def _record(self, message: Message) -> dict[str, Any]:
        return {
            "messageId": message.message_id,
            "receiptHandle": message.handle,
            "body": message.body,
            "messageAttributes": dict(message.attributes),
            "attributes": {
                "ApproximateReceiveCount": str(message.receive_count),
                "SentTimestamp": str(int((START.timestamp() + message.sent_at) * 1000)),
                **({"MessageGroupId": message.group_id} if message.group_id else {}),
            },
        }
