"""Log lines, records and messages as a stack has them after the scenes."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from core.conversation import Status
from core.events import Event
from demo.examples import ANA, BEN, CLEO, DEV
from demo.observation import Dead, Observation
from demo.scenes import FREE_FORM, LOST_ANSWER, NO_CONSENT, TEMPLATE, Outcomes
from demo.story import Line, Story, tell_stories

BEGIN = datetime(2026, 11, 22, 9, tzinfo=UTC)


def line(event: str, after_seconds: float = 0, *, message_id: str = "m-1", receive: str = "r-1", **fields: Any) -> Line:
    """Return a log line of the function; `receive` is Lambda's request id."""
    at = (BEGIN + timedelta(seconds=after_seconds)).isoformat(timespec="milliseconds").replace(".", ",")
    return {"timestamp": at, "event": event, "message_id": message_id, "aws_request_id": receive, **fields}


def sent_lines(conversation_id: str, message_id: str, *, lost_answer: bool = False) -> list[Line]:
    about: dict[str, Any] = {"conversation_id": conversation_id, "recipient": "+44******0123", "message_id": message_id}
    lost = [
        line(Event.SEND_OUTCOME_UNKNOWN, 1.3, **about),
        line(Event.SEND_RECONCILED, 1.4, message_sid="SM" + "0" * 32, **about),
    ]
    return [
        line(Event.CONVERSATION_CLAIMED, 0, **about),
        line(Event.SEND_INTENDED, 1.2, **about),
        *(lost if lost_answer else []),
        line(Event.MESSAGE_SENT, 1.5, message_sid="SM" + "0" * 32, **about),
        line(Event.CONVERSATION_CLOSED, 1.6, duration_ms=1600, **about),
    ]


def duplicate_lines(message_id: str = "m-again") -> list[Line]:
    return [
        line(Event.DUPLICATE_SUPPRESSED, 9, conversation_id=TEMPLATE, recipient="+44******0123", message_id=message_id)
    ]


def record(conversation_id: str, recipient_tel: str, status: str = Status.SENT) -> dict[str, Any]:
    messages = [
        {"message_id": "SM" + "1" * 32, "role": "assistant", "content": "Hello, call +442079460000", "tokens": 7}
    ]
    sent = {"attempts": 1, "task_complete": 1, "processing_time_ms": 1600, "messages": messages}
    return {
        "recipient_tel": recipient_tel,
        "conversation_id": conversation_id,
        "conversation_status": status,
        **(sent if status == Status.SENT else {}),
    }


def message(recipient_tel: str, body: str = "Hello") -> dict[str, Any]:
    return {"to": f"whatsapp:{recipient_tel}", "body": body, "created_at": BEGIN.timestamp(), "content_sid": "HX1"}


RECORDS = (
    record(TEMPLATE, ANA),
    record(FREE_FORM, BEN),
    record(LOST_ANSWER, CLEO),
    record(NO_CONSENT, DEV, Status.FAILED_VALIDATION),
)
MESSAGES = (message(CLEO), message(ANA), message(BEN))
STORIES = tell_stories(
    [
        *sent_lines(TEMPLATE, "m-ana"),
        *sent_lines(FREE_FORM, "m-ben"),
        *sent_lines(LOST_ANSWER, "m-cleo", lost_answer=True),
        *duplicate_lines(),
    ]
)
DEAD = (
    Dead("m-dev", "{}", NO_CONSENT, DEV, "invalid_context", "comms_consent: is not true"),
    Dead("m-text", "Hello?", None, None, "invalid_context", "$: not JSON"),
)


def make_outcomes(
    *,
    messages: Iterable[dict[str, Any]] = MESSAGES,
    records: Iterable[dict[str, Any]] = RECORDS,
    stories: Iterable[Story] = STORIES,
    dead: Iterable[Dead] = DEAD,
    posts: int = 1,
) -> Outcomes:
    """Return the outcomes of scenes that went well, but for what is given."""
    return Outcomes(Observation(tuple(messages), tuple(records), tuple(stories), tuple(dead)), posts)
