"""Ports: what the core needs of AWS and Twilio, one small protocol per need (OpenAI: `core.model`).

Adapters raise the errors of `core.errors` and nothing else. "Fenced" means: it takes effect only while the lease is
this delivery's own and no later write of it has taken effect, and raises `LostLeaseError` otherwise. Each fenced write
takes the lease's next number, so a copy of it that arrives late (the SDK repeats what it got no answer to) has no
effect. A status that another program wrote is left as it is: the write takes effect without its status and
`task_complete`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from core.conversation import (
    Conversation,
    ConversationKey,
    EffectOwner,
    Failure,
    Mode,
    Reply,
    Run,
    SentPart,
    Status,
    UndecidedRow,
    Usage,
    Waiting,
)
from core.deliveries import Deliveries
from core.delivery import Envelope
from core.lease import Lease
from utils.redaction import Secret
from utils.sqs_heartbeat import Hiding


class Clock(Protocol):
    """Time; the only one the core knows."""

    def now(self) -> datetime:
        """UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds, for durations."""
        ...

    def sleep(self, seconds: float) -> None: ...


class ConversationStore(Protocol):
    """The table of conversations."""

    def create(
        self,
        key: ConversationKey,
        lease: Lease,
        attributes: Mapping[str, Any],
        mark: Failure,
        *,
        needs_attention: bool,
    ) -> Conversation | None:
        """Create the record in `processing` with the lease; return the existing record where there is one.

        Args:
            mark: The last error, for as long as the attempt records nothing else; its moment is the record's.
            needs_attention: Whether people should look at the record until it is closed.
        """
        ...

    def take_over(
        self,
        seen: Conversation,
        lease: Lease,
        attributes: Mapping[str, Any],
        mark: Failure,
        *,
        needs_attention: bool,
    ) -> Conversation:
        """Take the lease that was seen, put the record to `processing`, count the attempt, and return the record.

        It succeeds only if the record is still what was seen. A record that shows an intent keeps it and is put to
        `sending`, with its outcome unknown. One that shows neither an intent nor a sent part gets `attributes`, for the
        message may have been corrected; the expiry of a refusal goes.

        Raises:
            LeaseHeldError: Another delivery, or another program, was faster.
        """
        ...

    def annotate(self, seen: Conversation, failure: Failure) -> None:
        """Set the last error and `needs_attention` of a record whose holder, status and number are as they were seen.

        It is left as it is otherwise: its holder knows better.
        """
        ...

    def resume(
        self, key: ConversationKey, parked: "Parked", lease: Lease, mark: Failure, *, needs_attention: bool
    ) -> Conversation | None:
        """Take the lease of a record that is exactly as it was left to wait for its run, and return it.

        It counts the attempt. None if anything about the record is different: then it is claimed as any other.
        """
        ...

    def record_run(self, lease: Lease, run: Run, at: datetime, waiting: Waiting | None = None) -> None:
        """Record the OpenAI run and that it is paid for; fenced.

        Args:
            waiting: The conversation waits for it in the queue: the same write gives up the lease.
        """
        ...

    def intend(self, lease: Lease, reply: Reply, sent: Sequence[SentPart], at: datetime, owner: EffectOwner) -> None:
        """Record that the part after `sent` is about to be sent, and for whom; put the record to `sending`; fenced."""
        ...

    def record_unknown(self, lease: Lease, at: datetime) -> None:
        """Record that the answer about the pending part was lost, until the next intent; fenced."""
        ...

    def renew(self, lease: Lease, expires_at: float) -> None:
        """Let the lease end at `expires_at` (seconds since the epoch) unless it ends later already.

        It has no number, for it races with the other writes; a lease that is not this delivery's own raises
        `LostLeaseError`. The lease object is left as it is.
        """
        ...

    def close(self, lease: Lease, closing: "Closing") -> None:
        """Close the record with its messages, as `initial_message_sent` unless its status is another's; fenced.

        It answers or fails within `core.close.CALL_SECONDS`, even if the table is silent: Lambda may be about to stop
        the process.
        """
        ...

    def fail(self, lease: Lease, failing: "Failing") -> None:
        """Record the failure and give up the lease; fenced."""
        ...

    def postpone(self, lease: Lease, failing: "Failing", waiting: Waiting, *, needs_attention: bool) -> None:
        """Record what the conversation waits for, and give up the lease; its status stays as it is; fenced."""
        ...

    def reject(self, key: ConversationKey, failure: Failure) -> None:
        """Create a record of a Context Object that was refused; one that exists is left as it is."""
        ...

    def find(self, key: ConversationKey) -> Conversation | None:
        """Return a record as it is now (a consistent read), if there is one."""
        ...

    def record_deliveries(
        self, seen: Conversation, deliveries: Deliveries, failure: Failure | None, at: datetime, *, ends_watch: bool
    ) -> bool:
        """Record the fate of a closed conversation's messages, and tell whether that took effect.

        It does only if a watch is open and nobody has written since the record was seen. A status, `task_complete` and
        what other programs wrote stay as they are.

        Args:
            failure: Why a message was not delivered, the last error from now on; people are to look at the record.
        """
        ...

    def conversations_with(self, recipient_tel: str) -> list[Conversation]:
        """Return all conversations of a recipient, as they are now (a consistent read).

        Whoever wrote them and however: of what can't be read, the rest is returned.
        """
        ...


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """An entry of the record's `messages`.

    Attributes:
        content: What the recipient got, as Twilio shows it; else the part of the reply.
        usage: What the model run behind it was billed for; nothing for all but the first.
        unseen: See `SentPart`.
    """

    message_id: str
    content: str
    timestamp: datetime
    usage: Usage
    unseen: bool = False


@dataclass(frozen=True, slots=True)
class Closing:
    """What a closed record is to say.

    Attributes:
        watch_until: Until when the fate of its messages is looked for; None for not at all.
    """

    messages: tuple[ChatMessage, ...]
    at: datetime
    processing_time_ms: int
    watch_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Failing:
    """What a failed record is to say.

    Attributes:
        sent: Parts known to be sent.
        keep_intent: The pending part may be at Twilio; otherwise it certainly is not.
        keep_run: The recorded OpenAI run is still good for the next attempt.
        keep_reply: So is the recorded reply; otherwise the model is asked again.
        run: An OpenAI run that could not be recorded before.
        undecided: The messages at Twilio between which a person must decide.
    """

    status: Status
    failure: Failure
    sent: tuple[SentPart, ...]
    keep_intent: bool
    keep_run: bool
    keep_reply: bool = True
    run: Run | None = None
    undecided: tuple[UndecidedRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Parked:
    """A record that waits for its run, as its continuation says and as this message may claim it.

    Attributes:
        write_number: Number of the write that left it so.
    """

    run: Run
    write_number: int
    company_id: str
    project_id: str
    sender: str


@dataclass(frozen=True, slots=True)
class TwilioCredentials:
    """The Twilio secret: an auth token, an API key, or both."""

    account_sid: str
    auth_token: Secret | None = None
    template_sid: str | None = None
    messaging_service_sid: str | None = None
    api_key_sid: str | None = None
    api_key_secret: Secret | None = None

    @property
    def mode(self) -> Mode:
        return Mode.TEMPLATE if self.template_sid else Mode.FREE_FORM

    @property
    def login(self) -> tuple[str, Secret]:
        """User and password: the API key where there is one, else the account and its token."""
        if self.api_key_sid is not None and self.api_key_secret is not None:
            return self.api_key_sid, self.api_key_secret
        return self.account_sid, self.auth_token or Secret("")


class Secrets(Protocol):
    """The vendors' secrets, cached.

    Raises:
        SecretError: The secret is missing, has the wrong shape, is forbidden or may not be read.
        TransientError: Secrets Manager is not available.
    """

    def twilio(self, reference: str) -> TwilioCredentials: ...

    def openai(self, reference: str) -> Secret: ...

    def drop(self, reference: str, rejected: TwilioCredentials | Secret) -> None:
        """Forget a value that a vendor rejected, unless a newer one is cached already."""
        ...


@dataclass(frozen=True, slots=True)
class OutboundPart:
    """One WhatsApp message to send.

    Attributes:
        to, from_: E.164 numbers.
        content: Text, or one JSON object of content variables in template mode.
    """

    to: str
    from_: str
    mode: Mode
    content: str


@dataclass(frozen=True, slots=True)
class TwilioMessage:
    """A message as Twilio shows it.

    Attributes:
        body: Empty where Twilio does not show the text.
        created_at: To the second; None where Twilio gives no date that can be read.
        status: Twilio's word, for example `queued`; a failed message was accepted all the same.
        updated_at: When its status changed last; None where Twilio gives no date that can be read.
        direction: `outbound-api` for what a program sent through the API.
    """

    sid: str
    body: str
    created_at: datetime | None
    status: str = ""
    direction: str = ""
    messaging_service_sid: str | None = None
    error_code: int | None = None
    updated_at: datetime | None = None


class WhatsAppGateway(Protocol):
    """Twilio's Messages API.

    Raises:
        CredentialsRejectedError: 401 or 403.
        TransientError: Certainly without effect, and may succeed later.
        PermanentError: Certainly without effect, and will be refused again.
    """

    def send(self, part: OutboundPart, credentials: TwilioCredentials, start_before: datetime) -> TwilioMessage:
        """Create the message, once.

        Raises:
            SendTooLateError: It is past `start_before`; nothing was sent.
            DeliveryUnknownError: Twilio may have accepted it.
        """
        ...

    def list_messages(
        self, to: str, from_: str, credentials: TwilioCredentials, since: datetime
    ) -> list[TwilioMessage]:
        """Return every message from one number to another that was created since a moment, and maybe older ones.

        Raises:
            TransientError: The list could not be read to its end, or back to that moment; it proves nothing.
        """
        ...

    def fetch(self, sid: str, credentials: TwilioCredentials) -> TwilioMessage | None:
        """Return one message; None if the account has none of that id.

        Raises:
            TransientError: Twilio does not answer, or not what can be read.
        """
        ...


class MessageQueue(Protocol):
    """The queue the function is fed from."""

    def hide(self, receipt_handles: Sequence[str], seconds: int) -> Hiding:
        """Hide messages for `seconds` from now and tell which could not be.

        Raises:
            TransientError: SQS did not answer; nothing is known of the messages.
        """
        ...

    def put(self, envelope: Envelope, continuation: str, delay_seconds: int) -> None:
        """Put a message on the queue, to be seen after a delay.

        Args:
            continuation: Value of the attribute of that name, which replaces one that is there.

        Raises:
            PutDeniedError: The function has no right to.
            PermanentError: SQS refuses it for what it is; nothing was put.
            TransientError: SQS did not say that it has it; it may have it.
        """
        ...
