"""Deadline: how much of an invocation is left to work in."""

from collections.abc import Callable
from typing import Protocol, Self


class InvocationContext(Protocol):
    """The part of Lambda's context object that tells the time left."""

    def get_remaining_time_in_millis(self) -> int: ...


class Deadline:
    """The moment at which work stops, a safety margin before Lambda stops the process."""

    def __init__(self, remaining: Callable[[], float], margin_seconds: float) -> None:
        self._remaining = remaining
        self._margin_seconds = margin_seconds

    @classmethod
    def from_lambda(cls, context: InvocationContext, margin_seconds: float) -> Self:
        return cls(lambda: context.get_remaining_time_in_millis() / 1000, margin_seconds)

    def remaining_seconds(self) -> float:
        """Seconds left to work in, never negative."""
        return max(self._remaining() - self._margin_seconds, 0.0)

    def until_stop_seconds(self) -> float:
        """Seconds until Lambda stops the process: the margin is there to finish in."""
        return max(self._remaining(), 0.0)
