"""`dlq drop`: messages out of the DLQ that nobody needs any more."""

from collections import Counter
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from ops.answers import Dropped
from ops.dead_letters import LATER, Letters, find_queue
from ops.errors import ExitCode, OpsError, UsageError
from ops.letters import Letter
from ops.options import Yes
from ops.reasons import HARMLESS
from ops.render import BAD, GOOD, WARN, counted
from ops.selection import Codes, Companies, Judged, Selection
from ops.session import Session
from ops.table import ConversationTable


def drop(
    session: Session,
    wanted: Annotated[
        list[str] | None, typer.Argument(metavar="[ID...]", help="Ids of messages or conversations, or numbers.")
    ] = None,
    *,
    code: Codes = None,
    company: Companies = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be dropped; drop nothing.")] = False,
    yes: Yes = False,
) -> None:
    """Delete messages from the DLQ for good, after a look at them and a question.

    With --code already_sent: those whose conversation is sent, which nobody needs.
    """
    selection = Selection.of(code, company, wanted)
    if not selection:
        raise UsageError("Say which messages: ID..., --code CODE or --company COMPANY", "`ops dlq peek` lists them.")
    queue = find_queue(session.aws, session.names.dead_letter_queue)
    seen: list[Judged] = []
    table = ConversationTable(session.aws, session.names)
    if queue.messages:
        with session.screen.progress("looking") as tick, Letters(session.aws.sqs, queue) as letters:
            looked_at = 0
            for batch in letters.batches():
                looked_at += len(batch)
                tick(looked_at, queue.messages)
                seen += selection.pick_judged(batch, table)
    if not seen:
        raise OpsError(f"{queue.name} has no such message", f"It may be hidden while somebody looks at it. {LATER}")
    by_code = dict(Counter(reason.code for _, reason, _ in seen).most_common())
    dropped = failed = 0
    if not dry_run:
        where = f"{queue.name} (account {queue.account}, {session.aws.where})"
        session.screen.confirm(f"Delete {_what(by_code)} from {where}? {_meaning(seen)}", yes=yes)
        dropped, failed = _delete(session, {letter.message_id for letter, _, _ in seen})
    answer = Dropped(
        queue=queue.name,
        dry_run=dry_run,
        dropped=len(seen) if dry_run else dropped,
        by_code=by_code,
        failed=failed,
        left=max(queue.messages - dropped, 0),
    )
    session.screen.answer(answer, _render)
    if failed:
        raise typer.Exit(ExitCode.PROBLEM)


def _delete(session: Session, message_ids: set[str]) -> tuple[int, int]:
    """Delete those that were seen, and no others; return how many went and how many are left."""
    queue, dropped = find_queue(session.aws, session.names.dead_letter_queue), 0
    with session.screen.progress("deleting") as tick, Letters(session.aws.sqs, queue) as letters:
        for batch in letters.batches():
            chosen: list[Letter] = [letter for letter in batch if letter.message_id in message_ids]
            if chosen:
                dropped += len(chosen) - len(letters.delete(chosen))
            tick(dropped, len(message_ids))
            if dropped >= len(message_ids):
                break
    return dropped, len(message_ids) - dropped


def _what(by_code: dict[str, int]) -> str:
    total = counted(sum(by_code.values()), "message")
    return f"{total} for good ({', '.join(f'{count} {code}' for code, count in by_code.items())})"


def _meaning(seen: list[Judged]) -> str:
    """Say what is lost, before it is."""
    if all(reason.code in HARMLESS for _, reason, _ in seen):
        return "Nothing is lost: their messages are out, or not wanted."
    return "Their conversations will not be sent; their records keep saying why."


def _render(answer: Dropped) -> RenderableType:
    codes = ", ".join(f"{count} {code}" for code, count in answer.by_code.items())
    verb = "Would delete" if answer.dry_run else "Deleted"
    lines = [Text(f"{verb} {counted(answer.dropped, 'message')} from {answer.queue}: {codes}.", GOOD)]
    if answer.failed:
        lines.append(Text(f"{answer.failed} could not be deleted, or somebody else looks at them. {LATER}", BAD))
    if answer.left and not answer.dry_run:
        lines.append(Text(f"Left in {answer.queue}: about {answer.left}.", WARN))
    return Group(*lines)
