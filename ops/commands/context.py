"""`validate` and `replay`: Context Objects from files."""

import json
import re
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypedDict

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from core.conversation import ConversationKey, Standing
from ops import LAMBDA
from ops.answers import FileVerdict, Replay, Validation
from ops.aws_errors import asking_for
from ops.dead_letters import find_queue
from ops.errors import ExitCode, OpsError, UsageError
from ops.options import AsJson, Unmask, Yes
from ops.render import BAD, GOOD, STRONG, WARN, counted, indented, pairs
from ops.screen import Screen
from ops.session import Session, World, reporting
from ops.table import ConversationTable
from services.conversation_item import read_standing
from utils.assistant_definition import AssistantDefinitions, DefinitionFileError
from utils.context_model import MAX_ID_LENGTH, MAX_KEY_BYTES, ContextObject
from utils.context_processor import InvalidContextError, parse_context

STDIN = "-"

MAX_MESSAGE_BYTES = 1024 * 1024
"""Source: Amazon SQS Developer Guide, quotas: message size 1 MiB."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


_GROUP = re.compile(r"[!-~]{1,128}")
"""Source: Amazon SQS API Reference, SendMessage, MessageGroupId."""


class MessageGroup(TypedDict, total=False):
    """An argument of `send_message`."""

    MessageGroupId: str


@dataclass(frozen=True, slots=True)
class ContextFile:
    """A file as it would go out, and what it means.

    Attributes:
        context: None where there are faults.
    """

    name: str
    body: str
    context: ContextObject | None
    faults: list[str]
    warnings: list[str]

    def verdict(self) -> FileVerdict:
        return FileVerdict(file=self.name, valid=self.context is not None, faults=self.faults, warnings=self.warnings)


def read_file(name: str) -> ContextFile:
    """Read a file, or standard input for `-`.

    Raises:
        UsageError: There is no such file, or it may not be read.
    """
    try:
        data = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as exc:
        raise UsageError(f"{name} can't be read: {exc.strerror}") from exc
    if data.startswith(BYTE_ORDER_MARK):
        return _invalid(name, "$: begins with a byte order mark; save it as UTF-8 without one")
    if len(data) > MAX_MESSAGE_BYTES:
        return _invalid(name, f"$: has {len(data)} bytes; SQS takes no message beyond {MAX_MESSAGE_BYTES}")
    try:
        body = data.decode()
    except UnicodeDecodeError as exc:
        return _invalid(name, f"$: is not UTF-8 at byte {exc.start}")
    try:
        context = parse_context(body)
    except InvalidContextError as error:
        return ContextFile(name, body, None, error.faults, [])
    return ContextFile(name, body, context, [], list(_warnings(context)))


def _invalid(name: str, fault: str) -> ContextFile:
    return ContextFile(name, "", None, [fault], [])


def _warnings(context: ContextObject) -> list[str]:
    """Name what is valid and still will not work with the definitions of this checkout."""
    config = context.company_data_payload.ai_config.openai_config.whatsapp
    if config.assistant_definition is not None:
        path = "company_data_payload.ai_config.openai_config.whatsapp.assistant_definition"
        return [f"{path}: the function takes it only where INLINE_DEFINITIONS is true"]
    path = "company_data_payload.ai_config.openai_config.whatsapp.assistant_id_template_sender"
    try:
        found = AssistantDefinitions(LAMBDA / "assistants").find(config.assistant_id_template_sender)
    except DefinitionFileError as exc:
        return [f"{path}: {exc}"]
    if found is None:
        return [f"{path}: there is no lambda/assistants/{config.assistant_id_template_sender}.json in this checkout"]
    return []


def validate(
    ctx: typer.Context,
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Files; - for standard input.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Check Context Object files as the function will; says every fault. Needs no AWS."""
    screen = Screen(as_json=as_json, someone_there=(ctx.obj or World()).someone_there)
    with reporting(screen):
        answer = Validation(files=[read_file(name).verdict() for name in files])
        screen.answer(answer, _render_validation)
        if not all(verdict.valid for verdict in answer.files):
            raise typer.Exit(ExitCode.PROBLEM)


def replay(
    session: Session,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A Context Object; - for standard input, with --yes.")],
    *,
    again: Annotated[
        bool, typer.Option("--again", help="Under a new conversation id: the recipient gets another message.")
    ] = False,
    unmask: Unmask = False,
    yes: Yes = False,
) -> None:
    """Send one Context Object file to the queue.

    A conversation that is closed is not sent again, unless with --again; one that failed resumes from its record.
    """
    read = read_file(file)
    if read.context is None:
        raise OpsError(f"{file} is not a valid Context Object: {read.faults[0]}", "`ops validate` lists every fault.")
    named = ConversationKey(
        read.context.frontend_payload.recipient_data.recipient_tel, read.context.conversation_data.conversation_id
    )
    aws = session.aws
    queue = find_queue(aws, session.names.queue)
    record = ConversationTable(aws, session.names).states([named]).get(named)
    status = record and record.get("conversation_status", "closed")
    body, key = _renamed(read.body, named, session.world.now()) if again else (read.body, named)
    nothing = not again and record is not None and read_standing(record) is Standing.CLOSED
    for warning in read.warnings:
        session.screen.note(f"Warning: {warning}")
    if nothing:
        session.screen.note(
            f"Nothing will go out: {key.conversation_id} is closed, so the message is acknowledged as a duplicate."
            " To send it once more on purpose: --again"
        )
    known = f"its record says {status}" if status else "it has no record yet"
    what = f"{key.conversation_id} for {key.recipient_tel}"
    if again:
        known = f"{named.conversation_id} {'has the status ' + status if status else 'has no record'}"
        what = f"{what}, a new conversation: the recipient gets another message,"
    session.screen.confirm(f"Send {what} to {queue.name} (account {queue.account}, {aws.where}; {known})?", yes=yes)
    with asking_for(f"the queue {queue.name}", aws.where):
        group = message_group(read.context.company_data_payload.company_id)
        message_id = aws.sqs.send_message(QueueUrl=queue.url, MessageBody=body, **group)["MessageId"]
    answer = Replay(
        queue=queue.name,
        message_id=message_id,
        conversation_id=key.conversation_id,
        recipient=key.recipient_tel,
        status_before=status,
        nothing_goes_out=nothing,
        again_after=named.conversation_id if again else None,
    )
    session.screen.answer(answer, _render_replay, unmask=unmask)


def _renamed(body: str, named: ConversationKey, now: datetime) -> tuple[str, ConversationKey]:
    """Return the Context Object as a new conversation, in a thread of its own at OpenAI."""
    ending = f"-again-{now:%Y%m%d%H%M%S}"
    start = named.conversation_id.encode()[: MAX_KEY_BYTES - len(ending)].decode(errors="ignore")
    conversation_id = start[: MAX_ID_LENGTH - len(ending)] + ending
    context = json.loads(body)
    context["conversation_data"] = {
        name: value for name, value in context["conversation_data"].items() if name != "thread_id"
    } | {"conversation_id": conversation_id}
    return json.dumps(context, ensure_ascii=False), ConversationKey(named.recipient_tel, conversation_id)


def message_group(company_id: str) -> MessageGroup:
    """Return the message group that the router gives a company's messages, if the id can be one."""
    return {"MessageGroupId": company_id} if _GROUP.fullmatch(company_id) else {}


def _render_validation(answer: Validation) -> RenderableType:
    return Group(*(_render_file(verdict) for verdict in answer.files))


def _render_file(verdict: FileVerdict) -> RenderableType:
    if verdict.valid:
        head = Text.assemble((verdict.file, STRONG), (": valid", GOOD))
    else:
        head = Text.assemble((verdict.file, STRONG), (f": {counted(len(verdict.faults), 'fault')}", BAD))
    said = [*map(Text, verdict.faults), *(Text(f"warning: {warning}", WARN) for warning in verdict.warnings)]
    return Group(head, *map(indented, said))


def _render_replay(answer: Replay) -> RenderableType:
    return pairs(
        {
            "Sent": answer.message_id,
            "Means": "nothing goes out: the conversation is closed" if answer.nothing_goes_out else None,
            "To": answer.queue,
            "Conversation": answer.conversation_id,
            "Once more": f"after {answer.again_after}" if answer.again_after else None,
            "Recipient": answer.recipient,
            "Follow it": f"ops trace {answer.conversation_id}",
        }
    )
