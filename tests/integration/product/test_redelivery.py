"""A message that comes again goes on where it was left, whatever ended the attempt before."""

import pytest

from sandbox.harness import Deployment, Stack
from sandbox.harness.aws_proxy import AwsProxy
from sandbox.stubs import Action, Outcome, StubClient, answer
from tests.integration.conftest import MakeConversation

pytestmark = pytest.mark.integration

RETRY_AFTER_SECONDS = 6
"""More than the 5 s that the function waits by itself: the message goes back to the queue."""

FIRST_BACKOFF_SECONDS = range(15, 31)
"""30 s for the first receive, half of it by chance."""


@pytest.mark.slow
def test_refused_send_is_made_again_without_asking_the_model_again(
    make_conversation: MakeConversation, stubs: StubClient
) -> None:
    conversation = make_conversation()
    wait = answer(429, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    stubs.script("twilio.messages.create", wait, match=conversation.recipient_tel)

    conversation.send()
    failed = conversation.wait_for_status("failed_to_send_message")
    record = conversation.wait_until_sent(within=conversation.within(FIRST_BACKOFF_SECONDS[-1]))

    assert failed["last_error"]["code"] == "twilio_20429"
    assert failed["needs_attention"] == "yes"
    assert "send_started_at" not in failed
    assert len(conversation.journal("openai.responses.create")) == 1
    assert record["openai_response_id"] == failed["openai_response_id"]
    refused, accepted = conversation.journal("twilio.messages.create")
    assert accepted.time - refused.time >= RETRY_AFTER_SECONDS - 1  # SQS counts whole seconds
    assert refused.form == accepted.form
    assert record["attempts"] == 2
    conversation.wait_for_line("conversation_resumed")


def test_failure_without_a_wish_of_the_vendor_waits_its_backoff(
    make_conversation: MakeConversation, deployment: Deployment, stubs: StubClient
) -> None:
    conversation = make_conversation()
    stubs.script("openai.responses.create", answer(500), match=conversation.recipient_tel)

    conversation.send()
    failed = conversation.wait_for_status("failed_to_process_ai")

    assert failed["last_error"]["permanent"] is False
    line = conversation.wait_for_line("message_failed").json
    assert line is not None
    assert line["delay_seconds"] in FIRST_BACKOFF_SECONDS
    assert deployment.queued() == (0, 1)
    assert conversation.conversation_id in [record["conversation_id"] for record in deployment.needing_attention()]


@pytest.mark.slow
def test_run_that_outlasts_the_invocation_is_polled_by_the_next_one(
    make_conversation: MakeConversation, deployment: Deployment, stubs: StubClient
) -> None:
    conversation = make_conversation()
    time_to_work = deployment.timeout_seconds - deployment.settings.safety_margin_seconds
    stubs.outcome(Outcome(duration_seconds=time_to_work + 2), match=conversation.recipient_tel)

    conversation.send()
    record = conversation.wait_until_sent(within=conversation.within(deployment.timeout_seconds * 2))

    assert record["attempts"] == 2
    assert len(conversation.journal("openai.responses.create")) == 1
    assert len(conversation.messages) == 1
    given_back = [line.json for line in conversation.lines("message_failed")]  # none where a slow machine was too late
    assert all(line and (line["code"], line["delay_seconds"]) == ("deadline_reached", 0) for line in given_back)


@pytest.mark.slow
def test_silent_database_after_the_send_is_heard_and_healed_without_another_send(
    make_conversation: MakeConversation, deployment: Deployment, stack: Stack
) -> None:
    """DynamoDB does not answer the final update: the critical line comes before Lambda could stop the process."""
    conversation = make_conversation()
    silence = Action(name="silence", effect=False, drop=True, wait_seconds=deployment.timeout_seconds * 2)

    with (
        AwsProxy(stack.address.endpoint, stack.traits) as proxy,
        deployment.changed(AWS_ENDPOINT_URL_DYNAMODB=proxy.url),
    ):
        proxy.script("UpdateItem", silence, match=(conversation.conversation_id, "task_complete"), times=None)
        since = deployment.now_ms()
        conversation.send()
        critical = conversation.wait_for_line("final_db_update_failed")
        proxy.reset()
        record = conversation.wait_until_sent(within=conversation.within(FIRST_BACKOFF_SECONDS[-1]))
        lines = deployment.log.lines(since)

    (message,) = conversation.messages
    assert critical.json is not None
    assert critical.json["message_sids"] == [message["sid"]]
    assert [line for line in lines if "Task timed out" in line.text] == []
    assert record["messages"][0]["message_id"] == message["sid"]
    assert record["attempts"] >= 2
    assert len(conversation.journal("openai.responses.create")) == 1
    assert len(conversation.journal("twilio.messages.create")) == 1


def test_copies_of_a_message_are_suppressed(make_conversation: MakeConversation, deployment: Deployment) -> None:
    conversation = make_conversation()

    deployment.send_together([conversation.body() for _ in range(4)])
    conversation.wait_until_sent()
    conversation.send()

    conversation.wait_for_line("duplicate_suppressed", count=4)
    conversation.wait_until_queue_is_empty()
    assert len(conversation.messages) == 1
    assert len(conversation.journal("openai.responses.create")) == 1
    assert conversation.dead_letters == []
    record = conversation.record
    assert record is not None
    assert (record["attempts"], len(record["messages"])) == (1, 1)
