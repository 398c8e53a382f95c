from datetime import timedelta
from typing import Any

import pytest

from core.errors import LeaseHeldError
from core.events import Event
from demo.story import ABOUT_NO_MESSAGE, Tone, moment_of, tell_stories
from tests.unit.demo.samples import line, sent_lines


@pytest.mark.parametrize("event", sorted(set(Event) - ABOUT_NO_MESSAGE))
def test_every_event_about_a_message_is_told(event: Event) -> None:
    (story,) = tell_stories([line(event)])

    (step,) = story.steps(event)
    assert step.title


@pytest.mark.parametrize("event", sorted(ABOUT_NO_MESSAGE))
def test_an_event_about_a_whole_invocation_is_no_story(event: Event) -> None:
    assert tell_stories([line(event)]) == []


def test_a_metric_and_a_line_without_a_message_are_no_story() -> None:
    assert (
        tell_stories([{"_aws": {}}, {"event": Event.MESSAGE_SENT, "timestamp": "2026-11-22 09:00:00,000+0000"}]) == []
    )


def test_lines_that_come_in_any_order_are_told_in_their_own() -> None:
    (story,) = tell_stories(reversed(sent_lines("c-1", "m-1")))

    (delivery,) = story.deliveries
    assert delivery.steps[0].event == Event.CONVERSATION_CLAIMED
    assert delivery.ended_at - delivery.started_at == timedelta(seconds=1.6)


def test_each_receive_is_a_delivery_of_one_story() -> None:
    first = line(Event.CONVERSATION_CLAIMED, receive="r-1", conversation_id="c-1", recipient="x", receive_count=1)
    second = line(Event.CONVERSATION_RESUMED, 9, receive="r-2", conversation_id="c-1", recipient="x", receive_count=2)

    (story,) = tell_stories([first, second])

    assert [delivery.receive_count for delivery in story.deliveries] == [1, 2]
    assert story.message_ids() == {"m-1"}


def test_one_conversation_id_of_two_recipients_is_two_stories() -> None:
    lines = [line(Event.MESSAGE_SENT, receive=to, conversation_id="c-1", recipient=to) for to in ("+44*1", "+44*2")]

    assert len(tell_stories(lines)) == 2


def test_a_message_that_can_not_be_read_has_a_story_of_its_own() -> None:
    (story,) = tell_stories(
        [line(Event.MESSAGE_FAILED, permanent=True, code="invalid_context", faults=["$: not JSON"])]
    )

    (step,) = story.steps(Event.MESSAGE_FAILED)
    assert story.conversation_id is None
    assert story.deliveries[0].refused
    assert (step.tone, step.title, step.detail) == (Tone.TROUBLE, "Refused: invalid_context", "$: not JSON")


def test_what_is_given_back_comes_again_after_its_delay() -> None:
    failed = line(
        Event.MESSAGE_FAILED, permanent=False, code="rate_limited", reason="too many requests", delay_seconds=30
    )

    (story,) = tell_stories([failed])

    (delivery,) = story.deliveries
    assert delivery.comes_again_at == moment_of(failed) + timedelta(seconds=30)
    assert delivery.steps[0].tone is Tone.WAIT
    assert delivery.steps[0].detail == "Too many requests. Comes again in 30 s."


def test_a_look_back_is_told_by_what_it_finds_alone() -> None:
    put: dict[str, Any] = {
        "waits_for": "delivery",
        "code": "delivery_watch",
        "delay_seconds": 10,
        "conversation_id": "c-1",
    }
    lines = [
        line(Event.CONVERSATION_CLOSED, 1, conversation_id="c-1"),
        line(Event.MESSAGE_POSTPONED, 2, **put),
        line(Event.MESSAGE_POSTPONED, 12, receive="r-2", message_id="m-2", **put),
        line(Event.MESSAGE_DELIVERED, 72, receive="r-3", message_id="m-3", conversation_id="c-1", status="read"),
    ]

    (story,) = tell_stories(lines)

    assert [[step.title for step in delivery.steps] for delivery in story.deliveries] == [["Closed"], ["Read"]]
    assert [delivery.comes_again_at for delivery in story.deliveries] == [None, None]
    assert [delivery.looks_back for delivery in story.deliveries] == [False, True]


def test_a_lease_that_another_delivery_holds_is_a_guarantee_at_work() -> None:
    (story,) = tell_stories([line(Event.MESSAGE_FAILED, permanent=False, code=LeaseHeldError.code)])

    assert story.deliveries[0].steps[0].tone is Tone.GUARD


def test_a_record_that_can_not_be_closed_is_an_alarm() -> None:
    (story,) = tell_stories([line(Event.FINAL_DB_UPDATE_FAILED, message_sids=["SM1"])])

    (step,) = story.steps(Event.FINAL_DB_UPDATE_FAILED)
    assert step.tone is Tone.ALARM
    assert "SM1" in step.detail
