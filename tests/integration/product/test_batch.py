"""The records of a batch are worked on side by side, and each one meets its own fate."""

import pytest

from sandbox.harness import FREE_FORM_REFERENCE, Deployment
from sandbox.stubs import Outcome, StubClient, answer, twilio_error
from tests.integration.conftest import MISSING_SECRET, MakeConversation
from tests.integration.product.spans import Span, most_at_once

pytestmark = pytest.mark.integration

RETRY_AFTER_SECONDS = 6
"""More than the 5 s that the function waits by itself: the message goes back to the queue."""

FIRST_PAUSE_SECONDS = 30
"""Longest pause after the first receive; a vendor's shorter wish does not shorten it."""

MODEL_SECONDS = 4.0
"""Of ten runs: long enough for all of them to begin before the first one ends, also on a slow machine."""


@pytest.mark.slow
def test_mixed_batch_of_ten_gives_each_record_its_own_fate(
    make_conversation: MakeConversation, deployment: Deployment, stubs: StubClient
) -> None:
    template, twin, throttled, no_consent, refusing, refused = (make_conversation() for _ in range(6))
    free_form = make_conversation(credentials=FREE_FORM_REFERENCE)
    no_secret = make_conversation(credentials="whatsapp-credentials/acme/nowhere/twilio")
    no_json = make_conversation()
    stubs.outcome(Outcome(refusal="I can't help with that."), match=refusing.recipient_tel)
    invalid_number = answer(400, twilio_error(400, 21211, "Invalid 'To' Phone Number"))
    stubs.script("twilio.messages.create", invalid_number, match=refused.recipient_tel)
    wait = answer(429, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    stubs.script("openai.responses.create", wait, match=throttled.recipient_tel)

    since = deployment.now_ms()
    deployment.send_together(
        [
            template.body(),
            no_consent.body(frontend_payload__recipient_data__comms_consent=False),
            twin.body(),
            f"not JSON, for {no_json.conversation_id}",
            free_form.body(),
            no_secret.body(),
            refusing.body(),
            throttled.body(),
            refused.body(),
            template.body(),
        ]
    )

    for conversation in (template, twin, free_form):
        conversation.wait_until_sent()
    failures = [
        (no_consent, "failed_validation", {"invalid_context"}),
        (no_secret, "failed_secrets_fetch", MISSING_SECRET),
        (refusing, "failed_to_process_ai", {"openai_refusal"}),
        (refused, "failed_to_send_message", {"twilio_21211"}),
    ]
    for conversation, status, codes in failures:
        conversation.wait_for_dead_letter()
        record = conversation.wait_for_status(status)
        assert record["last_error"]["code"] in codes
        assert record["last_error"]["permanent"] is True
    no_json.wait_for_dead_letter()
    assert no_json.record is None
    record = throttled.wait_until_sent(within=throttled.within(FIRST_PAUSE_SECONDS, deployment.timeout_seconds))
    assert record["attempts"] == 2
    template.wait_until_queue_is_empty()
    for conversation in (template, twin, free_form, throttled):
        assert len(conversation.messages) == 1
    for conversation in (no_consent, no_secret, refusing, refused):
        assert conversation.messages == []
    template.wait_for_line("duplicate_suppressed")
    batch = template.wait_for(
        "the end of the batch is in the log",
        lambda: [line.json for line in deployment.log.lines(since) if line.json and line.json.get("records") == 10],
    )[0]
    assert batch["failed"] == 6


def test_ten_messages_are_written_at_the_same_time(
    make_conversation: MakeConversation, deployment: Deployment, stubs: StubClient
) -> None:
    """Shown by the journal, not by a clock: every run had begun before the first one ended."""
    conversations = [make_conversation() for _ in range(10)]
    for conversation in conversations:
        stubs.outcome(Outcome(duration_seconds=MODEL_SECONDS), match=conversation.recipient_tel)

    deployment.send_together([conversation.body() for conversation in conversations])

    for conversation in conversations:
        conversation.wait_until_sent()
    assert most_at_once([Span.of(conversation) for conversation in conversations]) == 10


def test_messages_of_one_recipient_follow_one_another(
    make_conversation: MakeConversation, deployment: Deployment
) -> None:
    first = make_conversation()
    conversations = [first, *(make_conversation(recipient_tel=first.recipient_tel) for _ in range(2))]

    deployment.send_together([conversation.body() for conversation in conversations])

    records = [conversation.wait_until_sent() for conversation in conversations]
    sids = [record["messages"][0]["message_id"] for record in records]
    assert [message["sid"] for message in first.messages] == sids
    steps = ("openai.responses.create", "twilio.messages.create")
    assert [exchange.operation for exchange in first.journal() if exchange.operation in steps] == [*steps] * 3
