"""Scenario: what is sent in a schedule, to whom, and how the world behaves apart from faults."""

from dataclasses import dataclass, replace
from enum import StrEnum

from core.conversation import Mode
from sandbox.context_objects import TWILIO_REFERENCE, make_body
from sandbox.stubs import Fate, Shown
from tests.simulation.faults import Outage
from tests.simulation.old_records import OldRecord

FREE_FORM_REFERENCE = "whatsapp-credentials/acme/winter/twilio"
PATIENCE_SLACK_SECONDS, RUN_SLACK_SECONDS = 3600.0, 600.0
"""How much sooner than their bounds an outage and a run must end for two faults to leave enough time."""

FILLING = " \u201cx\u201d \u2013 it\u2019s\u2026\u00a0a&b \u200b" + " x" * 690
"""What vendors like to change, in a text long enough to be a part by itself."""


PATIENCE_SECONDS = 21_600
RUN_DEADLINE_SECONDS = 3600
WATCH_SECONDS = 3600


class Forgery(StrEnum):
    """What is wrong with a continuation that somebody made up."""

    RUN_OF_ANOTHER = "the run of another conversation"
    FUTURE = "a time in the future"
    BEYOND_THE_BOUND = "a number beyond the bound"
    AT_THE_BOUND = "the last number"
    LONG_AGO = "sent long ago"
    NO_JSON = "no JSON"


class Change(StrEnum):
    """What differs in the second message about a conversation."""

    SENDER = "sender"
    COMPANY = "company"
    CREDENTIALS = "credentials"


CHANGED_SENDER = "+442079460999"
CHANGED_REFERENCE = "whatsapp-credentials/acme/summer/twilio"


@dataclass(frozen=True)
class PlannedConversation:
    """A conversation the Channel Router opens.

    Attributes:
        texts: The parts of the reply.
        duplicate_after: When a second message about it is sent, if one is.
        change: What is different in that one.
        unknown_for_seconds: How long OpenAI answers 404 for a run that it has just created.
        received_again_after: When SQS delivers its message a second time although it is hidden, if it does.
        before: The record of it that is there already, if one is.
        forged: What is wrong with the continuation that its last message has, if that has one.
    """

    conversation_id: str
    recipient_tel: str
    mode: Mode
    texts: tuple[str, ...]
    run_seconds: float
    sent_at: float
    duplicate_after: float | None = None
    change: Change | None = None
    received_again_after: float | None = None
    consents: bool = True
    unknown_for_seconds: float = 0.0
    before: OldRecord | None = None
    forged: Forgery | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.recipient_tel, self.conversation_id

    @property
    def reference(self) -> str:
        return TWILIO_REFERENCE if self.mode is Mode.TEMPLATE else FREE_FORM_REFERENCE

    @property
    def body(self) -> str:
        return self._body()

    @property
    def second_body(self) -> str:
        changes: dict[Change | None, dict[str, object]] = {
            Change.SENDER: {
                "company_data_payload__channel_config__whatsapp__company_whatsapp_number": CHANGED_SENDER,
            },
            Change.COMPANY: {
                "company_data_payload__company_id": "umbrella",
                "frontend_payload__company_data__company_id": "umbrella",
            },
            Change.CREDENTIALS: {
                "company_data_payload__channel_config__whatsapp__whatsapp_credentials_id": CHANGED_REFERENCE,
            },
        }
        return self._body(**changes.get(self.change, {}))

    def _body(self, **overrides: object) -> str:
        return make_body(
            conversation_id=self.conversation_id,
            recipient_tel=self.recipient_tel,
            credentials=self.reference,
            frontend_payload__recipient_data__comms_consent=self.consents,
            **overrides,
        )


class Likeness(StrEnum):
    """How a message of another program looks beside ours."""

    EQUAL = "equal"
    SIMILAR = "similar"
    OTHER = "other"
    HIDDEN = "hidden"


@dataclass(frozen=True)
class ForeignMessage:
    """A message of another program from our sender to the recipient of a conversation.

    Attributes:
        after_send: Seconds after the conversation's first send, negative for before it.
        dated: Whether Twilio shows when it was created.
    """

    conversation: int
    after_send: float
    likeness: Likeness
    status: str = "delivered"
    dated: bool = True


@dataclass(frozen=True)
class Scenario:
    """Everything about a schedule that is not a fault.

    Attributes:
        list_lag_seconds: Longest time until Twilio lists a message.
        rotates_at: When both secrets are replaced, if they are.
        visibility_seconds: How long a message is hidden at a time; 90 makes long runs live on the heartbeat.
        clock_skew_seconds: How far each environment's clock may be from true time.
        shown: How Twilio shows texts.
        with_service: Whether messages are sent with a Messaging Service; the rule is the service's then.
        fates: What becomes of messages, each as often as the others.
        foreign: Messages of other programs.
        crowd: How many messages another program sends to everybody right after each of ours.
        old: Records of other conversations with the recipients.
        replies: How often the replies service hears of each conversation.
        account_changes_at: When the secret names another account of Twilio.
        account_stays: Whether the old account can still be asked after that.
        silent_seconds: How long DynamoDB answers nobody from the first send on.
        patience_seconds: How long messages are postponed; 0 for never.
        usual_seconds: What each environment believes that runs take, as if it had seen some.
        outages: When vendors or AWS are away.
        exact_delays: Whether delayed messages come at their time.
        may_put: Whether the function may put messages on its queue.
        redriven_at: When a person moves back what is in the DLQ, if one does.
        watch_seconds: How long the fate of a message is looked for.
    """

    conversations: tuple[PlannedConversation, ...]
    batch_size: int = 10
    visibility_seconds: int = 360
    list_lag_seconds: float = 30.0
    rotates_at: float | None = None
    clock_skew_seconds: float = 1.0
    shown: Shown = Shown.AS_SENT
    with_service: bool = False
    fates: tuple[Fate, ...] = (Fate(),)
    foreign: tuple[ForeignMessage, ...] = ()
    crowd: int = 0
    old: tuple[OldRecord, ...] = ()
    replies: int = 0
    account_changes_at: float | None = None
    account_stays: bool = True
    silent_seconds: float = 0.0
    patience_seconds: int = PATIENCE_SECONDS
    usual_seconds: float | None = None
    outages: tuple[Outage, ...] = ()
    exact_delays: bool = True
    may_put: bool = True
    redriven_at: float | None = None
    watch_seconds: int = 0

    @property
    def is_outlasted(self) -> bool:
        """Whether every outage ends within the patience of the messages, or of those that were redriven."""
        last = max((outage.ends for outage in self.outages), default=0.0)
        patience_ends = (self.redriven_at or 0.0) + self.patience_seconds
        return last < patience_ends - PATIENCE_SLACK_SECONDS and all(outage.of != "queue" for outage in self.outages)

    @property
    def endurable(self) -> bool:
        """Whether every conversation must end as sent in spite of any two survivable faults.

        Not where a conversation may rightly be left to a person, which `Ambiguity` says, where DynamoDB is away, where
        messages can't wait in the queue, or where an outage outlasts its patience.
        """
        return (
            self.rotates_at is None
            and self.account_changes_at is None
            and not self.silent_seconds
            and self.may_put
            and self.is_outlasted
            and all(
                planned.consents
                and planned.forged is None
                and planned.run_seconds < RUN_DEADLINE_SECONDS - RUN_SLACK_SECONDS
                and planned.duplicate_after is None
                and planned.received_again_after is None
                and (planned.before is None or (planned.before.is_open and not planned.before.odd))
                for planned in self.conversations
            )
        )


ANA, ANA_ACME, WEAK = (
    '{"1": "Anastasia \u201cAna\u201d Karenina"}',
    '{"1": "Anastasia \u201cAna\u201d Karenina", "2": "Acme & Co"}',
    '{"1": "Ana"}',
)
"""Content variables: some that tell a template from others, more of them, and too few to tell anything."""


def plain(*, parts: int = 1, mode: Mode = Mode.FREE_FORM, run_seconds: float = 5.0, content: str = ANA) -> Scenario:
    """Return the scenario of one conversation, for exhaustive searches."""
    texts = tuple(f"part {index}" + FILLING for index in range(1, parts + 1))
    if mode is Mode.TEMPLATE:
        texts = (content,)
    planned = PlannedConversation("conv-1", "+447700900101", mode, texts, run_seconds, sent_at=0.0)
    return Scenario((planned,), batch_size=1)


def pair(mode: Mode, *texts: str) -> Scenario:
    """Return the scenario of two conversations with one recipient at the same time."""
    return Scenario(
        tuple(
            PlannedConversation(f"conv-{number}", "+447700900101", mode, (text,), 0.0, sent_at=0.0)
            for number, text in enumerate(texts, start=1)
        ),
        batch_size=1,
    )


EXHAUSTIVE = {
    "free-form": plain(run_seconds=0.0),
    "template, polled": plain(mode=Mode.TEMPLATE, run_seconds=1.0),
    "two parts": plain(parts=2, run_seconds=0.0),
    "twins": pair(Mode.FREE_FORM, "Hello! Do you have a minute?", "Hello! Do you have a minute?"),
    "lookalikes": pair(Mode.TEMPLATE, ANA, ANA_ACME),
    "after a hold": plain(run_seconds=20.0),
    "parked": replace(plain(run_seconds=20.0), usual_seconds=20.0),
    "watched": replace(
        plain(parts=2, run_seconds=0.0),
        watch_seconds=WATCH_SECONDS,
        fates=(Fate(error_code=63016, course=((0.0, "queued"), (1.0, "sent"), (30.0, "undelivered"))),),
    ),
    "hidden text": replace(plain(mode=Mode.TEMPLATE, run_seconds=0.0), shown=Shown.HIDDEN, with_service=True),
}
"""Scenarios that are run under every fault and every pair of faults."""

TWICE_AWAY = replace(
    plain(),
    outages=(Outage("model", 0.0, 30_000.0), Outage("model", 39_000.0, 44_000.0)),
    redriven_at=40_000.0,
)
"""An outage that outlasts the patience of a message, and another one after somebody has redriven it."""
