"""Statistics: what became of the conversations of some time, counted from the function's log."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.events import Event
from ops.answers import StatsRow
from ops.log_lines import Event as LogEvent

COUNTED = (
    Event.CONVERSATION_CLOSED,
    Event.MESSAGE_FAILED,
    Event.MESSAGE_POSTPONED,
    Event.REPLY_RECEIVED,
    Event.DUPLICATE_SUPPRESSED,
)
"""Events that are read; all others say nothing that is counted."""

UNKNOWN = "-"
"""Stands for a company that a line does not name: a refused message, or a line of an earlier release."""


@dataclass
class _Row:
    """One company, or one hour, as it is counted."""

    sent: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def end(self, line: Mapping[str, Any]) -> None:
        """Count how a conversation stands at the end of the time."""
        event, code = line["event"], str(line.get("code") or "unknown")
        if event == Event.CONVERSATION_CLOSED:
            self.sent += 1
        elif event == Event.MESSAGE_POSTPONED:
            self.waiting[str(line.get("waits_for") or code)] += 1
        elif line.get("permanent"):
            self.failed[code] += 1
        else:
            self.waiting[code] += 1

    def answer(self, name: str) -> StatsRow:
        return StatsRow(
            name=name,
            sent=self.sent,
            failed=dict(self.failed.most_common()),
            waiting=dict(self.waiting.most_common()),
            duplicates=self.duplicates,
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
        )


def count(events: Iterable[LogEvent], by: str) -> list[StatsRow]:
    """Return a row for each company or hour, the latest word about a conversation counting; or one row for all.

    Args:
        by: `company`, `hour` or `all`.
    """
    rows: dict[str, _Row] = {}
    latest: dict[tuple[str, str], tuple[str, Mapping[str, Any]]] = {}
    for event in sorted(events, key=lambda event: event.at):
        line = event.data
        if line is None or line.get("event") not in COUNTED:
            continue
        name = _name(event, line, by)
        row = rows.setdefault(name, _Row())
        if line["event"] == Event.REPLY_RECEIVED:
            row.tokens_in += _number(line.get("tokens_in"))
            row.tokens_out += _number(line.get("tokens_out"))
        elif line["event"] == Event.DUPLICATE_SUPPRESSED:
            row.duplicates += 1
        else:
            latest[_conversation(line)] = name, line
    for name, line in latest.values():
        rows[name].end(line)
    return [row.answer(name) for name, row in sorted(rows.items())]


def total(rows: Iterable[StatsRow]) -> StatsRow:
    """Return the sum of rows."""
    whole = _Row()
    for row in rows:
        whole.sent += row.sent
        whole.failed.update(row.failed)
        whole.waiting.update(row.waiting)
        whole.duplicates += row.duplicates
        whole.tokens_in += row.tokens_in
        whole.tokens_out += row.tokens_out
    return whole.answer("all")


def _name(event: LogEvent, line: Mapping[str, Any], by: str) -> str:
    if by == "company":
        company = line.get("company_id")
        return company if isinstance(company, str) and company else UNKNOWN
    return event.at.strftime("%Y-%m-%d %H:00Z") if by == "hour" else "all"


def _conversation(line: Mapping[str, Any]) -> tuple[str, str]:
    """Return what tells conversations apart; a refused message names none, so it counts for itself."""
    conversation_id = line.get("conversation_id")
    if isinstance(conversation_id, str):
        return conversation_id, str(line.get("recipient"))
    return str(line.get("message_id")), ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
