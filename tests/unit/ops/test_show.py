import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.deliveries import DeliveryStatus
from sandbox.context_objects import RECIPIENT
from services.conversation_item import iso
from tests.fakes.clock import START, FakeClock
from tests.unit.ops.conftest import Ops
from tests.unit.ops.deployment import Deployment
from tests.unit.ops.fake_aws import FakeAws
from tests.unit.ops.records import make_closed_record, make_error, make_record, make_watched_record
from tests.unit.ops.test_find import OF_TWILIO, SID, ListingVendors, row

PERSONAL = ("+447700900123", "Ana", "ana@example.com", "Barista", "+447700900999")


def leased(minutes: int) -> dict[str, Any]:
    expires_at = (START + timedelta(minutes=minutes)).timestamp()
    return {"lease_owner": "m-1/1", "lease_expires_at": Decimal(str(expires_at))}


REPLY = {
    "mode": "free_form",
    "parts": ["Hello Ana.", "Bye Ana."],
    "tokens_in": Decimal(280),
    "tokens_out": Decimal(12),
}


@pytest.mark.parametrize("flags", [(), ("--json",), ("--text",)], ids=" ".join)
def test_personal_data_is_hidden_unless_asked_for(ops: Ops, aws: FakeAws, flags: tuple[str, ...]) -> None:
    aws.fake_dynamodb.put(make_record(reply={**REPLY, "parts": ["Call +447700900999."]}))

    shown = ops("show", "conv-0001", *flags)

    assert [value for value in PERSONAL if value in shown.out] == []
    assert "+44******0123" in shown.out


def test_personal_data_is_shown_when_asked_for(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_record())

    shown = ops("show", "conv-0001", "--unmask")

    assert [value for value in PERSONAL if value not in shown.out] == []


def test_what_was_written_is_shown_only_when_asked_for(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_closed_record())

    assert "Hello" not in ops("show", "conv-0001", "--unmask").out
    assert "Hello Ana, call +44******0999." in ops("show", "conv-0001", "--text").out


def test_reply_that_is_not_sent_is_shown_in_its_parts(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_record(reply=REPLY))

    shown = ops("show", "conv-0001", "--text")

    assert "Reply      free_form, 2 parts, 280 + 12 tokens" in shown.out
    assert "Part 1  Hello Ana.\nPart 2  Bye Ana.\n" in shown.out


WAITING = {"reason": "unavailable", "since": iso(START), "until": iso(START + timedelta(hours=6))}


def test_record_is_read_in_full(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(
        make_record(
            **leased(5),
            conversation_status="sending",
            openai_thread_id="conv_abc",
            openai_response_id="resp_abc",
            reply=REPLY,
            send_started_at=iso(START),
            outcome_unknown=True,
            sent_parts=[{"sid": "SM1", "sent_at": iso(START)}],
            expires_at=Decimal(1_800_000_000),
        )
    )

    (record,) = ops.json("show", "conv-0001")["conversations"]

    assert record["status"] == "sending"
    assert record["needs_attention"] is True
    assert record["last_error"]["code"] == "twilio_63016"
    assert record["lease"] == {"owner": "m-1/1", "expires_at": "2026-11-22T09:05:00Z", "held": True}
    assert record["run"] == {"thread_id": "conv_abc", "response_id": "resp_abc"}
    assert record["reply"] == {"mode": "free_form", "parts": 2, "tokens_in": 280, "tokens_out": 12, "text": None}
    assert record["intent"] == {"part": 2, "decided_at": "2026-11-22T09:00:00Z", "outcome_unknown": True}
    unsaid = {"text": None, "delivery": None, "delivery_error": None, "recorded": None}
    assert record["sent"] == [{"sid": "SM1", "sent_at": "2026-11-22T09:00:00Z", **unsaid}]
    assert record["expires_at"] == "2027-01-15T08:00:00Z"
    assert record["details"]["company_name"] == "Acme Coffee"
    assert record["details"]["recipient_first_name"] == "***"


def test_a_conversation_that_waits_says_for_what_since_when_and_until_when(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_record(waiting=WAITING, needs_attention=...))

    shown = ops("show", "conv-0001", "--scan")
    (record,) = ops.json("show", "conv-0001", "--scan")["conversations"]

    assert "Waits      since 2026-11-22 09:00:00Z for a vendor or AWS to answer" in shown.out
    assert record["waiting"] == {
        "reason": "unavailable",
        "since": "2026-11-22T09:00:00Z",
        "until": "2026-11-22T15:00:00Z",
    }


@pytest.mark.parametrize(
    "waiting", ["long", {"reason": "model"}, WAITING | {"reason": "lunch"}, WAITING | {"until": 5}]
)
def test_a_wait_that_can_not_be_read_is_none(ops: Ops, aws: FakeAws, waiting: object) -> None:
    aws.fake_dynamodb.put(make_record(waiting=waiting))

    (record,) = ops.json("show", "conv-0001", "--scan")["conversations"]

    assert record["waiting"] is None


@pytest.mark.parametrize(
    ("record", "meaning"),
    [
        pytest.param(make_closed_record(), "Done: the message is out", id="sent"),
        pytest.param(
            make_record(waiting=WAITING, conversation_status="processing"),
            "It waits in the queue for a vendor or AWS to answer, until 2026-11-22 15:00:00Z at the latest",
            id="waits in the queue",
        ),
        pytest.param(
            make_record(**leased(5)),
            "A delivery is at work on it until 2026-11-22 09:05:00Z",
            id="at work",
        ),
        pytest.param(
            make_record(**leased(-5), last_error=make_error(code="attempt_unfinished", permanent=False)),
            "The next delivery goes on from here. If there is none left to come:\n"
            "  ops dlq redrive --code attempt_unfinished",
            id="process died",
        ),
        pytest.param(
            make_record(send_started_at=iso(START), last_error=make_error(code="delivery_unknown", permanent=False)),
            "The message may be out",
            id="unknown",
        ),
        pytest.param(
            make_record(),
            "Trying again can't help until the cause is gone. Then:\n  ops dlq redrive --code twilio_63016",
            id="permanent",
        ),
        pytest.param(make_record(last_error=...), "  ops dlq redrive --code no_error_recorded", id="no error"),
    ],
)
def test_meaning_comes_before_the_detail(ops: Ops, aws: FakeAws, record: dict[str, Any], meaning: str) -> None:
    aws.fake_dynamodb.put(record)

    lines = ops("show", "conv-0001").out

    assert lines.startswith("conv-0001\n")
    assert meaning in lines[: lines.index("Status")]


def test_index_finds_a_conversation_that_needs_attention_without_a_look_at_all(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_record())

    ops("show", "conv-0001")

    assert aws.fake_dynamodb.calls == ["query", "describe_table", "get_item"]


def test_recipient_finds_it_with_one_request(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_closed_record())

    shown = ops("show", "conv-0001", "--recipient", "+447700900123")

    assert shown.exit_code == 0
    assert aws.fake_dynamodb.calls == ["describe_table", "get_item"]


def test_large_table_is_read_only_when_asked_to(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_closed_record())
    aws.fake_dynamodb.description["ItemCount"] = 12_000_000

    refused = ops("show", "conv-0001")

    assert refused.exit_code == 2
    assert "all of about 12,000,000 records would have to be read" in refused.err
    assert "scan" not in aws.fake_dynamodb.calls
    assert ops("show", "conv-0001", "--scan").exit_code == 0


def test_same_id_of_two_recipients_is_shown_twice(ops: Ops, aws: FakeAws) -> None:
    for recipient in ("+447700900123", "+447700900124"):
        aws.fake_dynamodb.put(make_closed_record(recipient_tel=recipient))

    conversations = ops.json("show", "conv-0001")["conversations"]

    assert [record["recipient"] for record in conversations] == ["+44******0123", "+44******0124"]


@pytest.mark.parametrize("flags", [(), ("--recipient", "+447700900123")], ids=" ".join)
def test_unknown_conversation_is_one_line(ops: Ops, flags: tuple[str, ...]) -> None:
    ended = ops("show", "conv-nowhere", *flags)

    assert (ended.exit_code, ended.out) == (1, "")
    assert ended.err.startswith("Error: There is no conversation conv-nowhere in conversations-dev.")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("overrides", "name", "shown"),
    [
        pytest.param({"conversation_status": "of_tomorrow"}, "status", "of_tomorrow", id="status"),
        pytest.param({"created_at": ...}, "created_at", None, id="no date"),
        pytest.param({"created_at": "2026-11-22T09:00:00+00:00Z"}, "created_at", "2026-11-22T09:00:00Z", id="date"),
    ],
)
def test_record_of_another_program_is_shown(
    ops: Ops, aws: FakeAws, overrides: dict[str, Any], name: str, shown: str | None
) -> None:
    aws.fake_dynamodb.put(make_record(**overrides))

    (record,) = ops.json("show", "conv-0001")["conversations"]

    assert record[name] == shown


def test_record_of_another_release_is_one_line(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_record(last_error={"code": "c"}))

    ended = ops("show", "conv-0001", "--json")

    assert ended.exit_code == 1
    assert "The record of conv-0001 can't be read" in ended.err
    assert ended.err.count("\n") == 1
    assert json.loads(ended.out)["exit_code"] == 1


def test_what_a_recipient_could_have_planted_does_not_reach_the_terminal(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_record(company_name="\x1b]0;owned\x07Acme"))

    assert "\x1b" not in ops("show", "conv-0001").out
    assert "\x1b" not in ops("show", "conv-0001", "--json").out


# Delivery

SECOND_SID = "SM" + "2" * 32
WATCHED_UNTIL: dict[str, Any] = {"delivery_watch_until": iso(START + timedelta(hours=1))}
SHOW = ("show", "conv-0001", "--recipient", RECIPIENT)


@pytest.fixture
def vendors(ops: Ops, aws: FakeAws) -> ListingVendors:
    Deployment(aws)
    vendors = ops.vendors = ListingVendors()
    return vendors


def meaning(shown: str) -> str:
    return shown[shown.index("\n") + 1 : shown.index("\n\n")]


def test_the_records_word_on_delivery_is_read(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_watched_record(**WATCHED_UNTIL))

    (record,) = ops.json(*SHOW)["conversations"]

    assert record["delivery_status"] == "undelivered"
    assert record["delivery_watch"] == {"until": "2026-11-22T10:00:00Z", "overdue": False}
    assert record["sent"][0]["recorded"] == {
        "status": "undelivered",
        "at": "2026-11-22T09:01:00Z",
        "error_code": 63016,
    }


def test_what_was_not_delivered_is_not_called_done(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_watched_record())

    shown = ops(*SHOW).out

    assert meaning(shown) == (
        "WhatsApp did not deliver the message: twilio_63016.\n"
        "What to do, by code: docs/runbook.md#delivery-codes\n"
        "To send it again, if that can help:\n  ops replay FILE --again\n"
        "When you have dealt with it:\n  ops resolve conv-0001 --seen"
    )
    assert "the record says undelivered, error 63016, 2026-11-22 09:01:00Z" in shown


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(make_watched_record("delivered", None), "Done: WhatsApp delivered the message.", id="delivered"),
        pytest.param(make_watched_record("read", None), "Done: the recipient has read the message.", id="read"),
        pytest.param(
            make_watched_record("delivered", None, adopted_unseen=[SID]),
            "Done: WhatsApp delivered the message. Twilio does not show its text; it can be nobody else's.",
            id="delivered, adopted unseen",
        ),
        pytest.param(
            make_watched_record("failed", None), "WhatsApp did not deliver the message: twilio_failed.", id="no code"
        ),
        pytest.param(
            make_watched_record("sent", None, **WATCHED_UNTIL),
            "Done: the message is out and the record is closed.\n"
            "Whether WhatsApp delivers it is looked for until 2026-11-22 10:00:00Z.",
            id="looked for",
        ),
        pytest.param(
            make_watched_record("sent", None),
            "Done: the message is out and the record is closed.\n"
            "Whether WhatsApp delivered it is not confirmed: Twilio has no last word on it.",
            id="not confirmed",
        ),
        pytest.param(
            make_watched_record("unknown", None, adopted_unseen=[SID]),
            "Done: Twilio accepted a message whose text it does not show; it can be nobody else's.\n"
            "Whether WhatsApp delivered it is not confirmed: Twilio has no last word on it.",
            id="adopted, not confirmed",
        ),
        pytest.param(
            make_closed_record(), "Done: the message is out and the record is closed.", id="nobody ever looked"
        ),
    ],
)
def test_meaning_says_what_became_of_the_message(ops: Ops, aws: FakeAws, record: dict[str, Any], expected: str) -> None:
    aws.fake_dynamodb.put(record)

    assert meaning(ops(*SHOW).out).startswith(expected)


def test_one_part_of_two_that_failed_is_counted(ops: Ops, aws: FakeAws) -> None:
    record = make_watched_record(sids=[SID, SECOND_SID])
    record["deliveries"][SECOND_SID] = {"status": "delivered", "at": iso(START)}
    aws.fake_dynamodb.put(record)

    assert "WhatsApp did not deliver 1 of 2 messages: twilio_63016.\n" in ops(*SHOW).out


def test_a_look_that_is_overdue_is_said(ops: Ops, aws: FakeAws, clock: FakeClock) -> None:
    """While Twilio is away it is looked for as long again; after that its message is lost, or in the DLQ."""
    aws.fake_dynamodb.put(make_watched_record("sent", None, **WATCHED_UNTIL))

    clock.advance(2 * 3600)
    assert "looked for until" in meaning(ops(*SHOW).out)
    clock.advance(3600)
    assert meaning(ops(*SHOW).out).endswith("The look at it is overdue: ops dlq show conv-0001")


@pytest.mark.parametrize("status", [status for status in DeliveryStatus if status.is_final])
def test_twilio_is_not_asked_about_what_the_record_knows_unless_told_to(
    ops: Ops, aws: FakeAws, vendors: ListingVendors, status: str
) -> None:
    aws.fake_dynamodb.put(make_watched_record(status, None, **OF_TWILIO))

    quiet, said = ops.json(*SHOW), ops(*SHOW).out
    assert (vendors.asked, quiet["not_asked_again"]) == ([], ["conv-0001"])
    assert "Twilio was not asked again, as the record knows the end: --now asks." in said
    now = ops.json(*SHOW, "--now")
    assert (len(vendors.asked), now["not_asked_again"]) == (1, [])


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(make_closed_record(**OF_TWILIO), id="nobody looked"),
        pytest.param(make_watched_record("sent", None, **OF_TWILIO), id="no end"),
        pytest.param(
            make_watched_record("delivered", None, sids=[SID, SECOND_SID], **OF_TWILIO)
            | {"deliveries": {SID: {"status": "delivered", "at": iso(START)}}},
            id="one part is not known",
        ),
    ],
)
def test_twilio_is_asked_about_what_the_record_does_not_know(
    ops: Ops, aws: FakeAws, vendors: ListingVendors, record: dict[str, Any]
) -> None:
    aws.fake_dynamodb.put(record)

    assert ops.json(*SHOW)["not_asked_again"] == []
    assert len(vendors.asked) == 1


def test_twilios_word_now_goes_beyond_the_records(ops: Ops, aws: FakeAws, vendors: ListingVendors) -> None:
    aws.fake_dynamodb.put(make_watched_record("delivered", None, **OF_TWILIO))
    vendors.rows = [row(status="read")]

    assert meaning(ops(*SHOW, "--now").out) == "Done: the recipient has read the message."


def test_twilios_word_counts_where_nobody_looked(ops: Ops, aws: FakeAws, vendors: ListingVendors) -> None:
    aws.fake_dynamodb.put(make_closed_record(**OF_TWILIO))
    vendors.rows = [row(status="undelivered", error_code=63024)]

    said = meaning(ops(*SHOW).out)

    assert said.startswith("WhatsApp did not deliver the message: twilio_63024.")
    assert "--seen" not in said  # it is not on the list of those that need attention


def test_a_word_that_came_late_undoes_nothing(ops: Ops, aws: FakeAws, vendors: ListingVendors) -> None:
    aws.fake_dynamodb.put(make_watched_record(**OF_TWILIO))
    vendors.rows = [row(status="sent")]

    assert meaning(ops(*SHOW, "--now").out).startswith("WhatsApp did not deliver the message: twilio_63016.")


def test_now_and_no_secrets_exclude_each_other(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_watched_record())

    assert ops(*SHOW, "--now", "--no-secrets").exit_code == 2
    assert ops.json(*SHOW, "--no-secrets")["not_asked_again"] == []


def test_what_was_not_delivered_fits_60_columns(ops: Ops, aws: FakeAws) -> None:
    ops.columns = 60
    aws.fake_dynamodb.put(make_watched_record())

    assert max(map(len, ops(*SHOW).out.splitlines())) <= 60
