"""Claim: take the right to work on a conversation, and learn how far it is."""

from core.attempt import Attempt
from core.conversation import Conversation, Failure, Standing, Status, Step
from core.delivery import Delivery
from core.errors import (
    AlreadyFailedError,
    ConversationConflictError,
    DeliveryUndecidedError,
    LeaseHeldError,
    PermanentError,
)
from core.events import Event, Metric
from core.ports import Clock, ConversationStore, Parked
from core.telemetry import Telemetry
from utils.context_model import ContextObject

UNFINISHED = "attempt_unfinished"
"""Code that a record shows while an attempt is at work on it, and for good when its process died without a word."""


class Claims:
    """Gives each conversation to one delivery at a time."""

    def __init__(
        self,
        store: ConversationStore,
        clock: Clock,
        telemetry: Telemetry,
        safety_margin_seconds: float,
        clock_skew_seconds: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self._telemetry = telemetry
        self._safety_margin_seconds = safety_margin_seconds
        self._clock_skew_seconds = clock_skew_seconds

    def claim(self, attempt: Attempt) -> Conversation:
        """Take the conversation's lease and return the record as it stands; a closed record is left alone.

        Raises:
            LeaseHeldError: Another delivery is at work on it.
            AlreadyFailedError: This very message failed for good before.
            ConversationConflictError: The record is another company's, project's or sender's.
            DeliveryUndecidedError: The record is another program's, or unreadable, and the message may be out.
        """
        parked = attempt.parked
        if parked is not None and (record := self._resume(attempt, parked)) is not None:
            return record
        try:
            return self._try(attempt)
        except LeaseHeldError:  # another delivery came between look and lease: see what it made of the record
            return self._try(attempt)

    def _resume(self, attempt: Attempt, parked: Parked) -> Conversation | None:
        """Claim a record that waits for a run in one write, if it is as its continuation says."""
        delivery, lease = attempt.delivery, attempt.delivery.lease
        lease.take(attempt.key, delivery.hidden_until - self._safety_margin_seconds, parked.write_number + 1)
        seen = self._store.resume(
            attempt.key, parked, lease, self._unfinished(delivery), needs_attention=delivery.receive_count > 1
        )
        if seen is None:
            lease.give_up()
            return None
        lease.confirm()
        attempt.maybe_sent = False
        self._report(attempt, seen)
        return seen

    def _try(self, attempt: Attempt) -> Conversation:
        delivery, lease, now = attempt.delivery, attempt.delivery.lease, self._clock.now()
        mark = self._unfinished(delivery)
        failed_before = delivery.receive_count > 1
        expires_at = delivery.hidden_until - self._safety_margin_seconds
        attributes = attempt.context.stored_attributes()
        lease.take(attempt.key, expires_at)
        seen = self._store.create(attempt.key, lease, attributes, mark, needs_attention=failed_before)
        if seen is None:
            lease.confirm()
            attempt.maybe_sent = False
            self._telemetry.info(Event.CONVERSATION_CLAIMED, **attempt.log_fields())
            return Conversation(attempt.key, Status.PROCESSING, created_at=now)
        try:
            check_owner(seen, attempt.context)
            if seen.closed:
                lease.give_up()
                return seen
            self._check_free(attempt, seen)
            self._check_worth_trying(delivery, seen)
            self._check_decided(delivery, seen)
            lease.take(attempt.key, expires_at, seen.write_number + 1)
            seen = self._store.take_over(seen, lease, attributes, mark, needs_attention=failed_before)
        except (LeaseHeldError, PermanentError):
            lease.give_up()
            raise
        lease.confirm()
        attempt.sent = list(seen.sent)
        attempt.maybe_sent = seen.intent_at is not None
        self._report(attempt, seen)
        return seen

    def _check_free(self, attempt: Attempt, seen: Conversation) -> None:
        """Leave a record alone that another delivery holds: one that may have died, so the last receive leaves word."""
        held_seconds = seen.lease_expires_at + self._clock_skew_seconds - self._clock.now().timestamp()
        if seen.lease_owner is None or held_seconds <= 0:
            return
        if attempt.last_receive:
            message = "another delivery holds it, and this message has no receive left"
            self._store.annotate(seen, self._mark(attempt.delivery, LeaseHeldError.code, message))
        raise LeaseHeldError("another delivery is at work on it", retry_after_seconds=held_seconds)

    def _check_decided(self, delivery: Delivery, seen: Conversation) -> None:
        """Leave a record alone that may stand for a message that is out, but for a word to whoever looks at it."""
        if seen.standing is not Standing.UNDECIDED:
            return
        message = "another program's record, or one that can't be read: the message may be out"
        self._store.annotate(seen, self._mark(delivery, DeliveryUndecidedError.code, message, permanent=True))
        raise DeliveryUndecidedError(message)

    def _check_worth_trying(self, delivery: Delivery, seen: Conversation) -> None:
        last = seen.last_error
        if (
            last is not None
            and last.permanent
            and last.message_id == delivery.message_id
            and last.receive_count < delivery.receive_count
        ):
            raise AlreadyFailedError(last.message, code=last.code)

    def _unfinished(self, delivery: Delivery) -> Failure:
        return self._mark(delivery, UNFINISHED, "an attempt has not recorded its outcome: it is at work, or it died")

    def _mark(self, delivery: Delivery, code: str, message: str, *, permanent: bool = False) -> Failure:
        """Say beforehand why the record is as it is, for nobody may be able to say it later."""
        return Failure(
            step=Step.CLAIM,
            code=code,
            message=message,
            at=self._clock.now(),
            permanent=permanent,
            message_id=delivery.message_id,
            receive_count=delivery.receive_count,
        )

    def _report(self, attempt: Attempt, seen: Conversation) -> None:
        resumed = seen.run is not None or seen.reply is not None
        event = Event.CONVERSATION_RESUMED if resumed else Event.CONVERSATION_CLAIMED
        self._telemetry.info(event, **attempt.log_fields(), status=seen.status)
        if resumed:
            self._telemetry.metric(Metric.RESUMED)


def check_owner(seen: Conversation, context: ContextObject) -> None:
    """Make sure that a record belongs to the message's company and project, and once something may be out, its sender.

    Before that, the same company's corrected sender replaces the stored one. What the record does not say is no
    difference.

    Raises:
        ConversationConflictError: It belongs to another.
    """
    company, sender = context.company_data_payload, seen.owner.sender if seen.owner else seen.sender
    number = company.channel_config.whatsapp.company_whatsapp_number
    may_be_out = seen.closed or seen.intent_at is not None or bool(seen.sent)
    different = [
        name
        for name, stored, given in (
            ("company", seen.company_id, company.company_id),
            ("project", seen.project_id, company.project_id),
            ("sender", sender if may_be_out else None, number),
        )
        if stored is not None and stored != given
    ]
    if different:
        raise ConversationConflictError(f"the conversation under these keys has another {' and '.join(different)}")
