"""Answers about conversations: `attention`, `show`, `resolve`, `trace`."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from core.conversation import WaitReason
from core.deliveries import DeliveryStatus
from ops.answers.base import Answer


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


class Fate(Answer):
    """What the record says became of a message after Twilio had accepted it."""

    status: DeliveryStatus
    at: datetime = Field(description="When Twilio says that it changed, else when it was looked at.")
    error_code: int | None = Field(description="Twilio's error code of a message that was not delivered.")


class Watch(Answer):
    """The look back at what becomes of the messages."""

    until: datetime
    overdue: bool = Field(description="It should have ended long ago: its message may be in the DLQ.")


class Sent(Answer):
    """A message that Twilio has accepted."""

    sid: str
    sent_at: datetime
    text: str | None = Field(description="Null without --text, and until the conversation is closed.")
    delivery: str | None = Field(description="Twilio's status of it now; null where it was not asked or lists none.")
    delivery_error: int | None = Field(description="Twilio's error code of a message that was not delivered.")
    recorded: Fate | None = Field(description="What the record says of it; null where nobody looked.")


class UndecidedMessage(Answer):
    """A message at Twilio that may be the one whose answer was lost."""

    sid: str
    created_at: datetime | None = Field(description="Null where Twilio gives no date.")
    status: str = Field(description="Twilio's word when the function looked.")
    shown: bool = Field(description="Twilio shows its text.")


class Choice(StrEnum):
    """What a person decided: an undecided message is ours, or was not sent; one not delivered is dealt with."""

    ADOPT = "adopt"
    RESEND = "resend"
    SEEN = "seen"


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


class Waits(Answer):
    """What a conversation waits for in the queue."""

    reason: WaitReason
    since: datetime
    until: datetime = Field(description="When the wait ends at the latest.")


class ConversationRecord(Answer):
    """One record. Personal data is `***` without --unmask."""

    conversation_id: str
    recipient: str
    status: str
    needs_attention: bool
    created_at: datetime | None
    updated_at: datetime | None
    attempts: int
    paid_runs: int = Field(description="Runs of the model that were paid for; there are at most three.")
    processing_time_ms: int | None
    expires_at: datetime | None = Field(description="When DynamoDB may delete it.")
    last_error: LastError | None
    lease: Lease | None
    waiting: Waits | None = Field(description="Null while it is worked on, and once it is done.")
    run: Run | None
    reply: Reply | None
    intent: Intent | None
    sent: list[Sent]
    closed: bool = Field(description="The message is out; the function only looks at what becomes of it.")
    delivery_status: DeliveryStatus | None = Field(
        description="What the record says of its messages, the worst of them; null where nobody looked."
    )
    delivery_watch: Watch | None = Field(description="Null where all is known, and where nobody looks.")
    undecided: list[UndecidedMessage] = Field(description="Between which a person must decide: `ops resolve`.")
    adopted_unseen: list[str] = Field(description="Messages adopted although Twilio does not show their text.")
    resolutions: list[PastResolution]
    details: dict[str, str] = Field(description="What the record keeps of the Context Object.")


class Conversations(Answer):
    """Answer of `show`."""

    conversations: list[ConversationRecord]
    not_asked: list[str] = Field(description="Why Twilio could not be asked about delivery.")
    not_asked_again: list[str] = Field(
        description="Conversations about which Twilio was not asked, as their records know the end: --now asks."
    )


class FoundMessage(Answer):
    """A message that a conversation names, with Twilio's word on it."""

    sid: str
    at: datetime
    delivery: str | None = Field(description="Twilio's status of it now; null where it was not asked or lists none.")
    delivery_error: int | None
    recorded: Fate | None = Field(description="What the record says of it; null where nobody looked.")


class FoundConversation(Answer):
    """One conversation of a recipient."""

    conversation_id: str
    status: str
    closed: bool
    created_at: datetime | None
    company_id: str | None
    project_id: str | None
    last_error: LastError | None = Field(description="Null where there is none, or another program wrote it.")
    messages: list[FoundMessage]


class OtherMessage(Answer):
    """A message at Twilio from a company's number to the recipient that no conversation names."""

    sid: str
    at: datetime | None
    delivery: str
    sender: str


class Found(Answer):
    """Answer of `find`: newest first."""

    recipient: str
    conversations: list[FoundConversation]
    more: int = Field(description="Older ones that are not listed.")
    others: list[OtherMessage] = Field(description="What else Twilio lists from the same companies' numbers.")
    not_asked: list[str] = Field(description="Why Twilio could not be asked about delivery.")


class StatsRow(Answer):
    """What became of the conversations of one company or hour."""

    name: str = Field(description="`-` where the log does not say which company.")
    sent: int
    failed: dict[str, int] = Field(description="By code: a person is needed.")
    waiting: dict[str, int] = Field(description="By code, or by what it waits for: the message comes again.")
    delivered: int = Field(description="Messages, not conversations; those that were read too.")
    undelivered: dict[str, int] = Field(description="Messages by code.")
    unconfirmed: int = Field(description="Conversations of whose messages Twilio had no last word.")
    duplicates: int
    tokens_in: int
    tokens_out: int


class Stats(Answer):
    """Answer of `stats`: the latest word of the log about each conversation counts."""

    since: datetime
    by: str = Field(description="`company`, `hour` or `all`.")
    rows: list[StatsRow]
    total: StatsRow
    need_attention: dict[str, dict[str, int]] = Field(
        description="By company and code, whenever that began: what `attention` lists."
    )


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
    conversations: dict[str, int] = Field(
        description="Of a recipient's number: how many of the lines, in order, each conversation has."
    )
    log_group: str
    since: datetime
    lines: list[LogLine]
