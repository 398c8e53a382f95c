import json
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.clock import START, FakeClock
from tests.unit.ops.conftest import Ops
from tests.unit.ops.fake_aws import FakeAws

FIRST, SECOND = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
MESSAGE = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
OTHER = "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb"


def add_line(aws: FakeAws, seconds: float, event: str, invocation: str, **fields: Any) -> None:
    at = START - timedelta(minutes=10) + timedelta(seconds=seconds)
    line = {
        "level": "INFO",
        "message": event,
        "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+00:00",
        "service": "whatsapp-channel-processor",
        "location": "x:1",
        "version": "1.2.0",
        "aws_request_id": invocation,
        "event": event,
        **fields,
    }
    aws.fake_logs.add(at, {name: value for name, value in line.items() if value is not None}, stream=invocation)


def add_report(aws: FakeAws, seconds: float, invocation: str) -> None:
    at = START - timedelta(minutes=10) + timedelta(seconds=seconds)
    aws.fake_logs.add(at, f"START RequestId: {invocation} Version: 1\n", stream=invocation)
    aws.fake_logs.add(at, f"REPORT RequestId: {invocation}\tDuration: 900 ms\tMemory Size: 1024 MB\t\n", invocation)


@pytest.fixture
def log(aws: FakeAws) -> FakeAws:
    """Two deliveries of one message, and another conversation in the same batch."""
    ours = {"conversation_id": "conv-0001", "request_id": "req-1", "message_id": MESSAGE, "recipient": "+44******0123"}
    others = {"conversation_id": "conv-0002", "request_id": "req-2", "message_id": OTHER}
    add_line(aws, 0, "conversation_claimed", FIRST, **ours, receive_count=1)
    add_line(aws, 0.1, "conversation_claimed", FIRST, **others, receive_count=1)
    add_line(aws, 1, "run_started", FIRST, **ours, receive_count=1, thread_id="conv_t", response_id="resp_1")
    add_line(
        aws, 2, "message_failed", FIRST, **ours, receive_count=1, level="ERROR", code="openai_timeout", delay_seconds=20
    )
    add_line(aws, 2.1, "heartbeat_lost", FIRST, message_id=MESSAGE, level="WARNING")
    add_line(aws, 2.2, "heartbeat_lost", FIRST, message_id=OTHER, level="WARNING")
    add_line(aws, 3, "batch_finished", FIRST, records=2, failed=1)
    add_report(aws, 3, FIRST)
    add_line(aws, 30, "conversation_resumed", SECOND, **ours, receive_count=2, response_id="resp_1")
    add_line(aws, 31, "message_sent", SECOND, **ours, receive_count=2, message_sid="SM1", part=1, parts=1)
    add_line(aws, 32, "conversation_closed", SECOND, **ours, receive_count=2, message_sids=["SM1", "SM2"])
    add_report(aws, 33, SECOND)
    add_line(aws, 40, "conversation_claimed", OTHER, **others, receive_count=2)
    return aws


OURS = [
    "conversation_claimed",
    "run_started",
    "message_failed",
    "heartbeat_lost",
    "batch_finished",
    None,
    "conversation_resumed",
    "message_sent",
    "conversation_closed",
    None,
]


@pytest.mark.parametrize("emulated", [False, True], ids=["AWS", "emulator"])
@pytest.mark.parametrize("wanted", ["conv-0001", "req-1", "resp_1", "conv_t", "SM1", "SM2", MESSAGE])
def test_conversation_is_followed_by_any_of_its_ids(ops: Ops, log: FakeAws, wanted: str, *, emulated: bool) -> None:
    log.emulated = emulated

    lines = ops.json("trace", wanted)["lines"]

    assert [line["event"] for line in lines] == OURS
    assert {line["message_id"] for line in lines} <= {MESSAGE, None}


def test_aws_is_asked_for_lines_by_pattern_and_an_emulator_for_all(ops: Ops, log: FakeAws) -> None:
    ops("trace", "SM1")

    assert log.fake_logs.patterns == ['"SM1"', '"conv-0001"', f'?"{FIRST}" ?"{SECOND}"']
    assert "get_log_events" not in log.fake_logs.calls

    log.emulated = True
    ops("trace", "SM1")

    assert len(log.fake_logs.patterns) == 3


@pytest.mark.usefixtures("log")
def test_invocation_is_followed_with_all_that_it_did(ops: Ops) -> None:
    lines = ops.json("trace", FIRST)["lines"]

    assert [line["fields"].get("conversation_id") for line in lines if line["event"] == "conversation_claimed"] == [
        "conv-0001",
        "conv-0002",
    ]


@pytest.mark.usefixtures("log")
def test_terminal_groups_by_delivery_and_writes_ids_once(ops: Ops) -> None:
    shown = ops("trace", "conv-0001").out

    assert f"2026-11-22 08:50:00Z  receive 1 of message {MESSAGE}\n" in shown
    assert f"\n\n2026-11-22 08:50:30Z  receive 2 of message {MESSAGE}\n" in shown
    assert "+1.0 s  run_started\n        thread_id conv_t\n        response_id resp_1\n" in shown
    assert "+2.0 s  message_failed  openai_timeout, again in 20 s\n" in shown
    assert shown.count("resp_1") == 1
    assert "lambda  REPORT Duration: 900 ms Memory Size: 1024 MB\n" in shown
    assert "START" not in shown


@pytest.mark.usefixtures("log")
def test_lines_before_the_window_do_not_come(ops: Ops, clock: FakeClock) -> None:
    clock.advance(3600)

    assert ops("trace", "conv-0001", "--since", "30m").exit_code == 1
    assert ops("trace", "conv-0001", "--since", "2h").exit_code == 0


def test_nothing_found_is_one_line_with_advice(ops: Ops) -> None:
    ended = ops("trace", "conv-0001")

    assert (ended.exit_code, ended.out) == (1, "")
    assert ended.err == (
        "Error: Nothing about conv-0001 in /aws/lambda/whatsapp-channel-processor-dev since 2026-11-21 09:00:00Z."
        " Look further back with --since 14d. If nothing was ever delivered, see `ops doctor`.\n"
    )


@pytest.mark.parametrize("since", ["", "5", "h", "0h", "-1h", "5x", "1.5h", "12345d"])
def test_age_that_is_none_is_refused(ops: Ops, since: str) -> None:
    ended = ops("trace", "conv-0001", f"--since={since}")

    assert ended.exit_code == 2
    assert "--since takes a number and m, h or d" in ended.err


@pytest.mark.parametrize("wanted", ['a"b', "a b", "a\\", "", "x" * 256])
def test_id_that_would_break_the_filter_is_refused(ops: Ops, log: FakeAws, wanted: str) -> None:
    ended = ops("trace", wanted)

    assert ended.exit_code == 2
    assert log.fake_logs.calls == []


def test_lines_that_are_no_json_and_hostile_fields_are_survived(ops: Ops, aws: FakeAws) -> None:
    add_line(aws, 0, "message_sent", FIRST, conversation_id="conv-0001", message_sids="SM1", timestamp="soon")
    add_line(aws, 1, "message_sent", FIRST, conversation_id=["conv-0001"], message_id=5, receive_count="x")
    aws.fake_logs.add(START, f"{FIRST} Task timed out after 300.00 seconds")
    aws.fake_logs.add(START, json.dumps(["conv-0001"]))
    aws.fake_logs.add(START, '{"conversation_id": "conv-0001"')

    lines = ops.json("trace", "conv-0001")["lines"]

    assert [line["event"] or line["level"] for line in lines] == ["message_sent", "ERROR"]


def test_numbers_in_lines_are_masked(ops: Ops, aws: FakeAws) -> None:
    add_line(aws, 0, "message_failed", FIRST, conversation_id="conv-0001", reason="to +447700900123")

    assert "+447700900123" not in ops("trace", "conv-0001").out
    assert "+447700900123" not in ops("trace", "conv-0001", "--json").out


def test_missing_log_group_is_one_line(ops: Ops) -> None:
    ended = ops("trace", "conv-0001", "--log-group", "/aws/lambda/other")

    assert ended.exit_code == 3
    assert ended.err.startswith("Error: There is no log group /aws/lambda/other in eu-west-1.")


def test_looks_at_the_delivery_are_told_after_the_close(ops: Ops, aws: FakeAws) -> None:
    ours = {"conversation_id": "conv-0001", "recipient": "+44******0123"}
    sent = {**ours, "message_id": MESSAGE, "receive_count": 1}
    look = {**ours, "message_id": OTHER, "receive_count": 1, "origin_message_id": MESSAGE, "continuation": 1}
    add_line(aws, 0, "conversation_closed", FIRST, **sent, message_sids=["SM1"])
    add_line(
        aws, 0.1, "message_postponed", FIRST, **sent, waits_for="delivery", code="delivery_watch", delay_seconds=10
    )
    add_line(aws, 11, "message_undelivered", SECOND, **look, level="ERROR", message_sid="SM1", code="twilio_63016")

    shown = ops("trace", "SM1").out

    assert "message_postponed  waits_for delivery, delivery_watch, again in 10 s" in shown
    assert f"receive 1 of message {OTHER}\n" in shown
    assert "message_undelivered  " in shown
    assert "twilio_63016" in shown.split("message_undelivered")[1]
