"""Cast: the conversations of a run, and what must come of each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from sandbox.context_objects import make_body
from sandbox.harness import FREE_FORM_REFERENCE, TEMPLATE_REFERENCE, TEMPLATE_SID
from sandbox.harness.plan import twilio_secret
from sandbox.stubs import Fate, Shown

NAMES = ("Ana", "Ben", "Chloé", "Dmitri", "Eun-ji", "Fatima", "Günther", "Hana")
SENTENCE = "We read \u201cwhat you wrote\u201d \u2013 to us\u2026 and\u00a0we\u2019d like to talk\u200b about it. "
DUPLICATED, TWO_PARTS, FREE_FORM = 0.15, 0.15, 0.5
"""Shares of the conversations: those that are sent twice, those in two parts, and those in free text at all."""


@dataclass(frozen=True, slots=True)
class Service:
    """A Messaging Service of Twilio, with a rule of its own, and the secrets that send with it."""

    sid: str
    shown: Shown
    template_reference: str
    free_form_reference: str

    def secrets(self) -> dict[str, str]:
        """Return the texts of its secrets."""
        return {
            self.template_reference: twilio_secret(template_sid=TEMPLATE_SID, twilio_messaging_service_sid=self.sid),
            self.free_form_reference: twilio_secret(twilio_messaging_service_sid=self.sid),
        }


SERVICES = (
    Service("MG" + "d" * 32, Shown.HIDDEN, *(f"whatsapp-credentials/acme/hidden-{n}/twilio" for n in (1, 2))),
    Service("MG" + "e" * 32, Shown.SMART_ENCODED, *(f"whatsapp-credentials/acme/encoded-{n}/twilio" for n in (1, 2))),
    Service("MG" + "f" * 32, Shown.STRIPPED, *(f"whatsapp-credentials/acme/stripped-{n}/twilio" for n in (1, 2))),
)
WITH_SERVICE = 0.35
"""Share of the conversations that one of them sends."""


FATES = (
    Fate(course=((0, "queued"), (1, "sent"), (2, "delivered"))),
    Fate(course=((0, "queued"), (1, "sent"), (5, "delivered"), (30, "read"))),
    Fate(course=((0, "accepted"), (4, "read"))),
    Fate(course=((0, "queued"), (2, "sent"), (45, "delivered"))),
    Fate(course=((0, "queued"), (1, "sent"), (6, "delivered"), (20, "sent"))),
    Fate(error_code=63016, course=((0, "queued"), (3, "undelivered"))),
    Fate(error_code=63024, course=((0, "queued"), (1, "sent"), (30, "failed"))),
    Fate(error_code=63049, course=((0, "accepted"), (1, "sent"), (50, "undelivered"))),
    Fate(course=((0, "queued"), (1, "sent"))),
)
"""What becomes of messages after Twilio accepted them: delivered or not, soon or late, out of order, or never."""


@dataclass(frozen=True, slots=True)
class Member:
    """One conversation of a run.

    Attributes:
        fate: What becomes of its messages.
        text: What the model is to write; None leaves that to the stub.
        parts: Messages that the recipient is to get.
        copies: Context Objects that the router sends of it.
    """

    conversation_id: str
    recipient_tel: str
    first_name: str
    credentials: str
    text: str | None
    parts: int
    copies: int
    fate: Fate

    def body(self) -> str:
        """Return the Context Object."""
        return make_body(
            conversation_id=self.conversation_id,
            recipient_tel=self.recipient_tel,
            credentials=self.credentials,
            frontend_payload__recipient_data__recipient_first_name=self.first_name,
        )

    def is_part(self, number: int, message: dict[str, str | None]) -> bool:
        """Whether a message that Twilio has is a part of this conversation, counted from 0."""
        if self.text is not None:
            return str(message["body"]).startswith(f"Part {number + 1} for {self.first_name}.")
        variables = message.get("content_variables")
        return self.first_name in (json.loads(variables).values() if variables else str(message["body"]))


def make_cast(count: int, random: Random) -> Sequence[Member]:
    """Return conversations with recipients of their own."""
    return [_member(number, random) for number in range(count)]


def _member(number: int, random: Random) -> Member:
    first_name = f"{random.choice(NAMES)} {number}"
    is_free_form = random.random() < FREE_FORM
    in_two_parts = is_free_form and random.random() < TWO_PARTS / FREE_FORM
    paragraphs = [f"Part {part} for {first_name}. " + SENTENCE * 20 for part in (1, 2)]
    service = random.choice(SERVICES) if random.random() < WITH_SERVICE else None
    template, free_form = TEMPLATE_REFERENCE, FREE_FORM_REFERENCE
    if service is not None:
        template, free_form = service.template_reference, service.free_form_reference
    return Member(
        conversation_id=f"chaos-{number:04d}",
        recipient_tel=f"+44770090{number:04d}",
        first_name=first_name,
        credentials=free_form if is_free_form else template,
        text="\n\n".join(paragraphs) if in_two_parts else None,
        parts=2 if in_two_parts else 1,
        copies=2 if random.random() < DUPLICATED else 1,
        fate=random.choice(FATES),
    )
