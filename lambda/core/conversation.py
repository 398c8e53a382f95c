"""The conversation record: its states, its parts and what one delivery may do with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Status(StrEnum):
    """`conversation_status` of the record."""

    PROCESSING = "processing"
    SENDING = "sending"
    SENT = "initial_message_sent"
    FAILED_VALIDATION = "failed_validation"
    FAILED_SECRETS = "failed_secrets_fetch"
    FAILED_AI = "failed_to_process_ai"
    FAILED_SEND = "failed_to_send_message"
    FAILED_UNKNOWN = "failed_unknown"


class Step(StrEnum):
    """What a delivery is doing; `last_error.step` of the record."""

    VALIDATE = "validate"
    CLAIM = "claim"
    SECRETS = "secrets"
    ASK = "ask"
    SEND = "send"
    CLOSE = "close"


FAILURE_STATUS = {
    Step.VALIDATE: Status.FAILED_VALIDATION,
    Step.CLAIM: Status.FAILED_UNKNOWN,
    Step.SECRETS: Status.FAILED_SECRETS,
    Step.ASK: Status.FAILED_AI,
    Step.SEND: Status.FAILED_SEND,
    Step.CLOSE: Status.FAILED_UNKNOWN,
}
"""The status a record is left in when a delivery fails in a step."""

TRANSITIONS: Mapping[Status | None, frozenset[Status]] = {
    None: frozenset({Status.PROCESSING, Status.FAILED_VALIDATION}),
    Status.PROCESSING: frozenset(
        {
            Status.PROCESSING,  # the holder of the lease died
            Status.SENDING,
            Status.SENT,  # every part was out already
            Status.FAILED_SECRETS,
            Status.FAILED_AI,
            Status.FAILED_SEND,
            Status.FAILED_UNKNOWN,
        }
    ),
    Status.SENDING: frozenset(
        {
            Status.SENDING,  # the next part, a new intent, or the holder of the lease died
            Status.PROCESSING,  # the intent came between a take-over's look and its write, and stays in the record
            Status.SENT,
            Status.FAILED_SECRETS,
            Status.FAILED_SEND,
            Status.FAILED_UNKNOWN,
        }
    ),
    Status.FAILED_VALIDATION: frozenset({Status.PROCESSING, Status.FAILED_VALIDATION}),
    Status.FAILED_SECRETS: frozenset({Status.PROCESSING, Status.SENDING}),
    Status.FAILED_AI: frozenset({Status.PROCESSING}),
    Status.FAILED_SEND: frozenset({Status.PROCESSING, Status.SENDING}),
    Status.FAILED_UNKNOWN: frozenset({Status.PROCESSING, Status.SENDING}),
    Status.SENT: frozenset(),
}
"""What a write may make of a record's status, itself included; None is no record.

A record that failed comes back as `sending` where it shows an intent whose outcome is not known, else as `processing`.
"""


class Mode(StrEnum):
    """How a reply goes out: as variables of an approved template, or as text of its own."""

    TEMPLATE = "template"
    FREE_FORM = "free_form"


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """Primary key of the record."""

    recipient_tel: str
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that one model run was billed for."""

    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What the recipient is to get.

    Attributes:
        parts: One text per WhatsApp message; in template mode one JSON object of content variables.
    """

    mode: Mode
    parts: tuple[str, ...]
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the model that exists at OpenAI and is paid for; its ids name it.

    Attributes:
        thread_id: Thread or conversation id.
        response_id: Run or response id.
        started_at: When OpenAI named it, if the record says.
        number: Which of the conversation's paid runs it is, counted from 1.
    """

    thread_id: str
    response_id: str
    started_at: datetime | None = field(default=None, compare=False)
    number: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class SentPart:
    """A part of the reply that Twilio has accepted."""

    sid: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """`last_error` of the record: why the last attempt failed.

    Attributes:
        message: Our own sentence; no vendor text, no value of the input.
        message_id: Id of the SQS message that failed, with the receive it failed on.
    """

    step: Step
    code: str
    message: str
    at: datetime
    permanent: bool
    message_id: str
    receive_count: int


@dataclass(frozen=True, slots=True)
class Conversation:
    """The part of a stored record that decides what a delivery does next.

    Attributes:
        lease_owner: The delivery at work on it, if one is.
        lease_expires_at: When that delivery's right ends, seconds since the epoch.
        intent_at: When sending the next part (`sent` counts them) was decided, if its outcome is not recorded.
        outcome_unknown: Nobody is waiting for Twilio's answer about that part any more.
        sent: Parts that Twilio has accepted, in order; for a closed record the ids of its messages.
        paid_runs: Runs of the model paid for so far, those that came to nothing included.
    """

    key: ConversationKey
    status: Status
    created_at: datetime
    lease_owner: str | None = None
    lease_expires_at: float = 0.0
    run: Run | None = None
    reply: Reply | None = None
    intent_at: datetime | None = None
    outcome_unknown: bool = False
    sent: tuple[SentPart, ...] = ()
    last_error: Failure | None = None
    paid_runs: int = 0

    @property
    def pending_part(self) -> str | None:
        """The part that may be at Twilio without our knowing its id."""
        if self.intent_at is None or self.reply is None or len(self.sent) >= len(self.reply.parts):
            return None
        return self.reply.parts[len(self.sent)]

    @property
    def answer_may_come(self) -> bool:
        """Whether a delivery may be waiting for Twilio's answer about the pending part, or holding it."""
        return self.pending_part is not None and self.lease_owner is not None and not self.outcome_unknown
