"""A clock that moves only when somebody sleeps on it or moves it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class FakeClock:
    def __init__(self) -> None:
        self.elapsed_seconds = 0.0
        self.sleeps: list[float] = []
        self._due: list[tuple[float, Callable[[], object]]] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed_seconds)

    def monotonic(self) -> float:
        return self.elapsed_seconds

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        assert seconds >= 0
        self.elapsed_seconds += seconds
        for due in [due for due in self._due if due[0] <= self.elapsed_seconds]:
            self._due.remove(due)
            due[1]()

    def at(self, elapsed_seconds: float, action: Callable[[], object]) -> None:
        """Let something happen once the clock has come that far."""
        self._due.append((elapsed_seconds, action))
