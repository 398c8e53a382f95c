"""Examples: Context Objects that show what the function does, with what the model is to say to each."""

import json
import secrets
from dataclasses import dataclass
from typing import Any

from sandbox.context_objects import make_context
from sandbox.harness.plan import FREE_FORM_REFERENCE, TEMPLATE_REFERENCE, TEMPLATE_SID

TEMPLATE_TEXT = "Hi {{1}}, it's Carol from {{2}}. {{3}} May I tell you more?"
"""What WhatsApp approved; the model fills in the variables."""

ANA, BEN, CLEO, DEV = "+447700900123", "+447700900245", "+447700900367", "+447700900489"
"""Numbers that Ofcom keeps for fiction."""

WHY = "You asked about working as a barista this spring, and the shifts are out."
ANSWER = (
    "Hi Ben, this is Carol from Acme Coffee. Yes, the winter course still has places: two evenings a week, from"
    " 4 January. Shall I put you on the list?"
)


@dataclass(frozen=True, slots=True)
class Example:
    """Something to send.

    Attributes:
        shows: What to watch for.
        body: Body of the SQS message.
        reply: What the model is to say; None leaves that to the stub.
    """

    name: str
    title: str
    shows: str
    body: str
    reply: str | None = None


def first_contact(conversation_id: str, recipient_tel: str = ANA, first_name: str = "Ana") -> dict[str, Any]:
    """Return a conversation that the company opens, with an approved template."""
    return make_context(
        conversation_id=conversation_id,
        recipient_tel=recipient_tel,
        credentials=TEMPLATE_REFERENCE,
        **_person(first_name),
    )


def answer(conversation_id: str) -> dict[str, Any]:
    """Return a conversation with somebody who wrote within the last 24 hours: free text, no template."""
    return make_context(
        conversation_id=conversation_id,
        recipient_tel=BEN,
        credentials=FREE_FORM_REFERENCE,
        frontend_payload__company_data={"company_id": "acme", "project_id": "winter"},
        company_data_payload__project_id="winter",
        company_data_payload__project_name="Winter barista course",
        frontend_payload__project_data={"question": "Are there places left?", "starts": "2027-01-04"},
        **_person("Ben"),
    )


def without_consent(conversation_id: str) -> dict[str, Any]:
    """Return a conversation that may not be opened."""
    context = first_contact(conversation_id, DEV, "Dev")
    context["frontend_payload"]["recipient_data"]["comms_consent"] = False
    return context


def template_reply(first_name: str, why: str = WHY, company: str = "Acme Coffee") -> str:
    """Return the content variables for `TEMPLATE_TEXT`, as the model writes them."""
    return json.dumps({"1": first_name, "2": company, "3": why}, ensure_ascii=False)


def new_conversation_id() -> str:
    return f"conv-{secrets.token_hex(4)}"


def ready_examples() -> list[Example]:
    """Return what the page offers; its conversation ids are made anew there."""
    made = new_conversation_id
    many = first_contact(made(), CLEO, "Cleo")
    many["frontend_payload"]["recipient_data"]["recipient_tel"] = "0770 0900367"
    many["frontend_payload"]["request_data"]["channel_method"] = "email"
    del many["company_data_payload"]["channel_config"]["whatsapp"]["whatsapp_credentials_id"]
    no_secret = first_contact(made(), CLEO, "Cleo")
    no_secret["company_data_payload"]["channel_config"]["whatsapp"]["whatsapp_credentials_id"] = (
        "whatsapp-credentials/acme/autumn/twilio"
    )
    return [
        Example(
            "first-contact",
            "First contact, by template",
            "The company writes first, so WhatsApp wants an approved template: the model fills in its variables.",
            _text(first_contact(made())),
            WHY,
        ),
        Example(
            "answer",
            "Answer, as free text",
            "Ben wrote within the last 24 hours, so the model may answer in its own words.",
            _text(answer(made())),
            ANSWER,
        ),
        Example(
            "long-answer",
            "A long answer, in three parts",
            "More than 1,500 characters: split between sentences. Each part is intended and recorded by itself.",
            _text(answer(made())),
            _long_answer(),
        ),
        Example(
            "no-consent",
            "Without consent",
            "Refused for good: in the DLQ within seconds, and the record says why.",
            _text(without_consent(made())),
        ),
        Example(
            "many-faults",
            "Three faults at once",
            "All faults of a message are reported together, with their paths and without values.",
            _text(many),
        ),
        Example(
            "no-secret",
            "Credentials that are not there",
            "The Twilio secret does not exist: refused before anybody is asked or charged.",
            _text(no_secret),
        ),
        Example(
            "not-json", "Not JSON", "Nothing can be read, so there is no record: the DLQ is all there is.", "Hello?"
        ),
    ]


def _long_answer() -> str:
    weeks = [
        f"Week {number}: {what}. We meet on Monday and Thursday at half past six, in the shop on Harbour Street, and"
        " everything you need is there. Bring a friend if you like, the second place is half the price. Whoever misses"
        " an evening can catch up on Saturday morning, before the shop opens to guests. At the end of the week there is"
        " time for questions, and somebody from the roastery to answer them."
        for number, what in enumerate(
            (
                "beans and roasting",
                "grinding",
                "espresso",
                "milk",
                "brewing by hand",
                "the bar",
                "the till",
                "a day of work",
            ),
            start=1,
        )
    ]
    return "\n\n".join(["Hi Ben, here is the whole winter course.", *weeks, "Shall I put you on the list?"])


def _person(first_name: str) -> dict[str, str]:
    recipient = "frontend_payload__recipient_data__"
    return {
        f"{recipient}recipient_first_name": first_name,
        f"{recipient}recipient_last_name": "Example",
        f"{recipient}recipient_email": f"{first_name.lower()}@example.com",
    }


def _text(context: dict[str, Any]) -> str:
    return json.dumps(context, indent=2, ensure_ascii=False)


TEMPLATES = {TEMPLATE_SID: TEMPLATE_TEXT}
"""Twilio's templates by their SID."""
