"""Scenario: what is sent in a schedule, to whom, and how the world behaves apart from faults."""

from dataclasses import dataclass
from random import Random

from core.conversation import Mode
from sandbox.context_objects import TWILIO_REFERENCE, make_body

FREE_FORM_REFERENCE = "whatsapp-credentials/acme/winter/twilio"
ENDURABLE_RUN_SECONDS = 60.0
"""Longest run after which two faults still leave a receive to finish in."""


@dataclass(frozen=True)
class PlannedConversation:
    """A conversation the Channel Router opens.

    Attributes:
        texts: The parts of the reply.
        duplicate_after: When a second message about it is sent, if one is.
        unknown_for_seconds: How long OpenAI answers 404 for a run that it has just created.
        received_again_after: When SQS delivers its message a second time although it is hidden, if it does.
    """

    conversation_id: str
    recipient_tel: str
    mode: Mode
    texts: tuple[str, ...]
    run_seconds: float
    sent_at: float
    duplicate_after: float | None = None
    received_again_after: float | None = None
    consents: bool = True
    unknown_for_seconds: float = 0.0

    @property
    def body(self) -> str:
        return make_body(
            conversation_id=self.conversation_id,
            recipient_tel=self.recipient_tel,
            credentials=TWILIO_REFERENCE if self.mode is Mode.TEMPLATE else FREE_FORM_REFERENCE,
            frontend_payload__recipient_data__comms_consent=self.consents,
        )


@dataclass(frozen=True)
class Scenario:
    """Everything about a schedule that is not a fault.

    Attributes:
        list_lag_seconds: Longest time until Twilio lists a message.
        rotates_at: When both secrets are replaced, if they are.
        visibility_seconds: How long a message is hidden at a time; 90 makes long runs live on the heartbeat.
        clock_skew_seconds: How far each environment's clock may be from true time.
    """

    conversations: tuple[PlannedConversation, ...]
    batch_size: int = 10
    visibility_seconds: int = 360
    list_lag_seconds: float = 30.0
    rotates_at: float | None = None
    clock_skew_seconds: float = 1.0

    @property
    def endurable(self) -> bool:
        """Whether every conversation must end as sent in spite of any two survivable faults.

        Two templates with different variables for one recipient are left to people where both answers are lost.
        """
        templates = [(p.recipient_tel, p.texts) for p in self.conversations if p.mode is Mode.TEMPLATE]
        alike = any(one[0] == other[0] and one != other for one in templates for other in templates)
        return (
            self.rotates_at is None
            and not alike
            and all(
                planned.consents
                and planned.run_seconds <= ENDURABLE_RUN_SECONDS
                and planned.duplicate_after is None
                and planned.received_again_after is None
                for planned in self.conversations
            )
        )


def plain(*, parts: int = 1, mode: Mode = Mode.FREE_FORM, run_seconds: float = 5.0) -> Scenario:
    """Return the scenario of one conversation, for exhaustive searches."""
    texts = tuple(f"part {index}" + " x" * 700 for index in range(1, parts + 1))
    if mode is Mode.TEMPLATE:
        texts = ('{"1": "Ana"}',)
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
    "lookalikes": pair(Mode.TEMPLATE, '{"1": "Ana"}', '{"1": "Ana", "2": "Acme"}'),
}
"""Scenarios that are run under every fault and every pair of faults."""


def random_scenario(random: Random) -> Scenario:
    """Return a scenario drawn by chance: few conversations, and often those that could be taken for each other."""
    return Scenario(
        conversations=tuple(_conversation(random, number) for number in range(1, random.choice((1, 1, 2, 3)) + 1)),
        batch_size=random.choice((1, 2, 10)),
        visibility_seconds=random.choice((360, 360, 90)),
        list_lag_seconds=random.choice((0.0, 5.0, 30.0)),
        rotates_at=random.random() * 400 if random.random() < 0.1 else None,
        clock_skew_seconds=random.choice((0.0, 1.0)),
    )


def _conversation(random: Random, number: int) -> PlannedConversation:
    mode = random.choice((Mode.FREE_FORM, Mode.FREE_FORM, Mode.TEMPLATE))
    same = random.random() < 0.5
    name = "everybody" if same else f"number {number}"
    if mode is Mode.TEMPLATE:
        variables = random.choice((f'"1": "{name}"', '"1": "everybody", "2": "more"'))
        texts: tuple[str, ...] = (f"{{{variables}}}",)
    else:
        texts = tuple(f"Hello {name}, part {part}" + " x" * 700 for part in range(random.choice((1, 1, 2, 3))))
    return PlannedConversation(
        conversation_id=f"conv-{number}",
        recipient_tel="+447700900101" if random.random() < 0.6 else f"+44770090010{number}",
        mode=mode,
        texts=texts,
        run_seconds=random.choice((0.0, 3.0, 30.0, 60.0, 200.0, 320.0, 700.0)),
        sent_at=random.random() * random.choice((0.1, 10.0, 300.0)),
        duplicate_after=random.random() * 500 if random.random() < 0.25 else None,
        received_again_after=random.random() * 400 if random.random() < 0.15 else None,
        consents=random.random() < 0.97,
        unknown_for_seconds=random.choice((1.5, 33.0)) if random.random() < 0.2 else 0.0,
    )
