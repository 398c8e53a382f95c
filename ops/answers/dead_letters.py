"""Answers about the DLQ."""

from datetime import datetime
from typing import Any

from pydantic import Field

from ops.answers.base import Answer


class Example(Answer):
    """One message of a group in the DLQ."""

    message_id: str
    conversation_id: str | None
    recipient: str | None
    company_id: str | None
    at: datetime | None = Field(description="When the last attempt failed, or the message was sent if none was made.")


class Reason(Answer):
    """Why a message is in the DLQ: the last error of its conversation, or what else is known."""

    code: str
    step: str | None
    permanent: bool | None
    explanation: str
    harmless: bool = Field(default=False, description="Nobody needs the message: `ops dlq drop --code CODE`.")


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
    codes: list[str]
    companies: list[str]
    ids: list[str]
    moved: int = Field(description="In a dry run: what would be moved.")
    kept: int = Field(description="Looked at and left where they were, as they were not asked for.")
    later: int = Field(
        description="Left alone, as they arrived while this went on, moved ones that failed again included."
    )
    hidden: int = Field(description="Hidden beforehand, as somebody else looks at them or moves them.")
    left: int = Field(description="Still in the DLQ, approximately.")
    twice: int = Field(description="Moved, and still in the DLQ; the function will suppress the duplicate.")
    problem: str | None = Field(description="Why not everything was moved.")


class DeadLetter(Answer):
    """One message of the DLQ."""

    message_id: str
    sent_at: datetime | None
    group_id: str | None = Field(description="The message group that the router gave it.")
    attributes: dict[str, str]
    conversation_id: str | None
    recipient: str | None
    company_id: str | None
    project_id: str | None
    request_id: str | None
    reason: Reason
    failed_at: datetime | None
    faults: list[str] = Field(description="What is wrong with the Context Object.")
    body: Any = Field(description="As JSON where it is JSON. Without --unmask, what may be personal is `***`.")


class DeadLetters(Answer):
    """Answer of `dlq show`."""

    queue: str
    letters: list[DeadLetter]


class Export(Answer):
    """Answer of `dlq export`."""

    queue: str
    file: str
    written: int
    unmasked: bool = Field(description="The file has the bodies as they are: personal data.")


class Dropped(Answer):
    """Answer of `dlq drop`."""

    queue: str
    dry_run: bool
    dropped: int = Field(description="In a dry run: what would be dropped.")
    by_code: dict[str, int] = Field(description="Why they were in the DLQ.")
    failed: int = Field(description="Could not be deleted, or were hidden meanwhile.")
    left: int = Field(description="Still in the DLQ, approximately.")
