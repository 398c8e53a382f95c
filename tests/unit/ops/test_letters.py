"""`ops dlq show`, `export` and `drop`: what a letter is, and how it goes."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.conversation import WaitReason
from sandbox.context_objects import make_body
from services.conversation_item import iso
from tests.fakes.clock import START, FakeClock
from tests.unit.ops.conftest import Ops
from tests.unit.ops.fake_aws import DLQ, QUEUE, FakeAws
from tests.unit.ops.records import make_closed_record, make_record, make_watched_record

NUMBER = "+447700900123"
PERSONAL = (NUMBER, "Ana", "ana@example.com", "Barista")


def personal_body(conversation_id: str = "conv-0001", **overrides: Any) -> str:
    return make_body(
        **{
            "conversation_id": conversation_id,
            "frontend_payload__recipient_data__recipient_first_name": "Ana",
            "frontend_payload__recipient_data__recipient_email": "ana@example.com",
            "frontend_payload__project_data": {"position": "Barista", "Ana": [NUMBER]},
            **overrides,
        }
    )


def ids(aws: FakeAws) -> list[str]:
    return [message.message_id for message in aws.fake_sqs.queues[DLQ]]


# Show


@pytest.mark.parametrize("wanted", ["m-1", "conv-0001", "+44 7700 900123"])
def test_letter_is_found_by_any_name_and_masked(ops: Ops, aws: FakeAws, wanted: str) -> None:
    aws.fake_sqs.add_dead_letter(personal_body(), trace={"DataType": "String", "StringValue": NUMBER}).group_id = "g"
    aws.fake_dynamodb.put(make_record())

    (letter,) = ops.json("dlq", "show", wanted)["letters"]
    shown = ops("dlq", "show", wanted)

    assert (letter["message_id"], letter["reason"]["code"], letter["group_id"]) == ("m-1", "twilio_63016", "g")
    assert letter["body"]["company_data_payload"]["company_id"] == "acme"
    assert letter["body"]["frontend_payload"]["recipient_data"]["recipient_tel"] == "+44******0123"
    assert [value for value in PERSONAL if value in shown.out + json.dumps(letter)] == []
    assert "*** is hidden without --unmask" in shown.out


def test_letter_is_shown_as_it_is_when_asked_for(ops: Ops, aws: FakeAws) -> None:
    aws.fake_sqs.add_dead_letter(personal_body())

    shown = ops("dlq", "show", "m-1", "--unmask")

    assert [value for value in PERSONAL if value not in shown.out] == []


@pytest.mark.parametrize("number", ["07700 900123", 447700900123, None, ["+447700900123"]], ids=str)
def test_bad_number_does_not_hide_the_conversation(ops: Ops, aws: FakeAws, number: object) -> None:
    aws.fake_sqs.add_dead_letter(personal_body(frontend_payload__recipient_data__recipient_tel=number))

    (letter,) = ops.json("dlq", "show", "conv-0001")["letters"]
    (group,) = ops.json("dlq", "peek")["groups"]

    assert letter["conversation_id"] == group["examples"][0]["conversation_id"] == "conv-0001"
    assert "7700" not in json.dumps([letter["body"], letter["recipient"], group["examples"]])
    assert group["code"] == "invalid_context"


@pytest.mark.parametrize("body", ["Call +447700900123", "[1", '"+447700900123 is Ana"', '["Ana"]'])
def test_body_of_another_shape_shows_nothing_personal(ops: Ops, aws: FakeAws, body: str) -> None:
    aws.fake_sqs.add_dead_letter(body)

    shown = ops("dlq", "show", "m-1")

    assert shown.exit_code == 0
    assert [value for value in PERSONAL if value in shown.out] == []
    assert "Conversation  can't be read\n" in shown.out
    assert json.loads(json.dumps(ops.json("dlq", "show", "m-1", "--unmask")["letters"][0]["body"])) is not None


def test_letter_that_is_not_there_is_one_line(ops: Ops) -> None:
    ended = ops("dlq", "show", "m-9")

    assert (ended.exit_code, ended.err.count("\n")) == (1, 1)
    assert f"{DLQ} has no message that is known as m-9." in ended.err


# Harmless letters


def test_letter_of_a_sent_conversation_is_harmless_and_cleared_with_its_like(ops: Ops, aws: FakeAws) -> None:
    for number in range(12):
        aws.fake_sqs.add_dead_letter(make_body(conversation_id=f"sent-{number}"))
        aws.fake_dynamodb.put(make_closed_record(f"sent-{number}"))
    aws.fake_sqs.add_dead_letter(make_body(conversation_id="failed"))
    aws.fake_dynamodb.put(make_record("failed"))

    peek = ops("dlq", "peek").out
    shown = ops("dlq", "show", "sent-3").out
    done = ops.json("dlq", "drop", "--code", "already_sent", "--yes")

    assert "   12  already_sent, harmless\n" in peek
    for text in (peek, shown):
        assert "ops dlq drop --code already_sent" in text
    assert (done["dropped"], done["by_code"], done["left"]) == (12, {"already_sent": 12}, 1)
    assert ids(aws) == ["m-13"]


@pytest.mark.parametrize(
    ("record", "harmless"),
    [
        pytest.param({"conversation_status": "human_took_over", "closed_at": "2026-11-22T09:00:00Z"}, True, id="ours"),
        pytest.param({"record_version": 2, "conversation_status": "sending"}, False, id="at work"),
        pytest.param({"conversation_status": "processing", "attempts": ...}, False, id="another program's"),
    ],
)
def test_only_a_closed_conversation_makes_a_letter_harmless(
    ops: Ops, aws: FakeAws, record: dict[str, Any], *, harmless: bool
) -> None:
    """A status that another program gave a conversation that we closed changes nothing."""
    aws.fake_sqs.add_dead_letter(make_body())
    aws.fake_dynamodb.put(make_record(**record))

    (group,) = ops.json("dlq", "peek")["groups"]

    assert group["harmless"] is harmless


# Drop


def test_question_says_what_goes_and_what_that_means(ops: Ops, aws: FakeAws) -> None:
    aws.fake_sqs.add_dead_letter(make_body())
    aws.fake_dynamodb.put(make_record())
    ops.someone_there = True

    refused = ops("dlq", "drop", "conv-0001", given="n\n")

    assert refused.exit_code == 4
    assert f"Delete 1 message for good (1 twilio_63016) from {DLQ}" in refused.err
    assert "Their conversations will not be sent" in refused.err
    assert ids(aws) == ["m-1"]


def test_nobody_to_ask_drops_nothing(ops: Ops, aws: FakeAws) -> None:
    aws.fake_sqs.add_dead_letter(make_body())

    assert ops("dlq", "drop", "m-1").exit_code == 4
    assert ops.json("dlq", "drop", "m-1", "--dry-run")["dropped"] == 1
    assert ids(aws) == ["m-1"]


def test_only_what_was_seen_goes(ops: Ops, aws: FakeAws) -> None:
    """Another one with the code may arrive while the question stands."""
    aws.fake_sqs.add_dead_letter(make_body(conversation_id="first"))
    ops.someone_there = True
    receive = aws.fake_sqs.receive_message
    received: list[int] = []

    def receive_and_add(**request: Any) -> dict[str, Any]:
        answer = receive(**request)
        received.append(1)
        if len(received) == 3:
            aws.fake_sqs.add_dead_letter(make_body(conversation_id="second"))
        return answer

    aws.fake_sqs.receive_message = receive_and_add  # type: ignore[method-assign]

    ended = ops("dlq", "drop", "--code", "never_processed", given="y\n")

    assert ended.exit_code == 0
    assert ids(aws) == ["m-2"]


def test_letter_that_can_not_be_deleted_is_said(ops: Ops, aws: FakeAws) -> None:
    aws.fake_sqs.add_dead_letter(make_body())
    aws.fake_sqs.undeletable = {"m-1"}

    ended = ops("dlq", "drop", "m-1", "--yes")

    assert ended.exit_code == 1
    assert "1 could not be deleted" in ended.out


@pytest.mark.parametrize("arguments", [(), ("",), ("--code", "")], ids=["nothing", "empty id", "empty code"])
def test_what_goes_must_be_said(ops: Ops, aws: FakeAws, arguments: tuple[str, ...]) -> None:
    aws.fake_sqs.add_dead_letter(make_body())

    assert ops("dlq", "drop", *arguments, "--yes").exit_code == 2
    assert ids(aws) == ["m-1"]


# Export


def test_export_is_masked_unless_asked_for(ops: Ops, aws: FakeAws, tmp_path: Path) -> None:
    body = personal_body()
    aws.fake_sqs.add_dead_letter(body)
    aws.fake_dynamodb.put(make_record())

    masked = ops.json("dlq", "export", str(tmp_path / "masked"))
    ops("dlq", "export", str(tmp_path / "full"), "--unmask")

    text = (tmp_path / "masked").read_text(encoding="utf-8")
    assert (masked["written"], masked["unmasked"]) == (1, False)
    assert [value for value in PERSONAL if value in text] == []
    (line,) = (tmp_path / "full").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["body"] == body
    assert (tmp_path / "full").stat().st_mode & 0o777 == 0o600
    assert ids(aws) == ["m-1"]


def test_export_replaces_no_file(ops: Ops, tmp_path: Path) -> None:
    file = tmp_path / "there"
    file.write_text("mine", encoding="utf-8")

    ended = ops("dlq", "export", str(file))

    assert (ended.exit_code, file.read_text(encoding="utf-8")) == (2, "mine")
    assert "can't be written: File exists" in ended.err


def test_some_are_exported_and_all_are_shown_again(ops: Ops, aws: FakeAws, clock: FakeClock, tmp_path: Path) -> None:
    for number in range(25):
        aws.fake_sqs.add_dead_letter(make_body(conversation_id=f"c-{number}"))

    answer = ops.json("dlq", "export", str(tmp_path / "out"), "--id", "c-7", "--id", "c-9")

    assert answer["written"] == 2
    assert all(message.visible_at <= clock.monotonic() for message in aws.fake_sqs.queues[DLQ])
    assert aws.fake_sqs.queues[QUEUE] == []


# Letters that came to look at a delivery


def continuation(reason: str) -> dict[str, Any]:
    return {"continuation": {"DataType": "String", "StringValue": json.dumps({"version": 1, "reason": reason})}}


WATCHED: dict[str, Any] = {"delivery_watch_until": iso(START)}


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(make_watched_record("sent", None, **WATCHED), id="not known"),
        pytest.param(make_watched_record(**WATCHED), id="one part not delivered"),
    ],
)
def test_letter_that_came_for_a_look_is_harmless_and_a_redrive_looks_again(
    ops: Ops, aws: FakeAws, record: dict[str, Any]
) -> None:
    aws.fake_sqs.add_dead_letter(make_body(), **continuation(WaitReason.DELIVERY))
    aws.fake_dynamodb.put(record)

    shown, peek = ops("dlq", "show", "m-1").out, ops("dlq", "peek").out
    moved = ops.json("dlq", "redrive", "--code", "delivery_look", "--yes")

    assert "Harmless: Its message is out." in shown
    assert "after a redrive it looks again" in " ".join(peek.split())
    assert "1  delivery_look, harmless\n" in peek
    assert moved["moved"] == 1
    (message,) = aws.fake_sqs.queues[QUEUE]
    assert message.attributes == {}  # the function takes it for a duplicate, and begins to look


@pytest.mark.parametrize(
    ("reason", "record", "code"),
    [
        pytest.param("delivery", make_watched_record("delivered", None), "already_sent", id="nothing left to look at"),
        pytest.param("model", make_watched_record("sent", None, **WATCHED), "already_sent", id="waited for the model"),
        pytest.param("delivery", make_record(), "twilio_63016", id="not sent, whatever it says"),
        pytest.param("delivery", None, "record_gone", id="no record"),
        pytest.param("model", None, "never_processed", id="never begun"),
    ],
)
def test_what_a_letter_says_it_waited_for_is_held_to_the_record(
    ops: Ops, aws: FakeAws, reason: str, record: dict[str, Any] | None, code: str
) -> None:
    aws.fake_sqs.add_dead_letter(make_body(), **continuation(reason))
    if record is not None:
        aws.fake_dynamodb.put(record)

    (letter,) = ops.json("dlq", "show", "m-1")["letters"]

    assert (letter["reason"]["code"], letter["reason"]["harmless"]) == (code, code == "already_sent")


def test_what_a_redrive_would_send_again_stays_unless_it_is_named(ops: Ops, aws: FakeAws) -> None:
    aws.fake_sqs.add_dead_letter(make_body(), **continuation("delivery"))
    aws.fake_sqs.add_dead_letter(make_body(conversation_id="c-2"))

    ended = ops("dlq", "redrive", "--all", "--yes", "--json")
    stayed = json.loads(ended.out)
    moved = ops.json("dlq", "redrive", "--code", "record_gone", "--yes")

    assert (ended.exit_code, stayed["moved"], moved["moved"]) == (1, 1, 1)
    assert "--code record_gone" in stayed["problem"]


@pytest.mark.parametrize(
    "attribute",
    [{"DataType": "Binary", "BinaryValue": "x"}, {"DataType": "String", "StringValue": "{"}, {"StringValue": "[1]"}],
    ids=str,
)
def test_a_continuation_that_can_not_be_read_is_none(ops: Ops, aws: FakeAws, attribute: dict[str, Any]) -> None:
    aws.fake_sqs.add_dead_letter(make_body(), continuation=attribute)

    assert ops.json("dlq", "show", "m-1")["letters"][0]["reason"]["code"] == "never_processed"
