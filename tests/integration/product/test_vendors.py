"""Vendors that are busy, slow or silent: the recipient still gets the message once."""

import json
from datetime import UTC, datetime

import pytest

from sandbox.harness import FREE_FORM_REFERENCE, Deployment
from sandbox.stubs import Action, Fate, Outcome, StubClient, answer, delay, drop, stall
from tests.integration.conftest import MakeConversation

pytestmark = pytest.mark.integration

MESSAGE = "twilio.messages.create"
RESPONSE = "openai.responses.create"


@pytest.mark.parametrize("operation", [RESPONSE, "openai.responses.get", MESSAGE])
def test_throttled_call_is_made_again_when_its_vendor_said(
    make_conversation: MakeConversation, stubs: StubClient, operation: str
) -> None:
    conversation = make_conversation()
    stubs.script(operation, answer(429, headers={"Retry-After": "1"}), match=conversation.recipient_tel)

    conversation.send()
    record = conversation.wait_until_sent()

    throttled, repeated = conversation.journal(operation)[:2]
    assert throttled.status == 429
    assert repeated.time - throttled.time >= 1
    assert record["attempts"] == 1
    assert len(conversation.messages) == 1


def test_slow_vendors_are_waited_for(
    make_conversation: MakeConversation, deployment: Deployment, stubs: StubClient
) -> None:
    conversation = make_conversation()
    almost = deployment.settings.twilio_timeout_seconds - 1.5
    for operation in (RESPONSE, MESSAGE):
        stubs.script(operation, delay(almost), match=conversation.recipient_tel)

    conversation.send()
    record = conversation.wait_until_sent()

    assert record["attempts"] == 1
    assert conversation.lines("send_outcome_unknown") == []
    assert len(conversation.messages) == 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(drop(after_effect=True), id="connection reset"),
        pytest.param(answer(500, after_effect=True), id="500"),
        pytest.param(stall(10), id="half an answer"),
        pytest.param(delay(10), id="no answer in time"),
        pytest.param(answer(201, raw="<html>", after_effect=True), id="no JSON"),
    ],
)
@pytest.mark.parametrize("credentials", [None, FREE_FORM_REFERENCE], ids=["template", "free form"])
def test_message_whose_answer_was_lost_is_found_in_twilios_list(
    make_conversation: MakeConversation, stubs: StubClient, fault: Action, credentials: str | None
) -> None:
    conversation = make_conversation(**({} if credentials is None else {"credentials": credentials}))
    stubs.script(MESSAGE, fault, match=conversation.recipient_tel)

    conversation.send()
    record = conversation.wait_until_sent()

    (message,) = conversation.messages
    assert record["messages"][0]["message_id"] == message["sid"]
    assert record["attempts"] == 1
    assert len(conversation.journal(MESSAGE)) == 1
    conversation.wait_for_line("send_reconciled")


@pytest.mark.slow
def test_message_that_twilio_lists_late_is_not_sent_again(
    make_conversation: MakeConversation, deployment: Deployment, stubs: StubClient
) -> None:
    """It shows only after the function has stopped looking and given the message back."""
    conversation = make_conversation()
    stubs.fate(Fate(list_lag_seconds=deployment.settings.settle_seconds - 1), match=conversation.recipient_tel)
    stubs.script(MESSAGE, drop(after_effect=True), match=conversation.recipient_tel)

    conversation.send()
    record = conversation.wait_until_sent(within=conversation.after_settling_seconds)

    (message,) = conversation.messages
    assert record["messages"][0]["message_id"] == message["sid"]
    assert len(conversation.journal(MESSAGE)) == 1
    looks = conversation.journal("twilio.messages.list")
    assert [len(look.answer_json["messages"]) for look in looks] == [0] * (len(looks) - 1) + [1]
    assert len(looks) > 1


@pytest.mark.slow
def test_message_that_never_reached_twilio_is_sent_once_that_is_certain(
    make_conversation: MakeConversation, deployment: Deployment, stubs: StubClient
) -> None:
    conversation = make_conversation()
    stubs.script(MESSAGE, drop(), match=conversation.recipient_tel)

    conversation.send()
    in_between = conversation.wait_for_status("sending")
    record = conversation.wait_until_sent(within=conversation.after_settling_seconds)

    assert len(conversation.messages) == 1
    lost, accepted = conversation.journal(MESSAGE)
    intended_at = datetime.fromisoformat(in_between["send_started_at"])
    waited = datetime.fromtimestamp(accepted.time, UTC) - intended_at
    assert waited.total_seconds() >= deployment.settings.settle_seconds
    assert lost.form == accepted.form
    assert len(conversation.journal(RESPONSE)) == 1
    assert record["attempts"] == 2


def test_two_equal_messages_whose_answers_were_lost_are_told_apart(
    make_conversation: MakeConversation, deployment: Deployment, stubs: StubClient
) -> None:
    """Two conversations of one recipient say the same; each record gets a message of its own."""
    first = make_conversation()
    second = make_conversation(recipient_tel=first.recipient_tel)
    variables = json.dumps({"1": "Ana", "2": "Acme Coffee"})
    stubs.outcome(Outcome(text=variables), match=first.recipient_tel, times=2)
    stubs.script(MESSAGE, drop(after_effect=True), match=first.recipient_tel, times=2)

    deployment.send_together([first.body(), second.body()])
    records = [conversation.wait_until_sent() for conversation in (first, second)]

    assert len(first.messages) == 2
    assert {record["messages"][0]["message_id"] for record in records} == {message["sid"] for message in first.messages}
