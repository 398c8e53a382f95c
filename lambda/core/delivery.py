"""Delivery: one receive of one SQS message."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from core.continuation import Continuation
from core.lease import Lease
from core.telemetry import DeliveryFields
from utils.context_model import ContextObject
from utils.context_processor import InvalidContextError


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a message consists of, to be put on the queue again as it is.

    Attributes:
        attributes: Its message attributes, as the event has them.
        group_id: Its `MessageGroupId`, if it has one.
    """

    body: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    group_id: str | None = None


@dataclass(slots=True)
class Delivery:
    """One receive of one SQS message, with its right to the conversation.

    Attributes:
        receive_count: At least 1; SQS counts it.
        sent_at: When the message was sent, if SQS says.
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
    envelope: Envelope = field(default_factory=Envelope)
    continuation: Continuation | None = None

    @property
    def first_sent_at(self) -> datetime:
        """When the Channel Router sent the message, however often it was postponed since."""
        if self.continuation is not None:
            return self.continuation.first_sent_at
        return self.sent_at or datetime.fromtimestamp(self.received_at, tz=UTC)

    @property
    def origin(self) -> str:
        """Id of the message that came first."""
        return self.continuation.origin if self.continuation is not None else self.message_id

    def log_fields(self) -> DeliveryFields:
        """What every line about this delivery says."""
        fields = DeliveryFields(message_id=self.message_id, receive_count=self.receive_count)
        if self.continuation is not None:
            fields["origin_message_id"] = self.continuation.origin
            fields["continuation"] = self.continuation.number
        if not isinstance(self.context, InvalidContextError):
            fields["conversation_id"] = self.context.conversation_data.conversation_id
            fields["request_id"] = self.context.frontend_payload.request_data.request_id
            fields["company_id"] = self.context.company_data_payload.company_id
            fields["recipient"] = self.context.frontend_payload.recipient_data.recipient_tel
        return fields

    @property
    def recipient_tel(self) -> str | None:
        """Whom it is for, where the Context Object could be read."""
        if isinstance(self.context, InvalidContextError):
            return self.context.key[0] if self.context.key else None
        return self.context.frontend_payload.recipient_data.recipient_tel

    def lose(self) -> None:
        """Another receive of the message owns it now."""
        self.lease.lose()
