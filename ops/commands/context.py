"""`validate` and `replay`: Context Objects from files."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from core.conversation import ConversationKey
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
from utils.assistant_definition import AssistantDefinitions, DefinitionFileError
from utils.context_model import ContextObject
from utils.context_processor import InvalidContextError, parse_context

STDIN = "-"

MAX_MESSAGE_BYTES = 1024 * 1024
"""Source: Amazon SQS Developer Guide, quotas: message size 1 MiB."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


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
    unmask: Unmask = False,
    yes: Yes = False,
) -> None:
    """Send one Context Object file to the queue.

    A conversation that is closed is not sent again; one that failed goes on from what its record says.
    """
    read = read_file(file)
    if read.context is None:
        raise OpsError(f"{file} is not a valid Context Object: {read.faults[0]}", "`ops validate` lists every fault.")
    key = ConversationKey(
        read.context.frontend_payload.recipient_data.recipient_tel, read.context.conversation_data.conversation_id
    )
    aws = session.aws
    queue = find_queue(aws, session.names.queue)
    record = ConversationTable(aws, session.names).states([key]).get(key)
    status = record and record["conversation_status"]
    for warning in read.warnings:
        session.screen.note(f"Warning: {warning}")
    question = (
        f"Send {key.conversation_id} for {key.recipient_tel} to {queue.name} (account {queue.account}, {aws.where};"
        f" {f'its record says {status}' if status else 'it has no record yet'})?"
    )
    session.screen.confirm(question, yes=yes)
    with asking_for(f"the queue {queue.name}", aws.where):
        message_id = aws.sqs.send_message(QueueUrl=queue.url, MessageBody=read.body)["MessageId"]
    answer = Replay(
        queue=queue.name,
        message_id=message_id,
        conversation_id=key.conversation_id,
        recipient=key.recipient_tel,
        status_before=status,
    )
    session.screen.answer(answer, _render_replay, unmask=unmask)


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
            "To": answer.queue,
            "Conversation": answer.conversation_id,
            "Recipient": answer.recipient,
            "Follow it": f"ops trace {answer.conversation_id}",
        }
    )
