"""Outbox: send the parts of a reply, each one once: intend, send, and where the answer is lost, reconcile."""

from datetime import datetime, timedelta

from core.attempt import Attempt
from core.conversation import Conversation, EffectOwner, Reply, SentPart
from core.errors import DeliveryUnknownError, ProcessorError, SendTooLateError
from core.events import Event, Metric
from core.keyring import Keyring
from core.ports import Clock, ConversationStore, OutboundPart, TwilioCredentials, TwilioMessage, WhatsAppGateway
from core.reconciler import Reconciler, TwilioKeyrings
from core.telemetry import Telemetry


class Outbox:
    """Sends a reply's parts one by one, with a recorded intent before each."""

    def __init__(
        self,
        gateway: WhatsAppGateway,
        store: ConversationStore,
        reconciler: Reconciler,
        clock: Clock,
        telemetry: Telemetry,
        timeout_seconds: float,
        start_seconds: float,
        clock_skew_seconds: float,
    ) -> None:
        self._gateway = gateway
        self._store = store
        self._reconciler = reconciler
        self._clock = clock
        self._telemetry = telemetry
        self._timeout_seconds = timeout_seconds
        self._start_window = timedelta(seconds=start_seconds)
        self._needed_seconds = timeout_seconds + clock_skew_seconds

    def send_all(self, attempt: Attempt, reply: Reply, record: Conversation, keyrings: TwilioKeyrings) -> None:
        """Send what `attempt.sent` does not hold yet and add it there.

        Args:
            record: As it was claimed: it may show an intent of an earlier attempt whose outcome is not recorded.

        Raises:
            DeliveryUnknownError: Whether a part was sent can't be told yet.
            DeliveryUndecidedError: It can't be told at all.
            LostLeaseError: The conversation may be another delivery's.
            ProcessorError: Any other error means that the part after `attempt.sent` was not sent.
        """
        twilio = keyrings(attempt.context.company_data_payload.channel_config.whatsapp.whatsapp_credentials_id)
        intent_at, owner = record.intent_at, record.owner
        attempt.maybe_sent = intent_at is not None
        while len(attempt.sent) < len(reply.parts):
            part = self._send_next(attempt, reply, intent_at, owner, twilio, keyrings)
            attempt.sent.append(part)
            attempt.maybe_sent = False
            intent_at = owner = None
            self._telemetry.metric(Metric.MESSAGES_SENT)
            self._telemetry.info(
                Event.MESSAGE_SENT,
                **attempt.log_fields(),
                message_sid=part.sid,
                part=len(attempt.sent),
                parts=len(reply.parts),
            )

    def _send_next(
        self,
        attempt: Attempt,
        reply: Reply,
        intent_at: datetime | None,
        owner: EffectOwner | None,
        twilio: Keyring[TwilioCredentials],
        keyrings: TwilioKeyrings,
    ) -> SentPart:
        while True:
            if intent_at is not None:
                owner = owner or self._owner(attempt, twilio.value())  # the release before recorded none
                found = self._reconciler.find(attempt, reply, intent_at, owner, keyrings)
                if found is not None:
                    return self._sent(attempt, reply, found.message, unseen=found.unseen)
                attempt.maybe_sent = False
            owner = self._owner(attempt, twilio.value())
            intent_at = self._intend(attempt, reply, owner)
            try:
                return self._sent(attempt, reply, self._post(attempt, reply, intent_at, owner, twilio))
            except SendTooLateError:
                intent_at = None
            except DeliveryUnknownError:
                self._telemetry.warning(Event.SEND_OUTCOME_UNKNOWN, **attempt.log_fields(), part=len(attempt.sent) + 1)

    def _sent(self, attempt: Attempt, reply: Reply, message: TwilioMessage, *, unseen: bool = False) -> SentPart:
        shown = message.body if message.body != reply.parts[len(attempt.sent)] else None
        return SentPart(message.sid, message.created_at or self._clock.now(), unseen, shown or None)

    def _owner(self, attempt: Attempt, credentials: TwilioCredentials) -> EffectOwner:
        whatsapp = attempt.context.company_data_payload.channel_config.whatsapp
        return EffectOwner(whatsapp.company_whatsapp_number, credentials.account_sid, whatsapp.whatsapp_credentials_id)

    def _intend(self, attempt: Attempt, reply: Reply, owner: EffectOwner) -> datetime:
        """Record that the next part is about to be sent: from here on the record says it may be out, and from whom."""
        self._check_time(attempt)
        at = self._clock.now()
        self._store.intend(attempt.delivery.lease, reply, attempt.sent, at, owner)
        self._telemetry.debug(Event.SEND_INTENDED, **attempt.log_fields(), part=len(attempt.sent) + 1)
        return at

    def _post(
        self,
        attempt: Attempt,
        reply: Reply,
        intent_at: datetime,
        owner: EffectOwner,
        twilio: Keyring[TwilioCredentials],
    ) -> TwilioMessage:
        """Send the next part, unless it is too late for its outcome to be known in time."""
        part = OutboundPart(
            to=attempt.key.recipient_tel,
            from_=owner.sender,
            mode=reply.mode,
            content=reply.parts[len(attempt.sent)],
        )

        def send_once(credentials: TwilioCredentials) -> TwilioMessage:
            if credentials.account_sid != owner.account_sid:
                raise SendTooLateError("the secret was changed to another account: its intent comes first")
            self._check_time(attempt)
            lease_end = datetime.fromtimestamp(attempt.delivery.lease.expires_at, tz=intent_at.tzinfo)
            start_before = min(intent_at + self._start_window, lease_end - timedelta(seconds=self._needed_seconds))
            started = self._clock.monotonic()
            attempt.maybe_sent = True
            try:
                message = self._gateway.send(part, credentials, start_before)
            except DeliveryUnknownError:
                raise
            except ProcessorError:
                attempt.maybe_sent = False
                raise
            self._telemetry.metric(Metric.TWILIO_LATENCY, round((self._clock.monotonic() - started) * 1000))
            return message

        return attempt.repeat(lambda: twilio.use(send_once))

    def _check_time(self, attempt: Attempt) -> None:
        """Make sure that the lease and the invocation outlast a send that takes its whole timeout."""
        attempt.delivery.lease.check(self._clock.now().timestamp(), self._needed_seconds)
        attempt.check_time(self._timeout_seconds)
