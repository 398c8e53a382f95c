"""`dlq peek`: why messages are in the dead-letter queue."""

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from ops.answers import Peek, ReasonGroup
from ops.dead_letters import LATER, Letters, find_queue
from ops.options import Unmask
from ops.reasons import Groups, find_reasons
from ops.render import DIM, GOOD, STRONG, counted, indented, moment
from ops.session import Session
from ops.table import ConversationTable

NONE_SEEN = "SQS counts messages and shows none. Its counts lag by up to a minute: look again."


def peek(
    session: Session,
    *,
    limit: Annotated[int, typer.Option(min=1, help="Look at no more messages than this.")] = 100,
    unmask: Unmask = False,
) -> None:
    """Show why messages are in the DLQ, grouped by the code of the last error; nothing is moved or deleted."""
    queue = find_queue(session.aws, session.names.dead_letter_queue)
    table, groups, looked_at, later = ConversationTable(session.aws, session.names), Groups(unmask), 0, 0
    if queue.messages:
        with session.screen.progress("looking") as tick, Letters(session.aws.sqs, queue) as letters:
            for batch in letters.batches(limit):
                for letter, reason, failed_at in find_reasons(batch, table):
                    groups.add(letter, reason, failed_at)
                looked_at += len(batch)
                tick(looked_at, min(limit, queue.messages))
            later = letters.later
    answer = Peek(
        queue=queue.name,
        messages=max(queue.messages, looked_at),
        hidden=queue.hidden,
        looked_at=looked_at,
        later=later,
        groups=groups.by_size(),
    )
    session.screen.answer(answer, _render, unmask=unmask)


def _render(answer: Peek) -> RenderableType:
    if not answer.messages:
        return Text(f"{answer.queue} is empty.")
    arrived = f"{counted(answer.later, 'message')} arrived meanwhile: look again." if answer.later else ""
    if not answer.looked_at:
        hidden = f"{counted(answer.hidden, 'message')}, hidden for somebody else. {LATER}" if answer.hidden else ""
        return Text(f"{answer.queue}: {' '.join(filter(None, [hidden, arrived])) or NONE_SEEN}")
    head = f"{answer.queue}: about {counted(answer.messages, 'message')}, {answer.looked_at} looked at"
    blocks: list[RenderableType] = [Text(head), *([Text(arrived)] if arrived else []), Text()]
    for group in answer.groups:
        blocks += [_group_head(group), _group_body(group), Text()]
    blocks.append(Text("One in full: ops dlq show ID", DIM))
    if any(not group.harmless for group in answer.groups):
        blocks.append(Text("Move one group back, when its cause is gone: ops dlq redrive --code CODE", DIM))
    return Group(*blocks)


def _group_head(group: ReasonGroup) -> Text:
    if group.harmless:
        return Text.assemble((f"{group.count:>5}  {group.code}", STRONG), (", harmless", GOOD))
    kind = {True: ", permanent", False: ", may pass", None: ""}[group.permanent]
    step = f" at {group.step}" if group.step else ""
    return Text.assemble((f"{group.count:>5}  {group.code}", STRONG), (f"{step}{kind}", DIM))


def _group_body(group: ReasonGroup) -> RenderableType:
    lines = [Text(group.explanation)]
    for example in group.examples:
        known = ", ".join(filter(None, [example.conversation_id, example.recipient])) or "nothing in it can be read"
        lines.append(Text(f"{moment(example.at)}  {known}\n  message {example.message_id}", DIM))
    if group.harmless:
        lines.append(Text(f"Clear them: ops dlq drop --code {group.code}", GOOD))
    return indented(Group(*lines), 7)
