"""`ops stats`: counted from the log, company by company, each conversation once."""

from datetime import timedelta
from typing import Any

import pytest

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
        "duplicates": 1,
        "tokens_in": 380,
        "tokens_out": 22,
    }
    assert rows["globe"]["waiting"] == {"model": 1}
    assert (rows["globe"]["sent"], rows["-"]["failed"]) == (1, {"invalid_context": 1})
    assert (answer["total"]["sent"], answer["total"]["tokens_in"]) == (2, 380)


def test_aws_is_asked_for_the_events_alone(ops: Ops, log: FakeAws) -> None:
    ops("stats")

    assert log.fake_logs.patterns == [
        '?"conversation_closed" ?"message_failed" ?"message_postponed" ?"reply_received" ?"duplicate_suppressed"'
    ]


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
