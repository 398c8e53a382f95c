"""`dlq redrive`: messages back from the dead-letter queue to the queue."""

from collections.abc import Sequence
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Group, RenderableType
from rich.text import Text

from core.conversation import WaitReason
from ops.answers import Redrive
from ops.aws_errors import explain
from ops.dead_letters import BATCH_LIMIT, LATER, Letters, Queue, find_queue
from ops.errors import ExitCode, OpsError, UsageError
from ops.letters import Letter
from ops.options import Yes
from ops.reasons import RECORD_GONE, find_reasons
from ops.redrive import Move, is_moving
from ops.render import BAD, GOOD, counted
from ops.selection import Codes, Companies, Ids, Selection
from ops.session import Session
from ops.table import ConversationTable

AGAIN = "Run this again to move what arrived; a message that was moved and failed again needs its cause removed first."


def redrive(
    session: Session,
    *,
    every: Annotated[bool, typer.Option("--all", help="Move every message.")] = False,
    code: Codes = None,
    company: Companies = None,
    ids: Ids = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Move no more than so many.")] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.1, max=500, help="Move no more than so many a second, on average.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be moved; move nothing.")] = False,
    yes: Yes = False,
) -> None:
    """Move messages from the DLQ back to the queue: all of them, or some by code, company or id.

    A conversation resumes from what its record says; one that is closed is not sent again.
    """
    wanted = Selection.of(code, company, ids)
    if every == bool(wanted):
        raise UsageError(
            "Say which messages: --all, or --code CODE, --company COMPANY, --id ID", "`ops dlq peek` lists them."
        )
    aws, names = session.aws, session.names
    source, destination = find_queue(aws, names.dead_letter_queue), find_queue(aws, names.queue)
    if is_moving(aws.sqs, source):
        raise OpsError(f"SQS is moving messages out of {source.name} already", "Wait until it is done.")
    if not dry_run and source.messages:
        most = f"at most {limit} " if limit else ""
        which = f"{most}{wanted}" if wanted else most + f"about {counted(source.messages, 'message')}"
        session.screen.confirm(
            f"Move {which} from {source.name} to {destination.name} (account {source.account}, {aws.where})?", yes=yes
        )
    answer = _move(session, source, destination, wanted, limit, rate, dry_run=dry_run)
    session.screen.answer(answer, _render)
    if answer.problem:
        raise typer.Exit(ExitCode.PROBLEM)


def _move(
    session: Session,
    source: Queue,
    destination: Queue,
    wanted: Selection,
    limit: int | None,
    rate: float | None,
    *,
    dry_run: bool,
) -> Redrive:
    """Go through the DLQ and move what is wanted; whatever breaks on the way, say what was moved."""
    move, table = Move(session.aws.sqs, destination, dry_run=dry_run), ConversationTable(session.aws, session.names)
    letters, looked_at, found, problem = Letters(session.aws.sqs, source), 0, list[Letter](), None
    unsafe = 0
    try:
        with session.screen.progress("looking" if dry_run else "moving") as tick, letters:
            for batch in letters.batches() if source.messages else ():
                looked_at += len(batch)
                picked = wanted.pick(batch, table)
                safe = without_what_would_be_sent_again(picked, wanted, table)
                unsafe += len(picked) - len(safe)
                chosen = safe[: None if limit is None else limit - move.moved]
                found += picked
                for some in _in_steps(chosen, rate):
                    move.move(some, letters)
                    tick(looked_at, source.messages)
                    if rate and not dry_run:
                        session.world.sleep(len(some) / rate)
                if limit is not None and move.moved >= limit:
                    break
    except (ClientError, BotoCoreError) as exc:
        problem = str(explain(exc, f"the queues {source.name} and {destination.name}", session.aws.where))
    except OpsError as error:
        problem = str(error)
    except KeyboardInterrupt:
        problem = "Interrupted."
    missing = wanted.missing(found) if limit is None else []
    problem = problem or _what_stays(move, unsafe, missing, source, destination)
    gone = 0 if dry_run else move.moved - move.twice
    return Redrive(
        source=source.name,
        destination=destination.name,
        dry_run=dry_run,
        codes=sorted(wanted.codes),
        companies=sorted(wanted.companies),
        ids=sorted(wanted.ids),
        moved=move.moved,
        kept=looked_at - move.moved,
        later=letters.later,
        hidden=source.hidden,
        left=max(max(source.messages, looked_at + letters.later) - gone, 0),
        twice=move.twice,
        problem=problem,
    )


def _what_stays(move: Move, unsafe: int, missing: Sequence[str], source: Queue, destination: Queue) -> str | None:
    """Say what was wanted and is not moved, and why."""
    if move.refused:
        refused = ", ".join(f"{count} {code}" for code, count in move.refused.items())
        return f"{destination.name} refused some messages, which stay: {refused}."
    if unsafe:
        return (
            f"{counted(unsafe, 'message')} stayed: sent once, with a record that somebody deleted, so a redrive would"
            f" send again. Drop them, or name them: --code {RECORD_GONE}."
        )
    return f"Not in {source.name}, or hidden: {', '.join(missing)}." if missing else None


def without_what_would_be_sent_again(
    letters: Sequence[Letter], wanted: Selection, table: ConversationTable
) -> list[Letter]:
    """Return the letters without those of a conversation that was sent and whose record is gone, unless asked for."""
    looks = [letter for letter in letters if letter.waited_for == WaitReason.DELIVERY]
    if not looks or wanted.codes:  # codes have been judged: these letters are there only if theirs is named
        return list(letters)
    gone = [letter for letter, reason, _ in find_reasons(looks, table) if reason.code == RECORD_GONE]
    return [letter for letter in letters if letter not in gone]


def _in_steps(letters: list[Letter], rate: float | None) -> list[list[Letter]]:
    """Split a batch so that no step is more than a second's worth."""
    size = BATCH_LIMIT if rate is None else max(1, min(BATCH_LIMIT, int(rate)))
    return [letters[first : first + size] for first in range(0, len(letters), size)]


def _render(answer: Redrive) -> RenderableType:
    number = counted(answer.moved, "message")
    if not (answer.moved or answer.kept or answer.later or answer.hidden or answer.problem):
        return Text(f"Nothing to move: {answer.source} is empty.")
    if answer.dry_run:
        head = Text(f"Would move {number} to {answer.destination}.")
    else:
        head = Text(f"Moved {number} to {answer.destination}.", BAD if answer.problem else GOOD)
    rest = []
    if answer.kept:
        rest.append(Text(f"{counted(answer.kept, 'other')} {'would stay' if answer.dry_run else 'stayed'}."))
    if answer.later:
        rest.append(Text(f"{counted(answer.later, 'message')} arrived meanwhile and stayed. {AGAIN}"))
    if answer.twice:
        rest.append(Text(f"{answer.twice} of them could not be deleted; the function suppresses the duplicates."))
    if answer.hidden:
        number = counted(answer.hidden, "message")
        rest.append(Text(f"Left alone: {number} that somebody else looks at or moves. {LATER}"))
    if answer.left and not answer.dry_run:
        rest.append(Text(f"Left in {answer.source}: about {answer.left}."))
    if answer.problem:
        rest.append(Text(answer.problem, BAD))
    return Group(head, *rest)
