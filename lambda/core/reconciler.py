"""Reconciler: look at Twilio's list and the table until it can be told whether a part was sent."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from core.attempt import Attempt
from core.conversation import Conversation, EffectOwner, Reply, UndecidedRow
from core.errors import DeliveryUndecidedError, DeliveryUnknownError, SecretError, TransientError
from core.events import Event, Metric
from core.keyring import Keyring
from core.ports import Clock, ConversationStore, TwilioCredentials, TwilioMessage, WhatsAppGateway
from core.reconciliation import Adopt, Claimant, Decision, NotSent, Undecided, Wait, Windows, decide
from core.resemblance import is_shown
from core.telemetry import Telemetry

FIRST_PAUSES_SECONDS = (1.0, 2.0, 4.0)
"""Twilio usually lists a message at once: these looks save the rest of the window."""

NEXT_LOOK_SECONDS = 30.0
"""How long to give a message back for where nothing says when more will be known."""

MAX_SHOWN = 50
"""Most messages in question that a record and a log line name."""

TwilioKeyrings = Callable[[str], Keyring[TwilioCredentials]]
"""Returns the keyring of a credentials reference."""


class Reconciler:
    """Decides whether a part was sent, so that it is sent once."""

    def __init__(
        self,
        gateway: WhatsAppGateway,
        store: ConversationStore,
        clock: Clock,
        telemetry: Telemetry,
        windows: Windows,
    ) -> None:
        self._gateway = gateway
        self._store = store
        self._clock = clock
        self._telemetry = telemetry
        self._windows = windows

    def find(
        self, attempt: Attempt, reply: Reply, intent_at: datetime, owner: EffectOwner, keyrings: TwilioKeyrings
    ) -> Adopt | None:
        """Return the message of the pending part, or None once it is certain that there is none.

        Args:
            owner: Whom the send belongs to; its account and sender are looked at, whatever the message says now.

        Raises:
            DeliveryUnknownError: It can't be told yet; the message goes back to the queue until it can.
            DeliveryUndecidedError: It can't be told at all.
        """
        keyring = self._keyring_of(attempt, owner, keyrings)
        looks = 0
        while True:
            decision = self._look(attempt, reply, intent_at, owner, keyring)
            if isinstance(decision, NotSent):
                return None
            if isinstance(decision, Adopt):
                self._report(attempt, decision)
                return decision
            if isinstance(decision, Undecided):
                raise DeliveryUndecidedError(
                    "Twilio lists messages that may be this one; a person must decide",
                    [
                        UndecidedRow(row.sid, row.created_at, row.status, is_shown(row.body))
                        for row in decision.rows[:MAX_SHOWN]
                    ],
                )
            self._pause(attempt, decision.until, looks)
            looks += 1

    def _report(self, attempt: Attempt, adopted: Adopt) -> None:
        sid = adopted.message.sid
        self._telemetry.info(Event.SEND_RECONCILED, **attempt.log_fields(), message_sid=sid)
        self._telemetry.metric(Metric.RECONCILED)
        if adopted.unseen:
            self._telemetry.warning(Event.ADOPTED_UNSEEN, **attempt.log_fields(), message_sid=sid)
            self._telemetry.metric(Metric.ADOPTED_UNSEEN)

    def _pause(self, attempt: Attempt, until: datetime, looks: int) -> None:
        """Wait for the next look, or give the message back where waiting costs nothing."""
        rest = (until - self._clock.now()).total_seconds()
        pause = FIRST_PAUSES_SECONDS[looks] if looks < len(FIRST_PAUSES_SECONDS) else math.inf
        if pause + 1 > attempt.deadline.remaining_seconds():
            raise _not_known_yet(rest)
        self._clock.sleep(pause)

    def _keyring_of(self, attempt: Attempt, owner: EffectOwner, keyrings: TwilioKeyrings) -> Keyring[TwilioCredentials]:
        """Return a keyring that opens the intent's account: by its own reference, or by the message's.

        Raises:
            DeliveryUndecidedError: Neither does any more.
        """
        whatsapp = attempt.context.company_data_payload.channel_config.whatsapp
        for reference in dict.fromkeys((owner.credentials_id, whatsapp.whatsapp_credentials_id)):
            keyring = keyrings(reference)
            try:
                if keyring.value().account_sid == owner.account_sid:
                    return keyring
            except SecretError:
                continue
        raise _account_gone()

    def _look(
        self,
        attempt: Attempt,
        reply: Reply,
        intent_at: datetime,
        owner: EffectOwner,
        keyring: Keyring[TwilioCredentials],
    ) -> Decision:
        asked_at = self._clock.now()
        since = intent_at - self._windows.look_back
        service_sid: str | None = None

        def list_once(credentials: TwilioCredentials) -> list[TwilioMessage]:
            nonlocal service_sid
            if credentials.account_sid != owner.account_sid:
                raise _account_gone()
            service_sid = credentials.messaging_service_sid
            return self._gateway.list_messages(attempt.key.recipient_tel, owner.sender, credentials, since)

        try:
            rows = [row for row in keyring.use(list_once) if row.created_at is None or row.created_at >= since]
            known = self._store.conversations_with(attempt.key.recipient_tel) if rows else []
            others = [conversation for conversation in known if conversation.key != attempt.key]
            decision, has_rivals = decide(
                Claimant(
                    attempt.key.conversation_id,
                    reply.mode,
                    reply.parts[len(attempt.sent)],
                    intent_at,
                    service_sid=service_sid,
                ),
                self._rivals(others, owner, asked_at),
                rows,
                {part.sid for part in attempt.sent}.union(*(conversation.held_sids for conversation in known)),
                self._windows,
                asked_at,
            )
            if has_rivals:
                self._store.record_unknown(attempt.delivery.lease, asked_at)
        except TransientError as error:
            self._telemetry.warning(Event.LIST_FAILED, **attempt.log_fields(), code=error.code, reason=str(error))
            return Wait(asked_at + timedelta(seconds=NEXT_LOOK_SECONDS))
        return decision

    def _rivals(self, others: Sequence[Conversation], owner: EffectOwner, now: datetime) -> list[Claimant]:
        """Return the conversations that may have sent what the list of one account and sender shows."""
        return [
            Claimant(
                other.key.conversation_id,
                other.reply.mode,
                other.pending_part,
                other.intent_at,
                answer_until=self._answer_until(other, now),
                any_service=True,
            )
            for other in others
            if other.pending_part is not None
            and other.reply is not None
            and other.intent_at is not None
            and may_have_sent_as(other, owner)
        ]

    def _answer_until(self, other: Conversation, now: datetime) -> datetime | None:
        allowance = self._windows.skew.total_seconds()
        if not other.may_get_answer(now.timestamp() - allowance):
            return None
        return datetime.fromtimestamp(other.lease_expires_at + allowance, tz=UTC)


def may_have_sent_as(other: Conversation, owner: EffectOwner) -> bool:
    """Whether the pending part of another conversation may be in the list of an account and sender."""
    if other.owner is not None:
        return (other.owner.sender, other.owner.account_sid) == (owner.sender, owner.account_sid)
    return other.sender is None or other.sender == owner.sender


def _not_known_yet(rest_seconds: float) -> DeliveryUnknownError:
    return DeliveryUnknownError(
        "Twilio may have accepted the message and does not list it yet", retry_after_seconds=max(rest_seconds, 0.0)
    )


def _account_gone() -> DeliveryUndecidedError:
    return DeliveryUndecidedError("the Twilio account of the send can't be listed any more; a person must decide")
