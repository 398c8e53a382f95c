"""Watch: look back at what became of a closed conversation's messages, until it is known or nobody can tell."""

from datetime import datetime, timedelta

from core.attempt import Attempt
from core.claim import check_owner
from core.continuation import MAX_NUMBER, Continuation
from core.conversation import Conversation, Failure, Step, WaitReason
from core.deliveries import Deliveries, DeliveryStatus, MessageDelivery, advanced, open_sids, status_of
from core.errors import ProcessorError
from core.events import Event, Metric
from core.keyring import Keyring
from core.outcome import Done, GivenBack, Outcome, Postponed
from core.ports import Clock, ConversationStore, TwilioCredentials, WhatsAppGateway
from core.postponement import MAX_DELAY_SECONDS
from core.telemetry import Telemetry

FIRST_LOOKS_SECONDS = (10.0, 60.0, 300.0)
LOOK_EVERY_SECONDS = 900.0
"""When to look, counted from the close: most messages are delivered within seconds, the rest when a phone is on."""

LEAST_SECONDS = 5.0
"""A look that would follow another one sooner is left out."""

LATE_SHARE = 0.25

AGAIN_SECONDS = 30
"""When a message comes back whose look could not be put on the queue."""

CODE = "delivery_watch"


class DeliveryWatch:
    """Looks at Twilio's word on the messages of closed conversations. It sends nothing, whatever it finds."""

    def __init__(
        self, store: ConversationStore, gateway: WhatsAppGateway, clock: Clock, telemetry: Telemetry, length: timedelta
    ) -> None:
        """Make a watch.

        Args:
            length: How long after the close it ends if nothing ended it before; nothing is looked at without any.
        """
        self._store = store
        self._gateway = gateway
        self._clock = clock
        self._telemetry = telemetry
        self.length = length

    def stop(self) -> None:
        """Watch nothing from now on: the queue takes nothing from the function."""
        self.length = timedelta(0)

    def begin(self, attempt: Attempt, until: datetime | None) -> Outcome:
        """Return what becomes of a message whose conversation is closed: it comes again if a look is due."""
        if not self.length or until is None:
            return Done()
        return self._postponed(attempt, 1, until - self.length)

    def find(self, attempt: Attempt) -> Conversation | Outcome | None:
        """Return the record of a message that came for a look, or what becomes of the message if there is none.

        None if the message did not come for a look.

        Raises:
            ConversationConflictError: The record is another company's, project's or sender's.
        """
        continuation = attempt.delivery.continuation
        if continuation is None or continuation.reason is not WaitReason.DELIVERY:
            return None
        attempt.step = Step.DELIVER
        try:
            record = self._store.find(attempt.key)
        except ProcessorError as error:
            return self._again(attempt, continuation, error)
        if record is None:  # it was deleted since: a claim would make it again and send again
            return Done()
        check_owner(record, attempt.context)
        return record

    def look(self, attempt: Attempt, record: Conversation, twilio: Keyring[TwilioCredentials]) -> Outcome:
        """Ask Twilio about each message whose fate is open, record what is new, and say when to look again."""
        continuation, until = attempt.delivery.continuation, record.watch_until
        if continuation is None or until is None:
            return Done()
        deliveries, failed = self._ask_about_all(attempt, record.deliveries, twilio)
        now = self._clock.now()
        has_answer = failed is None and all(one.status is not DeliveryStatus.UNKNOWN for one in deliveries.values())
        ends_at = until if has_answer else until + self.length  # Twilio was away or knew nothing: as long again
        is_known = not open_sids(deliveries)
        is_over = now >= ends_at or continuation.number >= MAX_NUMBER
        if deliveries != record.deliveries or is_known or is_over:
            failure = self._failure(attempt, record.deliveries, deliveries, now)
            try:
                took_effect = self._store.record_deliveries(
                    record, deliveries, failure, now, ends_watch=is_known or is_over
                )
            except ProcessorError as error:
                return self._again(attempt, continuation, error)
            if took_effect:
                self._report(attempt, record, deliveries)
                if is_known:
                    return Done()
                if is_over:
                    return self._unconfirmed(attempt)
        return self._again(attempt, continuation, failed)

    def _ask_about_all(
        self, attempt: Attempt, known: Deliveries, twilio: Keyring[TwilioCredentials]
    ) -> tuple[Deliveries, ProcessorError | None]:
        """Return what is known now, and what stood in the way of knowing more."""
        found: dict[str, MessageDelivery] = {}
        for sid in open_sids(known):
            try:
                found[sid] = self._ask(attempt, sid, twilio)
            except ProcessorError as error:
                return advanced(known, found), error
        return advanced(known, found), None

    def _ask(self, attempt: Attempt, sid: str, twilio: Keyring[TwilioCredentials]) -> MessageDelivery:
        attempt.check_time()
        message = twilio.use(lambda credentials: self._gateway.fetch(sid, credentials))
        if message is None:
            return MessageDelivery(DeliveryStatus.UNKNOWN, self._clock.now())
        status = status_of(message.status)
        error_code = message.error_code if status.is_failure else None
        return MessageDelivery(status, message.updated_at or self._clock.now(), error_code)

    def _failure(self, attempt: Attempt, known: Deliveries, deliveries: Deliveries, now: datetime) -> Failure | None:
        """Return the first message that is newly known not to have been delivered, as the record's last error."""
        for sid, delivery in deliveries.items():
            if delivery.status.is_failure and delivery != known[sid]:
                return Failure(
                    step=Step.DELIVER,
                    code=delivery.failure_code,
                    message="Twilio accepted the message, and it was not delivered",
                    at=now,
                    permanent=True,
                    message_id=attempt.delivery.message_id,
                    receive_count=attempt.delivery.receive_count,
                )
        return None

    def _report(self, attempt: Attempt, record: Conversation, deliveries: Deliveries) -> None:
        sent_at = {part.sid: part.sent_at for part in record.sent}
        for sid, delivery in deliveries.items():
            before = record.deliveries[sid].status
            if delivery.status is before:
                continue
            if delivery.status.is_failure:
                code = delivery.failure_code
                self._telemetry.error(Event.MESSAGE_UNDELIVERED, **attempt.log_fields(), message_sid=sid, code=code)
                self._telemetry.metric(Metric.MESSAGES_UNDELIVERED, code=code)
            elif delivery.status.is_success:
                self._telemetry.info(
                    Event.MESSAGE_DELIVERED, **attempt.log_fields(), message_sid=sid, status=delivery.status
                )
                self._telemetry.metric(Metric.MESSAGES_DELIVERED)
                if delivery.status is DeliveryStatus.READ:
                    self._telemetry.metric(Metric.MESSAGES_READ)
                elif sid in sent_at:
                    latency = (delivery.at - sent_at[sid]).total_seconds() * 1000
                    self._telemetry.metric(Metric.DELIVERY_LATENCY, max(round(latency), 0))

    def _again(self, attempt: Attempt, continuation: Continuation, failed: ProcessorError | None) -> Outcome:
        if failed is not None:
            self._telemetry.warning(Event.DELIVERY_LOOK_FAILED, **attempt.log_fields(), code=failed.code)
            if failed.configuration:
                self._telemetry.metric(Metric.CONFIGURATION_FAULTS, code=failed.code)
        if continuation.number >= MAX_NUMBER:
            return self._unconfirmed(attempt)
        return self._postponed(attempt, continuation.number + 1, continuation.since)

    def _unconfirmed(self, attempt: Attempt) -> Outcome:
        """Count a conversation of whose messages Twilio had no last word; nobody looks any more."""
        self._telemetry.warning(Event.DELIVERY_UNCONFIRMED, **attempt.log_fields())
        self._telemetry.metric(Metric.DELIVERY_UNCONFIRMED)
        return Done()

    def _postponed(self, attempt: Attempt, number: int, closed_at: datetime) -> Postponed:
        now = self._clock.now()
        waited = (now - closed_at).total_seconds()
        return Postponed(
            delay_seconds=next_look_seconds(waited, self.length.total_seconds()),
            continuation=Continuation(
                number=number,
                origin=attempt.delivery.origin,
                first_sent_at=attempt.delivery.first_sent_at,
                put_at=now,
                reason=WaitReason.DELIVERY,
                since=min(closed_at, now),
            ),
            code=CODE,
            otherwise=GivenBack(AGAIN_SECONDS),
        )


def next_look_seconds(waited_seconds: float, length_seconds: float) -> int:
    """Return how long from now to look again, in whole seconds: by the schedule, and last at the end of the watch.

    Past that end, where a look could not ask: after a share of the watch's length.
    """
    if waited_seconds >= length_seconds:
        late = max(length_seconds * LATE_SHARE, FIRST_LOOKS_SECONDS[0])
        return min(int(late), MAX_DELAY_SECONDS)
    soonest = waited_seconds + LEAST_SECONDS
    rounds = int(max(soonest, 0.0) // LOOK_EVERY_SECONDS) + 1
    moment = next((first for first in FIRST_LOOKS_SECONDS if first >= soonest), rounds * LOOK_EVERY_SECONDS)
    return min(max(-int(-(min(moment, length_seconds) - waited_seconds) // 1), 1), MAX_DELAY_SECONDS)
