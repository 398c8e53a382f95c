"""Claim: take the right to work on a conversation, and learn how far it is."""

from core.attempt import Attempt
from core.conversation import Conversation, Failure, Status, Step
from core.delivery import Delivery
from core.errors import AlreadyFailedError, LeaseHeldError
from core.events import Event, Metric
from core.ports import Clock, ConversationStore
from core.telemetry import Telemetry

PROCESS_DIED = "process_died"
"""Code that a record shows when the last attempt that SQS allows ended without a word."""


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
        """
        lease, now = attempt.delivery.lease, self._clock.now()
        mark = self._mark(attempt.delivery) if attempt.last_receive else None
        lease.take(attempt.key, attempt.delivery.hidden_until - self._safety_margin_seconds)
        seen = self._store.create(attempt.key, lease, attempt.context.stored_attributes(), now, mark)
        if seen is None:
            lease.confirm()
            self._telemetry.info(Event.CONVERSATION_CLAIMED, **attempt.log_fields())
            return Conversation(attempt.key, Status.PROCESSING, created_at=now)
        if seen.status is Status.SENT:
            lease.give_up()
            return seen
        try:
            self._check_takeable(attempt.delivery, seen)
            self._store.take_over(seen, lease, now, mark)
        except (LeaseHeldError, AlreadyFailedError):
            lease.give_up()
            raise
        lease.confirm()
        attempt.sent = list(seen.sent)
        attempt.maybe_sent = seen.intent_at is not None
        self._report(attempt, seen)
        return seen

    def _check_takeable(self, delivery: Delivery, seen: Conversation) -> None:
        held_seconds = seen.lease_expires_at + self._clock_skew_seconds - self._clock.now().timestamp()
        if seen.lease_owner is not None and held_seconds > 0:
            raise LeaseHeldError("another delivery is at work on it", retry_after_seconds=held_seconds)
        last = seen.last_error
        if (
            last is not None
            and last.permanent
            and last.message_id == delivery.message_id
            and last.receive_count < delivery.receive_count
        ):
            raise AlreadyFailedError(last.message, code=last.code)

    def _mark(self, delivery: Delivery) -> Failure:
        """Describe beforehand what a record should say if this attempt, the last one, ends without a word."""
        return Failure(
            step=Step.CLAIM,
            code=PROCESS_DIED,
            message="the last attempt ended without recording its outcome, or is still at work",
            at=self._clock.now(),
            permanent=False,
            message_id=delivery.message_id,
            receive_count=delivery.receive_count,
        )

    def _report(self, attempt: Attempt, seen: Conversation) -> None:
        resumed = seen.run is not None or seen.reply is not None
        event = Event.CONVERSATION_RESUMED if resumed else Event.CONVERSATION_CLAIMED
        self._telemetry.info(event, **attempt.log_fields(), status=seen.status)
        if resumed:
            self._telemetry.metric(Metric.RESUMED)
