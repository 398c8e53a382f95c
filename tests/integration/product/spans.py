"""Spans: when each conversation was worked on, by the journal of the stubs."""

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.harness import Conversation


@dataclass(frozen=True, slots=True)
class Span:
    """From the first request about a conversation to the last, in seconds since the epoch."""

    begin: float
    end: float

    @classmethod
    def of(cls, conversation: Conversation) -> "Span":
        times = [exchange.time for exchange in conversation.journal()]
        return cls(min(times), max(times))


def most_at_once(spans: Sequence[Span]) -> int:
    """Return how many of them share a moment, at the most."""
    return max(sum(other.begin <= span.begin <= other.end for other in spans) for span in spans)
