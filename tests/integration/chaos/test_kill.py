"""The process dies at each boundary of the steps, before and after each effect; the recipient gets the message once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.chaos.faults import MOMENTS
from tests.chaos.sabotage import sabotaged
from tests.chaos.switchboard import Deed, Switchboard
from tests.eventually import eventually
from tests.harness import FREE_FORM_REFERENCE, Conversation, Deployment, Stack
from tests.stubs import Outcome

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("chaos")]

SLACK_SECONDS = 30.0
STRUCK_WITHIN_SECONDS = 60.0
PARAGRAPH = "It says a little more than one message holds. " * 20


@dataclass(frozen=True, slots=True)
class Strike:
    """Where a process dies or hangs, and what follows from it.

    Attributes:
        skip: How often it passes the point before.
        parts: Messages of the reply.
        runs: How often the model is asked: twice where the answer died with the process that got it.
    """

    point: str
    deed: Deed = "die"
    skip: int = 0
    parts: int = 1
    runs: int = 1

    def __str__(self) -> str:
        return f"{self.deed} {self.point}" + (f", part {self.skip + 1}" if self.skip else "")


STRIKES = [
    *(Strike(point, runs=2 if point == "after model.start_run" else 1) for point in MOMENTS),
    Strike("after store.intend", skip=1, parts=2),
    Strike("after whatsapp.send", skip=1, parts=2),
    Strike("before model.fetch_run", "hang"),
    Strike("after whatsapp.send", "hang"),
]


@dataclass(frozen=True, slots=True)
class Struck:
    """A conversation whose first process did not live to end it."""

    conversation: Conversation
    switchboard: Switchboard
    message_id: str


@pytest.fixture(scope="module")
def struck(deployment: Deployment, stack: Stack) -> Iterator[Mapping[str, Struck]]:
    """Strike one process after another, each alone with its conversation, and let the redeliveries come together."""
    with Switchboard(stack.traits) as switchboard, sabotaged(deployment, switchboard):
        yield {str(strike): _strike(strike, number, deployment, stack, switchboard) for number, strike in _numbered()}


def _numbered() -> Iterator[tuple[int, Strike]]:
    return ((number, strike) for number, strike in enumerate(STRIKES))


def _strike(strike: Strike, number: int, deployment: Deployment, stack: Stack, switchboard: Switchboard) -> Struck:
    tel, conversation_id = f"+44770080{number:04d}", f"kill-{number:04d}"
    name = {"frontend_payload__recipient_data__recipient_first_name": f"Kim {number}"}
    if strike.parts > 1:
        stack.stubs.outcome(Outcome(text="\n\n".join(f"Part {n}. {PARAGRAPH}" for n in (1, 2))), match=tel)
        name["credentials"] = FREE_FORM_REFERENCE
    conversation = Conversation(deployment, stack.stubs, tel, conversation_id, SLACK_SECONDS, **name)
    switch = switchboard.arm(strike.point, conversation_id, strike.deed, skip=strike.skip)
    message_id = conversation.send()
    eventually(lambda: switch.thrown, within_seconds=STRUCK_WITHIN_SECONDS)
    return Struck(conversation, switchboard, message_id)


@pytest.mark.parametrize("strike", STRIKES, ids=str)
def test_message_is_sent_once_wherever_the_process_ends(strike: Strike, struck: Mapping[str, Struck]) -> None:
    conversation, switchboard = struck[str(strike)].conversation, struck[str(strike)].switchboard

    record = conversation.wait_until_sent(within=conversation.after_a_crash_seconds)
    conversation.wait_for(
        "the second receive is over",
        lambda: [step.point for step in switchboard.steps(conversation.conversation_id)],
        lambda points: points.count("after handler") == (2 if strike.point == "after handler" else 1),
        within=conversation.after_a_crash_seconds,
    )

    sids = [message["sid"] for message in conversation.messages]
    assert len(sids) == strike.parts
    assert [message["message_id"] for message in record["messages"]] == sids
    assert switchboard.receives(conversation.conversation_id) == {struck[str(strike)].message_id: 2}
    assert len(conversation.stubs.responses(conversation.recipient_tel)) == strike.runs
    assert not {"lease_owner", "send_started_at", "last_error", "needs_attention"} & record.keys()
