"""A function that is broken on purpose is found out, and the one that is not passes the same checks."""

from collections.abc import Callable
from io import BytesIO
from random import Random
from zipfile import ZipFile

import pytest

from sandbox.harness import TEMPLATE_REFERENCE, Conversation, Deployment, Stack
from sandbox.harness.aws_proxy import AwsProxy
from sandbox.stubs import Fate, StubClient, drop
from tests.chaos.cast import Member
from tests.chaos.run import Part, deal
from tests.chaos.sabotage import SABOTEUR, deployed_package, sabotaged, with_saboteur
from tests.chaos.site import Site
from tests.chaos.switchboard import Switchboard
from tests.chaos.verdict import Verdict, judge
from tests.integration.conftest import MakeConversation

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("chaos")]


def kill_after_the_send(conversation: Conversation, switchboard: Switchboard) -> None:
    switchboard.arm("after whatsapp.send", conversation.conversation_id)


def lose_the_answer(conversation: Conversation, _: Switchboard) -> None:
    conversation.stubs.script("twilio.messages.create", drop(after_effect=True), match=conversation.recipient_tel)


@pytest.mark.parametrize(
    ("mutant", "fault", "violations"),
    [
        pytest.param(None, kill_after_the_send, [], id="killed"),
        pytest.param("no_intent_record", kill_after_the_send, ["part 1 was sent 2 times"], id="killed without intent"),
        pytest.param(None, lose_the_answer, [], id="answer lost"),
        pytest.param("resend_at_once", lose_the_answer, ["part 1 was sent 2 times"], id="answer lost and sent again"),
    ],
)
def test_violation_is_found_where_there_is_one(
    mutant: str | None,
    fault: Callable[[Conversation, Switchboard], None],
    violations: list[str],
    make_conversation: MakeConversation,
    deployment: Deployment,
    stack: Stack,
) -> None:
    conversation = make_conversation()

    with Switchboard(stack.traits) as switchboard, sabotaged(deployment, switchboard, mutant=mutant):
        fault(conversation, switchboard)
        conversation.send()
        conversation.wait_until_sent(within=conversation.after_a_crash_seconds)
        verdict = _verdict(conversation, switchboard, stack)

    assert [violation for violation in verdict.violations if "was sent" in violation] == violations
    assert bool(verdict.violations) is bool(violations)


def _verdict(conversation: Conversation, switchboard: Switchboard, stack: Stack) -> Verdict:
    record = conversation.record
    assert record is not None
    name, tel = record["recipient_first_name"], conversation.recipient_tel
    member = Member(
        conversation.conversation_id, tel, name, TEMPLATE_REFERENCE, text=None, parts=1, copies=1, fate=Fate()
    )
    with AwsProxy(stack.aws.endpoint, stack.traits) as dynamodb:
        site = Site(conversation.deployment, conversation.stubs, dynamodb, switchboard)
        (verdict,) = judge([Part(member, [])], site, max_receives=3)
    return verdict


def test_message_that_is_listed_late_is_adopted_and_not_sent_again(
    make_conversation: MakeConversation, stubs: StubClient, deployment: Deployment
) -> None:
    conversation = make_conversation()
    lag = deployment.settings.twilio_list_lag_seconds * 0.9
    stubs.fate(Fate(list_lag_seconds=lag), match=conversation.recipient_tel)
    stubs.script("twilio.messages.create", drop(after_effect=True), match=conversation.recipient_tel)

    conversation.send()
    record = conversation.wait_until_sent(within=conversation.after_settling_seconds)

    (message,) = conversation.messages
    assert [stored["message_id"] for stored in record["messages"]] == [message["sid"]]
    looks = [len(exchange.answer_json["messages"]) for exchange in conversation.journal("twilio.messages.list")]
    assert looks[0] == 0
    assert looks[-1] == 1


def test_only_the_package_under_test_holds_a_saboteur(deployment: Deployment) -> None:
    production = deployed_package(deployment)

    with ZipFile(BytesIO(production)) as before, ZipFile(BytesIO(with_saboteur(production))) as after:
        added = set(after.namelist()) - set(before.namelist())
        same = all(before.read(name) == after.read(name) for name in before.namelist())
        mentions = [name for name in before.namelist() if b"saboteur" in before.read(name).lower()]

    assert added == {SABOTEUR.name}
    assert same
    assert mentions == []


def test_seed_repeats_the_faults_and_their_conversations() -> None:
    plans = [deal(50, Random(seed)) for seed in (7, 7, 8)]

    first, again, other = ([(part.member, [fault.name for fault in part.faults]) for part in plan] for plan in plans)

    assert first == again
    assert first != other


def test_conversations_of_one_batch_are_spared_a_third_fault(stack: Stack) -> None:
    batch = [{"message_id": f"m-{name}", "receive_count": 1, "conversation_id": name} for name in "abc"]
    told = {"environment": "e", "conversation_id": "", "point": "before handler", "batch": batch}
    with Switchboard(stack.traits, endurable=2) as switchboard:
        for name in "abc":
            switchboard.arm("before store.close", name)

        switchboard.hear(told)
        deeds = [switchboard.hear({**told, "point": "before store.close", "conversation_id": name}) for name in "abc"]

        assert deeds == ["die", "die", None]
        assert switchboard.suffered("c") == 2
