"""Delivery: one receive of one SQS message."""

from dataclasses import dataclass
from datetime import datetime

from core.lease import Lease
from utils.context_model import ContextObject
from utils.context_processor import InvalidContextError


@dataclass(slots=True)
class Delivery:
    """One receive of one SQS message, with its right to the conversation.

    Attributes:
        receive_count: At least 1; SQS counts it.
        sent_at: When the Channel Router sent the message, if SQS says.
        context: The message's body, or why it is refused.
        received_at: When it was received, seconds since the epoch.
        hidden_until: Until when SQS hides the message, seconds since the epoch; the heartbeat moves it on.
    """

    message_id: str
    receipt_handle: str
    receive_count: int
    sent_at: datetime | None
    context: ContextObject | InvalidContextError
    received_at: float
    hidden_until: float
    lease: Lease

    @property
    def recipient_tel(self) -> str | None:
        """Whom it is for, where the Context Object could be read."""
        if isinstance(self.context, InvalidContextError):
            return self.context.key[0] if self.context.key else None
        return self.context.frontend_payload.recipient_data.recipient_tel

    def lose(self) -> None:
        """Another receive of the message owns it now."""
        self.lease.lose()
