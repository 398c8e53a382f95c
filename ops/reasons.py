"""Reasons: why each message is in the DLQ, as far as its body and its conversation's record tell."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.conversation import ConversationKey, Status
from core.errors import InvalidContextObjectError
from ops.answers import Example, Reason, ReasonGroup
from ops.table import ConversationTable, Item, read_last_error
from utils.context_processor import InvalidContextError, parse_context

NEVER_PROCESSED = "never_processed"
"""The Context Object is valid and has no record: the function never began it."""

ALREADY_SENT = "already_sent"
"""The conversation is closed: moved back, the message is suppressed as a duplicate."""

NO_ERROR = "no_error_recorded"
"""The record has no last error; one that this release wrote always has."""

EXAMPLES = 2
"""Messages that are named of each group."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message of the DLQ, as received.

    Attributes:
        key: Primary key of its conversation, where the body has one.
        faults: What is wrong with the Context Object.
    """

    message_id: str
    body: str
    attributes: Mapping[str, Any]
    sent_at: datetime | None
    key: ConversationKey | None
    faults: Sequence[str] = ()


def read_body(body: str) -> tuple[ConversationKey | None, Sequence[str]]:
    """Return the conversation's key, where it can be read, and the faults of a Context Object."""
    try:
        context = parse_context(body)
    except InvalidContextError as error:
        return (ConversationKey(*error.key) if error.key else None), error.faults
    return ConversationKey(
        context.frontend_payload.recipient_data.recipient_tel, context.conversation_data.conversation_id
    ), ()


def find_reasons(letters: Iterable[Letter], table: ConversationTable) -> list[tuple[Letter, Reason, datetime | None]]:
    """Return each letter with its reason and the moment of the failure."""
    letters = list(letters)
    records = table.states(letter.key for letter in letters if letter.key is not None)
    return [(letter, *_reason(letter, records.get(letter.key) if letter.key else None)) for letter in letters]


def _reason(letter: Letter, record: Item | None) -> tuple[Reason, datetime | None]:
    if record is not None and record["conversation_status"] == Status.SENT:
        return Reason(
            code=ALREADY_SENT, step=None, permanent=None, explanation="Its conversation is closed, the message is out."
        ), None
    error = read_last_error(record) if record is not None else None
    if error is not None:
        return Reason(code=error.code, step=error.step, permanent=error.permanent, explanation=error.message), error.at
    if letter.faults:
        return Reason(
            code=InvalidContextObjectError.code, step="validate", permanent=True, explanation="; ".join(letter.faults)
        ), None
    if record is not None:
        return Reason(code=NO_ERROR, step=None, permanent=None, explanation="Its record has no last error."), None
    return Reason(
        code=NEVER_PROCESSED,
        step=None,
        permanent=False,
        explanation="The function never began it: Lambda throttled or could not start it.",
    ), None


@dataclass
class Groups:
    """Letters by code, counted as they come."""

    _groups: dict[str, ReasonGroup] = field(default_factory=dict)

    def add(self, letter: Letter, reason: Reason, failed_at: datetime | None) -> None:
        group = self._groups.get(reason.code)
        if group is None:
            group = ReasonGroup(**reason.model_dump(), count=0, examples=[])
        examples = list(group.examples)
        if len(examples) < EXAMPLES:
            examples.append(
                Example(
                    message_id=letter.message_id,
                    conversation_id=letter.key and letter.key.conversation_id,
                    recipient=letter.key and letter.key.recipient_tel,
                    at=failed_at or letter.sent_at,
                )
            )
        self._groups[reason.code] = group.model_copy(update={"count": group.count + 1, "examples": examples})

    def by_size(self) -> list[ReasonGroup]:
        return sorted(self._groups.values(), key=lambda group: (-group.count, group.code))
