"""Claim: take the right to work on a conversation, and learn how far it is."""

from core.attempt import Attempt
from core.conversation import Conversation, Failure, Status, Step
from core.delivery import Delivery
from core.errors import AlreadyFailedError, LeaseHeldError
from core.events import Event, Metric
from core.ports import Clock, ConversationStore
from core.telemetry import Telemetry

UNFINISHED = "attempt_unfinished"
"""Code that a record shows while an attempt is at work on it, and for good when its process died without a word."""

MAX_PAUSE_SECONDS = 20.0
"""Between two looks at a lease that is waited for; its holder may finish early."""

MIN_WORK_SECONDS = 60.0
"""Waiting for a lease makes sense only if there is time left to work with it."""


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

        On the last receive, a lease that another delivery holds is waited for: whoever holds it may be dead.

        Raises:
            LeaseHeldError: Another delivery is at work on it.
            AlreadyFailedError: This very message failed for good before.
        """
        while True:
            seen, held_seconds = self._try(attempt)
            if held_seconds <= 0:
                return seen
            if not attempt.last_receive:
                raise LeaseHeldError("another delivery is at work on it", retry_after_seconds=held_seconds)
            pause = min(held_seconds, MAX_PAUSE_SECONDS)
            if attempt.deadline.remaining_seconds() < pause + MIN_WORK_SECONDS:
                message = "another delivery holds it, and this message has no receive left"
                self._store.annotate(seen, self._mark(attempt.delivery, LeaseHeldError.code, message))
                raise LeaseHeldError(message, retry_after_seconds=held_seconds)
            self._clock.sleep(pause)

    def _try(self, attempt: Attempt) -> tuple[Conversation, float]:
        """Return the record, and for how many seconds more another delivery holds it."""
        delivery, lease, now = attempt.delivery, attempt.delivery.lease, self._clock.now()
        mark = self._mark(delivery, UNFINISHED, "an attempt has not recorded its outcome: it is at work, or it died")
        failed_before = delivery.receive_count > 1
        lease.take(attempt.key, delivery.hidden_until - self._safety_margin_seconds)
        seen = self._store.create(
            attempt.key, lease, attempt.context.stored_attributes(), mark, needs_attention=failed_before
        )
        if seen is None:
            lease.confirm()
            attempt.maybe_sent = False
            self._telemetry.info(Event.CONVERSATION_CLAIMED, **attempt.log_fields())
            return Conversation(attempt.key, Status.PROCESSING, created_at=now), 0.0
        held_seconds = seen.lease_expires_at + self._clock_skew_seconds - now.timestamp()
        if seen.status is Status.SENT or (seen.lease_owner is not None and held_seconds > 0):
            lease.give_up()
            return seen, 0.0 if seen.status is Status.SENT else held_seconds
        try:
            self._check_worth_trying(delivery, seen)
            seen = self._store.take_over(seen, lease, mark, needs_attention=failed_before)
        except (LeaseHeldError, AlreadyFailedError):
            lease.give_up()
            raise
        lease.confirm()
        attempt.sent = list(seen.sent)
        attempt.maybe_sent = seen.intent_at is not None
        self._report(attempt, seen)
        return seen, 0.0

    def _check_worth_trying(self, delivery: Delivery, seen: Conversation) -> None:
        last = seen.last_error
        if (
            last is not None
            and last.permanent
            and last.message_id == delivery.message_id
            and last.receive_count < delivery.receive_count
        ):
            raise AlreadyFailedError(last.message, code=last.code)

    def _mark(self, delivery: Delivery, code: str, message: str) -> Failure:
        """Say beforehand why the record is as it is, for nobody may be able to say it later."""
        return Failure(
            step=Step.CLAIM,
            code=code,
            message=message,
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
