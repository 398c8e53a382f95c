"""Reasons: why each message is in the DLQ, as far as its body and its conversation's record tell."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from core.conversation import Standing, WaitReason
from core.errors import InvalidContextObjectError
from ops.answers import Example, Reason, ReasonGroup
from ops.letters import Letter
from ops.table import FORGOTTEN_AT, ConversationTable, Item, read_last_error
from services.conversation_item import read_standing

NEVER_PROCESSED = "never_processed"
"""The Context Object is valid and has no record: the function never began it."""

ALREADY_SENT = "already_sent"
"""The conversation is closed, so nobody needs the message: a process died after the close."""

DELIVERY_LOOK = "delivery_look"
"""The conversation is closed, and the message came to ask Twilio whether WhatsApp has delivered it."""

RECORD_GONE = "record_gone"
"""It came for such a look, and the record is gone: somebody deleted it."""

FORGOTTEN = "forgotten"
"""The recipient was forgotten: nobody needs the message."""

HARMLESS = frozenset({ALREADY_SENT, DELIVERY_LOOK, FORGOTTEN})
"""Codes of messages that may go without a thought."""

NO_ERROR = "no_error_recorded"
"""The record has no last error; one that this release wrote always has."""

EXAMPLES = 2
"""Messages that are named of each group."""


def find_reasons(letters: Iterable[Letter], table: ConversationTable) -> list[tuple[Letter, Reason, datetime | None]]:
    """Return each letter with its reason and the moment of the failure."""
    letters = list(letters)
    records = table.states(letter.key for letter in letters if letter.key is not None)
    return [(letter, *_reason(letter, records.get(letter.key) if letter.key else None)) for letter in letters]


def _reason(letter: Letter, record: Item | None) -> tuple[Reason, datetime | None]:
    if record is not None and FORGOTTEN_AT in record:
        return _harmless(FORGOTTEN, "Its recipient was forgotten, so nothing will be sent."), None
    is_look = letter.waited_for == WaitReason.DELIVERY
    if record is not None and read_standing(record) is Standing.CLOSED:
        if is_look and "delivery_watch_until" in record:
            return _harmless(
                DELIVERY_LOOK,
                "Its message is out. It came to look whether WhatsApp delivered it; after a redrive it looks again.",
            ), None
        return _harmless(ALREADY_SENT, "Its conversation is closed, the message is out."), None
    error = read_last_error(record) if record is not None else None
    if error is not None:
        return Reason(code=error.code, step=error.step, permanent=error.permanent, explanation=error.message), error.at
    if letter.faults:
        return Reason(
            code=InvalidContextObjectError.code, step="validate", permanent=True, explanation="; ".join(letter.faults)
        ), None
    if record is not None:
        return Reason(code=NO_ERROR, step=None, permanent=None, explanation="Its record has no last error."), None
    if is_look:
        return Reason(
            code=RECORD_GONE,
            step=None,
            permanent=None,
            explanation="It came to look at the delivery of a message that was sent, and its record is gone: somebody"
            " deleted it. A redrive would send the message again.",
        ), None
    return Reason(
        code=NEVER_PROCESSED,
        step=None,
        permanent=False,
        explanation="The function never began it: Lambda throttled or could not start it.",
    ), None


def _harmless(code: str, explanation: str) -> Reason:
    return Reason(code=code, step=None, permanent=None, explanation=explanation, harmless=True)


@dataclass
class Groups:
    """Letters by code, counted as they come."""

    unmask: bool
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
                    conversation_id=letter.conversation_id,
                    recipient=letter.recipient_to_show(unmask=self.unmask),
                    company_id=letter.company_id,
                    at=failed_at or letter.sent_at,
                )
            )
        self._groups[reason.code] = group.model_copy(update={"count": group.count + 1, "examples": examples})

    def by_size(self) -> list[ReasonGroup]:
        return sorted(self._groups.values(), key=lambda group: (-group.count, group.code))
