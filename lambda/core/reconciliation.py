"""Reconciliation: find out from Twilio's own list whether a message whose answer was lost was accepted."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.attempt import Attempt
from core.conversation import Conversation, Mode, Reply
from core.errors import DeliveryUnknownError, TransientError
from core.events import Event, Metric
from core.keyring import Keyring
from core.ports import Clock, ConversationStore, TwilioCredentials, TwilioMessage, WhatsAppGateway
from core.telemetry import Telemetry

FIRST_PAUSES_SECONDS = (1.0, 2.0, 4.0)
"""Twilio usually lists a message at once: these looks save a receive and the rest of the window."""

LATER_PAUSE_SECONDS = 10.0
"""Between the looks of an attempt that must not give the message back."""

NEXT_LOOK_SECONDS = 30.0
"""How long to give a message back for where nothing says when more will be known."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """It can't be told yet whether the message was sent, and not before `until` that it was not."""

    until: datetime


class Reconciler:
    """Decides whether a part was sent, so that it is sent once."""

    def __init__(
        self,
        gateway: WhatsAppGateway,
        store: ConversationStore,
        clock: Clock,
        telemetry: Telemetry,
        settle_seconds: float,
        clock_skew_seconds: float,
    ) -> None:
        self._gateway = gateway
        self._store = store
        self._clock = clock
        self._telemetry = telemetry
        self._settle = timedelta(seconds=settle_seconds)
        self._skew = timedelta(seconds=clock_skew_seconds + 1)  # Twilio's times are in whole seconds

    def find(
        self, attempt: Attempt, reply: Reply, intent_at: datetime, twilio: Keyring[TwilioCredentials]
    ) -> TwilioMessage | None:
        """Return the message of the pending part, or None once it is certain that there is none.

        Raises:
            DeliveryUnknownError: It can't be told yet; the message goes back to the queue until it can.
        """
        looks = 0
        while True:
            found = self._look(attempt, reply, intent_at, twilio)
            if found is None:
                return None
            if isinstance(found, TwilioMessage):
                self._telemetry.info(Event.SEND_RECONCILED, **attempt.log_fields(), message_sid=found.sid)
                self._telemetry.metric(Metric.RECONCILED)
                return found
            self._pause(attempt, found.until, looks)
            looks += 1

    def _pause(self, attempt: Attempt, until: datetime, looks: int) -> None:
        """Wait for the next look, or give the message back where waiting costs nothing."""
        rest = (until - self._clock.now()).total_seconds()
        if looks < len(FIRST_PAUSES_SECONDS):
            pause = FIRST_PAUSES_SECONDS[looks]
        elif attempt.last_receive:
            pause = min(max(rest, 1.0), LATER_PAUSE_SECONDS)
        else:
            raise _not_known_yet(rest)
        if pause + 1 > attempt.deadline.remaining_seconds():
            raise _not_known_yet(rest)
        self._clock.sleep(pause)

    def _look(
        self, attempt: Attempt, reply: Reply, intent_at: datetime, twilio: Keyring[TwilioCredentials]
    ) -> TwilioMessage | Undecided | None:
        part = reply.parts[len(attempt.sent)]
        whatsapp = attempt.context.company_data_payload.channel_config.whatsapp
        asked_at = self._clock.now()
        try:
            listed = twilio.use(
                lambda credentials: self._gateway.list_messages(
                    attempt.key.recipient_tel, whatsapp.company_whatsapp_number, credentials, intent_at - self._skew
                )
            )
            candidates = [
                message
                for message in listed
                if message.created_at is not None
                and message.created_at >= intent_at - self._skew
                and matches(reply.mode, part, message.body)
            ]
            if candidates:
                return self._own(attempt, reply, intent_at, asked_at, candidates)
        except TransientError as error:
            self._telemetry.warning(Event.LIST_FAILED, **attempt.log_fields(), code=error.code, reason=str(error))
            return Undecided(asked_at + timedelta(seconds=NEXT_LOOK_SECONDS))
        settled_at = intent_at + self._settle
        return None if asked_at >= settled_at else Undecided(settled_at)

    def _own(
        self, attempt: Attempt, reply: Reply, intent_at: datetime, asked_at: datetime, candidates: list[TwilioMessage]
    ) -> TwilioMessage | Undecided | None:
        """Pick the candidate that is this conversation's own.

        The table is read after the list: whoever sent a listed message had recorded the intent before. So a candidate
        that no other conversation holds, and that none with an open intent could have sent, can only be ours.
        Conversations that are open with the same content share the candidates in the order of their intents, once
        nobody can get an answer from Twilio any more and the list is complete for all of them. A candidate that an open
        conversation with other content could have sent is left alone until that one knows.
        """
        part = reply.parts[len(attempt.sent)]
        others = self._store.others_of(attempt.key)
        taken = {sid for other in others for sid in other.held_sids} | {sent.sid for sent in attempt.sent}
        free = sorted((m for m in candidates if m.sid not in taken), key=lambda m: (m.created_at, m.sid))
        rivals = [other for other in others if any(may_be_its_own(other, m) for m in free)]
        twins = [other for other in rivals if other.pending_part == part]
        lookalikes = [other for other in rivals if other.pending_part != part]
        clear = [m for m in free if not any(may_be_its_own(other, m) for other in lookalikes)]
        if clear and not twins:
            return clear[0]
        if rivals:
            self._store.record_unknown(attempt.delivery.lease, asked_at)
        decided_at = self._decided_at(intent_at, asked_at, rivals)
        if asked_at < decided_at:
            return Undecided(decided_at)
        if lookalikes or any(twin.may_get_answer(asked_at.timestamp()) for twin in twins):
            return Undecided(asked_at + timedelta(seconds=NEXT_LOOK_SECONDS))
        place = sum(
            (twin.intent_at, twin.key.conversation_id) < (intent_at, attempt.key.conversation_id) for twin in twins
        )
        return clear[place] if place < len(clear) else None

    def _decided_at(self, intent_at: datetime, asked_at: datetime, rivals: Sequence[Conversation]) -> datetime:
        """Return when the list is complete for all, and whoever waited for an answer has given up or been replaced."""
        moments = [intent_at + self._settle]
        for rival in rivals:
            if rival.intent_at is not None:
                moments.append(rival.intent_at + self._settle)
            if rival.may_get_answer(asked_at.timestamp()):
                lease_end = datetime.fromtimestamp(rival.lease_expires_at, tz=intent_at.tzinfo)
                moments.append(lease_end + timedelta(seconds=NEXT_LOOK_SECONDS))
        return max(moments)


def matches(mode: Mode, content: str, body: str) -> bool:
    """Whether a listed message's body is what `content` was rendered to.

    Text must be equal; of a template, whose wording Twilio keeps, every variable's value must occur. White space does
    not count.
    """
    shown = " ".join(body.split())
    if mode is Mode.FREE_FORM:
        return shown == " ".join(content.split())
    return all(value in shown for value in json.loads(content).values())


def may_be_its_own(other: Conversation, message: TwilioMessage) -> bool:
    """Whether a listed message may be the one that another conversation does not know the fate of."""
    part = other.pending_part
    return part is not None and other.reply is not None and matches(other.reply.mode, part, message.body)


def _not_known_yet(rest_seconds: float) -> DeliveryUnknownError:
    return DeliveryUnknownError(
        "Twilio may have accepted the message and does not list it yet", retry_after_seconds=max(rest_seconds, 0.0)
    )
