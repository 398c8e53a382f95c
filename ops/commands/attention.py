"""`attention`: the conversations that need a person."""

from collections import Counter
from itertools import islice
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from core.conversation import Step
from ops.answers import Attention, AttentionItem
from ops.options import Unmask
from ops.render import BAD, DIM, STRONG, counted, indented, moment, status
from ops.session import Session
from ops.table import ConversationTable, Item, read_last_error


def attention(
    session: Session,
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="List at most so many.")] = 20,
    code: Annotated[list[str] | None, typer.Option(help="Only those that failed with this code; repeatable.")] = None,
    unmask: Unmask = False,
) -> None:
    """List the conversations that need attention, newest first."""
    table = ConversationTable(session.aws, session.names)
    wanted = (item for item in map(_read, table.needing_attention()) if not code or (_code(item) or "") in code)
    items = list(islice(wanted, limit + 1))
    listed = items[:limit]
    answer = Attention(
        conversations=listed,
        more=len(items) > limit,
        by_code=dict(Counter(_code(item) or "unknown" for item in listed).most_common()),
    )
    session.screen.answer(answer, _render, unmask=unmask)


def _read(item: Item) -> AttentionItem:
    return AttentionItem(
        conversation_id=item["conversation_id"],
        recipient=item["recipient_tel"],
        status=item["conversation_status"],
        updated_at=item["updated_at"],
        last_error=read_last_error(item),
        request_id=item.get("request_id"),
        company_id=item.get("company_id"),
        project_id=item.get("project_id"),
    )


def _code(item: AttentionItem) -> str | None:
    return item.last_error.code if item.last_error else None


def _render(answer: Attention) -> RenderableType:
    if not answer.conversations:
        return Text("No conversation needs attention.")
    blocks = [block for item in answer.conversations for block in (_head(item), indented(_body(item)), Text())]
    total = counted(len(answer.conversations), "conversation") + (", and there are more" if answer.more else "")
    codes = ", ".join(f"{count} {code}" for code, count in answer.by_code.items())
    return Group(*blocks, Text(f"{total}: {codes}"))


def _head(item: AttentionItem) -> Text:
    return Text.assemble(moment(item.updated_at), "  ", (item.conversation_id, STRONG))


def _body(item: AttentionItem) -> Text:
    project = f", {item.company_id}/{item.project_id}" if item.company_id else ""
    text = Text.assemble((f"{item.recipient}{project}, ", DIM), status(item.status))
    if item.last_error is not None:
        if item.last_error.step == Step.DELIVER:
            text.append(", not delivered", BAD)
        text.append(f"\n{item.last_error.code}: {item.last_error.message}")
    return text
