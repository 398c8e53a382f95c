"""`find`: every conversation of one recipient, and what Twilio says of its messages now."""

from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from core.conversation import Conversation, SentPart
from core.deliveries import status_of
from core.ports import TwilioMessage
from ops.answers import Found, FoundConversation, FoundMessage, LastError, OtherMessage
from ops.commands.show import not_asked, nothing_about
from ops.fates import fate_text
from ops.options import NoSecrets, Unmask
from ops.recipients import require_number
from ops.records import read_fate
from ops.render import BAD, DIM, STRONG, WARN, counted, delivery, indented, moment, status
from ops.session import Session
from ops.table import ConversationTable, Item
from ops.twilio_word import TwilioWord
from services.conversation_item import failure_map, read_conversation


def find(
    session: Session,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The recipient's number, such as +447700900123.")],
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="List at most so many.")] = 20,
    no_secrets: NoSecrets = False,
    unmask: Unmask = False,
) -> None:
    """Find every conversation of a recipient, newest first, with what Twilio says of its messages now."""
    recipient = require_number(number)
    table = ConversationTable(session.aws, session.names)
    items = table.of_recipient(recipient)
    if not items:
        raise nothing_about(session, recipient)
    word = TwilioWord(session, silent=no_secrets)
    word.ask(items[:limit])
    named = {sid for item in items for sid in read_conversation(item).held_sids}
    answer = Found(
        recipient=recipient,
        conversations=[_found(item, word) for item in items[:limit]],
        more=max(len(items) - limit, 0),
        others=[
            OtherMessage(sid=row.sid, at=row.created_at, delivery=row.status, sender=channel.sender)
            for channel, row in word.everything()
            if row.sid not in named
        ],
        not_asked=word.problems,
    )
    session.screen.answer(answer, _render, unmask=unmask)


def _found(item: Item, word: TwilioWord) -> FoundConversation:
    record, at_twilio = read_conversation(item), word.of(item)
    return FoundConversation(
        conversation_id=record.key.conversation_id,
        status=record.status or "-",
        closed=record.closed,
        created_at=record.created_at,
        company_id=record.company_id,
        project_id=record.project_id,
        last_error=_last_error(record),
        messages=[_message(part, at_twilio.get(part.sid), record) for part in record.sent],
    )


def _last_error(record: Conversation) -> LastError | None:
    """Return the last error if it can be read: one unreadable record must not hide the others."""
    return None if record.last_error is None else LastError.model_validate(failure_map(record.last_error))


def _message(part: SentPart, row: TwilioMessage | None, record: Conversation) -> FoundMessage:
    return FoundMessage(
        sid=part.sid,
        at=part.sent_at,
        delivery=row.status if row else None,
        delivery_error=row.error_code if row else None,
        recorded=read_fate(record.deliveries.get(part.sid)),
    )


def _render(answer: Found) -> RenderableType:
    head = f"{answer.recipient}: {counted(len(answer.conversations), 'conversation')}, newest first"
    blocks: list[RenderableType] = [Text(head + (f", and {answer.more} older" if answer.more else ""))]
    for found in answer.conversations:
        blocks += [Text(), Text.assemble(moment(found.created_at), "  ", (found.conversation_id, STRONG))]
        blocks.append(indented(_body(found)))
    if answer.others:
        blocks += [Text(), Text("At Twilio, and in none of these conversations", WARN)]
        blocks += [
            indented(Text(f"{moment(other.at)}  {other.delivery or '-'}, from {other.sender}\n{other.sid}"))
            for other in answer.others
        ]
    if answer.not_asked:
        blocks += [Text(), *map(not_asked, answer.not_asked)]
    blocks += [Text(), Text("More of one: ops show ID, ops trace ID", DIM)]
    return Group(*blocks)


def _body(found: FoundConversation) -> Text:
    project = f"{found.company_id}/{found.project_id}, " if found.company_id else ""
    text = Text.assemble((project, DIM), status(found.status))
    for message in found.messages:
        said, is_bad = _said(message)
        text.append(f"\n{moment(message.at)}  {said}", BAD if is_bad else "")
        text.append(f"\n{message.sid}", DIM)
    if not found.messages and found.last_error is None:
        text.append("\nno message yet")
    if found.last_error is not None:
        text.append(f"\n{found.last_error.code}: {found.last_error.message}")
    return text


def _said(message: FoundMessage) -> tuple[str, bool]:
    """Return Twilio's word on a message, else the record's, and whether it is bad news."""
    if message.delivery is not None:
        return delivery(message.delivery, message.delivery_error), status_of(message.delivery).is_failure
    if message.recorded is not None:
        return f"{fate_text(message.recorded)}, by the record", message.recorded.status.is_failure
    return "no word of Twilio", False
