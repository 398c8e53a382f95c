"""Fates: what became of messages after Twilio had accepted them, by the record and by Twilio's word now."""

from core.conversation import Conversation
from core.deliveries import DeliveryStatus, failure_code, moves, status_of
from ops.answers import Fate, Sent


def knows_the_end(record: Conversation) -> bool:
    """Whether a record has a final word on each of its messages, so that nobody needs to ask Twilio."""
    fates = [record.deliveries.get(part.sid) for part in record.sent]
    return record.closed and bool(fates) and all(fate is not None and fate.status.is_final for fate in fates)


def status_now(message: Sent) -> DeliveryStatus | None:
    """Return where a message stands: Twilio's word, as far as it goes beyond the record's."""
    known = message.recorded.status if message.recorded else None
    now = status_of(message.delivery) if message.delivery else None
    return now if now is not None and (known is None or moves(known, now)) else known


def code_of(message: Sent) -> str:
    """Return the code of a message that was not delivered, in the words of `last_error`."""
    recorded = message.recorded.error_code if message.recorded else None
    return failure_code(status_now(message), recorded or message.delivery_error)


def fate_text(fate: Fate) -> str:
    """Write what a record says of a message."""
    return f"{fate.status}, error {fate.error_code}" if fate.error_code else str(fate.status)
