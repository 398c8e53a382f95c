"""The process dies at each boundary of the steps, before and after each effect; the recipient gets the message once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from sandbox.harness import FREE_FORM_REFERENCE, Conversation, Deployment, Stack
from sandbox.stubs import Outcome
from tests.chaos.faults import MOMENTS
from tests.chaos.sabotage import one_at_a_time, sabotaged
from tests.chaos.switchboard import Deed, Switch, Switchboard
from tests.integration.role import may_postpone

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("chaos")]

SLACK_SECONDS = 30.0
STRUCK_WITHIN_SECONDS = 120.0
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


WAITING = [
    *(Strike(point) for point in ("before store.postpone", "after store.postpone", "before queue.put")),
    *(Strike(point) for point in ("after queue.put", "before store.resume", "after store.resume")),
]
"""Between the write, the put and the acknowledgement of a message that waits in the queue, and when it comes back."""

MODEL_SECONDS = 6
"""Longer than the function holds a message: it waits in the queue."""


@dataclass(frozen=True, slots=True)
class Struck:
    """A conversation whose first process did not live to end it."""

    conversation: Conversation
    switchboard: Switchboard
    switch: Switch
    message_id: str


@pytest.fixture(scope="module")
def struck(deployment: Deployment, stack: Stack) -> Iterator[Mapping[str, Struck]]:
    """Strike the first process of every conversation; all of them recover at the same time."""
    with Switchboard(stack.traits) as switchboard, one_at_a_time(deployment), sabotaged(deployment, switchboard):
        numbered = enumerate(STRIKES)
        yield {str(strike): _strike(strike, number, deployment, stack, switchboard) for number, strike in numbered}


def _strike(
    strike: Strike,
    number: int,
    deployment: Deployment,
    stack: Stack,
    switchboard: Switchboard,
    *,
    model_seconds: float | None = None,
) -> Struck:
    tel, conversation_id = f"+44770080{number:04d}", f"kill-{number:04d}"
    name = {"frontend_payload__recipient_data__recipient_first_name": f"Kim {number}"}
    if strike.parts > 1:
        stack.stubs.outcome(Outcome(text="\n\n".join(f"Part {n}. {PARAGRAPH}" for n in (1, 2))), match=tel)
        name["credentials"] = FREE_FORM_REFERENCE
    if model_seconds is not None:
        stack.stubs.outcome(Outcome(duration_seconds=model_seconds), match=tel)
    conversation = Conversation(deployment, stack.stubs, tel, conversation_id, SLACK_SECONDS, **name)
    switch = switchboard.arm(strike.point, conversation_id, strike.deed, skip=strike.skip)
    return Struck(conversation, switchboard, switch, conversation.send())


@pytest.mark.parametrize("strike", STRIKES, ids=str)
def test_message_is_sent_once_wherever_the_process_ends(
    strike: Strike, struck: Mapping[str, Struck], deployment: Deployment
) -> None:
    case = struck[str(strike)]
    conversation, conversation_id = case.conversation, case.conversation.conversation_id

    def ends() -> list[Deed | None]:
        return [step.done for step in case.switchboard.steps(conversation_id) if step.point == "after handler"]

    conversation.wait_for("a process dies with it", lambda: case.switch.thrown, within=STRUCK_WITHIN_SECONDS)
    two_more = conversation.within(
        deployment.timeout_seconds * 3, deployment.settings.visibility_timeout_seconds * 2
    )  # a start that takes longer than the margin costs a receive
    record = conversation.wait_until_sent(within=two_more)
    conversation.wait_for("another lives", ends, lambda ends: None in ends, within=two_more)

    sids = [message["sid"] for message in conversation.messages]
    assert len(sids) == strike.parts
    assert [message["message_id"] for message in record["messages"]] == sids
    assert 2 <= case.switchboard.receives(conversation_id)[case.message_id] <= 3
    assert len(conversation.stubs.responses(conversation.recipient_tel)) == strike.runs
    assert not {"lease_owner", "send_started_at", "last_error", "needs_attention"} & record.keys()


@pytest.fixture(scope="module")
def struck_waiting(
    struck: Mapping[str, Struck], deployment: Deployment, stack: Stack
) -> Iterator[Mapping[str, Struck]]:
    """Strike processes of conversations that wait for the model in the queue, once all the others have recovered."""
    switchboard = next(iter(struck.values())).switchboard
    for case in struck.values():
        case.conversation.wait_until_sent(within=case.conversation.within(deployment.timeout_seconds * 5))
    with may_postpone(deployment), deployment.changed(PATIENCE_SECONDS="600"):
        numbered = enumerate(WAITING, start=len(STRIKES))
        yield {
            str(strike): _strike(strike, number, deployment, stack, switchboard, model_seconds=MODEL_SECONDS)
            for number, strike in numbered
        }


@pytest.mark.parametrize("strike", WAITING, ids=str)
def test_message_that_waits_is_sent_once_wherever_the_process_ends(
    strike: Strike, struck_waiting: Mapping[str, Struck], deployment: Deployment
) -> None:
    case = struck_waiting[str(strike)]
    conversation = case.conversation

    conversation.wait_for("a process dies with it", lambda: case.switch.thrown, within=STRUCK_WITHIN_SECONDS)
    recovers = conversation.within(
        deployment.timeout_seconds * 3, deployment.settings.visibility_timeout_seconds * 2, MODEL_SECONDS * 2
    )
    record = conversation.wait_until_sent(within=recovers)
    conversation.wait_until_queue_is_empty(within=recovers)

    assert len(conversation.messages) == 1
    assert len(conversation.stubs.responses(conversation.recipient_tel)) == 1
    assert conversation.dead_letters == []
    assert not {"lease_owner", "send_started_at", "last_error", "needs_attention", "waiting"} & record.keys()
