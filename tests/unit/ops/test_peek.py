from datetime import timedelta

import pytest

from sandbox.context_objects import make_body
from tests.fakes.clock import FakeClock
from tests.unit.ops.conftest import Ops
from tests.unit.ops.fake_aws import DLQ, FakeAws, client_error
from tests.unit.ops.records import make_closed_record, make_error, make_record


def test_messages_are_grouped_by_the_code_of_their_conversations(ops: Ops, aws: FakeAws) -> None:
    for number in range(3):
        aws.fake_sqs.add_dead_letter(make_body(conversation_id=f"conv-{number}"))
        aws.fake_dynamodb.put(make_record(f"conv-{number}"))
    aws.fake_sqs.add_dead_letter(make_body(conversation_id="conv-9"))
    aws.fake_dynamodb.put(make_record("conv-9", last_error=make_error(code="openai_timeout", permanent=False)))

    answer = ops.json("dlq", "peek")

    assert [(group["code"], group["count"]) for group in answer["groups"]] == [
        ("twilio_63016", 3),
        ("openai_timeout", 1),
    ]
    assert answer["groups"][0] == {
        "code": "twilio_63016",
        "step": "send",
        "permanent": True,
        "explanation": "Twilio refused the request (HTTP 400, code 63016)",
        "harmless": False,
        "count": 3,
        "examples": [
            {
                "message_id": f"m-{number + 1}",
                "conversation_id": f"conv-{number}",
                "recipient": "+44******0123",
                "company_id": "acme",
                "at": "2026-11-22T09:00:00Z",
            }
            for number in range(2)
        ],
    }


@pytest.mark.parametrize(
    ("body", "record", "code", "explanation"),
    [
        pytest.param("{", None, "invalid_context", "not", id="not JSON"),
        pytest.param(
            make_body(frontend_payload__recipient_data__comms_consent=False),
            None,
            "invalid_context",
            "frontend_payload.recipient_data.comms_consent: is not true",
            id="refused",
        ),
        pytest.param(make_body(), None, "never_processed", "The function never began it", id="no record"),
        pytest.param(make_body(), make_closed_record(), "already_sent", "the message is out", id="closed"),
        pytest.param(make_body(), make_record(last_error=...), "no_error_recorded", "no last error", id="no error"),
    ],
)
def test_reason_is_said_also_where_no_error_is_recorded(
    ops: Ops, aws: FakeAws, body: str, record: dict[str, object] | None, code: str, explanation: str
) -> None:
    aws.fake_sqs.add_dead_letter(body)
    if record is not None:
        aws.fake_dynamodb.put(record)

    (group,) = ops.json("dlq", "peek")["groups"]

    assert group["code"] == code
    assert explanation in group["explanation"]


def test_terminal_shows_groups_masked_examples_and_the_way_back(ops: Ops, aws: FakeAws) -> None:
    aws.fake_sqs.add_dead_letter(make_body())
    aws.fake_dynamodb.put(make_record())

    shown = ops("dlq", "peek")

    assert shown.exit_code == 0
    assert f"{DLQ}: about 1 message, 1 looked at\n" in shown.out
    assert "    1  twilio_63016 at send, permanent\n       Twilio refused" in shown.out
    assert "       2026-11-22 09:00:00Z  conv-0001, +44******0123\n         message m-1\n" in shown.out
    assert "ops dlq redrive --code CODE" in shown.out
    assert "+447700900123" not in shown.out
    assert "+447700900123" in ops("dlq", "peek", "--unmask").out


def test_looking_changes_nothing_and_shows_all_messages_again(ops: Ops, aws: FakeAws, clock: FakeClock) -> None:
    for number in range(25):
        aws.fake_sqs.add_dead_letter(make_body(conversation_id=f"conv-{number}"))

    answer = ops.json("dlq", "peek")

    assert answer["looked_at"] == 25
    assert len(aws.fake_sqs.queues[DLQ]) == 25
    assert all(message.visible_at <= clock.monotonic() for message in aws.fake_sqs.queues[DLQ])
    assert {"delete_message_batch", "send_message_batch"} & set(aws.fake_sqs.calls) == set()


def test_messages_are_shown_again_after_an_error_too(ops: Ops, aws: FakeAws, clock: FakeClock) -> None:
    aws.fake_sqs.add_dead_letter(make_body())
    aws.fake_dynamodb.errors["batch_get_item"] = client_error("AccessDeniedException", "BatchGetItem")

    ended = ops("dlq", "peek")

    assert ended.exit_code == 3
    assert "These credentials may not BatchGetItem on the table conversations-dev" in ended.err
    assert aws.fake_sqs.queues[DLQ][0].visible_at <= clock.monotonic()


def test_no_more_than_the_limit_is_looked_at(ops: Ops, aws: FakeAws) -> None:
    for number in range(25):
        aws.fake_sqs.add_dead_letter(make_body(conversation_id=f"conv-{number}"))

    answer = ops.json("dlq", "peek", "--limit", "12")

    assert (answer["messages"], answer["looked_at"]) == (25, 12)
    assert sum(message.receives for message in aws.fake_sqs.queues[DLQ]) == 12


def test_keys_that_the_table_leaves_out_are_asked_for_again(ops: Ops, aws: FakeAws) -> None:
    for number in range(5):
        aws.fake_sqs.add_dead_letter(make_body(conversation_id=f"conv-{number}"))
        aws.fake_dynamodb.put(make_record(f"conv-{number}"))
    aws.fake_dynamodb.unprocessed = 2

    (group,) = ops.json("dlq", "peek")["groups"]

    assert (group["code"], group["count"]) == ("twilio_63016", 5)


def test_two_messages_of_one_conversation_are_two(ops: Ops, aws: FakeAws) -> None:
    for _ in range(2):
        aws.fake_sqs.add_dead_letter(make_body())
    aws.fake_dynamodb.put(make_record())

    assert ops.json("dlq", "peek")["groups"][0]["count"] == 2


def test_empty_queue_is_said_without_waiting(ops: Ops, aws: FakeAws) -> None:
    shown = ops("dlq", "peek")

    assert (shown.exit_code, shown.out) == (0, f"{DLQ} is empty.\n")
    assert "receive_message" not in aws.fake_sqs.calls


def test_messages_that_somebody_else_looks_at_are_said_to_be_hidden(ops: Ops, aws: FakeAws) -> None:
    aws.fake_sqs.add_dead_letter(make_body()).visible_at = 600

    shown = ops("dlq", "peek")

    assert "1 message, hidden for somebody else. Look again in 2 minutes." in shown.out


def test_missing_queue_is_one_line(ops: Ops) -> None:
    ended = ops("dlq", "peek", "--dlq", "other")

    assert (ended.exit_code, ended.out) == (3, "")
    assert ended.err.startswith("Error: There is no queue other in eu-west-1.")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("others", [0, 1])
def test_message_that_arrives_meanwhile_is_said(ops: Ops, aws: FakeAws, others: int) -> None:
    for _ in range(others):
        aws.fake_sqs.add_dead_letter(make_body())
    aws.fake_sqs.add(DLQ, make_body()).sent_at += timedelta(seconds=5)

    shown = ops("dlq", "peek")

    assert "1 message arrived meanwhile: look again." in shown.out


def test_message_of_the_current_second_is_looked_at(ops: Ops, aws: FakeAws, clock: FakeClock) -> None:
    clock.advance(0.5)
    aws.fake_sqs.add(DLQ, make_body())

    assert ops.json("dlq", "peek")["looked_at"] == 1
