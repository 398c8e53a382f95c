"""`trace`: one conversation or message through the log."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ops.answers import LogLine, Trace
from ops.commands.show import nothing_about
from ops.errors import OpsError, UsageError
from ops.logs import LogGroup
from ops.recipients import number_in
from ops.render import BAD, DIM, STRONG, WARN, duration, grid, moment
from ops.session import Session
from ops.table import ConversationTable
from services.conversation_item import read_moment

MOST_CONVERSATIONS = 10
"""Conversations of one recipient that are followed at once."""

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_STYLES = {"WARNING": WARN, "ERROR": BAD, "CRITICAL": f"{STRONG} {BAD}"}
_NOT_SHOWN = {"conversation_id", "request_id", "recipient", "permanent"}
_SHOWN_BARE = {"code", "reason", "status", "step"}
_ID_ENDINGS = ("_id", "_sid", "_sids")
_ID = re.compile(r'[^"\\\s\x00-\x1f]{1,255}')


def trace(
    session: Session,
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="ID|NUMBER",
            help="Id of a conversation, request, SQS message, invocation, OpenAI run or Twilio message; or the"
            " recipient's number, for all conversations.",
        ),
    ],
    *,
    since: Annotated[str, typer.Option(help="How far back: 30m, 24h, 14d.")] = "24h",
) -> None:
    """Follow a conversation, a message or a recipient through the log, with what Lambda says of its invocations."""
    number = number_in(wanted)
    if number is None and not _ID.fullmatch(wanted):
        raise UsageError(f"{wanted!r} can't be an id")
    start = session.world.now() - parse_since(since)
    ids = _conversations_of(session, number, start) if number else [wanted]
    group = LogGroup(session.aws, session.names.log_group)
    with session.screen.progress("lines read") as tick:
        found = {one: group.trace(one, start, tick) for one in ids}
    if not any(found.values()):
        raise OpsError(
            f"Nothing about {number or wanted} in {session.names.log_group} since {moment(start)}",
            "Look further back with --since 14d. If nothing was ever delivered, see `ops doctor`.",
        )
    answer = Trace(
        id=number or wanted,
        conversations={one: len(lines) for one, lines in found.items()} if number else {},
        log_group=session.names.log_group,
        since=start,
        lines=[line for lines in found.values() for line in lines],
    )
    session.screen.answer(answer, _render)


def _conversations_of(session: Session, number: str, start: datetime) -> list[str]:
    """Return the conversations of a recipient that were written to since then, oldest first."""
    items = ConversationTable(session.aws, session.names).of_recipient(number)
    if not items:
        raise nothing_about(session, number)
    recent = [item for item in items if (read_moment(item.get("updated_at")) or start) >= start]
    if len(recent) > MOST_CONVERSATIONS:
        session.screen.note(f"The latest {MOST_CONVERSATIONS} of {len(recent)}. For another: ops trace ID")
    return [str(item["conversation_id"]) for item in reversed(recent[:MOST_CONVERSATIONS])]


def parse_since(text: str) -> timedelta:
    """Read an age such as 24h.

    Raises:
        UsageError: It is none.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,3})([mhd])", text)
    if not found:
        raise UsageError(f"--since takes a number and m, h or d, such as 24h, not {text!r}")
    return timedelta(**{_UNITS[found.group(2)]: int(found.group(1))})


def _render(answer: Trace) -> RenderableType:
    if not answer.conversations:
        return Group(*_blocks(answer.lines))
    blocks: list[RenderableType] = []
    lines = iter(answer.lines)
    for conversation_id, count in answer.conversations.items():
        if count:
            blocks += [Text(conversation_id, STRONG), *_blocks(list(islice(lines, count))), Text()]
    return Group(*blocks)


def _blocks(lines: list[LogLine]) -> Iterator[RenderableType]:
    delivery, rows, first, ids = "", _rows(), lines[0].at, set[str]()
    for line in lines:
        if (of_line := _delivery(line)) and of_line != delivery:
            if delivery:
                yield rows
                yield Text()
                rows = _rows()
            delivery = of_line
            yield Text(f"{moment(line.at)}  {delivery}", STRONG)
        said = Text(line.event or "lambda", _STYLES.get(line.level, ""))
        said.append(f"  {_lambda_text(line.text) if line.text is not None else _details(line.fields)}", "default")
        said.append("".join(f"\n{name} {value}" for name, value in _vendor_ids(line.fields, ids)), DIM)
        rows.add_row(Text("+" + duration((line.at - first) / timedelta(milliseconds=1)), DIM), said)
    yield rows


def _rows() -> Table:
    rows = grid(2)
    rows.columns[0].justify = "right"
    return rows


def _delivery(line: LogLine) -> str:
    """Name the delivery that a line belongs to, if it belongs to one."""
    if line.message_id is None or line.receive_count is None:
        return ""
    return f"receive {line.receive_count} of message {line.message_id}"


def _details(fields: dict[str, Any]) -> str:
    """Write what a line says besides ids."""
    return ", ".join(
        _detail(name, value)
        for name, value in fields.items()
        if value is not None and name not in _NOT_SHOWN and not name.endswith(_ID_ENDINGS)
    )


def _vendor_ids(fields: dict[str, Any], written: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the ids that a line names and no line before it did; `written` are those."""
    for name, value in fields.items():
        if value is None or name in _NOT_SHOWN or not name.endswith(_ID_ENDINGS):
            continue
        for item in map(str, value if isinstance(value, list) else [value]):
            if item not in written:
                written.add(item)
                yield name.removesuffix("s"), item


def _detail(name: str, value: Any) -> str:
    if isinstance(value, list):
        return f"{name} " + "; ".join(map(str, value))
    if name == "duration_ms" and isinstance(value, int | float):
        return duration(value)
    if name == "delay_seconds":
        return f"again in {value} s"
    return str(value) if name in _SHOWN_BARE else f"{name} {value}"


def _lambda_text(text: str) -> str:
    """Leave out of a line of Lambda's own what is known already."""
    short = re.sub(r"^\S+Z |RequestId: \S+\s*|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12} ", "", text)
    return " ".join(short.split())
