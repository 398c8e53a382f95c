"""The queue in memory: what is hidden, and what is put on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.delivery import Envelope
from utils.sqs_heartbeat import Hiding


@dataclass(frozen=True)
class Put:
    """A message that was put on the queue."""

    envelope: Envelope
    continuation: str
    delay_seconds: int


class InMemoryQueue:
    """Remembers every change of visibility, and every message put on it.

    Attributes:
        gone: Handles that can't be kept any more.
        refused: Handles whose messages are left as they are.
        error: What the next calls fail with.
        put_error: What the next puts fail with.
    """

    def __init__(self) -> None:
        self.hidden: list[tuple[str, int]] = []
        self.gone: set[str] = set()
        self.refused: set[str] = set()
        self.error: Exception | None = None
        self.put_error: Exception | None = None
        self.puts: list[Put] = []

    def put(self, envelope: Envelope, continuation: str, delay_seconds: int) -> None:
        if self.put_error is not None:
            raise self.put_error
        self.puts.append(Put(envelope, continuation, delay_seconds))

    def hide(self, receipt_handles: Sequence[str], seconds: int) -> Hiding:
        if self.error is not None:
            raise self.error
        self.hidden.extend((handle, seconds) for handle in receipt_handles if handle not in self.gone | self.refused)
        return Hiding(frozenset(receipt_handles) & self.gone, frozenset(receipt_handles) & self.refused)
