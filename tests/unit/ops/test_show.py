import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.conversation_item import iso
from tests.fakes.clock import START
from tests.unit.ops.conftest import Ops
from tests.unit.ops.fake_aws import FakeAws
from tests.unit.ops.records import make_closed_record, make_error, make_record

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
    unsaid = {"text": None, "delivery": None, "delivery_error": None}
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
