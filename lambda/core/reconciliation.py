"""Reconciliation: find out from Twilio's own list whether a message whose answer was lost was accepted."""

import json
from datetime import datetime, timedelta
from enum import Enum, auto

from core.attempt import Attempt
from core.conversation import Mode, Reply
from core.errors import DeliveryUnknownError, TransientError
from core.events import Event, Metric
from core.keyring import Keyring
from core.ports import Clock, ConversationStore, TwilioCredentials, TwilioMessage, WhatsAppGateway
from core.telemetry import Telemetry

FIRST_PAUSES_SECONDS = (1.0, 2.0, 4.0)
"""Twilio usually lists a message at once: these looks save a receive and the rest of the window."""

LATER_PAUSE_SECONDS = 10.0
"""Between the looks of an attempt that must not give the message back."""

UNCLEAR_PAUSE_SECONDS = 30.0
"""How long to give a message back for when the window is over and the outcome still can't be told."""


class Outcome(Enum):
    """What a look at Twilio's list says of a message that may have been sent."""

    ABSENT = auto()
    UNCLEAR = auto()


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
        settled_at = intent_at + self._settle
        looks = 0
        while True:
            asked_at = self._clock.now()
            found = self._look(attempt, reply, intent_at, twilio)
            if isinstance(found, TwilioMessage):
                self._telemetry.info(Event.SEND_RECONCILED, **attempt.log_fields(), message_sid=found.sid)
                self._telemetry.metric(Metric.RECONCILED)
                return found
            if found is Outcome.ABSENT and asked_at >= settled_at:
                return None
            self._pause(attempt, settled_at, looks)
            looks += 1

    def _pause(self, attempt: Attempt, settled_at: datetime, looks: int) -> None:
        rest = (settled_at - self._clock.now()).total_seconds()
        if looks < len(FIRST_PAUSES_SECONDS):
            pause = FIRST_PAUSES_SECONDS[looks]
        elif attempt.last_receive:
            pause = LATER_PAUSE_SECONDS if rest <= 0 else min(rest, LATER_PAUSE_SECONDS)
        else:
            raise _not_known_yet(rest)
        if pause + 1 > attempt.deadline.remaining_seconds():
            raise _not_known_yet(rest)
        self._clock.sleep(pause)

    def _look(
        self, attempt: Attempt, reply: Reply, intent_at: datetime, twilio: Keyring[TwilioCredentials]
    ) -> TwilioMessage | Outcome:
        part = reply.parts[len(attempt.sent)]
        whatsapp = attempt.context.company_data_payload.channel_config.whatsapp
        try:
            listed = twilio.use(
                lambda credentials: self._gateway.list_messages(
                    attempt.key.recipient_tel, whatsapp.company_whatsapp_number, credentials
                )
            )
            candidates = [
                message
                for message in listed
                if message.created_at >= intent_at - self._skew and matches(reply.mode, part, message.body)
            ]
            return self._unclaimed(attempt, part, candidates) if candidates else Outcome.ABSENT
        except TransientError:
            return Outcome.UNCLEAR

    def _unclaimed(self, attempt: Attempt, part: str, candidates: list[TwilioMessage]) -> TwilioMessage | Outcome:
        """Pick the candidate that is this conversation's own.

        The table is read after the list: whoever sent a listed message had recorded the intent before. So a candidate
        that no other conversation holds, while none has an open intent with the same content, can only be ours.
        """
        others = self._store.others_of(attempt.key)
        taken = {part.sid for other in others for part in other.sent} | {part.sid for part in attempt.sent}
        free = [message for message in candidates if message.sid not in taken]
        if not free:
            return Outcome.ABSENT
        if any(other.pending_part == part for other in others):
            return Outcome.UNCLEAR
        return min(free, key=lambda message: (message.created_at, message.sid))


def matches(mode: Mode, content: str, body: str) -> bool:
    """Whether a listed message's body is what `content` was rendered to.

    Text must be equal; of a template, whose wording Twilio keeps, every variable's value must occur. White space does
    not count.
    """
    shown = " ".join(body.split())
    if mode is Mode.FREE_FORM:
        return shown == " ".join(content.split())
    return all(value in shown for value in json.loads(content).values())


def _not_known_yet(rest_seconds: float) -> DeliveryUnknownError:
    return DeliveryUnknownError(
        "Twilio may have accepted the message and does not list it yet",
        retry_after_seconds=rest_seconds if rest_seconds > 0 else UNCLEAR_PAUSE_SECONDS,
    )
