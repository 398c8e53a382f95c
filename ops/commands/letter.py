"""`dlq show` and `dlq export`: messages of the DLQ in full."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from ops.answers import DeadLetter, DeadLetters, Export
from ops.dead_letters import LATER, Letters, Queue, find_queue
from ops.errors import OpsError, UsageError
from ops.letters import body_to_show
from ops.masking import HIDDEN, mask_numbers
from ops.options import Unmask
from ops.render import BAD, DIM, GOOD, STRONG, counted, moment, pairs
from ops.selection import Codes, Companies, Ids, Judged, Selection
from ops.session import Session
from ops.table import ConversationTable

OWNER_ONLY = 0o600


def show_letter(
    session: Session,
    wanted: Annotated[
        list[str], typer.Argument(metavar="ID...", help="Id of a message or conversation, or a recipient's number.")
    ],
    *,
    unmask: Unmask = False,
) -> None:
    """Show messages of the DLQ in full: why each is there, its attributes, its body."""
    selection = Selection.of(None, None, wanted)
    queue = find_queue(session.aws, session.names.dead_letter_queue)
    letters = [_dead_letter(one, unmask=unmask) for one in _look(session, queue, selection)]
    if not letters:
        raise OpsError(
            f"{queue.name} has no message that is known as {' or '.join(sorted(selection.ids))}",
            f"It may be hidden while somebody looks at it. {LATER}",
        )
    session.screen.answer(DeadLetters(queue=queue.name, letters=letters), _render, unmask=unmask)


def export_letters(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist yet.")],
    *,
    code: Codes = None,
    company: Companies = None,
    ids: Ids = None,
    unmask: Unmask = False,
) -> None:
    """Write messages of the DLQ to a file, one JSON object a line; with --unmask as they are, with personal data."""
    selection = Selection.of(code, company, ids)
    queue = find_queue(session.aws, session.names.dead_letter_queue)
    written = 0
    with _new_file(file) as out:
        for one in _look(session, queue, selection):
            line = _dead_letter(one, unmask=unmask).model_dump(mode="json")
            if unmask:
                line["body"] = one[0].body
            out.write(json.dumps(line if unmask else mask_numbers(line), ensure_ascii=False) + "\n")
            written += 1
    answer = Export(queue=queue.name, file=str(file), written=written, unmasked=unmask)
    session.screen.answer(answer, _render_export)


def _look(session: Session, queue: Queue, selection: Selection) -> Iterator[Judged]:
    """Yield what is wanted of the DLQ; all of it is shown to others again at the end."""
    table, looked_at = ConversationTable(session.aws, session.names), 0
    if not queue.messages:
        return
    with session.screen.progress("looking") as tick, Letters(session.aws.sqs, queue) as letters:
        for batch in letters.batches():
            looked_at += len(batch)
            tick(looked_at, queue.messages)
            yield from selection.pick_judged(batch, table)


def _new_file(file: Path) -> IO[str]:
    try:
        return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "w", encoding="utf-8")
    except OSError as exc:
        raise UsageError(f"{file} can't be written: {exc.strerror}") from exc


def _dead_letter(one: Judged, *, unmask: bool) -> DeadLetter:
    letter, reason, failed_at = one
    return DeadLetter(
        message_id=letter.message_id,
        sent_at=letter.sent_at,
        group_id=letter.group_id,
        attributes={name: _value(value) for name, value in letter.attributes.items()},
        conversation_id=letter.conversation_id,
        recipient=letter.recipient_to_show(unmask=unmask),
        company_id=letter.company_id,
        project_id=letter.project_id,
        request_id=letter.request_id,
        reason=reason,
        failed_at=failed_at,
        faults=list(letter.faults),
        body=body_to_show(letter, unmask=unmask),
    )


def _value(attribute: Any) -> str:
    text = attribute.get("StringValue")
    return text if isinstance(text, str) else f"({attribute.get('DataType', 'binary')})"


def _render(answer: DeadLetters) -> RenderableType:
    return Group(*(block for letter in answer.letters for block in _blocks(letter)))


def _blocks(letter: DeadLetter) -> Iterator[RenderableType]:
    reason = letter.reason
    yield Text(letter.message_id, STRONG)
    if reason.harmless:
        yield Text(f"Harmless: {reason.explanation}\nClear it and its like: ops dlq drop --code {reason.code}", GOOD)
    else:
        yield Text(f"{reason.code}: {reason.explanation}", BAD)
    yield Text()
    yield pairs(
        {
            "Conversation": letter.conversation_id or "can't be read",
            "Recipient": letter.recipient or "can't be read",
            "Company": f"{letter.company_id or '-'}/{letter.project_id or '-'}",
            "Request": letter.request_id,
            "Sent": moment(letter.sent_at),
            "Failed": moment(letter.failed_at) if letter.failed_at else None,
            "Group": letter.group_id,
            "Attributes": ", ".join(f"{name} {value}" for name, value in letter.attributes.items()),
        }
    )
    if letter.faults:
        yield Text("\nThe Context Object is not valid", STRONG)
        yield from map(Text, letter.faults)
    body = letter.body if isinstance(letter.body, str) else json.dumps(letter.body, indent=2, ensure_ascii=False)
    yield Text(f"\n{body}")
    if HIDDEN in body:
        yield Text(f"{HIDDEN} is hidden without --unmask", DIM)
    yield Text()


def _render_export(answer: Export) -> RenderableType:
    what = "as they are: it has personal data" if answer.unmasked else "masked; --unmask has the rest"
    return Text(f"Wrote {counted(answer.written, 'message')} of {answer.queue} to {answer.file}, {what}.", GOOD)
