"""Redrive: nothing is lost, nothing is moved unasked."""

import json
from datetime import timedelta
from typing import Any

import pytest

from sandbox.context_objects import make_body
from tests.fakes.clock import FakeClock
from tests.unit.ops.conftest import Ops
from tests.unit.ops.fake_aws import DLQ, QUEUE, FakeAws, client_error
from tests.unit.ops.records import make_error, make_record

ATTRIBUTE = {"trace": {"DataType": "String", "StringValue": "t-1"}}


def fill(aws: FakeAws, **codes: int) -> None:
    """Put so many messages into the DLQ that failed with each code."""
    for code, count in codes.items():
        for number in range(count):
            conversation_id = f"{code}-{number}"
            aws.fake_sqs.add_dead_letter(make_body(conversation_id=conversation_id), **ATTRIBUTE)
            aws.fake_dynamodb.put(make_record(conversation_id, last_error=make_error(code=code)))


def conversations(aws: FakeAws, queue: str) -> list[str]:
    return [json.loads(body)["conversation_data"]["conversation_id"] for body in aws.fake_sqs.bodies(queue)]


# All


def test_all_are_moved_one_by_one(ops: Ops, aws: FakeAws) -> None:
    fill(aws, a=12)

    answer = ops.json("dlq", "redrive", "--all", "--yes")

    assert (answer["moved"], answer["kept"], answer["left"], answer["problem"]) == (12, 0, 0, None)
    assert sorted(conversations(aws, QUEUE)) == sorted(f"a-{number}" for number in range(12))
    assert aws.fake_sqs.queues[DLQ] == []
    assert "batch_get_item" not in aws.fake_dynamodb.calls


def test_second_move_waits_for_the_first(ops: Ops, aws: FakeAws) -> None:
    fill(aws, a=1)
    aws.fake_sqs.tasks = [{"Status": "RUNNING", "stuck": True}]

    ended = ops("dlq", "redrive", "--code", "a", "--yes")

    assert ended.exit_code == 1
    assert f"SQS is moving messages out of {DLQ} already. Wait until it is done." in ended.err
    assert conversations(aws, DLQ) == ["a-0"]


# By code


def test_only_messages_with_the_codes_are_moved(ops: Ops, aws: FakeAws) -> None:
    fill(aws, a=11, b=2, c=3)

    answer = ops.json("dlq", "redrive", "--code", "a", "--code", "b", "--yes")

    assert (answer["moved"], answer["kept"], answer["left"]) == (13, 3, 3)
    assert answer["codes"] == ["a", "b"]
    assert sorted(conversations(aws, DLQ)) == ["c-0", "c-1", "c-2"]
    assert len(aws.fake_sqs.queues[QUEUE]) == 13


def test_what_stays_is_visible_again(ops: Ops, aws: FakeAws, clock: FakeClock) -> None:
    fill(aws, a=1, c=3)

    ops("dlq", "redrive", "--code", "a", "--yes")

    assert all(message.visible_at <= clock.monotonic() for message in aws.fake_sqs.queues[DLQ])


@pytest.mark.parametrize("which", [("--all",), ("--code", "a")], ids=["all", "code"])
def test_the_routers_attributes_and_group_go_along_and_the_functions_own_does_not(
    ops: Ops, aws: FakeAws, which: tuple[str, ...]
) -> None:
    fill(aws, a=1)
    letter = aws.fake_sqs.queues[DLQ][0]
    letter.attributes["continuation"] = {"DataType": "String", "StringValue": "{}"}
    letter.group_id = "acme"

    ops("dlq", "redrive", *which, "--yes")

    (moved,) = aws.fake_sqs.queues[QUEUE]
    assert (moved.attributes, moved.group_id) == (ATTRIBUTE, "acme")


# By id and company, some, at a rate


@pytest.mark.parametrize("wanted", ["m-2", "a-1"], ids=["message", "conversation"])
def test_one_is_moved_by_its_id(ops: Ops, aws: FakeAws, wanted: str) -> None:
    fill(aws, a=3)

    answer = ops.json("dlq", "redrive", "--id", wanted, "--yes")

    assert (answer["moved"], answer["kept"], answer["left"]) == (1, 2, 2)
    assert conversations(aws, QUEUE) == ["a-1"]


def test_messages_of_one_recipient_are_moved_by_the_number(ops: Ops, aws: FakeAws) -> None:
    fill(aws, a=1)
    aws.fake_sqs.add_dead_letter(
        make_body(conversation_id="b", frontend_payload__recipient_data__recipient_tel="+447700900777")
    )

    ops("dlq", "redrive", "--id", "+44 7700 900777", "--yes")

    assert conversations(aws, QUEUE) == ["b"]


def test_id_that_is_not_there_is_a_problem(ops: Ops, aws: FakeAws) -> None:
    fill(aws, a=1)

    ended = ops("dlq", "redrive", "--id", "a-0", "--id", "a-9", "--yes")

    assert ended.exit_code == 1
    assert f"Not in {DLQ}, or hidden: a-9." in ended.out
    assert conversations(aws, QUEUE) == ["a-0"]


def test_one_company_is_moved_and_its_codes_are_respected(ops: Ops, aws: FakeAws) -> None:
    fill(aws, a=2, b=1)
    aws.fake_sqs.add_dead_letter(
        make_body(
            conversation_id="other",
            frontend_payload__company_data__company_id="globex",
            company_data_payload__company_id="globex",
        )
    )
    aws.fake_dynamodb.put(make_record("other", last_error=make_error(code="a")))

    first = ops.json("dlq", "redrive", "--company", "globex", "--yes")
    second = ops.json("dlq", "redrive", "--company", "acme", "--code", "a", "--yes")

    assert (first["moved"], first["companies"], second["moved"]) == (1, ["globex"], 2)
    assert conversations(aws, DLQ) == ["b-0"]


def test_one_is_tried_and_then_the_rest(ops: Ops, aws: FakeAws) -> None:
    fill(aws, a=25)

    first = ops("dlq", "redrive", "--code", "a", "--limit", "1", "--yes")

    assert first.out.startswith(f"Moved 1 message to {QUEUE}.\n")
    assert f"Left in {DLQ}: about 24.\n" in first.out
    assert len(aws.fake_sqs.queues[QUEUE]) == 1

    ops("dlq", "redrive", "--code", "a", "--yes")

    assert len(aws.fake_sqs.queues[QUEUE]) == 25


@pytest.mark.parametrize(("rate", "seconds"), [("2", 12.5), ("0.5", 50.0), ("100", 0.25)])
def test_no_more_than_the_rate_is_moved(ops: Ops, aws: FakeAws, clock: FakeClock, rate: str, seconds: float) -> None:
    fill(aws, a=25)

    ops("dlq", "redrive", "--all", "--rate", rate, "--yes")

    assert sum(clock.sleeps) == pytest.approx(seconds)
    assert len(aws.fake_sqs.queues[QUEUE]) == 25


@pytest.mark.parametrize("arguments", [("--id", ""), ("--code", " "), ("--company", "")], ids=" ".join)
def test_empty_choice_is_refused(ops: Ops, aws: FakeAws, arguments: tuple[str, ...]) -> None:
    """`--id "$ID"` with nothing in it must not mean everything."""
    fill(aws, a=1)

    ended = ops("dlq", "redrive", *arguments, "--yes")

    assert ended.exit_code == 2
    assert "is empty. Is a variable of your shell not set?" in ended.err
    assert conversations(aws, DLQ) == ["a-0"]


def test_message_that_can_not_be_sent_stays(ops: Ops, aws: FakeAws) -> None:
    fill(aws, a=3)
    aws.fake_sqs.unsendable = {'"a-1"'}

    ended = ops("dlq", "redrive", "--code", "a", "--yes")

    assert ended.exit_code == 1
    assert "refused some messages, which stay: 1 InvalidMessageContents" in ended.out
    assert conversations(aws, DLQ) == ["a-1"]
    assert len(aws.fake_sqs.queues[QUEUE]) == 2


def test_message_that_can_not_be_deleted_is_said_to_be_twice(ops: Ops, aws: FakeAws) -> None:
    fill(aws, a=2)
    aws.fake_sqs.undeletable = {"m-1"}

    answer = ops.json("dlq", "redrive", "--code", "a", "--yes")

    assert (answer["moved"], answer["twice"]) == (2, 1)


def test_message_is_sent_before_it_is_deleted(ops: Ops, aws: FakeAws) -> None:
    fill(aws, a=2)
    aws.fake_sqs.errors["delete_message_batch"] = client_error("InternalError", status=500)

    ended = ops("dlq", "redrive", "--code", "a", "--yes")

    assert ended.exit_code == 1
    assert "InternalError" in ended.out
    assert len(aws.fake_sqs.queues[QUEUE]) == 2
    assert len(aws.fake_sqs.queues[DLQ]) == 2


@pytest.mark.parametrize("seconds", [0, 0.1, 1], ids=["the same moment", "the same second", "later"])
@pytest.mark.parametrize("has_own_id", [True, False], ids=["as itself", "as a new message"])
def test_message_that_comes_back_is_not_moved_for_ever(
    ops: Ops, aws: FakeAws, clock: FakeClock, seconds: float, *, has_own_id: bool
) -> None:
    fill(aws, a=3)
    came_back = 0

    def fails_again(message: Any) -> None:
        nonlocal came_back
        came_back += 1
        assert came_back < 100, "moved for ever"
        clock.advance(seconds if has_own_id else max(seconds, 0.1))
        aws.fake_sqs.queues[QUEUE].remove(message)
        if has_own_id:
            aws.fake_sqs.queues[DLQ].append(message)
        else:
            aws.fake_sqs.add(DLQ, message.body)

    aws.fake_sqs.consumer = fails_again

    answer = ops.json("dlq", "redrive", "--code", "a", "--yes")

    assert answer["later"] == 3
    assert answer["moved"] == 3 or not has_own_id
    assert len(aws.fake_sqs.queues[DLQ]) == 3


@pytest.mark.parametrize("milliseconds", [0, 1, 500, 999])
def test_message_of_the_current_second_is_moved(ops: Ops, aws: FakeAws, clock: FakeClock, milliseconds: int) -> None:
    """The queue is looked up by a clock of whole seconds, a message's time is in milliseconds."""
    clock.advance(milliseconds / 1000)
    aws.fake_sqs.add(DLQ, make_body(conversation_id="now"))

    answer = ops.json("dlq", "redrive", "--all", "--yes")

    assert (answer["moved"], answer["later"]) == (1, 0)
    assert conversations(aws, QUEUE) == ["now"]


def test_message_that_arrives_meanwhile_is_said_to_stay(ops: Ops, aws: FakeAws) -> None:
    fill(aws, a=1)
    aws.fake_sqs.add(DLQ, make_body(conversation_id="new")).sent_at += timedelta(seconds=5)

    shown = ops("dlq", "redrive", "--all", "--yes")

    assert f"Moved 1 message to {QUEUE}.\n1 message arrived meanwhile and stayed. Run this again" in shown.out
    assert conversations(aws, DLQ) == ["new"]


def test_only_messages_that_arrive_meanwhile_are_not_an_empty_queue(ops: Ops, aws: FakeAws) -> None:
    aws.fake_sqs.add(DLQ, make_body()).sent_at += timedelta(seconds=5)

    shown = ops("dlq", "redrive", "--all", "--yes")

    assert shown.out.startswith(f"Moved 0 messages to {QUEUE}.\n1 message arrived meanwhile and stayed.")


def test_long_messages_go_in_several_requests(ops: Ops, aws: FakeAws) -> None:
    text = "x" * 150_000
    for number in range(4):
        aws.fake_sqs.add_dead_letter(
            make_body(conversation_id=f"c-{number}", frontend_payload__project_data={"text": text})
        )

    answer = ops.json("dlq", "redrive", "--code", "never_processed", "--yes")

    assert answer["moved"] == 4
    assert aws.fake_sqs.calls.count("send_message_batch") == 4


def test_code_that_nothing_has_moves_nothing(ops: Ops, aws: FakeAws) -> None:
    fill(aws, a=2)

    shown = ops("dlq", "redrive", "--code", "b", "--yes")

    assert shown.out == f"Moved 0 messages to {QUEUE}.\n2 others stayed.\nLeft in {DLQ}: about 2.\n"
    assert len(aws.fake_sqs.queues[DLQ]) == 2


# Dry run, questions


@pytest.mark.parametrize(("which", "number"), [(("--all",), "5"), (("--code", "a"), "3")], ids=["all", "code"])
def test_dry_run_moves_nothing_and_asks_nothing(ops: Ops, aws: FakeAws, which: tuple[str, ...], number: str) -> None:
    fill(aws, a=3, b=2)

    shown = ops("dlq", "redrive", *which, "--dry-run")

    assert shown.exit_code == 0
    assert f"Would move {number} messages to {QUEUE}." in shown.out
    assert len(aws.fake_sqs.queues[DLQ]) == 5
    writes = {"send_message_batch", "delete_message_batch", "send_message"}
    assert writes & set(aws.fake_sqs.calls) == set()


@pytest.mark.parametrize("which", [("--all",), ("--code", "a")], ids=["all", "code"])
@pytest.mark.parametrize(
    ("someone_there", "given", "says"),
    [
        pytest.param(False, None, "There is nobody to ask, so nothing was done. Pass --yes to go on unasked.", id="no"),
        pytest.param(True, "n\n", "Not confirmed, so nothing was done.", id="refused"),
        pytest.param(True, "\n", "Not confirmed, so nothing was done.", id="return"),
        pytest.param(True, "", "Not confirmed, so nothing was done.", id="end of input"),
    ],
)
def test_nothing_is_moved_without_a_yes(
    ops: Ops, aws: FakeAws, which: tuple[str, ...], given: str | None, says: str, *, someone_there: bool
) -> None:
    fill(aws, a=2)
    ops.someone_there = someone_there

    ended = ops("dlq", "redrive", *which, given=given)

    assert ended.exit_code == 4
    assert says in ended.err
    assert conversations(aws, DLQ) == ["a-0", "a-1"]
    assert aws.fake_sqs.queues[QUEUE] == []


def test_question_says_what_is_moved_and_where(ops: Ops, aws: FakeAws) -> None:
    fill(aws, a=2)
    ops.someone_there = True

    ended = ops("dlq", "redrive", "--all", given="y\n")

    assert f"Move about 2 messages from {DLQ} to {QUEUE} (account 123456789012, eu-west-1)? [y/N]" in ended.err
    assert ended.exit_code == 0
    assert len(aws.fake_sqs.queues[QUEUE]) == 2


@pytest.mark.parametrize("arguments", [(), ("--all", "--code", "a")], ids=["neither", "both"])
def test_which_messages_must_be_said(ops: Ops, aws: FakeAws, arguments: tuple[str, ...]) -> None:
    ended = ops("dlq", "redrive", "--yes", *arguments)

    assert ended.exit_code == 2
    assert ended.err == (
        "Error: Say which messages: --all, or --code CODE, --company COMPANY, --id ID. `ops dlq peek` lists them.\n"
    )
    assert aws.fake_sqs.calls == []


def test_empty_queue_asks_nothing(ops: Ops) -> None:
    shown = ops("dlq", "redrive", "--all")

    assert (shown.exit_code, shown.out) == (0, f"Nothing to move: {DLQ} is empty.\n")


def test_messages_that_somebody_else_holds_are_said_to_stay(ops: Ops, aws: FakeAws) -> None:
    fill(aws, a=2)
    aws.fake_sqs.queues[DLQ][0].visible_at = 600

    shown = ops("dlq", "redrive", "--code", "a", "--yes")

    assert "Left alone: 1 message that somebody else looks at or moves. Look again in 2 minutes." in shown.out
    assert conversations(aws, DLQ) == ["a-0"]
