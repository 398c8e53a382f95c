"""What can't be done ends in the DLQ, says why, and is done once its cause is gone."""

import json

import pytest

from sandbox.engines.engine import Ability
from sandbox.harness import Deployment, LogLine, Stack
from sandbox.harness.plan import twilio_secret
from sandbox.stubs import Outcome, StubClient
from tests.integration.conftest import MISSING_SECRET, MakeConversation

pytestmark = pytest.mark.integration

RECEIVES = 3

LONG_RUN_SECONDS = 34.0
"""Longer than three attempts look at it, and shorter than six."""

NO_CONSENT = {"frontend_payload__recipient_data__comms_consent": False}
FOREIGN_SECRET = {
    "company_data_payload__channel_config__whatsapp__whatsapp_credentials_id": "openai-api-key/whatsapp",
}


def is_failure_of(message_id: str, line: LogLine) -> bool:
    return line.event == "message_failed" and line.json is not None and line.json["message_id"] == message_id


def move_by_hand(deployment: Deployment) -> None:
    """Send everything in the DLQ again, as new messages."""
    for body in deployment.delete_dead_letters():
        deployment.send(body)


def move_by_task(deployment: Deployment) -> None:
    """Have SQS move everything out of the DLQ."""
    queue, url = deployment.aws.client("sqs"), deployment.outputs["dead_letter_queue_url"]
    attributes = queue.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    queue.start_message_move_task(SourceArn=attributes["QueueArn"])


@pytest.mark.parametrize(
    ("overrides", "fault"),
    [
        pytest.param(NO_CONSENT, "comms_consent: is not true", id="no consent"),
        pytest.param(FOREIGN_SECRET, "credentials_id: must have the path segment", id="a secret of another kind"),
    ],
)
def test_refused_message_is_in_the_dlq_within_seconds(
    make_conversation: MakeConversation, overrides: dict[str, object], fault: str
) -> None:
    """Left to the visibility timeout, three receives would take three of them."""
    conversation = make_conversation()

    since = conversation.deployment.now_ms()
    message_id = conversation.send(**overrides)
    conversation.wait_for_dead_letter()
    dead_at = conversation.deployment.now_ms()

    record = conversation.wait_for_status("failed_validation")
    assert fault in record["last_error"]["message"]
    failures = conversation.wait_for(
        "each receive is in the log",
        lambda: [line for line in conversation.deployment.log.lines(since) if is_failure_of(message_id, line)],
        lambda lines: len(lines) == RECEIVES,
    )
    assert (dead_at - failures[0].time_ms) / 1000 < 2 * conversation.deployment.settings.visibility_timeout_seconds
    assert conversation.journal() == []


@pytest.mark.slow
def test_third_failed_receive_ends_in_the_dlq_and_a_redrive_sends_once(
    make_conversation: MakeConversation, deployment: Deployment, stack: Stack, stubs: StubClient
) -> None:
    """A run that outlasts an attempt costs a receive and no pause, so three of them are over soonest."""
    conversation = make_conversation()
    stubs.outcome(Outcome(duration_seconds=LONG_RUN_SECONDS), match=conversation.recipient_tel)

    message_id = conversation.send()
    letter = conversation.wait_for_dead_letter(within=conversation.within(RECEIVES * deployment.timeout_seconds))
    failed = conversation.record
    (move_by_hand if Ability.DEAD_LETTER_REDRIVE in stack.traits.lacks else move_by_task)(deployment)
    record = conversation.wait_until_sent(within=conversation.within(LONG_RUN_SECONDS))

    lines = conversation.wait_for(
        "each receive is in the log",
        lambda: [line.json for line in conversation.lines("message_failed") if is_failure_of(message_id, line)],
        lambda lines: len(lines) >= RECEIVES,
    )
    assert {line["receive_count"] for line in lines if line is not None} >= set(range(1, RECEIVES + 1))
    assert json.loads(letter.body)["conversation_data"]["conversation_id"] == conversation.conversation_id
    assert failed is not None
    assert failed["conversation_status"] == "failed_to_process_ai"
    assert failed["last_error"]["code"] == "deadline_reached"
    assert failed["needs_attention"] == "yes"
    assert record["attempts"] > failed["attempts"]
    assert record["openai_response_id"] == failed["openai_response_id"]
    assert "needs_attention" not in record
    assert len(conversation.messages) == 1
    assert len(conversation.journal("openai.responses.create")) == 1
    assert conversation.dead_letters == []


def test_redrive_after_the_cause_is_fixed_sends_what_failed_for_good(
    make_conversation: MakeConversation, deployment: Deployment
) -> None:
    """Moved by hand: to LocalStack a moved message stays the one that failed, where AWS gives it a new id."""
    reference = "whatsapp-credentials/acme/late/twilio"
    deployment.delete_secret(reference)
    conversation = make_conversation(credentials=reference)

    conversation.send()
    conversation.wait_for_dead_letter()
    failed = conversation.wait_for_status("failed_secrets_fetch")
    deployment.store_secret(reference, twilio_secret())
    move_by_hand(deployment)
    record = conversation.wait_until_sent()
    conversation.send()
    conversation.wait_for_line("duplicate_suppressed")

    assert failed["last_error"]["code"] in MISSING_SECRET
    assert failed["last_error"]["permanent"] is True
    assert record["conversation_status"] == "initial_message_sent"
    assert len(conversation.messages) == 1
