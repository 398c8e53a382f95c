"""Statistics: what became of the conversations of some time, counted from the function's log."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.conversation import Step, WaitReason
from core.errors import ConversationConflictError
from core.events import Event
from ops.answers import StatsRow
from ops.log_lines import Event as LogEvent

COUNTED = (
    Event.CONVERSATION_CLOSED,
    Event.MESSAGE_FAILED,
    Event.MESSAGE_POSTPONED,
    Event.REPLY_RECEIVED,
    Event.DUPLICATE_SUPPRESSED,
    Event.MESSAGE_DELIVERED,
    Event.MESSAGE_UNDELIVERED,
    Event.DELIVERY_UNCONFIRMED,
)
"""Events that are read; all others say nothing that is counted."""

UNKNOWN = "-"
"""Stands for a company that a line does not name: a refused message, or a line of an earlier release."""


_Key = tuple[str, str]
"""What tells conversations apart."""

_Line = tuple[str, Mapping[str, Any]]
"""A line of the log, and the row that it counts in."""


@dataclass
class _Row:
    """One company, or one hour, as it is counted."""

    sent: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    delivered: int = 0
    undelivered: Counter[str] = field(default_factory=Counter)
    unconfirmed: int = 0
    duplicates: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def end(self, line: Mapping[str, Any]) -> None:
        """Count how a conversation stands at the end of the time."""
        event, code = line["event"], _code(line)
        if event == Event.CONVERSATION_CLOSED:
            self.sent += 1
        elif event == Event.MESSAGE_POSTPONED:
            self.waiting[str(line.get("waits_for") or code)] += 1
        elif line.get("permanent"):
            self.failed[code] += 1
        else:
            self.waiting[code] += 1

    def deliver(self, line: Mapping[str, Any]) -> None:
        """Count what became of one message."""
        if line["event"] == Event.MESSAGE_DELIVERED:
            self.delivered += 1
        else:
            self.undelivered[_code(line)] += 1

    def answer(self, name: str) -> StatsRow:
        return StatsRow(
            name=name,
            sent=self.sent,
            failed=dict(self.failed.most_common()),
            waiting=dict(self.waiting.most_common()),
            delivered=self.delivered,
            undelivered=dict(self.undelivered.most_common()),
            unconfirmed=self.unconfirmed,
            duplicates=self.duplicates,
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
        )


@dataclass
class _Tally:
    """Lines, oldest first, as they are counted.

    Attributes:
        latest: How each conversation stands.
        fates: What became of each message, by SID.
        unconfirmed: Conversations of whose messages Twilio had no last word.
    """

    counted: dict[str, _Row] = field(default_factory=dict)
    latest: dict[_Key, _Line] = field(default_factory=dict)
    fates: dict[str, _Line] = field(default_factory=dict)
    unconfirmed: dict[_Key, str] = field(default_factory=dict)

    def add(self, name: str, line: Mapping[str, Any]) -> None:
        row, key = self.counted.setdefault(name, _Row()), _conversation(line)
        match line["event"]:
            case Event.REPLY_RECEIVED:
                row.tokens_in += _number(line.get("tokens_in"))
                row.tokens_out += _number(line.get("tokens_out"))
            case Event.DUPLICATE_SUPPRESSED:
                row.duplicates += 1
            case Event.MESSAGE_DELIVERED | Event.MESSAGE_UNDELIVERED:
                self.fates.setdefault(str(line.get("message_sid")), (name, line))
                self.unconfirmed.pop(key, None)
            case Event.DELIVERY_UNCONFIRMED:
                self.unconfirmed[key] = name
            case _ if key not in self.latest or self.latest[key][1]["event"] != Event.CONVERSATION_CLOSED:
                self.latest[key] = name, line

    def rows(self) -> list[StatsRow]:
        for name, line in self.latest.values():
            self.counted[name].end(line)
        for name, line in self.fates.values():
            self.counted[name].deliver(line)
        for name in self.unconfirmed.values():
            self.counted[name].unconfirmed += 1
        return [row.answer(name) for name, row in sorted(self.counted.items())]


def count(events: Iterable[LogEvent], by: str) -> list[StatsRow]:
    """Return a row for each company or hour, or one for all.

    The latest word about a conversation counts, and one that is closed stays so. Of each message the first word on its
    delivery counts: two looks may both tell it.

    Args:
        by: `company`, `hour` or `all`.
    """
    tally = _Tally()
    for event in sorted(events, key=lambda event: event.at):
        line = event.data
        if line is not None and line.get("event") in COUNTED and not _is_about_a_look(line):
            tally.add(_name(event, line, by), line)
    return tally.rows()


def total(rows: Iterable[StatsRow]) -> StatsRow:
    """Return the sum of rows."""
    whole = _Row()
    for row in rows:
        whole.sent += row.sent
        whole.failed.update(row.failed)
        whole.waiting.update(row.waiting)
        whole.delivered += row.delivered
        whole.undelivered.update(row.undelivered)
        whole.unconfirmed += row.unconfirmed
        whole.duplicates += row.duplicates
        whole.tokens_in += row.tokens_in
        whole.tokens_out += row.tokens_out
    return whole.answer("all")


def _name(event: LogEvent, line: Mapping[str, Any], by: str) -> str:
    if by == "company":
        company = line.get("company_id")
        return company if isinstance(company, str) and company else UNKNOWN
    return event.at.strftime("%Y-%m-%d %H:00Z") if by == "hour" else "all"


def _is_about_a_look(line: Mapping[str, Any]) -> bool:
    """Whether it says that the message of a closed conversation comes again to look at its delivery, or failed to."""
    return (line["event"] == Event.MESSAGE_POSTPONED and line.get("waits_for") == WaitReason.DELIVERY) or (
        line["event"] == Event.MESSAGE_FAILED and line.get("step") == Step.DELIVER
    )


def _code(line: Mapping[str, Any]) -> str:
    return str(line.get("code") or "unknown")


def _conversation(line: Mapping[str, Any]) -> _Key:
    """Return what tells conversations apart.

    A refused message names none, and one that is refused as another's names the other's: each counts for itself.
    """
    conversation_id = line.get("conversation_id")
    if isinstance(conversation_id, str) and line.get("code") != ConversationConflictError.code:
        return conversation_id, str(line.get("recipient"))
    return str(line.get("message_id")), ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
