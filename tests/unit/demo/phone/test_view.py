"""What the page shows of what there is."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.conversation import Status
from core.events import Event
from demo.observation import Dead, Observation
from demo.phone.view import Sent, phone_id, view_of
from demo.story import tell_stories

ANA = "+447700900123"
MASKED = "+44******0123"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def make_sent(message_id: str = "m-1", conversation_id: str | None = "conv-1", **changes: Any) -> Sent:
    fields = {"recipient": ANA, "first_name": "Ana", "company": "Acme Coffee", "title": "First contact", **changes}
    return Sent(message_id=message_id, at=NOW, conversation_id=conversation_id, **fields)


def make_record(status: Status = Status.SENT, **changes: Any) -> dict[str, Any]:
    return {
        "recipient_tel": ANA,
        "conversation_id": "conv-1",
        "conversation_status": status,
        "recipient_first_name": "Ana",
        "updated_at": "2026-11-22T12:00:05.000Z",
        **changes,
    }


def make_message(number: int = 1, to: str = ANA, **changes: Any) -> dict[str, Any]:
    return {
        "sid": f"SM{number}",
        "to": f"whatsapp:{to}",
        "from": "whatsapp:+442079460000",
        "body": f"Call {ANA}, message {number}",
        "created_at": NOW.timestamp() + number,
        "status": "delivered",
        "content_sid": None,
        **changes,
    }


def make_line(event: Event, seconds: float = 0, **changes: Any) -> dict[str, Any]:
    return {
        "event": event,
        "timestamp": (NOW + timedelta(seconds=seconds)).isoformat(timespec="milliseconds"),
        "message_id": "m-1",
        "aws_request_id": "r-1",
        "conversation_id": "conv-1",
        "recipient": MASKED,
        **changes,
    }


def make_dead(message_id: str = "m-1", conversation_id: str | None = "conv-1") -> Dead:
    body = json.dumps({"recipient_tel": ANA, "recipient_first_name": "Ana"})
    known = ANA if conversation_id else None
    return Dead(message_id, body, conversation_id, known, "invalid_context", f"{ANA} did not consent")


def card_of(observation: Observation, *sent: Sent, unmasked: bool = False) -> dict[str, Any]:
    (card,) = view_of(observation, sent, unmasked=unmasked)["conversations"]
    return dict(card)


# Masking


def test_no_number_or_name_is_shown_unless_asked() -> None:
    observation = Observation(
        records=[make_record(messages=[{"message_id": "SM1", "content": "Hi Ana"}], project_data={"for": "Ana"})],
        stories=tell_stories([make_line(Event.CONVERSATION_CLAIMED)]),
        dead=[make_dead(), make_dead("m-2", None)],
    )

    view = view_of(observation, [make_sent(first_name=None)])

    assert ANA not in json.dumps(view)
    assert "Ana" not in json.dumps(view)
    assert MASKED in json.dumps(view)


def test_everything_is_shown_when_asked() -> None:
    observation = Observation(records=[make_record()], dead=[make_dead("m-2", None)])

    view = view_of(observation, [make_sent()], unmasked=True)

    assert {"name": "recipient_first_name", "value": "Ana"} in view["conversations"][0]["record"]
    assert view["phones"][0]["number"] == ANA
    assert ANA in view["dead_letters"][0]["excerpt"]


def test_number_that_is_none_is_masked_too() -> None:
    view = view_of(Observation(), [make_sent(recipient="0770 0900123")])

    assert view["phones"][0]["number"] == "077*****0123"


def test_words_of_a_message_are_the_recipients_own() -> None:
    view = view_of(Observation(messages=[make_message()]), [])

    assert view["phones"][0]["messages"][0]["text"] == f"Call {ANA}, message 1"


# Phones


def test_each_recipient_has_a_phone_the_latest_first() -> None:
    ben = "+447700900245"
    observation = Observation(messages=[make_message(1), make_message(2, ben), make_message(3)])

    phones = view_of(observation, [make_sent()])["phones"]

    assert [(phone["id"], len(phone["messages"])) for phone in phones] == [(phone_id(ANA), 2), (phone_id(ben), 1)]
    assert [phone["name"] for phone in phones] == ["Ana", "Somebody"]


def test_phone_of_who_got_nothing_is_there_and_empty() -> None:
    (phone,) = view_of(Observation(), [make_sent()])["phones"]

    assert (phone["name"], phone["sender"], phone["messages"]) == ("Ana", "Acme Coffee", [])


@pytest.mark.parametrize(
    ("statuses", "arrived", "failed"),
    [
        pytest.param(["accepted", "sent"], 0, 0, id="on the way"),
        pytest.param(["delivered", "read"], 2, 0, id="arrived"),
        pytest.param(["undelivered", "failed", "read"], 1, 2, id="failed"),
    ],
)
def test_message_arrives_when_whatsapp_delivers_it(statuses: list[str], arrived: int, failed: int) -> None:
    messages = [make_message(number, status=status) for number, status in enumerate(statuses)]

    (phone,) = view_of(Observation(messages=messages), [])["phones"]

    assert (phone["count"], phone["arrived"], phone["failed"]) == (len(statuses), arrived, failed)


def test_message_has_its_ticks_and_the_reason_if_it_failed() -> None:
    messages = [make_message(1, status="read"), make_message(2, status="undelivered", error_code=63016)]

    (phone,) = view_of(Observation(messages=messages), [])["phones"]

    assert [(message["ticks"], message["receipt"]) for message in phone["messages"]] == [
        ("read", "Read"),
        ("failed", "Not delivered: 63016, outside the 24-hour window"),
    ]


# Conversations


def test_conversation_is_one_card_whatever_tells_of_it() -> None:
    observation = Observation(
        records=[make_record()],
        stories=tell_stories(
            [
                make_line(Event.CONVERSATION_CLAIMED),
                make_line(Event.CONVERSATION_CLOSED, 2),
                make_line(Event.DUPLICATE_SUPPRESSED, 5, message_id="m-2", aws_request_id="r-2"),
            ]
        ),
    )

    card = card_of(observation, make_sent("m-1"), make_sent("m-2"))

    assert card["conversation_id"] == "conv-1"
    assert [delivery["message_id"] for delivery in card["deliveries"]] == ["m-1", "m-2"]
    assert [step["after_ms"] for step in card["deliveries"][0]["steps"]] == [0, 2000]
    assert card["deliveries"][0]["took_ms"] == 2000


def test_refused_message_is_told_on_the_card_of_what_was_sent() -> None:
    """Its log line names no conversation, and its letter no recipient."""
    refused = make_line(
        Event.MESSAGE_FAILED, conversation_id=None, recipient=None, code="invalid_context", permanent=True
    )
    observation = Observation(stories=tell_stories([refused]), dead=[make_dead("m-1", None)])

    card = card_of(observation, make_sent("m-1"))

    assert (card["conversation_id"], card["state"]) == ("conv-1", "in the DLQ: invalid_context")


WAITING = {"reason": "model", "since": "2026-11-22T12:00:00.000Z", "until": "2026-11-22T13:00:00.000Z"}


@pytest.mark.parametrize(
    ("record", "events", "dead", "state", "tone"),
    [
        pytest.param(None, [], [], "on its way", "wait", id="nothing yet"),
        pytest.param(make_record(Status.PROCESSING), [], [], "at work", "wait", id="processing"),
        pytest.param(
            make_record(Status.PROCESSING, waiting=WAITING), [], [], "waits in the queue", "wait", id="postponed"
        ),
        pytest.param(make_record(), [Event.MESSAGE_SENT], [], "sent", "done", id="sent"),
        pytest.param(
            make_record(), [Event.SEND_RECONCILED], [], "sent once, reconciled", "guard", id="found in the list"
        ),
        pytest.param(
            make_record(Status.FAILED_AI), [Event.MESSAGE_FAILED], [], "comes again", "wait", id="failed for now"
        ),
        pytest.param(
            make_record(Status.FAILED_AI), [], [make_dead()], "in the DLQ: invalid_context", "trouble", id="dead"
        ),
        pytest.param(
            make_record(Status.SENDING),
            [Event.FINAL_DB_UPDATE_FAILED],
            [],
            "sent, not closed",
            "alarm",
            id="the final write failed",
        ),
        pytest.param(make_record(), [Event.FINAL_DB_UPDATE_FAILED], [], "sent", "done", id="closed in the end"),
    ],
)
def test_state_says_how_a_conversation_stands(
    record: dict[str, Any] | None, events: list[Event], dead: list[Dead], state: str, tone: str
) -> None:
    observation = Observation(
        records=[record] if record else [],
        stories=tell_stories([make_line(event, index) for index, event in enumerate(events)]),
        dead=dead,
    )

    card = card_of(observation, make_sent())

    assert (card["state"], card["tone"]) == (state, tone)


@pytest.mark.parametrize(
    ("record", "says"),
    [
        pytest.param(make_record(Status.PROCESSING, lease_owner="x"), "claimed", id="claimed"),
        pytest.param(
            make_record(Status.PROCESSING, lease_owner="x", openai_response_id="r"), "model is writing", id="asked"
        ),
        pytest.param(make_record(Status.SENDING, lease_owner="x"), "intent is recorded", id="sending"),
        pytest.param(
            make_record(Status.PROCESSING, waiting=WAITING), "for the model, until 13:00 UTC at the latest", id="waits"
        ),
    ],
)
def test_what_a_delivery_does_is_said_before_its_log_is_there(record: dict[str, Any], says: str) -> None:
    assert says in card_of(Observation(records=[record]), make_sent())["now"]


def test_nobody_is_at_work_on_a_record_without_a_lease() -> None:
    assert card_of(Observation(records=[make_record()]), make_sent())["now"] == ""


def test_moment_of_return_is_shown_until_the_message_is_dead_or_sent() -> None:
    stories = tell_stories([make_line(Event.MESSAGE_FAILED, code="rate_limited", permanent=False, delay_seconds=8)])
    failed = make_record(Status.FAILED_AI)

    waiting = card_of(Observation(records=[failed], stories=stories), make_sent())
    dead = card_of(Observation(records=[failed], stories=stories, dead=[make_dead()]), make_sent())
    sent = card_of(Observation(records=[make_record()], stories=stories), make_sent())

    assert waiting["comes_again_at"] == "2026-11-22T12:00:08.000Z"
    assert (dead["comes_again_at"], sent["comes_again_at"]) == (None, None)


def test_same_trouble_is_told_in_full_once() -> None:
    failed = {"code": "invalid_context", "permanent": True, "faults": ["metadata: is missing"]}
    lines = [make_line(Event.MESSAGE_FAILED, n, aws_request_id=f"r-{n}", receive_count=n, **failed) for n in (1, 2, 3)]

    card = card_of(Observation(stories=tell_stories(lines)), make_sent())

    details = [delivery["steps"][0]["detail"] for delivery in card["deliveries"]]
    assert details == ["metadata: is missing", "As before.", "As before."]


def test_record_begins_with_what_people_look_for() -> None:
    card = card_of(Observation(records=[make_record(attempts=1, created_at="x", task_complete=1)]), make_sent())

    names = [attribute["name"] for attribute in card["record"]]
    assert names[:5] == ["recipient_tel", "conversation_id", "conversation_status", "task_complete", "attempts"]
    assert names[5:] == sorted(names[5:])


# Many, and what comes back


def test_letter_that_is_moved_back_keeps_its_card() -> None:
    """Its message has a new id then, and nothing in its body says whose it is."""
    sent = make_sent("m-1", None, recipient=None, first_name=None)
    refused = {"conversation_id": None, "recipient": None, "code": "invalid_context", "permanent": True}
    lines = [
        make_line(Event.MESSAGE_FAILED, 0, **refused),
        make_line(Event.MESSAGE_FAILED, 60, message_id="m-2", aws_request_id="r-2", **refused),
    ]
    again = Sent(**{**asdict(sent), "message_id": "m-2", "origin": "m-1"})

    view = view_of(Observation(stories=tell_stories(lines), dead=[make_dead("m-2", None)]), [sent, again])

    (card,) = view["conversations"]
    assert (card["title"], card["state"]) == ("First contact", "in the DLQ: invalid_context")
    assert [delivery["message_id"] for delivery in card["deliveries"]] == ["m-1", "m-2"]
    assert view["dead_letters"][0]["title"] == "First contact"


def test_card_names_its_recipient_and_leads_to_the_chat() -> None:
    card = card_of(Observation(), make_sent())

    assert (card["name"], card["phone"]) == ("Ana", phone_id(ANA))


def test_only_the_latest_are_told_and_the_rest_is_counted() -> None:
    sent = [make_sent(f"m-{number}", f"conv-{number}", recipient=f"+4477009{number:05d}") for number in range(1250)]

    view = view_of(Observation(dead=[make_dead(f"m-{number}", f"conv-{number}") for number in range(60)]), sent)

    assert (len(view["conversations"]), view["more_conversations"]) == (50, 1200)
    assert (len(view["dead_letters"]), view["more_dead_letters"]) == (50, 10)
    assert len(view["phones"]) == 1250


def test_phone_has_its_latest_messages_and_counts_all() -> None:
    observation = Observation(messages=[make_message(number) for number in range(60)])

    (phone,) = view_of(observation, [])["phones"]

    assert (phone["count"], len(phone["messages"])) == (60, 50)
    assert phone["last"] == phone["messages"][-1]
    assert phone["last"]["text"] == f"Call {ANA}, message 59"


@pytest.mark.parametrize(
    ("record", "state"),
    [
        pytest.param({"lease_owner": "x"}, "at work", id="at work"),
        pytest.param({}, "comes again", id="failed"),
        pytest.param({"waiting": WAITING}, "waits in the queue", id="waits"),
    ],
)
def test_card_says_one_thing_alone(record: dict[str, Any], state: str) -> None:
    """A delivery may be at work while the log still says when the message comes again."""
    stories = tell_stories([make_line(Event.MESSAGE_FAILED, code="rate_limited", permanent=False, delay_seconds=8)])

    card = card_of(Observation(records=[make_record(Status.FAILED_AI, **record)], stories=stories), make_sent())

    assert card["state"] == state
    assert bool(card["now"]) is (state != "comes again")
    assert bool(card["comes_again_at"]) is (state == "comes again")


def test_status_of_another_program_does_not_hide_that_we_closed_it() -> None:
    record = make_record(conversation_status="human_took_over", closed_at="2026-11-22T12:00:05.000Z")

    assert card_of(Observation(records=[record]), make_sent())["state"] == "sent"


LOOK = {"waits_for": "delivery", "code": "delivery_watch", "delay_seconds": 10}


def make_deliveries(*statuses: str) -> dict[str, Any]:
    at = "2026-11-22T12:00:05.000Z"
    return {
        f"SM{number}": {"status": status, "at": at, **({"error_code": 63016} if status == "undelivered" else {})}
        for number, status in enumerate(statuses)
    }


@pytest.mark.parametrize(
    ("record", "state", "fate"),
    [
        pytest.param({}, "sent", "", id="nobody looks"),
        pytest.param(
            {"deliveries": make_deliveries("accepted"), "delivery_watch_until": "2026-11-22T13:00:00.000Z"},
            "sent",
            "Looks back until 13:00 UTC at the latest. So far: accepted.",
            id="looked for",
        ),
        pytest.param({"deliveries": make_deliveries("read")}, "sent", "Looked back. Read.", id="read"),
        pytest.param(
            {"deliveries": make_deliveries("sent")},
            "sent",
            "Looked back, without an answer. Last seen: sent.",
            id="nobody knows",
        ),
        pytest.param(
            {"deliveries": make_deliveries("unknown")},
            "sent",
            "Looked back, without an answer. Last seen: unknown to Twilio.",
            id="unknown",
        ),
        pytest.param(
            {"deliveries": make_deliveries("undelivered")},
            "sent, not delivered",
            "Looked back. Not delivered: 63016, outside the 24-hour window.",
            id="not delivered",
        ),
        pytest.param(
            {"deliveries": make_deliveries("delivered", "undelivered", "delivered")},
            "sent, not delivered",
            "Looked back. 2 of 3 parts delivered, 1 of 3 parts not delivered: 63016, outside the 24-hour window.",
            id="one part of three",
        ),
    ],
)
def test_card_says_what_the_function_learnt_of_its_message(record: dict[str, Any], state: str, fate: str) -> None:
    card = card_of(Observation(records=[make_record(**record)]), make_sent())

    assert (card["state"], card["fate"]) == (state, fate)


def test_conversation_whose_message_comes_for_a_look_back_is_neither_open_nor_does_it_come_again() -> None:
    lines = [make_line(Event.CONVERSATION_CLOSED), make_line(Event.MESSAGE_POSTPONED, 1, **LOOK)]
    waiting = {**WAITING, "reason": "delivery"}
    record = make_record(deliveries=make_deliveries("accepted"), waiting=waiting)

    card = card_of(Observation(records=[record], stories=tell_stories(lines)), make_sent())

    assert (card["state"], card["tone"], card["now"], card["comes_again_at"]) == ("sent", "done", "", None)
    assert [step["title"] for delivery in card["deliveries"] for step in delivery["steps"]] == ["Closed"]


def test_deliveries_stand_in_the_order_of_their_receives() -> None:
    lines = [
        make_line(Event.CONVERSATION_CLAIMED, 5, receive_count=1, aws_request_id="r-1"),
        make_line(Event.CONVERSATION_CLAIMED, 4, receive_count=2, aws_request_id="r-2"),
    ]

    card = card_of(Observation(stories=tell_stories(lines)), make_sent())

    assert [delivery["receive_count"] for delivery in card["deliveries"]] == [1, 2]


def test_paused_deliveries_are_said() -> None:
    assert view_of(Observation(paused=True), [])["paused"] is True
