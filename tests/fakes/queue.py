"""The queue's visibility in memory."""

from collections.abc import Sequence


class InMemoryQueue:
    """Remembers every change of visibility; handles in `gone` can't be kept any more."""

    def __init__(self) -> None:
        self.hidden: list[tuple[str, int]] = []
        self.gone: set[str] = set()

    def hide(self, receipt_handles: Sequence[str], seconds: int) -> set[str]:
        self.hidden.extend((handle, seconds) for handle in receipt_handles if handle not in self.gone)
        return set(receipt_handles) & self.gone
