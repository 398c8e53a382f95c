"""Answers about the DLQ."""

from datetime import datetime

from pydantic import Field

from ops.answers.base import Answer


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
