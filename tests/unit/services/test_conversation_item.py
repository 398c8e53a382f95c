"""Conversation item: the record as people and other programs find it in the table."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from core.conversation import Conversation, ConversationKey, Failure, Mode, Reply, Run, SentPart, Status, Step, Usage
from services.conversation_item import deserialize, iso, number, read_conversation, serialize

KEYS = {"recipient_tel": "+447700900123", "conversation_id": "conv-1"}
MOMENT = datetime(2026, 11, 22, 9, 0, 0, 250_000, tzinfo=UTC)
TEXT = "2026-11-22T09:00:00.250Z"
ERROR = {
    "step": "send",
    "code": "twilio_21211",
    "message": "Twilio refused",
    "at": TEXT,
    "permanent": True,
    "message_id": "m-1",
    "receive_count": Decimal(2),
}


def item(**attributes: Any) -> dict[str, Any]:
    return {**KEYS, "conversation_status": "processing", "created_at": TEXT, **attributes}


def test_a_record_that_was_never_begun_has_only_its_keys_and_status() -> None:
    assert read_conversation(item()) == Conversation(ConversationKey(*KEYS.values()), Status.PROCESSING, MOMENT)


def test_a_record_in_the_middle_of_its_work_is_read_whole() -> None:
    conversation = read_conversation(
        item(
            conversation_status="sending",
            lease_owner="owner",
            lease_expires_at=Decimal("1800000000.125"),
            openai_thread_id="conv_1",
            openai_response_id="resp_1",
            openai_started_at=TEXT,
            paid_runs=Decimal(2),
            reply={
                "mode": "free_form",
                "parts": ["Hello", "Bye"],
                "tokens_in": Decimal(120),
                "tokens_out": Decimal(30),
            },
            send_started_at=TEXT,
            outcome_unknown=True,
            sent_parts=[{"sid": "SM1", "sent_at": TEXT}],
            last_error=ERROR,
            attempts=Decimal(2),
            something_of_a_later_version={"a": [1]},
        )
    )

    assert conversation == Conversation(
        key=ConversationKey("+447700900123", "conv-1"),
        status=Status.SENDING,
        created_at=MOMENT,
        lease_owner="owner",
        lease_expires_at=1_800_000_000.125,
        run=Run("conv_1", "resp_1"),
        reply=Reply(Mode.FREE_FORM, ("Hello", "Bye"), Usage(120, 30)),
        intent_at=MOMENT,
        outcome_unknown=True,
        sent=(SentPart("SM1", MOMENT),),
        last_error=Failure(Step.SEND, "twilio_21211", "Twilio refused", MOMENT, True, "m-1", 2),  # noqa: FBT003
        paid_runs=2,
    )
    assert conversation.run is not None
    assert (conversation.run.started_at, conversation.run.number) == (MOMENT, 2)


def test_a_closed_record_names_its_messages_so_that_no_other_conversation_adopts_them() -> None:
    conversation = read_conversation(
        item(
            conversation_status="initial_message_sent",
            messages=[{"message_id": "SM1", "timestamp": TEXT}, {"message_id": "SM2", "timestamp": TEXT}],
        )
    )

    assert [part.sid for part in conversation.sent] == ["SM1", "SM2"]


def test_parts_sent_by_the_attempt_at_work_count_before_the_messages() -> None:
    conversation = read_conversation(item(sent_parts=[], messages=[{"message_id": "SM1", "timestamp": TEXT}]))

    assert conversation.sent == ()


def test_a_thread_without_a_run_is_no_run() -> None:
    assert read_conversation(item(openai_thread_id="conv_1")).run is None


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        pytest.param(MOMENT, TEXT, id="milliseconds"),
        pytest.param(MOMENT.replace(microsecond=0), "2026-11-22T09:00:00.000Z", id="whole seconds"),
        pytest.param(
            MOMENT.astimezone(timezone(timedelta(hours=2))), "2026-11-22T11:00:00.250+02:00", id="another zone"
        ),
    ],
)
def test_moments_are_written_so_that_they_can_be_read_again(moment: datetime, text: str) -> None:
    assert iso(moment) == text
    assert datetime.fromisoformat(text) == moment


def test_moments_are_never_written_later_than_they_were() -> None:
    """The reconciliation looks from the intent on; a message must not seem to be older than its intent."""
    assert iso(MOMENT.replace(microsecond=999_999)) == "2026-11-22T09:00:00.999Z"


def test_a_lease_is_found_again_by_its_exact_end() -> None:
    stored = number(1_800_000_000.123_456)

    assert number(float(stored)) == stored == Decimal("1800000000.123")


def test_what_is_stored_can_be_read_again() -> None:
    attributes = item(reply={"parts": ["Zoë 👩‍👩‍👧", ""]}, attempts=Decimal(2), outcome_unknown=True)

    assert deserialize(serialize(attributes)) == attributes


def test_a_run_of_the_release_before_counts_as_paid_and_is_of_no_known_age() -> None:
    conversation = read_conversation(item(openai_thread_id="conv_1", openai_response_id="resp_1"))

    assert conversation.paid_runs == 1
    assert conversation.run is not None
    assert (conversation.run.started_at, conversation.run.number) == (None, 1)


def test_runs_that_came_to_nothing_are_still_counted() -> None:
    conversation = read_conversation(item(paid_runs=Decimal(2)))

    assert (conversation.run, conversation.paid_runs) == (None, 2)
