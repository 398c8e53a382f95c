"""`ops stats`: counted from the log, company by company, each conversation once."""

from datetime import timedelta
from typing import Any

import pytest

from core.conversation import Step, WaitReason
from core.events import Event
from tests.fakes.clock import START, FakeClock
from tests.unit.ops.conftest import Ops
from tests.unit.ops.fake_aws import FakeAws
from tests.unit.ops.records import make_record


def add(aws: FakeAws, event: Event, conversation_id: str | None = "c-1", minutes: int = 0, **fields: Any) -> None:
    line = {"event": event, "conversation_id": conversation_id, "recipient": "+44******0123", "company_id": "acme"}
    aws.fake_logs.add(START - timedelta(minutes=30 - minutes), line | fields)


@pytest.fixture
def log(aws: FakeAws) -> FakeAws:
    """A log in which c-1 is sent after a failure, c-2 failed for good, c-3 waits, and globe sends one."""
    add(aws, Event.MESSAGE_FAILED, "c-1", 1, code="openai_timeout", permanent=False)
    add(aws, Event.REPLY_RECEIVED, "c-1", 2, tokens_in=280, tokens_out=12)
    add(aws, Event.CONVERSATION_CLOSED, "c-1", 3)
    add(aws, Event.DUPLICATE_SUPPRESSED, "c-1", 4)
    add(aws, Event.REPLY_RECEIVED, "c-2", 5, tokens_in=100, tokens_out=10)
    add(aws, Event.MESSAGE_FAILED, "c-2", 6, code="twilio_63007", permanent=True)
    add(aws, Event.MESSAGE_FAILED, "c-3", 7, code="openai_timeout", permanent=False)
    add(aws, Event.CONVERSATION_CLOSED, "c-4", 8, company_id="globe")
    add(aws, Event.MESSAGE_POSTPONED, "c-5", 8, waits_for="model", company_id="globe")
    add(aws, Event.MESSAGE_POSTPONED, "c-4", 7, waits_for="model", company_id="globe")
    add(aws, Event.MESSAGE_FAILED, None, 9, company_id=None, message_id="m-9", code="invalid_context", permanent=True)
    add(aws, Event.BATCH_FINISHED, None, 9)
    aws.fake_logs.add(START, "REPORT RequestId: 1")
    return aws


@pytest.mark.parametrize("emulated", [False, True], ids=["AWS", "emulator"])
def test_each_conversation_counts_once_by_the_latest_word(ops: Ops, log: FakeAws, *, emulated: bool) -> None:
    log.emulated = emulated

    answer = ops.json("stats", "--since", "1h", "--by", "company")

    rows = {row["name"]: row for row in answer["rows"]}
    assert list(rows) == ["-", "acme", "globe"]
    assert rows["acme"] == {
        "name": "acme",
        "sent": 1,
        "failed": {"twilio_63007": 1},
        "waiting": {"openai_timeout": 1},
        "delivered": 0,
        "undelivered": {},
        "unconfirmed": 0,
        "duplicates": 1,
        "tokens_in": 380,
        "tokens_out": 22,
    }
    assert rows["globe"]["waiting"] == {"model": 1}
    assert (rows["globe"]["sent"], rows["-"]["failed"]) == (1, {"invalid_context": 1})
    assert (answer["total"]["sent"], answer["total"]["tokens_in"]) == (2, 380)


def test_aws_is_asked_for_the_events_alone(ops: Ops, log: FakeAws) -> None:
    ops("stats")

    (pattern,) = log.fake_logs.patterns
    assert pattern == (
        '?"conversation_closed" ?"message_failed" ?"message_postponed" ?"reply_received" ?"duplicate_suppressed"'
        ' ?"message_delivered" ?"message_undelivered" ?"delivery_unconfirmed"'
    )


def test_what_is_older_does_not_count(ops: Ops, log: FakeAws, clock: FakeClock) -> None:
    assert ops.json("stats", "--since", "1h")["total"]["sent"] == 2
    clock.advance(3600)
    assert ops.json("stats", "--since", "1h")["total"]["sent"] == 0
    assert log.fake_logs.calls


@pytest.mark.usefixtures("log")
def test_hours_and_one_company(ops: Ops) -> None:
    (hour,) = ops.json("stats", "--by", "hour")["rows"]
    one = ops.json("stats", "--company", "globe")

    assert (hour["name"], hour["sent"]) == ("2026-11-22 08:00Z", 2)
    assert (one["total"]["sent"], one["total"]["failed"]) == (1, {})


def test_table_says_who_needs_a_person(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_record("c-1"))
    aws.fake_dynamodb.put(make_record("c-2", company_id="globe"))

    assert ops.json("stats")["need_attention"] == {"acme": {"twilio_63016": 1}, "globe": {"twilio_63016": 1}}
    assert ops.json("stats", "--company", "globe")["need_attention"] == {"globe": {"twilio_63016": 1}}


@pytest.mark.usefixtures("log")
def test_terminal_is_readable_at_60_columns(ops: Ops) -> None:
    ops.columns = 60

    shown = ops("stats", "--by", "company").out

    assert max(map(len, shown.splitlines())) <= 60
    assert "\nacme\n  1 sent\n  1 failed: 1 twilio_63007\n  1 waiting: 1 openai_timeout\n" in shown
    assert "\nno company known\n" in shown


@pytest.mark.parametrize("line", [{}, {"event": "conversation_closed", "conversation_id": 5}, {"event": ["x"]}])
def test_odd_lines_are_survived(ops: Ops, aws: FakeAws, line: dict[str, Any]) -> None:
    aws.fake_logs.add(START, line)

    assert ops("stats").exit_code == 0


# Delivery


@pytest.fixture
def looks(aws: FakeAws) -> FakeAws:
    """A log in which c-1 is delivered and read, c-2 half delivered, c-3 unconfirmed, each looked at after its end."""
    for number, conversation_id in enumerate(("c-1", "c-2", "c-3")):
        add(aws, Event.CONVERSATION_CLOSED, conversation_id, number)
        add(aws, Event.MESSAGE_POSTPONED, conversation_id, number + 1, waits_for=WaitReason.DELIVERY)
    add(aws, Event.MESSAGE_DELIVERED, "c-1", 5, message_sid="SM1", status="delivered")
    add(aws, Event.MESSAGE_DELIVERED, "c-1", 6, message_sid="SM1", status="read")
    add(aws, Event.MESSAGE_DELIVERED, "c-2", 6, message_sid="SM2", status="delivered")
    for minutes in (7, 8):
        add(aws, Event.MESSAGE_UNDELIVERED, "c-2", minutes, message_sid="SM3", code="twilio_63016")
        add(aws, Event.DELIVERY_UNCONFIRMED, "c-3", minutes)
    return aws


@pytest.mark.usefixtures("looks")
def test_each_message_counts_once_by_what_became_of_it(ops: Ops) -> None:
    total = ops.json("stats")["total"]

    assert (total["delivered"], total["undelivered"], total["unconfirmed"]) == (2, {"twilio_63016": 1}, 1)
    assert (total["sent"], total["failed"], total["waiting"]) == (3, {}, {})


@pytest.mark.parametrize("by", ["company", "hour", "all"])
def test_rows_and_their_total_agree_on_delivery(ops: Ops, looks: FakeAws, by: str) -> None:
    add(looks, Event.MESSAGE_DELIVERED, "c-4", -40, message_sid="SM4", company_id="globe")

    answer = ops.json("stats", "--by", by)

    assert sum(row["delivered"] for row in answer["rows"]) == answer["total"]["delivered"] == 3
    assert len(answer["rows"]) == (1 if by == "all" else 2)


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        pytest.param(Event.MESSAGE_POSTPONED, {"waits_for": WaitReason.DELIVERY}, id="looks again"),
        pytest.param(Event.MESSAGE_FAILED, {"step": Step.DELIVER, "code": "dynamodb_throttling"}, id="can't look"),
        pytest.param(
            Event.MESSAGE_FAILED, {"step": Step.DELIVER, "code": "unforeseen", "permanent": True}, id="look fails"
        ),
        pytest.param(Event.MESSAGE_POSTPONED, {"waits_for": WaitReason.TIME}, id="no time to look"),
        pytest.param(Event.MESSAGE_FAILED, {"step": Step.CLAIM, "code": "dynamodb_throttling"}, id="late duplicate"),
    ],
)
def test_a_closed_conversation_stays_sent(ops: Ops, aws: FakeAws, event: Event, fields: dict[str, Any]) -> None:
    add(aws, Event.CONVERSATION_CLOSED, "c-1", 1)
    add(aws, event, "c-1", 2, **fields)

    total = ops.json("stats")["total"]

    assert (total["sent"], total["failed"], total["waiting"]) == (1, {}, {})


def test_a_look_at_what_was_sent_before_the_time_is_no_wait(ops: Ops, aws: FakeAws) -> None:
    add(aws, Event.MESSAGE_POSTPONED, "c-1", 2, waits_for=WaitReason.DELIVERY)

    answer = ops.json("stats", "--by", "company")

    assert (answer["rows"], answer["total"]["waiting"]) == ([], {})


def test_a_message_under_anothers_keys_fails_beside_what_was_sent(ops: Ops, aws: FakeAws) -> None:
    add(aws, Event.CONVERSATION_CLOSED, "c-1", 1)
    add(aws, Event.MESSAGE_FAILED, "c-1", 2, code="conversation_conflict", permanent=True, message_id="m-2")

    total = ops.json("stats")["total"]

    assert (total["sent"], total["failed"]) == (1, {"conversation_conflict": 1})


def test_a_word_that_comes_after_all_confirms(ops: Ops, looks: FakeAws) -> None:
    add(looks, Event.MESSAGE_DELIVERED, "c-3", 9, message_sid="SM5")

    total = ops.json("stats")["total"]

    assert (total["delivered"], total["unconfirmed"]) == (3, 0)


@pytest.mark.usefixtures("looks")
def test_terminal_says_what_was_delivered_at_60_columns(ops: Ops) -> None:
    ops.columns = 60

    shown = ops("stats").out

    assert max(map(len, shown.splitlines())) <= 60
    assert "  3 sent\n  2 messages delivered\n  1 message not delivered: 1 twilio_63016\n" in shown
    assert "  1 conversation with no last word of Twilio\n" in shown
