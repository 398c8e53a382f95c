"""The heartbeat keeps a message hidden, and its conversation leased, for as long as the work takes."""

import pytest

from sandbox.engines.engine import Ability
from sandbox.harness import Conversation, Deployment, Stack
from sandbox.stubs import Outcome, StubClient
from tests.integration.conftest import MakeConversation

pytestmark = pytest.mark.integration

BEYOND_SECONDS = 3
"""How much longer than the queue's visibility timeout the model takes."""


def seconds_at_work(conversation: Conversation) -> float:
    times = [exchange.time for exchange in conversation.journal()]
    return max(times, default=0.0) - min(times, default=0.0)


@pytest.mark.slow
def test_run_longer_than_the_visibility_timeout_is_seen_by_nobody_else(
    make_conversation: MakeConversation, deployment: Deployment, stubs: StubClient, stack: Stack
) -> None:
    """A copy sent in the middle of the run waits for the lease, and is suppressed."""
    conversation = make_conversation()
    visibility_seconds = deployment.settings.visibility_timeout_seconds
    run_seconds = visibility_seconds + BEYOND_SECONDS
    stubs.outcome(Outcome(duration_seconds=run_seconds), match=conversation.recipient_tel)

    with deployment.changed(timeout_seconds=run_seconds * 2):
        message_id = conversation.send()
        conversation.wait_for("a third of the run is over", lambda: seconds_at_work(conversation) > run_seconds / 3)
        copy_id = conversation.send()
        record = conversation.wait_until_sent(within=conversation.within(run_seconds))
        conversation.wait_for_line("duplicate_suppressed", within=conversation.within(visibility_seconds * 2))
        conversation.wait_until_queue_is_empty()

    assert record["attempts"] == 1
    lines = [line.json for line in conversation.lines() if line.json is not None and "message_id" in line.json]
    receives = {message_id: set[int](), copy_id: set[int]()}
    for line in lines:
        receives[line["message_id"]].add(line["receive_count"])
    assert receives[message_id] == {1}
    if Ability.CONCURRENT_BATCHES not in stack.traits.lacks:
        assert len(receives[copy_id]) > 1
        assert {line["code"] for line in lines if line["event"] == "message_failed"} == {"lease_held"}
    assert len(conversation.messages) == 1
    assert len(conversation.journal("openai.responses.create")) == 1
    assert seconds_at_work(conversation) > visibility_seconds
