"""Waiting in the queue, with the deployed zip: long runs and outages cost no receive and need no person."""

from collections.abc import Iterator

import pytest

from sandbox.eventually import eventually
from sandbox.harness import Conversation, Deployment, Stack
from sandbox.harness.aws_proxy import AwsProxy
from sandbox.stubs import Action, Outcome, StubClient, answer
from tests.integration.conftest import MakeConversation
from tests.integration.role import may_postpone

pytestmark = pytest.mark.integration

PATIENCE_SECONDS = 600
MAX_RECEIVES = 3
TRIES_OF_A_CALL = 3
FIRST_WAIT_SECONDS = 30
"""Longest of the first waits; the next ones are hardly longer."""


@pytest.fixture
def patient(deployment: Deployment) -> Iterator[Deployment]:
    """The environment of this process, with waiting switched on and allowed, as Terraform does by default."""
    with may_postpone(deployment), deployment.changed(PATIENCE_SECONDS=str(PATIENCE_SECONDS)):
        yield deployment


def check_that_it_cost_no_receive(conversation: Conversation) -> None:
    """See that one message went out, and that every message on the queue was received once."""
    assert len(conversation.messages) == 1
    assert conversation.lines("message_failed") == []
    assert conversation.dead_letters == []
    lines = [line.json for line in conversation.lines("message_postponed")]
    assert {line and line["receive_count"] for line in lines} == {1}
    record = conversation.record
    assert record is not None
    assert "waiting" not in record
    assert "needs_attention" not in record


@pytest.mark.slow
def test_a_run_longer_than_the_functions_timeout_is_sent(
    make_conversation: MakeConversation, patient: Deployment, stubs: StubClient
) -> None:
    conversation = make_conversation()
    stubs.outcome(Outcome(duration_seconds=patient.timeout_seconds + 7), match=conversation.recipient_tel)

    conversation.send()
    waits = eventually(lambda: waiting_of(conversation), within_seconds=30)
    conversation.wait_until_sent(within=conversation.within(patient.timeout_seconds * 3))

    assert waits["reason"] == "model"
    assert len(conversation.journal("openai.responses.create")) == 1
    check_that_it_cost_no_receive(conversation)
    looks = len(conversation.journal("openai.responses.get"))
    assert looks < 30


def waiting_of(conversation: Conversation) -> dict[str, str]:
    record = conversation.record
    assert record is not None
    assert record["conversation_status"] == "processing"
    waiting: dict[str, str] = record["waiting"]
    return waiting


@pytest.mark.slow
def test_outages_longer_than_three_receives_need_no_person(
    make_conversation: MakeConversation, patient: Deployment, stubs: StubClient, stack: Stack
) -> None:
    """OpenAI, Twilio and DynamoDB are away, each for a conversation of its own; all at once, for it takes a while."""
    openai, twilio, dynamodb = (make_conversation() for _ in range(3))
    calls = TRIES_OF_A_CALL * (MAX_RECEIVES + 1)
    stubs.script("openai.responses.create", answer(503), match=openai.recipient_tel, times=calls)
    stubs.script("twilio.messages.create", answer(429), match=twilio.recipient_tel, times=calls)
    away = Action(name="away", effect=False, drop=True)

    with (
        AwsProxy(stack.address.endpoint, stack.traits) as proxy,
        patient.changed(AWS_ENDPOINT_URL_DYNAMODB=proxy.url),
    ):
        for operation in ("PutItem", "UpdateItem"):
            proxy.script(operation, away, match=(dynamodb.conversation_id,), times=None)
        for conversation in (openai, twilio, dynamodb):
            conversation.send()
        for conversation in (openai, twilio, dynamodb):
            conversation.wait_for_line(
                "message_postponed", count=MAX_RECEIVES + 1, within=FIRST_WAIT_SECONDS * (MAX_RECEIVES + 2)
            )
        proxy.reset()
        for conversation in (openai, twilio, dynamodb):
            conversation.wait_until_sent(within=conversation.within(4 * FIRST_WAIT_SECONDS))

    for conversation in (openai, twilio, dynamodb):
        check_that_it_cost_no_receive(conversation)


@pytest.mark.usefixtures("patient")
def test_what_the_message_carried_is_carried_on(make_conversation: MakeConversation, stubs: StubClient) -> None:
    """The number of a continuation counts up, so the attribute came through; so did the body, for it was sent."""
    conversation = make_conversation()
    stubs.outcome(Outcome(duration_seconds=8), match=conversation.recipient_tel)

    conversation.send()
    conversation.wait_until_sent(within=conversation.within(30))

    lines = [line.json for line in conversation.lines("message_postponed")]
    numbers = [line.get("continuation", 0) for line in lines if line]
    assert numbers == list(range(len(numbers)))
    assert len({line["origin_message_id"] for line in lines if line and "origin_message_id" in line}) <= 1
