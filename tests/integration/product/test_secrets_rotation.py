"""Secrets are rotated while messages are on their way, and no message notices."""

import uuid

import pytest

from sandbox.harness import TEMPLATE_SID, Deployment
from sandbox.harness.plan import openai_secret, twilio_secret
from sandbox.stubs import Outcome, StubClient
from tests.integration.conftest import MakeConversation

pytestmark = pytest.mark.integration

MODEL_SECONDS = 3.0
"""Long enough to rotate both secrets between a question and its answer."""


def test_rotation_in_the_middle_of_the_traffic_fails_no_message(
    make_conversation: MakeConversation, deployment: Deployment, stubs: StubClient
) -> None:
    tenant = uuid.uuid4().hex
    key_reference, twilio_reference = "openai-api-key/rotated", "whatsapp-credentials/acme/rotated/twilio"
    account_sid, old, new = f"AC{tenant}", f"before-{tenant}", f"after-{tenant}"

    def accept_and_store(credential: str) -> None:
        stubs.change_openai_keys(accept=[f"sk-{credential}"])
        stubs.change_twilio_tokens(account_sid, accept=[credential])
        deployment.store_secret(key_reference, openai_secret(f"sk-{credential}"))
        secret = twilio_secret(template_sid=TEMPLATE_SID, auth_token=credential, twilio_account_sid=account_sid)
        deployment.store_secret(twilio_reference, secret)

    conversations = [
        make_conversation(
            credentials=twilio_reference,
            company_data_payload__ai_config__openai_config__whatsapp__api_key_reference=key_reference,
        )
        for _ in range(8)
    ]
    before, after = conversations[:5], conversations[5:]
    for conversation in before:
        stubs.outcome(Outcome(duration_seconds=MODEL_SECONDS), match=conversation.recipient_tel)

    accept_and_store(old)
    deployment.send_together([conversation.body() for conversation in before])
    before[0].wait_for("all runs have begun", lambda: all(one.journal("openai.responses.create") for one in before))
    accept_and_store(new)
    stubs.change_openai_keys(revoke=[f"sk-{old}"])
    stubs.change_twilio_tokens(account_sid, revoke=[old])
    for conversation in after:
        conversation.send()
    records = [conversation.wait_until_sent() for conversation in conversations]

    assert [record["attempts"] for record in records] == [1] * len(records)
    for conversation in conversations:
        assert len(conversation.messages) == 1
        assert len([one for one in conversation.journal("openai.responses.create") if one.effect]) == 1
        assert conversation.dead_letters == []
    refused = [exchange for one in conversations for exchange in one.journal() if not exchange.authorized]
    assert refused, "the old credentials were not used after the rotation, so this shows nothing"
    first = conversations[0]
    first.wait_for("a secret was read anew", lambda: [line for one in before for line in one.lines("secret_refreshed")])
