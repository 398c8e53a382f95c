"""`ops export`: texts as received, in order, and everything that is kept."""

from datetime import timedelta
from typing import Any

from core.ports import TwilioMessage
from sandbox.context_objects import RECIPIENT
from services.conversation_item import iso
from tests.fakes.clock import START
from tests.unit.ops.conftest import Ops
from tests.unit.ops.deployment import TWILIO_SECRET, Deployment
from tests.unit.ops.fake_aws import FakeAws
from tests.unit.ops.records import make_closed_record, make_record
from tests.unit.ops.test_find import ListingVendors

FIRST, SECOND = ("SM" + digit * 32 for digit in "12")


def entry(sid: str, content: str, minutes: int, role: str = "assistant") -> dict[str, Any]:
    return {
        "message_id": sid,
        "role": role,
        "content": content,
        "timestamp": iso(START + timedelta(minutes=minutes)),
    }


def test_texts_come_as_received_oldest_first_and_unmasked(ops: Ops, aws: FakeAws) -> None:
    Deployment(aws)
    rows = [TwilioMessage(FIRST, "Hello Ana, \N{WAVING HAND SIGN}", START, "read", "outbound-api")]
    ops.vendors = ListingVendors(rows)
    said = [entry(SECOND, "Yes, call +447700900999.", 5, "user"), entry(FIRST, '{"1": "Ana"}', 0)]
    aws.fake_dynamodb.put(make_closed_record("later", created_at=iso(START + timedelta(days=1)), messages=[]))
    aws.fake_dynamodb.put(make_closed_record("first", messages=said, whatsapp_credentials_id=TWILIO_SECRET))

    answer = ops.json("export", RECIPIENT)

    assert (answer["recipient"], [one["conversation_id"] for one in answer["conversations"]]) == (
        RECIPIENT,
        ["first", "later"],
    )
    first = answer["conversations"][0]
    assert [(message["by"], message["text"], message["shown_by"]) for message in first["messages"]] == [
        ("assistant", "Hello Ana, \N{WAVING HAND SIGN}", "twilio"),
        ("user", "Yes, call +447700900999.", "record"),
    ]
    assert first["messages"][0]["delivery"] == "read"
    assert first["kept"]["recipient_email"] == "ana@example.com"


def test_parts_that_are_out_of_an_open_conversation_are_there(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(
        make_record(
            record_version=2,
            reply={"mode": "free_form", "parts": ["One.", "Two."], "tokens_in": 1, "tokens_out": 1},
            sent_parts=[{"sid": FIRST, "sent_at": iso(START)}],
        )
    )

    (conversation,) = ops.json("export", RECIPIENT, "--no-secrets")["conversations"]

    assert [(message["sid"], message["text"]) for message in conversation["messages"]] == [(FIRST, "One.")]


def test_terminal_shows_it_all(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_closed_record())

    shown = ops("export", RECIPIENT)

    for text in (RECIPIENT, "Hello Ana, call +447700900999.", "recipient_first_name: Ana"):
        assert text in shown.out


def test_forgotten_person_has_nothing_to_export(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put({"recipient_tel": RECIPIENT, "conversation_id": "c", "forgotten_at": iso(START)})

    assert ops("export", RECIPIENT).exit_code == 1
