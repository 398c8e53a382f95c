"""Answers: what each command says, as the JSON of `--json`; docs/operations.schema.json is made from these.

A field may be added; none is renamed, removed or given another meaning without a new major version.
"""

import traceback
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """Anything that is printed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Answer):
    """Printed instead of an answer when a command can't go on."""

    message: str
    advice: str
    exit_code: int


class LastError(Answer):
    """Why the last attempt at a conversation failed."""

    step: str
    code: str
    message: str
    at: datetime
    permanent: bool = Field(description="Trying again can't help until something is changed.")
    message_id: str = Field(description="The SQS message of that attempt.")
    receive_count: int


class AttentionItem(Answer):
    """A conversation that needs a person."""

    conversation_id: str
    recipient: str
    status: str
    updated_at: datetime
    last_error: LastError | None
    request_id: str | None
    company_id: str | None
    project_id: str | None


class Attention(Answer):
    """Answer of `attention`: newest first."""

    conversations: list[AttentionItem]
    more: bool = Field(description="There are more than the limit.")
    by_code: dict[str, int] = Field(description="How many of those listed failed with each code.")


class Lease(Answer):
    """The right of one delivery to work on a conversation."""

    owner: str
    expires_at: datetime
    held: bool = Field(description="It had not expired when this was looked at.")


class Run(Answer):
    """The model's run at OpenAI."""

    thread_id: str
    response_id: str


class Reply(Answer):
    """What the model wrote, of a conversation that is not closed yet."""

    mode: str
    parts: int
    tokens_in: int
    tokens_out: int
    text: list[str] | None = Field(description="Null without --text.")


class Intent(Answer):
    """A part whose sending was decided and whose outcome is not recorded."""

    part: int = Field(description="Counted from 1.")
    decided_at: datetime
    outcome_unknown: bool = Field(description="Nobody is waiting for Twilio's answer any more.")


class Sent(Answer):
    """A message that Twilio has accepted."""

    sid: str
    sent_at: datetime
    text: str | None = Field(description="Null without --text, and until the conversation is closed.")


class UndecidedMessage(Answer):
    """A message at Twilio that may be the one whose answer was lost."""

    sid: str
    created_at: datetime | None = Field(description="Null where Twilio gives no date.")
    status: str = Field(description="Twilio's word when the function looked.")
    shown: bool = Field(description="Twilio shows its text.")


class Choice(StrEnum):
    """What a person decided about an undecided message."""

    ADOPT = "adopt"
    RESEND = "resend"


class PastResolution(Answer):
    """What a person decided before."""

    at: datetime | None
    choice: str
    sid: str | None


class Resolved(Answer):
    """Answer of `resolve`."""

    conversation_id: str
    recipient: str
    at: datetime
    choice: Choice
    sid: str | None = Field(description="The message that was adopted.")
    between: list[str] = Field(description="The messages in question.")


class ConversationRecord(Answer):
    """One record. Personal data is `***` without --unmask."""

    conversation_id: str
    recipient: str
    status: str
    needs_attention: bool
    created_at: datetime | None
    updated_at: datetime | None
    attempts: int
    processing_time_ms: int | None
    expires_at: datetime | None = Field(description="When DynamoDB may delete it.")
    last_error: LastError | None
    lease: Lease | None
    run: Run | None
    reply: Reply | None
    intent: Intent | None
    sent: list[Sent]
    closed: bool = Field(description="The message is out and the function will not touch the record again.")
    undecided: list[UndecidedMessage] = Field(description="Between which a person must decide: `ops resolve`.")
    adopted_unseen: list[str] = Field(description="Messages adopted although Twilio does not show their text.")
    resolutions: list[PastResolution]
    details: dict[str, str] = Field(description="What the record keeps of the Context Object.")


class Conversations(Answer):
    """Answer of `show`."""

    conversations: list[ConversationRecord]


class LogLine(Answer):
    """One line of the log."""

    at: datetime
    level: str
    event: str | None = Field(description="Null for a line of Lambda's own.")
    message_id: str | None
    receive_count: int | None
    invocation_id: str | None
    fields: dict[str, Any] = Field(description="Everything else that the line says.")
    text: str | None = Field(description="A line of Lambda's own.")


class Trace(Answer):
    """Answer of `trace`: oldest first."""

    id: str
    log_group: str
    since: datetime
    lines: list[LogLine]


class Example(Answer):
    """One message of a group in the DLQ."""

    message_id: str
    conversation_id: str | None
    recipient: str | None
    at: datetime | None = Field(description="When the last attempt failed, or the message was sent if none was made.")


class Reason(Answer):
    """Why a message is in the DLQ: the last error of its conversation, or what else is known."""

    code: str
    step: str | None
    permanent: bool | None
    explanation: str


class ReasonGroup(Reason):
    """All messages that are in the DLQ for one reason."""

    count: int
    examples: list[Example]


class Peek(Answer):
    """Answer of `dlq peek`."""

    queue: str
    messages: int = Field(description="In the queue, approximately; hidden ones included.")
    hidden: int = Field(description="Hidden beforehand, as somebody else looks at them or moves them.")
    looked_at: int
    later: int = Field(description="Left alone, as they arrived while this went on.")
    groups: list[ReasonGroup]


class Redrive(Answer):
    """Answer of `dlq redrive`."""

    source: str
    destination: str
    dry_run: bool
    by: str = Field(description="`move_task` of SQS, or `one_by_one`.")
    codes: list[str] = Field(description="Empty for all.")
    moved: int = Field(description="In a dry run: what would be moved.")
    kept: int | None = Field(description="Left where they were, as they have another code; null for a move task.")
    later: int | None = Field(
        description="Left alone, as they arrived while this went on, moved ones that failed again included; null for a"
        " move task."
    )
    hidden: int = Field(description="Hidden beforehand, as somebody else looks at them or moves them.")
    twice: int = Field(description="Moved, and still in the DLQ; the function will suppress the duplicate.")
    problem: str | None = Field(description="Why not everything was moved.")


class Replay(Answer):
    """Answer of `replay`."""

    queue: str
    message_id: str
    conversation_id: str
    recipient: str
    status_before: str | None = Field(description="Status of the conversation's record, if there was one.")


class FileVerdict(Answer):
    """What is wrong with one Context Object file."""

    file: str
    valid: bool
    faults: list[str]
    warnings: list[str]


class Validation(Answer):
    """Answer of `validate`."""

    files: list[FileVerdict]


class Verdict(StrEnum):
    """How a check of the doctor ended."""

    OK = "ok"
    WARNING = "warn"
    FAILED = "fail"
    SKIPPED = "skip"


class Finding(Answer):
    """One line of the doctor."""

    check: str
    verdict: Verdict
    detail: str
    advice: str | None


def ok(check: str, detail: str) -> Finding:
    return Finding(check=check, verdict=Verdict.OK, detail=detail, advice=None)


def warn(check: str, detail: str, advice: str) -> Finding:
    return Finding(check=check, verdict=Verdict.WARNING, detail=detail, advice=advice)


def fail(check: str, detail: str, advice: str) -> Finding:
    return Finding(check=check, verdict=Verdict.FAILED, detail=detail, advice=advice)


def skip(check: str, detail: str, advice: str | None = None) -> Finding:
    return Finding(check=check, verdict=Verdict.SKIPPED, detail=detail, advice=advice)


def not_checked(check: str, exc: Exception) -> Finding:
    """Return the finding of a check that ended in an exception nobody foresaw; its message may hold a secret."""
    frame = traceback.extract_tb(exc.__traceback__)[-1]
    return fail(
        check,
        f"could not be checked: {type(exc).__name__} at {Path(frame.filename).name}:{frame.lineno}",
        "Run it again. If it stays so, report this line with the output of: ops doctor --no-secrets",
    )


class Diagnosis(Answer):
    """Answer of `doctor`."""

    environment: str
    where: str
    healthy: bool = Field(description="No check failed.")
    findings: list[Finding]


ANSWERS: dict[str, type[Answer]] = {
    "attention": Attention,
    "show": Conversations,
    "resolve": Resolved,
    "trace": Trace,
    "dlq peek": Peek,
    "dlq redrive": Redrive,
    "replay": Replay,
    "validate": Validation,
    "doctor": Diagnosis,
    "(error)": Problem,
}
"""Command to what it prints with `--json`."""
