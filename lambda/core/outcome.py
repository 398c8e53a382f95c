"""Outcome: what becomes of a message when one of its deliveries has been processed."""

from dataclasses import dataclass

from core.continuation import Continuation


@dataclass(frozen=True, slots=True)
class Done:
    """The message may be deleted."""


@dataclass(frozen=True, slots=True)
class GivenBack:
    """The message is to come again; one of its receives is spent.

    Attributes:
        delay_seconds: When; None leaves that to the visibility it has.
    """

    delay_seconds: int | None


@dataclass(frozen=True, slots=True)
class Postponed:
    """The message is to be put on the queue again and then deleted: waiting costs no receive.

    Attributes:
        code: Why, as the code of what stood in the way.
        otherwise: What becomes of it if SQS does not take it.
    """

    delay_seconds: int
    continuation: Continuation
    code: str
    otherwise: GivenBack


Outcome = Done | GivenBack | Postponed
