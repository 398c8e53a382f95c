"""The conversation record: its states, its parts and what one delivery may do with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.deliveries import Deliveries


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


class Standing(StrEnum):
    """What a record means for a delivery that finds it, whoever wrote it."""

    OPEN = "open"
    CLOSED = "closed"
    UNDECIDED = "undecided"
    """It may have been sent, and nothing in it can tell: a person decides."""


class Step(StrEnum):
    """What a delivery is doing; `last_error.step` of the record."""

    VALIDATE = "validate"
    CLAIM = "claim"
    SECRETS = "secrets"
    ASK = "ask"
    SEND = "send"
    CLOSE = "close"
    DELIVER = "deliver"
    """WhatsApp's, after the conversation was closed."""


FAILURE_STATUS = {
    Step.VALIDATE: Status.FAILED_VALIDATION,
    Step.CLAIM: Status.FAILED_UNKNOWN,
    Step.SECRETS: Status.FAILED_SECRETS,
    Step.ASK: Status.FAILED_AI,
    Step.SEND: Status.FAILED_SEND,
    Step.CLOSE: Status.FAILED_UNKNOWN,
    Step.DELIVER: Status.SENT,
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
            Status.PROCESSING,  # it waited in the queue after a send that was refused for now
            Status.SENT,
            Status.FAILED_SECRETS,
            Status.FAILED_SEND,
            Status.FAILED_UNKNOWN,
        }
    ),
    Status.FAILED_VALIDATION: frozenset({Status.PROCESSING}),
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

    @property
    def total(self) -> int:
        return self.tokens_in + self.tokens_out


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
    """A part of the reply that Twilio has accepted.

    Attributes:
        unseen: Twilio did not show its text when it was adopted: it is this conversation's by exclusion.
        text: What the recipient got as Twilio shows it, where that is not the part itself: a template filled in.
    """

    sid: str
    sent_at: datetime
    unseen: bool = False
    text: str | None = None


@dataclass(frozen=True, slots=True)
class EffectOwner:
    """Whom a send belongs to: the sender's number, Twilio's account, and the secret that opens it."""

    sender: str
    account_sid: str
    credentials_id: str


@dataclass(frozen=True, slots=True)
class UndecidedRow:
    """A message in Twilio's list that may be the one whose answer was lost.

    Attributes:
        created_at: None where Twilio gives no date.
        shown: Whether Twilio shows its text.
    """

    sid: str
    created_at: datetime | None
    status: str
    shown: bool


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


class WaitReason(StrEnum):
    """Why a conversation waits in the queue; a dimension of metrics."""

    MODEL = "model"
    """The model is at work."""

    UNAVAILABLE = "unavailable"
    """A vendor or AWS does not answer, is overloaded or throttles."""

    ACCOUNT = "account"
    """A vendor refuses the whole account: a rejected key, billing, a suspension."""

    RECONCILE = "reconcile"
    """Twilio does not list yet what it may have accepted."""

    LEASE = "lease"
    """Another delivery is at work on it."""

    TIME = "time"
    """The invocation's time was up."""

    DELIVERY = "delivery"
    """It is closed, and WhatsApp has not said yet whether it delivered the message."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """`waiting` of the record: it is open, and its message is in the queue.

    Attributes:
        until: When the wait ends at the latest.
    """

    reason: WaitReason
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Conversation:
    """The part of a stored record that decides what a delivery does next.

    Attributes:
        status: A `Status`, or the word of another program, which means nothing to us and is never overwritten.
        created_at: None where another program wrote no date that can be read.
        standing: What the record means, by our own attributes first.
        write_number: Number of the latest of our writes; 0 in a record that has none.
        company_id, project_id, sender: Whose conversation it is, as far as the record says.
        lease_owner: The delivery at work on it, if one is.
        lease_expires_at: When that delivery's right ends, seconds since the epoch.
        intent_at: When sending the next part (`sent` counts them) was decided, if its outcome is not recorded.
        owner: Whom that send belongs to; None in a record of the release before.
        outcome_unknown: Nobody is waiting for Twilio's answer about that part any more.
        sent: Parts that Twilio has accepted, in order; for a closed record the ids of its messages.
        paid_runs: Runs of the model paid for so far, those that came to nothing included.
        held_sids: Every Twilio message that the record names, whoever sent it.
        thread_id: The thread that other programs go on in, if the record names one.
        deliveries: What is known of the fate of its messages, in a closed record.
        watch_until: Until when it is looked for; None where nobody looks, or no longer.
        delivery_writes: How often that was written.
    """

    key: ConversationKey
    status: str
    created_at: datetime | None
    lease_owner: str | None = None
    lease_expires_at: float = 0.0
    run: Run | None = None
    reply: Reply | None = None
    intent_at: datetime | None = None
    outcome_unknown: bool = False
    sent: tuple[SentPart, ...] = ()
    last_error: Failure | None = None
    paid_runs: int = 0
    standing: Standing = Standing.OPEN
    write_number: int = field(default=0, compare=False)
    company_id: str | None = None
    project_id: str | None = None
    sender: str | None = None
    owner: EffectOwner | None = None
    held_sids: frozenset[str] = frozenset()
    thread_id: str | None = field(default=None, compare=False)
    deliveries: Deliveries = field(default_factory=dict)
    watch_until: datetime | None = None
    delivery_writes: int = 0

    def holds_thread(self, thread_id: str) -> bool:
        """Whether the record names a thread or conversation at OpenAI."""
        return thread_id == self.thread_id or (self.run is not None and thread_id == self.run.thread_id)

    @property
    def closed(self) -> bool:
        return self.standing is Standing.CLOSED

    @property
    def pending_part(self) -> str | None:
        """The part that may be at Twilio without our knowing its id."""
        if self.intent_at is None or self.reply is None or len(self.sent) >= len(self.reply.parts):
            return None
        return self.reply.parts[len(self.sent)]

    def leased_at(self, epoch_seconds: float) -> bool:
        """Whether a delivery may still hold it then; add what the clocks may differ by."""
        return self.lease_owner is not None and self.lease_expires_at > epoch_seconds

    def may_get_answer(self, epoch_seconds: float) -> bool:
        """Whether a delivery may be waiting for Twilio's answer about the pending part then, or holding it."""
        return self.pending_part is not None and not self.outcome_unknown and self.leased_at(epoch_seconds)
