"""Claim: what happens between the look at a record and its lease."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from core.conversation import Standing, Status
from core.errors import DeliveryUnknownError, PermanentError, TransientError
from core.outcome import Done, GivenBack
from sandbox.context_objects import make_body
from tests.fakes.faulty import Faulty, ProcessDied
from tests.fakes.function import InMemoryFunction as Core


def test_a_delivery_that_came_and_went_between_look_and_lease_is_not_forgotten(core: Core) -> None:
    """It left no lease behind, but an intent: whoever goes by the look alone sends a second time."""
    core.model = Faulty(core.model)
    core.model.plan("open_thread", TransientError("OpenAI is overloaded"))
    core.receive()
    core.whatsapp._list_lag_seconds = lambda: 30.0
    core.whatsapp = Faulty(core.whatsapp)
    core.whatsapp.plan("send", DeliveryUnknownError("Twilio's answer was lost"), after_effect=True)
    core.store = Faulty(core.store)

    def come_and_go() -> None:
        del core.store.before["take_over"]
        core.receive(message_id="m-2")

    core.store.before["take_over"] = come_and_go

    first = core.receive(receive_count=2)
    core.clock.advance(60)
    second = core.receive(receive_count=3)

    assert isinstance(first, GivenBack)
    assert second == Done()
    assert len(core.sent()) == 1
    assert len(core.model.runs) == 1
    assert core.record().conversation.status is Status.SENT


# One conversation, one owner


def stop_at(core: Core, state: str) -> None:
    """Leave the conversation of the default message in a state."""
    core.whatsapp = Faulty(core.whatsapp)
    core.model = Faulty(core.model)
    match state:
        case "failed":
            core.model.plan("open_thread", PermanentError("refused"))
        case "maybe sent":
            core.whatsapp.plan("send", DeliveryUnknownError("lost"))
            core.whatsapp.plan("list_messages", TransientError("503"), times=9)
        case "at work":
            core.model.plan("open_thread", ProcessDied())
    with suppress(ProcessDied):
        core.receive()


OTHERS = {
    "company": {"company_id": "umbrella"},
    "project": {"project_id": "autumn"},
    "sender": {"company_data_payload__channel_config__whatsapp__company_whatsapp_number": "+442079460009"},
}


def body_of(other: str) -> str:
    """Return the message of another company, project or sender under the same keys."""
    changes: dict[str, Any] = {}
    for name, value in OTHERS[other].items():
        if "__" in name:
            changes[name] = value
        else:
            changes |= {f"frontend_payload__company_data__{name}": value, f"company_data_payload__{name}": value}
    return make_body(**changes)


@pytest.mark.parametrize(
    ("state", "other"),
    [(state, other) for state in ("closed", "failed", "maybe sent", "at work") for other in ("company", "project")]
    + [("closed", "sender"), ("maybe sent", "sender")],
)
def test_the_message_of_another_under_the_same_keys_is_a_conflict_that_touches_nothing(
    core: Core, state: str, other: str
) -> None:
    """As a duplicate it would be lost; let in, it would send the first one's text from the second one's number."""
    stop_at(core, state)
    before, sent = replace(core.record()), list(core.sent())

    verdict = core.receive(message_id="m-other", body=body_of(other))

    assert verdict == GivenBack(0)
    assert core.telemetry.failed_codes["conversation_conflict"] == 1
    assert core.record() == before
    assert core.sent() == sent


def test_before_anything_may_be_out_the_corrected_sender_replaces_the_old_one(core: Core) -> None:
    stop_at(core, "failed")

    verdict = core.receive(message_id="m-corrected", body=body_of("sender"))

    assert verdict == Done()
    assert core.whatsapp.delivered[0].part.from_ == "+442079460009"
    assert core.record().attributes["company_whatsapp_number"] == "+442079460009"


def test_what_the_record_does_not_say_is_no_conflict(core: Core) -> None:
    core.receive(body=make_body(frontend_payload__recipient_data__comms_consent=False))

    verdict = core.receive(message_id="m-corrected")

    assert verdict == Done()
    assert core.record().attributes["company_id"] == "acme"
    assert core.record().attributes["company_name"] == "Acme Coffee"


# Records of other programs


def test_a_conversation_that_another_program_closed_is_a_duplicate(core: Core) -> None:
    stop_at(core, "failed")
    record = core.record()
    record.conversation = replace(record.conversation, status="reply_sent", standing=Standing.CLOSED)

    verdict = core.receive(message_id="m-2")

    assert verdict == Done()
    assert core.sent() == []
    assert core.telemetry.metrics["DuplicatesSuppressed"] == 1


def test_a_record_that_may_stand_for_a_message_that_is_out_is_left_to_a_person(core: Core) -> None:
    stop_at(core, "failed")
    record = core.record()
    record.conversation = replace(record.conversation, standing=Standing.UNDECIDED)

    verdict = core.receive(message_id="m-2")

    assert verdict == GivenBack(0)
    assert core.sent() == []
    after = core.record()
    assert after.needs_attention
    assert after.conversation.last_error is not None
    assert (after.conversation.last_error.code, after.conversation.lease_owner) == ("delivery_undecided", None)


def test_a_reply_of_another_program_between_send_and_close_survives(core: Core) -> None:
    core.store = Faulty(core.store)

    def reply() -> None:
        record = core.record()
        record.conversation = replace(record.conversation, status="processing_reply")

    core.store.before["close"] = reply

    verdict = core.receive()
    again = core.receive(message_id="m-2")

    assert (verdict, again) == (Done(), Done())
    assert core.record().conversation.status == "processing_reply"
    assert core.record().conversation.closed
    assert len(core.sent()) == 1
