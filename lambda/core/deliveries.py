"""Deliveries: what became of messages after Twilio accepted them. It only moves forward."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MAX_WATCHED = 10
"""Most messages of one conversation that are looked at: no reply has more parts."""


class DeliveryStatus(StrEnum):
    """Fate of one message, and `delivery_status` of a record.

    Source of the words: Twilio, "Message resource", `status`.
    """

    ACCEPTED = "accepted"
    """Twilio has it; `queued`, `scheduled` and `sending` too, and every word that Twilio may add."""

    SENT = "sent"
    """WhatsApp has it."""

    UNKNOWN = "unknown"
    """Twilio knows no message of that id (any more)."""

    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    """Twilio could not hand it on; `canceled` too."""

    UNDELIVERED = "undelivered"
    """WhatsApp did not deliver it."""

    @property
    def is_failure(self) -> bool:
        return self in {DeliveryStatus.FAILED, DeliveryStatus.UNDELIVERED}

    @property
    def is_success(self) -> bool:
        return self in {DeliveryStatus.DELIVERED, DeliveryStatus.READ}

    @property
    def is_final(self) -> bool:
        """Whether looking again is of no use; a delivered message may still be read."""
        return self.is_failure or self.is_success


_WORDS = {
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "failed": DeliveryStatus.FAILED,
    "canceled": DeliveryStatus.FAILED,
    "undelivered": DeliveryStatus.UNDELIVERED,
}

_WORST_FIRST = (
    DeliveryStatus.UNDELIVERED,
    DeliveryStatus.FAILED,
    DeliveryStatus.UNKNOWN,
    DeliveryStatus.ACCEPTED,
    DeliveryStatus.SENT,
    DeliveryStatus.DELIVERED,
    DeliveryStatus.READ,
)


@dataclass(frozen=True, slots=True)
class MessageDelivery:
    """Fate of one message.

    Attributes:
        at: When Twilio says that it changed, else when it was looked at.
        error_code: Twilio's, of a message that was not delivered.
    """

    status: DeliveryStatus
    at: datetime
    error_code: int | None = None

    @property
    def failure_code(self) -> str:
        return failure_code(self.status, self.error_code)


Deliveries = Mapping[str, MessageDelivery]
"""By the messages' SIDs."""


def failure_code(status: DeliveryStatus | None, error_code: int | None) -> str:
    """Return the code of a message that was not delivered: Twilio's, or its status where Twilio gives none."""
    return f"twilio_{error_code or status}"


def status_of(word: str) -> DeliveryStatus:
    """Return what Twilio's word means."""
    return _WORDS.get(word.lower(), DeliveryStatus.ACCEPTED)


def moves(old: DeliveryStatus, new: DeliveryStatus) -> bool:
    """Whether a message goes from one status to another; answers come late and out of order."""
    if old is new or old.is_failure or old is DeliveryStatus.READ:
        return False
    if old is DeliveryStatus.DELIVERED:
        return new is DeliveryStatus.READ
    return new.is_final or DeliveryStatus.UNKNOWN in {old, new} or new is DeliveryStatus.SENT


def overall(deliveries: Deliveries) -> DeliveryStatus:
    """Return the status of a conversation: that of its worst message."""
    present = {delivery.status for delivery in deliveries.values()}
    return next((status for status in _WORST_FIRST if status in present), DeliveryStatus.UNKNOWN)


def open_sids(deliveries: Deliveries) -> list[str]:
    """Return the messages whose fate is not known."""
    return [sid for sid, delivery in deliveries.items() if not delivery.status.is_final][:MAX_WATCHED]


def advanced(deliveries: Deliveries, found: Deliveries) -> dict[str, MessageDelivery]:
    """Return deliveries with what was found, as far as it moves them forward."""
    return {
        sid: found[sid] if sid in found and moves(known.status, found[sid].status) else known
        for sid, known in deliveries.items()
    }
