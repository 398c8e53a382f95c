from tests.unit.ops.conftest import Ops
from tests.unit.ops.fake_aws import FakeAws
from tests.unit.ops.records import make_closed_record, make_error, make_record, make_watched_record


def test_newest_comes_first_and_closed_ones_do_not_come(ops: Ops, aws: FakeAws) -> None:
    for minutes in (2, 9, 5):
        aws.fake_dynamodb.put(make_record(f"conv-{minutes}", minutes=minutes))
    aws.fake_dynamodb.put(make_closed_record("conv-closed"))

    answer = ops.json("attention")

    assert [item["conversation_id"] for item in answer["conversations"]] == ["conv-9", "conv-5", "conv-2"]
    assert answer["more"] is False


def test_item_says_who_where_and_why(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_record())

    (item,) = ops.json("attention")["conversations"]

    assert item == {
        "conversation_id": "conv-0001",
        "recipient": "+44******0123",
        "status": "failed_to_send_message",
        "updated_at": "2026-11-22T09:00:00Z",
        "last_error": make_error(receive_count=1, at="2026-11-22T09:00:00Z"),
        "request_id": "req-conv-0001",
        "company_id": "acme",
        "project_id": "spring",
    }


def test_limit_is_said_to_leave_some_out(ops: Ops, aws: FakeAws) -> None:
    for minutes in range(5):
        aws.fake_dynamodb.put(make_record(f"conv-{minutes}", minutes=minutes))

    answer = ops.json("attention", "--limit", "3")

    assert len(answer["conversations"]) == 3
    assert answer["more"] is True


def test_codes_choose_and_are_counted(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_record("conv-1"))
    aws.fake_dynamodb.put(make_record("conv-2"))
    aws.fake_dynamodb.put(make_record("conv-3", last_error=make_error(code="openai_refusal")))
    aws.fake_dynamodb.put(make_record("conv-4", last_error=...))

    assert ops.json("attention")["by_code"] == {"twilio_63016": 2, "openai_refusal": 1, "unknown": 1}
    assert ops.json("attention", "--code", "openai_refusal")["by_code"] == {"openai_refusal": 1}


def test_terminal_shows_id_masked_number_and_reason(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_record())

    shown = ops("attention")

    assert shown.exit_code == 0
    assert "2026-11-22 09:00:00Z  conv-0001" in shown.out
    assert "+44******0123, acme/spring, failed_to_send_message" in shown.out
    assert "twilio_63016: Twilio refused the request" in shown.out
    assert "+447700900123" not in shown.out


def test_full_number_is_shown_only_when_asked_for(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_record())

    assert "+447700900123" in ops("attention", "--unmask").out
    assert ops.json("attention", "--unmask")["conversations"][0]["recipient"] == "+447700900123"


def test_nothing_to_do_is_said(ops: Ops) -> None:
    shown = ops("attention")

    assert shown.out == "No conversation needs attention.\n"
    assert shown.exit_code == 0


def test_missing_table_is_one_line_with_advice(ops: Ops) -> None:
    ended = ops("attention", "--table", "conversations-elsewhere")

    assert ended.exit_code == 3
    assert ended.out == ""
    assert ended.err.count("\n") == 1
    assert "There is no table conversations-elsewhere in eu-west-1. Is it another region" in ended.err


def test_message_that_was_not_delivered_is_listed_with_its_code(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.put(make_watched_record())
    aws.fake_dynamodb.put(make_watched_record("delivered", None, conversation_id="conv-delivered"))

    shown = ops("attention").out

    assert "acme/spring, initial_message_sent, not delivered\n" in shown
    assert "twilio_63016: Twilio accepted the message, and it was not delivered\n" in shown
    assert "conv-delivered" not in shown
    assert ops.json("attention", "--code", "twilio_63016")["by_code"] == {"twilio_63016": 1}
