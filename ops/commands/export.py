"""`export`: everything that is kept of one person, for the person or a court."""

from collections.abc import Iterator, Mapping
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from core.ports import TwilioMessage
from ops.answers import ExportedConversation, ExportedMessage, PersonExport
from ops.commands.show import not_asked, nothing_about
from ops.options import NoSecrets
from ops.recipients import require_number
from ops.records import DETAILS
from ops.render import DIM, STRONG, indented, moment
from ops.session import Session
from ops.table import FORGOTTEN_AT, ConversationTable, Item
from ops.twilio_word import TwilioWord
from services.conversation_item import read_conversation, read_moment

ASSISTANT = "assistant"


def export(
    session: Session,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The person's number, such as +447700900123.")],
    *,
    no_secrets: NoSecrets = False,
) -> None:
    """Print everything that is kept of a person, unmasked: texts as received, oldest first, and the requests' data."""
    recipient = require_number(number)
    table = ConversationTable(session.aws, session.names)
    items = [item for item in reversed(table.of_recipient(recipient)) if FORGOTTEN_AT not in item]
    if not items:
        raise nothing_about(session, recipient)
    word = TwilioWord(session, silent=no_secrets)
    word.ask(items)
    answer = PersonExport(
        recipient=recipient,
        exported_at=session.world.now(),
        conversations=[_conversation(item, word.of(item)) for item in items],
        not_asked=word.problems,
    )
    session.screen.answer(answer, _render, unmask=True)


def _conversation(item: Item, at_twilio: Mapping[str, TwilioMessage]) -> ExportedConversation:
    record = read_conversation(item)
    messages = list(_messages(item, at_twilio))
    return ExportedConversation(
        conversation_id=record.key.conversation_id,
        status=record.status or "-",
        created_at=record.created_at,
        company_id=record.company_id,
        project_id=record.project_id,
        messages=sorted(messages, key=lambda message: message.at.timestamp() if message.at else 0.0),
        kept={name: item[name] for name in DETAILS if item.get(name)},
    )


def _messages(item: Item, at_twilio: Mapping[str, TwilioMessage]) -> Iterator[ExportedMessage]:
    """Yield what was said: the record's messages, and parts that are out of a conversation that is not closed."""
    record, said = read_conversation(item), item.get("messages")
    for entry in said if isinstance(said, list) else []:
        if isinstance(entry, Mapping):
            content = entry.get("content")
            yield _message(
                entry.get("timestamp"),
                str(entry.get("role") or "unknown"),
                entry.get("message_id"),
                content if isinstance(content, str) else None,
                at_twilio,
            )
    if not record.closed:
        parts = record.reply.parts if record.reply else ()
        for number, part in enumerate(record.sent):
            text = part.text or (parts[number] if number < len(parts) else None)
            yield _message(part.sent_at.isoformat(), ASSISTANT, part.sid, text, at_twilio)


def _message(
    at: object, by: str, sid: object, text: str | None, at_twilio: Mapping[str, TwilioMessage]
) -> ExportedMessage:
    row = at_twilio.get(sid) if isinstance(sid, str) else None
    shown = row.body if row and row.body else None
    return ExportedMessage(
        at=read_moment(at),
        by=by,
        sid=sid if isinstance(sid, str) else None,
        text=shown or text,
        shown_by="twilio" if shown else "record",
        delivery=row.status if row else None,
    )


def _render(answer: PersonExport) -> RenderableType:
    blocks: list[RenderableType] = [Text(answer.recipient, STRONG), Text(f"Exported {moment(answer.exported_at)}")]
    for conversation in answer.conversations:
        company = f"{conversation.company_id}/{conversation.project_id}" if conversation.company_id else "-"
        blocks += [Text(), Text(f"{moment(conversation.created_at)}  {conversation.conversation_id}", STRONG)]
        blocks.append(indented(Text(f"{company}, {conversation.status}", DIM)))
        for message in conversation.messages:
            blocks.append(indented(Text(f"{moment(message.at)}  {message.by}  {message.delivery or ''}".rstrip(), DIM)))
            blocks.append(indented(Text(message.text or "(its text is not kept)"), 4))
        blocks += [indented(Text(f"{name}: {value}")) for name, value in conversation.kept.items()]
    blocks += [*([Text()] if answer.not_asked else []), *map(not_asked, answer.not_asked)]
    return Group(*blocks)
