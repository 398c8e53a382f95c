"""`stats`: how many, for whom, and what became of them."""

from collections import Counter
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from ops.answers import Stats, StatsRow
from ops.commands.trace import parse_since
from ops.logs import LogGroup
from ops.render import BAD, DIM, GOOD, STRONG, WARN, counted, indented, moment
from ops.session import Session
from ops.stats import COUNTED, UNKNOWN, count, total
from ops.table import ConversationTable, read_last_error


class By(StrEnum):
    """What is counted apart."""

    COMPANY = "company"
    HOUR = "hour"
    ALL = "all"


def stats(
    session: Session,
    *,
    since: Annotated[str, typer.Option(help="How far back: 30m, 24h, 14d.")] = "24h",
    by: Annotated[By, typer.Option(help="What to count apart.")] = By.ALL,
    company: Annotated[str | None, typer.Option(help="Only this company.")] = None,
) -> None:
    """Count what was sent, delivered, failed by code, and what waits, with the tokens: from the log and the table."""
    start = session.world.now() - parse_since(since)
    group = LogGroup(session.aws, session.names.log_group)
    with session.screen.progress("lines read") as tick:
        events = [
            event
            for event in group.lines_of([str(event) for event in COUNTED], start, tick)
            if company is None or (event.data or {}).get("company_id") == company
        ]
    rows = count(events, by)
    attention: dict[str, Counter[str]] = {}
    for item in ConversationTable(session.aws, session.names).needing_attention():
        name = str(item.get("company_id") or UNKNOWN)
        error = read_last_error(item)
        if company in (None, name):
            attention.setdefault(name, Counter())[error.code if error else "unknown"] += 1
    answer = Stats(
        since=start,
        by=by,
        rows=rows,
        total=total(rows),
        need_attention={name: dict(codes.most_common()) for name, codes in sorted(attention.items())},
    )
    session.screen.answer(answer, _render)


def _render(answer: Stats) -> RenderableType:
    blocks: list[RenderableType] = [Text(f"Since {moment(answer.since)}", DIM)]
    for row in answer.rows if answer.by != By.ALL else ():
        blocks += _blocks(row.name if row.name != UNKNOWN else "no company known", row)
    blocks += _blocks("All", answer.total)
    if answer.need_attention:
        number = sum(sum(codes.values()) for codes in answer.need_attention.values())
        blocks.append(Text(f"\n{counted(number, 'conversation')} in all need attention: ops attention", WARN))
        for name, codes in answer.need_attention.items():
            blocks.append(indented(Text(f"{name}: {_codes(codes)}")))
    return Group(*blocks)


def _blocks(name: str, row: StatsRow) -> list[RenderableType]:
    lines = [Text(f"{row.sent} sent", GOOD if row.sent else "")]
    if row.delivered:
        lines.append(Text(f"{counted(row.delivered, 'message')} delivered", GOOD))
    if row.undelivered:
        number = counted(sum(row.undelivered.values()), "message")
        lines.append(Text(f"{number} not delivered: {_codes(row.undelivered)}", BAD))
    if row.unconfirmed:
        lines.append(Text(f"{counted(row.unconfirmed, 'conversation')} with no last word of Twilio", WARN))
    if row.failed:
        lines.append(Text(f"{sum(row.failed.values())} failed: {_codes(row.failed)}", BAD))
    if row.waiting:
        lines.append(Text(f"{sum(row.waiting.values())} waiting: {_codes(row.waiting)}", WARN))
    if row.duplicates:
        lines.append(Text(f"{counted(row.duplicates, 'duplicate')} suppressed"))
    lines.append(Text(f"{row.tokens_in:,} + {row.tokens_out:,} tokens", DIM))
    return [Text(f"\n{name}", STRONG), *map(indented, lines)]


def _codes(codes: dict[str, int]) -> str:
    return ", ".join(f"{number} {code}" for code, number in codes.items())
