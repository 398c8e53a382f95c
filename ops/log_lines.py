"""Log lines: which of them are about one conversation, message or invocation, and what they say."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.answers import LogLine

ID_FIELDS = ("conversation_id", "request_id", "message_id", "message_sid", "thread_id", "response_id")
"""Fields of a line by which it can be asked for; `message_sids` and the invocation's id besides."""

_LAMBDA_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_LAMBDA_NOISE = ("START RequestId", "END RequestId")
_NOT_SAID_TWICE = {"timestamp", "level", "message", "event", "message_id", "receive_count", "aws_request_id"}
_SAME_EVERYWHERE = {"service", "location", "version", "xray_trace_id"}


@dataclass(frozen=True, slots=True)
class Event:
    """One line as CloudWatch has it."""

    at: datetime
    text: str
    data: Mapping[str, Any] | None

    @property
    def invocation_id(self) -> str | None:
        if self.data is not None:
            return _text(self.data.get("aws_request_id"))
        found = _LAMBDA_ID.search(self.text)
        return found.group() if found else None


def conversation_of(events: Iterable[Event], wanted: str) -> str | None:
    """Return the conversation to which the request, run or Twilio message of that id belongs, if it is one alone."""
    conversations = set()
    for event in events:
        data = event.data
        if data is None or not is_about(event, {wanted}):
            continue
        if wanted in (data.get("conversation_id"), data.get("message_id"), event.invocation_id):
            return None
        conversations.add(_text(data.get("conversation_id")))
    return conversations.pop() if len(conversations) == 1 else None


def select(events: Iterable[Event], wanted: str) -> list[LogLine]:
    """Return the lines about `wanted`, each once, oldest first.

    They are: lines that name it; lines about the same SQS messages that name no conversation; lines about a whole
    invocation that worked on it.
    """
    events = list(events)
    named = [event for event in events if is_about(event, {wanted})]
    messages = {_text(event.data.get("message_id")) for event in named if event.data is not None} - {None}
    invocations = {event.invocation_id for event in named} - {None}
    chosen = {
        (event.at, event.text): event
        for event in events
        if is_about(event, {wanted})
        or (_names_no_conversation(event) and is_about(event, messages))
        or (_is_about_invocation(event) and event.invocation_id in invocations)
    }
    return [_line(event) for event in sorted(chosen.values(), key=_order) if not event.text.startswith(_LAMBDA_NOISE)]


def is_about(event: Event, ids: set[str | None]) -> bool:
    if event.data is None:
        return event.invocation_id in ids
    sids = event.data.get("message_sids")
    said = [event.data.get(field) for field in ID_FIELDS] + (sids if isinstance(sids, list) else [])
    return any(isinstance(value, str) and value in ids for value in said) or event.invocation_id in ids


def _names_no_conversation(event: Event) -> bool:
    return event.data is not None and "conversation_id" not in event.data


def _is_about_invocation(event: Event) -> bool:
    return event.data is None or not {"conversation_id", "message_id"} & event.data.keys()


def _order(event: Event) -> tuple[datetime, int]:
    """Sort Lambda's own lines behind the function's: an emulator gives all lines of an invocation one time."""
    said = event.data.get("timestamp") if event.data is not None else None
    return (_moment(said) or event.at, int(event.data is None))


def _line(event: Event) -> LogLine:
    data = event.data
    if data is None:
        return LogLine(
            at=event.at,
            level="INFO" if event.text.startswith("REPORT") else "ERROR",
            event=None,
            message_id=None,
            receive_count=None,
            invocation_id=event.invocation_id,
            fields={},
            text=event.text.strip(),
        )
    count = data.get("receive_count")
    return LogLine(
        at=_moment(data.get("timestamp")) or event.at,
        level=_text(data.get("level")) or "INFO",
        event=_text(data.get("event")) or _text(data.get("message")),
        message_id=_text(data.get("message_id")),
        receive_count=count if isinstance(count, int) else None,
        invocation_id=event.invocation_id,
        fields={name: value for name, value in data.items() if name not in _NOT_SAID_TWICE | _SAME_EVERYWHERE},
        text=None,
    )


def read_event(event: Mapping[str, Any]) -> Event:
    text = event["message"]
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    return Event(
        at=datetime.fromtimestamp(event["timestamp"] / 1000, tz=UTC),
        text=text,
        data=data if isinstance(data, dict) else None,
    )


def _moment(text: object) -> datetime | None:
    """Read the time that the function put on its line, which is finer than CloudWatch's."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
