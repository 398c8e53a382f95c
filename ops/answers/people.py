"""Answers about one person: `export`, `forget`."""

from datetime import datetime
from typing import Any

from pydantic import Field

from ops.answers.base import Answer


class ExportedMessage(Answer):
    """One message of a conversation."""

    at: datetime | None
    by: str = Field(description="`assistant` for the company, else who the record says.")
    sid: str | None
    text: str | None = Field(description="As the recipient got it where Twilio shows it, else as the record has it.")
    shown_by: str = Field(description="`twilio` or `record`.")
    delivery: str | None = Field(description="Twilio's status of it now; null where it was not asked or lists none.")


class ExportedConversation(Answer):
    """One conversation, with everything that is kept of it about the person."""

    conversation_id: str
    status: str
    created_at: datetime | None
    company_id: str | None
    project_id: str | None
    messages: list[ExportedMessage] = Field(description="Oldest first.")
    kept: dict[str, Any] = Field(description="What the record keeps of the request, unmasked.")


class PersonExport(Answer):
    """Answer of `export`: oldest first, unmasked."""

    recipient: str
    exported_at: datetime
    conversations: list[ExportedConversation]
    not_asked: list[str] = Field(description="Why Twilio could not be asked.")


class Forgetting(Answer):
    """What was found of a person in one place, and what became of it."""

    place: str = Field(description="`table`, `queue`, `DLQ`, `OpenAI` or `Twilio`.")
    found: int
    gone: int = Field(description="Deleted, or gone before. 0 in a dry run.")
    left: list[str] = Field(description="What could not be deleted, and why.")
    notes: list[str] = Field(description="What could not be looked at.")


class Forgotten(Answer):
    """Answer of `forget`."""

    recipient: str
    dry_run: bool
    done: bool = Field(description="Nothing is left to do.")
    places: list[Forgetting]
    kept_until: datetime | None = Field(description="Until then the keys of the conversations keep the person away.")
