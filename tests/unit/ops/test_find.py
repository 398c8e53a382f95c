"""`ops find`: all of one recipient, with what Twilio says now, by one query."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from core.errors import CredentialsRejectedError
from core.ports import TwilioCredentials, TwilioMessage
from sandbox.context_objects import RECIPIENT
from services.conversation_item import iso
from tests.fakes.clock import START
from tests.unit.ops.conftest import Ops
from tests.unit.ops.deployment import TWILIO_SECRET, Deployment
from tests.unit.ops.fake_aws import FakeAws
from tests.unit.ops.records import make_closed_record, make_record, make_watched_record

SID, OTHER = "SM" + "1" * 32, "SM" + "f" * 32
OF_TWILIO: dict[str, Any] = {"whatsapp_credentials_id": TWILIO_SECRET}


@dataclass
class ListingVendors:
    """Twilio's list between two numbers."""

    rows: list[TwilioMessage] = field(default_factory=list)
    error: Exception | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def list_messages(self, to: str, from_: str, credentials: TwilioCredentials, *_: Any) -> list[TwilioMessage]:
        assert credentials.account_sid == "AC" + "0" * 32
        self.asked.append((to, from_))
        if self.error:
            raise self.error
        return self.rows


@pytest.fixture
def vendors(ops: Ops, aws: FakeAws) -> ListingVendors:
    Deployment(aws)
    vendors = ops.vendors = ListingVendors()
    return vendors


def row(sid: str = SID, status: str = "delivered", error_code: int | None = None) -> TwilioMessage:
    return TwilioMessage(sid, "Hello", START, status, "outbound-api", None, error_code)


def test_every_conversation_comes_with_twilios_word_by_one_query_and_one_list(
    ops: Ops, aws: FakeAws, vendors: ListingVendors
) -> None:
    aws.fake_dynamodb.put(make_closed_record("conv-0001", **OF_TWILIO))
    aws.fake_dynamodb.put(make_record("conv-0002", created_at=iso(START + timedelta(hours=1)), **OF_TWILIO))
    aws.fake_dynamodb.put(make_record("conv-0003", recipient_tel="+447700900999"))
    vendors.rows = [row(status="undelivered", error_code=63016)]

    found = ops.json("find", RECIPIENT)

    assert [one["conversation_id"] for one in found["conversations"]] == ["conv-0002", "conv-0001"]
    assert found["conversations"][0]["last_error"]["code"] == "twilio_63016"
    assert found["conversations"][1]["messages"] == [
        {
            "sid": SID,
            "at": "2026-11-22T09:00:00Z",
            "delivery": "undelivered",
            "delivery_error": 63016,
            "recorded": None,
        }
    ]
    assert (found["others"], found["not_asked"], found["more"]) == ([], [], 0)
    assert aws.fake_dynamodb.calls.count("query") == 1
    assert vendors.asked == [(RECIPIENT, "+442079460000")]


def test_message_that_no_conversation_names_answers_who_got_two(
    ops: Ops, aws: FakeAws, vendors: ListingVendors
) -> None:
    aws.fake_dynamodb.put(make_closed_record(**OF_TWILIO))
    vendors.rows = [row(), row(OTHER, "read")]

    shown = ops("find", RECIPIENT)

    assert "At Twilio, and in none of these conversations\n" in shown.out
    assert OTHER in shown.out.split("At Twilio")[1]
    assert SID not in shown.out.split("At Twilio")[1]


@pytest.mark.usefixtures("vendors")
@pytest.mark.parametrize("written", ["+44 7700 900123", "0044-7700-900123", "+44 (7700) 900.123"])
def test_number_is_read_as_people_write_it(ops: Ops, aws: FakeAws, written: str) -> None:
    aws.fake_dynamodb.put(make_record())

    for command in ("find", "show"):
        assert "conv-0001" in ops(command, written).out


@pytest.mark.parametrize("number", ["07700900123", "conv-0001", "+0123456789", "+44", ""])
def test_what_is_no_number_is_refused(ops: Ops, aws: FakeAws, number: str) -> None:
    ended = ops("find", number)

    assert (ended.exit_code, aws.fake_dynamodb.calls) == (2, [])
    assert "is not a phone number. Write it with its country code" in ended.err


@pytest.mark.usefixtures("vendors")
def test_table_with_the_other_partition_key_is_asked_by_it(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.description["KeySchema"] = [
        {"AttributeName": "primary_channel", "KeyType": "HASH"},
        {"AttributeName": "conversation_id", "KeyType": "RANGE"},
    ]
    aws.fake_dynamodb.put(make_record(primary_channel=RECIPIENT))

    assert ops.json("find", RECIPIENT)["conversations"][0]["conversation_id"] == "conv-0001"


@pytest.mark.parametrize("command", ["find", "show"])
def test_secret_that_may_not_be_read_does_not_hide_the_record(ops: Ops, aws: FakeAws, command: str) -> None:
    aws.fake_dynamodb.put(make_closed_record(**OF_TWILIO))

    shown = ops(command, RECIPIENT)

    assert shown.exit_code == 0
    assert SID in shown.out
    assert "Twilio was not asked about delivery: These credentials may not" in shown.out


def test_vendor_that_refuses_is_said(ops: Ops, aws: FakeAws, vendors: ListingVendors) -> None:
    aws.fake_dynamodb.put(make_closed_record(**OF_TWILIO))
    vendors.error = CredentialsRejectedError("Twilio rejected the credentials", code="twilio_20003")

    assert ops.json("find", RECIPIENT)["not_asked"] == ["Twilio rejected the credentials."]


def test_no_vendor_is_asked_if_told_so(ops: Ops, aws: FakeAws, vendors: ListingVendors) -> None:
    aws.fake_dynamodb.put(make_closed_record(**OF_TWILIO))

    found = ops.json("find", RECIPIENT, "--no-secrets")

    assert (vendors.asked, found["not_asked"]) == ([], [])


def test_show_says_what_became_of_a_message_and_what_was_paid(ops: Ops, aws: FakeAws, vendors: ListingVendors) -> None:
    aws.fake_dynamodb.put(make_closed_record(paid_runs=2, **OF_TWILIO))
    vendors.rows = [row(status="undelivered", error_code=63016)]

    shown = ops("show", "conv-0001", "--recipient", RECIPIENT)

    assert f"{SID}  undelivered, error 63016" in " ".join(shown.out.split("\n"))
    assert "Paid runs  2 of 3\n" in shown.out


def test_the_records_word_stands_in_for_twilios(ops: Ops, aws: FakeAws, vendors: ListingVendors) -> None:
    aws.fake_dynamodb.put(make_watched_record(**OF_TWILIO))

    quiet = ops("find", RECIPIENT, "--no-secrets").out
    vendors.rows = [row(status="undelivered", error_code=63016)]
    asked = ops("find", RECIPIENT).out

    assert "  undelivered, error 63016, by the record\n" in quiet
    assert "  undelivered, error 63016\n" in asked
    assert "twilio_63016: Twilio accepted the message, and it was not delivered\n" in quiet


def test_nobody_is_one_line_that_says_where_to_look(ops: Ops) -> None:
    ended = ops("find", RECIPIENT)

    assert (ended.exit_code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert "There is no conversation of +44******0123 in conversations-dev." in ended.err
    assert "`ops dlq show" in ended.err


@pytest.mark.usefixtures("vendors")
def test_other_programs_records_are_found_whatever_is_in_them(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(
        {"recipient_tel": RECIPIENT, "conversation_id": "old", "last_error": "boom", "messages": "none"}
    )

    (found,) = ops.json("find", RECIPIENT)["conversations"]

    assert (found["conversation_id"], found["last_error"], found["messages"]) == ("old", None, [])


def test_answer_fits_60_columns(ops: Ops, aws: FakeAws, vendors: ListingVendors) -> None:
    ops.columns = 60
    aws.fake_dynamodb.put(make_closed_record(**OF_TWILIO))
    vendors.rows = [row(), row(OTHER, "read")]

    shown = ops("find", RECIPIENT)

    assert max(map(len, shown.out.splitlines())) <= 60
    assert SID in shown.out


def test_recipient_is_followed_through_the_log(ops: Ops, aws: FakeAws) -> None:
    for number, conversation_id in enumerate(("conv-0001", "conv-0002")):
        aws.fake_dynamodb.put(make_record(conversation_id, created_at=iso(START + timedelta(minutes=number))))
        aws.fake_logs.add(START, {"event": "message_sent", "conversation_id": conversation_id, "level": "INFO"})
    aws.fake_logs.add(START, {"event": "message_sent", "conversation_id": "conv-0003", "level": "INFO"})

    answer = ops.json("trace", RECIPIENT)

    assert answer["conversations"] == {"conv-0001": 1, "conv-0002": 1}
    assert [line["fields"]["conversation_id"] for line in answer["lines"]] == ["conv-0001", "conv-0002"]
    assert ops("trace", RECIPIENT).out.startswith("conv-0001\n")
