"""`dlq redrive`: messages back from the dead-letter queue to the queue."""

from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Group, RenderableType
from rich.text import Text

from ops.answers import Redrive
from ops.aws_errors import explain
from ops.dead_letters import LATER, Letters, Queue, find_queue
from ops.errors import ExitCode, OpsError, UsageError
from ops.options import Yes
from ops.reasons import Letter, find_reasons
from ops.redrive import Move, follow_move_task, is_moving, start_move_task
from ops.render import BAD, GOOD, counted
from ops.session import Session
from ops.table import ConversationTable

Codes = Annotated[list[str] | None, typer.Option("--code", help="Only messages with this code; repeatable.")]

AGAIN = "Run this again to move what arrived; a message that was moved and failed again needs its cause removed first."


def redrive(
    session: Session,
    *,
    all_codes: Annotated[bool, typer.Option("--all", help="Move every message.")] = False,
    code: Codes = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be moved; move nothing.")] = False,
    yes: Yes = False,
) -> None:
    """Move messages from the DLQ back to the queue: all of them, or those that failed with certain codes.

    A conversation goes on from what its record says; one that is closed is not sent again.
    """
    if all_codes == bool(code):
        raise UsageError("Say which messages: --all, or --code CODE", "`ops dlq peek` lists the codes.")
    aws, names = session.aws, session.names
    source, destination = find_queue(aws, names.dead_letter_queue), find_queue(aws, names.queue)
    if is_moving(aws.sqs, source):
        raise OpsError(f"SQS is moving messages out of {source.name} already", "Wait until it is done.")
    if not dry_run and source.messages:
        which = f"messages with {', '.join(code)}" if code else f"about {counted(source.messages, 'message')}"
        session.screen.confirm(
            f"Move {which} from {source.name} to {destination.name} (account {source.account}, {aws.where})?", yes=yes
        )
    if code:
        answer = _one_by_one(session, source, destination, set(code), dry_run=dry_run)
    elif dry_run or not source.messages:
        answer = _by_task(source, destination, source.messages, dry_run=dry_run)
    elif start_move_task(aws.sqs, source, destination):
        answer = _move_task(session, source, destination)
    else:
        session.screen.note("This engine has no move task: sending and deleting one by one.")
        answer = _one_by_one(session, source, destination, set(), dry_run=False)
    session.screen.answer(answer, _render)
    if answer.problem:
        raise typer.Exit(ExitCode.PROBLEM)


def _move_task(session: Session, source: Queue, destination: Queue) -> Redrive:
    try:
        with session.screen.progress("moving") as tick:
            moved, problem = follow_move_task(session.aws.sqs, source, tick, session.world.sleep)
    except KeyboardInterrupt:
        session.screen.note("SQS goes on moving by itself.")
        raise
    return _by_task(source, destination, moved, problem)


def _one_by_one(session: Session, source: Queue, destination: Queue, codes: set[str], *, dry_run: bool) -> Redrive:
    """Go through the DLQ and move what is wanted; whatever breaks on the way, say what was moved."""
    move = Move(session.aws.sqs, destination, dry_run=dry_run)
    letters, kept, problem = Letters(session.aws.sqs, source), 0, None
    try:
        with session.screen.progress("looking" if dry_run else "moving") as tick, letters:
            for batch in letters.batches():
                wanted = _with_code(session, batch, codes) if codes else batch
                move.move(wanted, letters)
                kept += len(batch) - len(wanted)
                tick(kept + move.moved, source.messages)
    except (ClientError, BotoCoreError) as exc:
        problem = str(explain(exc, f"the queues {source.name} and {destination.name}", session.aws.where))
    except OpsError as error:
        problem = str(error)
    except KeyboardInterrupt:
        problem = "Interrupted."
    if move.refused and not problem:
        refused = ", ".join(f"{count} {code}" for code, count in move.refused.items())
        problem = f"{destination.name} refused some messages, which stay: {refused}."
    return Redrive(
        source=source.name,
        destination=destination.name,
        dry_run=dry_run,
        by="one_by_one",
        codes=sorted(codes),
        moved=move.moved,
        kept=kept,
        later=letters.later,
        hidden=source.hidden,
        twice=move.twice,
        problem=problem,
    )


def _with_code(session: Session, letters: list[Letter], codes: set[str]) -> list[Letter]:
    table = ConversationTable(session.aws, session.names)
    return [letter for letter, reason, _ in find_reasons(letters, table) if reason.code in codes]


def _by_task(
    source: Queue, destination: Queue, moved: int, problem: str | None = None, *, dry_run: bool = False
) -> Redrive:
    return Redrive(
        source=source.name,
        destination=destination.name,
        dry_run=dry_run,
        by="move_task",
        codes=[],
        moved=moved,
        kept=None,
        later=None,
        hidden=source.hidden,
        twice=0,
        problem=problem,
    )


def _render(answer: Redrive) -> RenderableType:
    number = counted(answer.moved, "message")
    if not (answer.moved or answer.kept or answer.later or answer.hidden or answer.problem):
        return Text(f"Nothing to move: {answer.source} is empty.")
    if answer.dry_run:
        head = Text(f"Would move {'about ' if answer.by == 'move_task' else ''}{number} to {answer.destination}.")
    else:
        head = Text(f"Moved {number} to {answer.destination}.", BAD if answer.problem else GOOD)
    rest = []
    if answer.kept:
        rest.append(Text(f"{answer.kept} with other codes {'would stay' if answer.dry_run else 'stayed'}."))
    if answer.later:
        rest.append(Text(f"{counted(answer.later, 'message')} arrived meanwhile and stayed. {AGAIN}"))
    if answer.twice:
        rest.append(Text(f"{answer.twice} of them could not be deleted; the function suppresses the duplicates."))
    if answer.hidden:
        number = counted(answer.hidden, "message")
        rest.append(Text(f"Left alone: {number} that somebody else looks at or moves. {LATER}"))
    if answer.problem:
        rest.append(Text(answer.problem, BAD))
    return Group(head, *rest)
