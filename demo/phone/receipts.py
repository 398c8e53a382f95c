"""Receipts: what became of a message after Twilio accepted it, as the ticks of a phone and in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from core.deliveries import DeliveryStatus, status_of

REASONS: Mapping[int, str] = {
    63015: "the phone has not joined the sandbox",
    63016: "outside the 24-hour window",
    63021: "too long",
    63024: "not a valid recipient",
    63028: "the template's variables do not fit",
    63049: "the limit for this recipient is reached",
}
"""Source: Twilio, "Error and warning dictionary"."""


class Ticks(StrEnum):
    """What is drawn beside a message."""

    ONE = "one"
    TWO = "two"
    READ = "read"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a message is, or why it did not arrive.

    Attributes:
        words: The same in words, for everybody who does not see the ticks or their colour.
    """

    ticks: Ticks
    words: str


_TICKS = {
    DeliveryStatus.ACCEPTED: Ticks.ONE,
    DeliveryStatus.SENT: Ticks.ONE,
    DeliveryStatus.UNKNOWN: Ticks.ONE,
    DeliveryStatus.DELIVERED: Ticks.TWO,
    DeliveryStatus.READ: Ticks.READ,
    DeliveryStatus.FAILED: Ticks.FAILED,
    DeliveryStatus.UNDELIVERED: Ticks.FAILED,
}


def receipt_of(word: str, error_code: int | None = None) -> Receipt:
    """Return the receipt of a message of which Twilio says `word`."""
    status = status_of(word)
    said = words_of(status, error_code)
    return Receipt(_TICKS[status], said[0].upper() + said[1:])


def words_of(status: DeliveryStatus, error_code: int | None) -> str:
    """Return what is known of a message, with the reason if it was not delivered."""
    if status.is_failure:
        return f"not delivered: {_reason(error_code)}"
    return "unknown to Twilio" if status is DeliveryStatus.UNKNOWN else str(status)


def _reason(error_code: int | None) -> str:
    if not error_code:
        return "Twilio does not say why"
    known = REASONS.get(error_code)
    return f"{error_code}, {known}" if known else f"error {error_code}"
