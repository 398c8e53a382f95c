"""`validate` and `replay`: Context Objects from files."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sandbox.context_objects import make_body
from tests.unit.ops.conftest import Ops
from tests.unit.ops.fake_aws import QUEUE, FakeAws, client_error
from tests.unit.ops.records import make_closed_record
from utils.context_processor import parse_context

OPENAI = "company_data_payload__ai_config__openai_config__whatsapp"
FAULTS: dict[str, Any] = {
    "frontend_payload__recipient_data__comms_consent": False,
    "company_data_payload__project_status": "archived",
    "conversation_data": 5,
}


@pytest.fixture
def context_file(tmp_path: Path) -> Path:
    file = tmp_path / "context.json"
    file.write_text(make_body(), encoding="utf-8")
    return file


# Validate


def test_valid_file_is_said_to_be_valid_without_aws(ops: Ops, context_file: Path) -> None:
    shown = ops("validate", str(context_file))

    assert (shown.exit_code, shown.out) == (0, f"{context_file}: valid\n")
    assert ops.connected == []


def test_every_fault_is_said_with_its_path_and_no_value(ops: Ops, context_file: Path) -> None:
    context_file.write_text(make_body(**FAULTS), encoding="utf-8")

    shown = ops("validate", str(context_file))

    assert shown.exit_code == 1
    assert shown.out.splitlines() == [
        f"{context_file}: 3 faults",
        "  frontend_payload.recipient_data.comms_consent: is not true: the recipient has not agreed to be contacted",
        "  company_data_payload.project_status: is not active",
        "  conversation_data: must be an object",
    ]


def test_several_files_each_have_a_verdict(ops: Ops, context_file: Path) -> None:
    bad = context_file.with_name("bad.json")
    bad.write_text("{", encoding="utf-8")

    ended = ops("validate", str(context_file), str(bad), "--json")

    assert ended.exit_code == 1
    assert [(file["file"], file["valid"]) for file in ended.answer["files"]] == [
        (str(context_file), True),
        (str(bad), False),
    ]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        pytest.param(b"\xef\xbb\xbf{}", "byte order mark", id="byte order mark"),
        pytest.param(b"\xff{}", "is not UTF-8 at byte 0", id="not UTF-8"),
        pytest.param(b" " * (1024 * 1024 + 1), "SQS takes no message beyond 1048576", id="too long for SQS"),
        pytest.param(b"[]", "must be a JSON object", id="list"),
    ],
)
def test_file_that_sqs_or_the_function_would_refuse_is_not_valid(
    ops: Ops, context_file: Path, data: bytes, fault: str
) -> None:
    context_file.write_bytes(data)

    ended = ops("validate", str(context_file))

    assert ended.exit_code == 1
    assert fault in ended.out


def test_assistant_without_a_definition_is_a_warning(ops: Ops, context_file: Path) -> None:
    openai = {"api_key_reference": "openai-api-key/whatsapp", "assistant_id_template_sender": "asst_unknown"}
    context_file.write_text(make_body(**{OPENAI: openai}), encoding="utf-8")

    (verdict,) = ops.json("validate", str(context_file))["files"]

    assert verdict["valid"] is True
    assert "there is no lambda/assistants/asst_unknown.json in this checkout" in verdict["warnings"][0]


def test_missing_file_is_one_line(ops: Ops, tmp_path: Path) -> None:
    ended = ops("validate", str(tmp_path / "nowhere.json"))

    assert ended.exit_code == 2
    assert ended.err == f"Error: {tmp_path}/nowhere.json can't be read: No such file or directory.\n"


def test_standard_input_is_read(ops: Ops, context_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del context_file
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{}")))

    ended = ops("validate", "-", given=make_body())

    assert (ended.exit_code, ended.out) == (0, "-: valid\n")


# Replay


def test_replay_sends_the_file_as_it_is(ops: Ops, aws: FakeAws, context_file: Path) -> None:
    context_file.write_text(make_body() + "\n", encoding="utf-8")

    answer = ops.json("replay", str(context_file), "--yes")

    assert aws.fake_sqs.bodies(QUEUE) == [make_body() + "\n"]
    assert answer == {
        "queue": QUEUE,
        "message_id": "m-1",
        "conversation_id": "conv-0001",
        "recipient": "+44******0123",
        "status_before": None,
        "nothing_goes_out": False,
        "again_after": None,
    }


@pytest.mark.parametrize(("company", "group"), [("acme", "acme"), ("Acme Coffee", None), ("x" * 129, None)])
def test_replay_puts_a_message_into_its_companys_group(
    ops: Ops, aws: FakeAws, context_file: Path, company: str, group: str | None
) -> None:
    """As the router does, so that one company's many messages hold up nobody else's."""
    both = {"frontend_payload__company_data__company_id": company, "company_data_payload__company_id": company}
    context_file.write_text(make_body(**both), encoding="utf-8")

    ops.json("replay", str(context_file), "--yes")

    (message,) = aws.fake_sqs.queues[QUEUE]
    assert message.group_id == group


def test_terminal_says_how_to_follow_it(ops: Ops, context_file: Path) -> None:
    shown = ops("replay", str(context_file), "--yes")

    assert shown.exit_code == 0
    assert "Follow it     ops trace conv-0001\n" in shown.out
    assert "+447700900123" not in shown.out + shown.err


def test_question_says_where_and_what_the_record_says(ops: Ops, aws: FakeAws, context_file: Path) -> None:
    aws.fake_dynamodb.put(make_closed_record())
    ops.someone_there = True

    ended = ops("replay", str(context_file), given="n\n")

    assert ended.exit_code == 4
    assert (
        f"Send conv-0001 for +44******0123 to {QUEUE} (account 123456789012, eu-west-1;"
        " its record says initial_message_sent)? [y/N]" in " ".join(ended.err.split())
    )
    assert aws.fake_sqs.bodies(QUEUE) == []


def test_replay_of_a_closed_conversation_says_that_nothing_will_go_out(
    ops: Ops, aws: FakeAws, context_file: Path
) -> None:
    aws.fake_dynamodb.put(make_closed_record(conversation_status="human_took_over", closed_at="x"))

    ended = ops("replay", str(context_file), "--yes")

    assert "Nothing will go out: conv-0001 is closed" in ended.err
    assert "--again" in ended.err
    assert "Means         nothing goes out: the conversation is closed\n" in ended.out


@pytest.mark.parametrize("conversation_id", ["conv-0001", "c" * 508, "é" * 500])
def test_sending_again_is_a_new_conversation_in_a_new_thread(
    ops: Ops, aws: FakeAws, context_file: Path, conversation_id: str
) -> None:
    body = make_body(conversation_id=conversation_id, conversation_data__thread_id="conv_old")
    context_file.write_text(body, encoding="utf-8")
    aws.fake_dynamodb.put(make_closed_record(conversation_id))

    answer = ops.json("replay", str(context_file), "--again", "--yes")

    (sent,) = aws.fake_sqs.bodies(QUEUE)
    context = parse_context(sent)
    assert answer["conversation_id"] == context.conversation_data.conversation_id != conversation_id
    assert answer["conversation_id"].endswith("-again-20261122090000")
    assert context.conversation_data.thread_id is None
    assert (answer["again_after"], answer["nothing_goes_out"]) == (conversation_id, False)
    assert json.loads(sent)["frontend_payload"] == json.loads(body)["frontend_payload"]


def test_question_says_that_the_recipient_gets_another_message(ops: Ops, aws: FakeAws, context_file: Path) -> None:
    aws.fake_dynamodb.put(make_closed_record())
    ops.someone_there = True

    ended = ops("replay", str(context_file), "--again", given="n\n")

    assert "a new conversation: the recipient gets another message" in " ".join(ended.err.split())
    assert "conv-0001 has the status initial_message_sent" in " ".join(ended.err.split())
    assert aws.fake_sqs.bodies(QUEUE) == []


def test_nothing_is_sent_where_nobody_can_be_asked(ops: Ops, aws: FakeAws, context_file: Path) -> None:
    ended = ops("replay", str(context_file))

    assert ended.exit_code == 4
    assert aws.fake_sqs.bodies(QUEUE) == []


def test_invalid_file_is_not_sent(ops: Ops, aws: FakeAws, context_file: Path) -> None:
    context_file.write_text(make_body(**FAULTS), encoding="utf-8")

    ended = ops("replay", str(context_file), "--yes")

    assert ended.exit_code == 1
    assert "is not a valid Context Object: frontend_payload.recipient_data.comms_consent" in ended.err
    assert ended.err.count("\n") == 1
    assert aws.fake_sqs.calls == []


def test_refused_send_is_one_line(ops: Ops, aws: FakeAws, context_file: Path) -> None:
    aws.fake_sqs.errors["send_message"] = client_error(
        "AccessDenied", "SendMessage", "User: arn:x is not authorized to perform: sqs:sendmessage on resource: y"
    )

    ended = ops("replay", str(context_file), "--yes", "--json")

    assert ended.exit_code == 3
    assert f"These credentials may not sqs:sendmessage on the queue {QUEUE} in eu-west-1." in ended.err
    assert json.loads(ended.out)["exit_code"] == 3
