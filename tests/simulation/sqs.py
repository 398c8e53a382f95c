"""SQS and its event source mapping in simulated time: visibility, receive counts, the DLQ, duplicates."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fakes.clock import START
from tests.simulation.kernel import Kernel
from utils.sqs_heartbeat import Hiding

MAX_RECEIVE_COUNT = 3
POLL_SECONDS = 0.5


@dataclass(eq=False)
class Message:
    message_id: str
    conversation_id: str
    body: str
    sent_at: float
    visible_at: float
    receive_count: int = 0
    handle: str = ""
    deleted: bool = False
    dead_lettered: bool = False

    @property
    def waiting(self) -> bool:
        return not self.deleted and not self.dead_lettered


class SimulatedQueue:
    """The queue; `deliver` gets each batch of records."""

    def __init__(self, kernel: Kernel, batch_size: int, visibility_seconds: int) -> None:
        self._kernel = kernel
        self._visibility_seconds = visibility_seconds
        self._batch_size = batch_size
        self.messages: list[Message] = []
        self.deliver: Callable[[list[Message], list[dict[str, Any]]], None] = lambda _messages, _records: None

    def send(self, message_id: str, conversation_id: str, body: str, at: float) -> None:
        message = Message(message_id, conversation_id, body, sent_at=at, visible_at=at)
        self.messages.append(message)
        self._kernel.at(at, self._poll)

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
            "attributes": {
                "ApproximateReceiveCount": str(message.receive_count),
                "SentTimestamp": str(int((START.timestamp() + message.sent_at) * 1000)),
            },
        }
