"""Conversation item: the record as people and other programs find it in the table."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from core.conversation import (
    Conversation,
    ConversationKey,
    EffectOwner,
    Failure,
    Mode,
    Reply,
    Run,
    SentPart,
    Standing,
    Status,
    Step,
    Usage,
)
from services.conversation_item import deserialize, iso, number, read_conversation, read_moment, serialize

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
    """Return a record of this release; None leaves an attribute out."""
    record = {
        **KEYS,
        "record_version": Decimal(2),
        "conversation_status": "processing",
        "created_at": TEXT,
        **attributes,
    }
    return {name: value for name, value in record.items() if value is not None}


def foreign(**attributes: Any) -> dict[str, Any]:
    """Return a record of another program."""
    return item(record_version=None, **attributes)


def previous(**attributes: Any) -> dict[str, Any]:
    """Return a record of the release before this one."""
    return foreign(attempts=Decimal(1), **attributes)


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
            send_from="+442079460000",
            send_account="AC1",
            send_credentials="whatsapp-credentials/acme/spring/twilio",
            write_number=Decimal(7),
            company_id="acme",
            project_id="spring",
            company_whatsapp_number="+442079460000",
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
        company_id="acme",
        project_id="spring",
        sender="+442079460000",
        owner=EffectOwner("+442079460000", "AC1", "whatsapp-credentials/acme/spring/twilio"),
        held_sids=frozenset({"SM1"}),
    )
    assert conversation.write_number == 7
    assert conversation.run is not None
    assert (conversation.run.started_at, conversation.run.number) == (MOMENT, 2)


def assistant(sid: str, **changes: Any) -> dict[str, Any]:
    return {"message_id": sid, "role": "assistant", "timestamp": TEXT, **changes}


def test_a_closed_record_names_its_messages_so_that_no_other_conversation_adopts_them() -> None:
    conversation = read_conversation(
        item(conversation_status="initial_message_sent", messages=[assistant("SM1"), assistant("SM2")])
    )

    assert [part.sid for part in conversation.sent] == ["SM1", "SM2"]
    assert conversation.held_sids == {"SM1", "SM2"}


def test_messages_of_another_program_are_no_parts_of_ours() -> None:
    """It answered the person while we were at work: that is no reason to believe that our reply is out."""
    conversation = read_conversation(item(messages=[assistant("SM1"), assistant("SM2", role="user")]))

    assert conversation.sent == ()
    assert conversation.held_sids == {"SM1"}


# Records of others


@pytest.mark.parametrize(
    ("record", "standing"),
    [
        pytest.param(item(), Standing.OPEN, id="ours"),
        pytest.param(item(conversation_status="processing_reply"), Standing.OPEN, id="ours, locked by another"),
        pytest.param(item(conversation_status="retry", closed_at=TEXT), Standing.CLOSED, id="ours, closed"),
        pytest.param(item(record_version=Decimal(3), conversation_status="parked"), Standing.OPEN, id="release after"),
        pytest.param(item(conversation_status="initial_message_sent"), Standing.CLOSED, id="closed by release before"),
        pytest.param(previous(lease_owner="owner"), Standing.OPEN, id="release before, at work"),
        pytest.param(
            previous(last_owner="owner", last_error=ERROR, conversation_status="failed_to_send_message"),
            Standing.OPEN,
            id="release before, failed",
        ),
        pytest.param(
            previous(last_owner="owner", last_error=ERROR, conversation_status="retry"),
            Standing.OPEN,
            id="release before, failed, changed by another",
        ),
        pytest.param(
            previous(last_owner="owner", conversation_status="reply_sent"),
            Standing.CLOSED,
            id="release before, closed, changed by another",
        ),
        pytest.param(foreign(conversation_status="initial_message_sent"), Standing.CLOSED, id="another, sent"),
        pytest.param(foreign(conversation_status="reply_sent"), Standing.CLOSED, id="another, unknown status"),
        pytest.param(foreign(), Standing.UNDECIDED, id="another, at work"),
        pytest.param(foreign(conversation_status="failed_to_send_message"), Standing.UNDECIDED, id="another, send"),
        pytest.param(foreign(conversation_status="failed_unknown"), Standing.UNDECIDED, id="another, unknown failure"),
        pytest.param(foreign(conversation_status="failed_to_process_ai"), Standing.OPEN, id="another, not sent"),
        pytest.param(foreign(conversation_status="failed_secrets_fetch"), Standing.OPEN, id="another, no secret"),
        pytest.param(foreign(conversation_status="failed_validation"), Standing.OPEN, id="another, refused"),
        pytest.param(foreign(conversation_status=None), Standing.UNDECIDED, id="another, no status"),
        pytest.param(foreign(conversation_status=["odd"]), Standing.UNDECIDED, id="another, odd status"),
        pytest.param(foreign(conversation_status="reply_sent", attempts=Decimal(1)), Standing.CLOSED, id="not ours"),
    ],
)
def test_what_a_record_means_is_told_by_our_own_attributes_first(record: dict[str, Any], standing: Standing) -> None:
    assert read_conversation(record).standing is standing


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param({"send_started_at": "yesterday", "reply": {"mode": "free_form", "parts": ["Hi"]}}, id="when"),
        pytest.param({"send_started_at": TEXT, "reply": {"mode": "carousel", "parts": ["Hi"]}}, id="mode"),
        pytest.param({"send_started_at": TEXT, "reply": "Hi"}, id="reply"),
        pytest.param({"send_started_at": TEXT}, id="no reply"),
        pytest.param({"send_started_at": TEXT, "reply": {"mode": "free_form", "parts": []}}, id="no parts"),
        pytest.param({"sent_parts": "SM1"}, id="parts"),
        pytest.param({"sent_parts": [{"message": "SM1"}]}, id="a part"),
    ],
)
def test_an_intent_that_can_not_be_read_is_not_taken_for_none(attributes: dict[str, Any]) -> None:
    assert read_conversation(item(**attributes)).standing is Standing.UNDECIDED


ODD: list[Any] = [
    None,
    "",
    "odd",
    Decimal(-1),
    Decimal("1e30"),
    True,
    b"odd",
    [],
    ["odd"],
    [[]],
    {},
    {"odd": {"odd": 1}},
    {"a"},
]


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize(
    "name",
    [
        "attempts",
        "closed_at",
        "company_id",
        "company_whatsapp_number",
        "conversation_status",
        "created_at",
        "last_error",
        "last_owner",
        "lease_expires_at",
        "lease_owner",
        "messages",
        "openai_response_id",
        "openai_thread_id",
        "outcome_unknown",
        "record_version",
        "reply",
        "send_account",
        "send_started_at",
        "sent_parts",
        "write_number",
    ],
)
def test_reading_never_fails(name: str, odd: Any) -> None:
    for record in (item, foreign, previous):
        conversation = read_conversation(record() | {name: odd})

        assert conversation.key == ConversationKey(*KEYS.values())


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param(TEXT, MOMENT, id="ours"),
        pytest.param("2026-11-22T09:00:00.250000+00:00Z", MOMENT, id="both zones"),
        pytest.param("2026-11-22T10:00:00.250+01:00", MOMENT, id="another zone"),
        pytest.param("2026-11-22T09:00:00.250", MOMENT, id="no zone"),
        pytest.param("2026-11-22 09:00:00.250Z", MOMENT, id="a space"),
        pytest.param("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC), id="a day"),
        pytest.param("20261122T090000Z", datetime(2026, 11, 22, 9, tzinfo=UTC), id="basic form"),
        pytest.param("0001-01-01T00:00:00+14:00", None, id="before all time"),
        pytest.param("soon", None, id="no date"),
        pytest.param("", None, id="nothing"),
        pytest.param(None, None, id="absent"),
        pytest.param(Decimal(1_700_000_000), None, id="a number"),
    ],
)
def test_dates_are_read_as_other_programs_write_them(text: object, moment: datetime | None) -> None:
    assert read_moment(text) == moment


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
