"""The queue's visibility in memory."""

from collections.abc import Sequence

from utils.sqs_heartbeat import Hiding


class InMemoryQueue:
    """Remembers every change of visibility.

    Attributes:
        gone: Handles that can't be kept any more.
        refused: Handles whose messages are left as they are.
        error: What the next calls fail with.
    """

    def __init__(self) -> None:
        self.hidden: list[tuple[str, int]] = []
        self.gone: set[str] = set()
        self.refused: set[str] = set()
        self.error: Exception | None = None

    def hide(self, receipt_handles: Sequence[str], seconds: int) -> Hiding:
        if self.error is not None:
            raise self.error
        self.hidden.extend((handle, seconds) for handle in receipt_handles if handle not in self.gone | self.refused)
        return Hiding(frozenset(receipt_handles) & self.gone, frozenset(receipt_handles) & self.refused)
