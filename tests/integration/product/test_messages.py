"""A Context Object becomes one WhatsApp message and a closed record."""

import json
from itertools import pairwise
from typing import Any

import pytest

from sandbox.context_objects import SENDER
from sandbox.harness import FREE_FORM_REFERENCE, TEMPLATE_SID, Deployment
from sandbox.stubs import Outcome, StubClient
from tests.integration.conftest import MakeConversation

pytestmark = pytest.mark.integration


def test_template_conversation_sends_its_variables_and_closes_the_record(
    make_conversation: MakeConversation,
) -> None:
    conversation = make_conversation()

    message_id = conversation.send()
    record = conversation.wait_until_sent()

    (message,) = conversation.messages
    variables = json.loads(message["content_variables"])
    assert (message["content_sid"], message["from"]) == (TEMPLATE_SID, f"whatsapp:{SENDER}")
    assert message["status_callback"] == "https://status.example.com/twilio"
    assert variables["1"] == record["recipient_first_name"]
    (stored,) = record["messages"]
    assert (stored["message_id"], stored["role"]) == (message["sid"], "assistant")
    assert stored["content"] == message["body"]
    assert stored["tokens"] > 0
    assert record["task_complete"] == 1
    assert record["attempts"] == 1
    assert record["processing_time_ms"] > 0
    assert record["request_id"] == f"req-{conversation.conversation_id}"
    assert record["openai_thread_id"].startswith("conv_")
    assert record["openai_response_id"].startswith("resp_")
    assert not {"lease_owner", "send_started_at", "reply", "last_error", "needs_attention"} & record.keys()
    assert "expires_at" not in record, "other programs write to this table, so nothing of it ends by itself"
    conversation.wait_until_queue_is_empty()
    closed = conversation.wait_for_line("conversation_closed")
    assert closed.json is not None
    assert (closed.json["message_id"], closed.json["version"]) == (message_id, "integration")


def test_free_form_conversation_sends_text(make_conversation: MakeConversation) -> None:
    conversation = make_conversation(credentials=FREE_FORM_REFERENCE)

    conversation.send()
    record = conversation.wait_until_sent()

    (message,) = conversation.messages
    assert message["content_sid"] is None
    assert message["body"].startswith(f"Hello {record['recipient_first_name']}, this is Acme Coffee.")
    assert record["messages"][0]["content"] == message["body"]


def test_happy_path_writes_four_times_and_asks_each_vendor_once(make_conversation: MakeConversation) -> None:
    conversation = make_conversation()

    conversation.send()
    conversation.wait_until_sent()

    asked = [exchange.operation for exchange in conversation.journal()]
    assert asked.count("openai.responses.create") == 1
    assert asked.count("twilio.messages.create") == 1
    assert asked.count("twilio.messages.list") == 0


def test_long_reply_goes_out_in_parts_in_their_order(make_conversation: MakeConversation, stubs: StubClient) -> None:
    conversation = make_conversation(credentials=FREE_FORM_REFERENCE)
    paragraphs = [
        f"{word} paragraph. " + "It says a little more than one message holds. " * 20 for word in ("First", "Second")
    ]
    stubs.outcome(Outcome(text="\n\n".join(paragraphs)), match=conversation.recipient_tel)

    conversation.send()
    record = conversation.wait_until_sent()

    messages = conversation.messages
    assert len(messages) == 2
    assert [message["body"].split()[0] for message in messages] == ["First", "Second"]
    assert all(earlier["created_at"] <= later["created_at"] for earlier, later in pairwise(messages))
    assert [stored["message_id"] for stored in record["messages"]] == [message["sid"] for message in messages]
    assert [stored["content"] for stored in record["messages"]] == [message["body"] for message in messages]


def test_lost_answer_between_parts_repeats_none_of_them(make_conversation: MakeConversation, stubs: StubClient) -> None:
    from sandbox.stubs import drop  # noqa: PLC0415

    conversation = make_conversation(credentials=FREE_FORM_REFERENCE)
    parts = [f"Part {number}. " + "Words that fill it up to the brim. " * 40 for number in (1, 2, 3)]
    stubs.outcome(Outcome(text="\n\n".join(parts)), match=conversation.recipient_tel)
    stubs.script("twilio.messages.create", drop(after_effect=True), match=(conversation.recipient_tel, "Part 2"))

    conversation.send()
    record = conversation.wait_until_sent(within=conversation.after_settling_seconds)

    assert [message["body"][:6] for message in conversation.messages] == ["Part 1", "Part 2", "Part 3"]
    assert len(record["messages"]) == 3


def test_messaging_service_of_the_secret_is_used(make_conversation: MakeConversation, deployment: Deployment) -> None:
    from sandbox.harness.plan import twilio_secret  # noqa: PLC0415

    service = "MG" + "2" * 32
    conversation = make_conversation(credentials="whatsapp-credentials/acme/service/twilio")
    deployment.store_secret(
        "whatsapp-credentials/acme/service/twilio", twilio_secret(twilio_messaging_service_sid=service)
    )

    conversation.send()
    conversation.wait_until_sent()

    (message,) = conversation.messages
    assert message["messaging_service_sid"] == service


@pytest.mark.parametrize(
    "definition",
    [
        pytest.param(
            {"instructions": "Write one friendly sentence as JSON.", "model": "gpt-6-sol", "max_output_tokens": 900},
            id="inline",
        ),
        pytest.param(None, id="in the zip"),
    ],
)
def test_assistant_definition_shapes_the_request(
    make_conversation: MakeConversation, definition: dict[str, Any] | None
) -> None:
    whatsapp = {"api_key_reference": "openai-api-key/whatsapp", "assistant_id_template_sender": "first-contact"}
    inline = {} if definition is None else {"assistant_definition": definition}
    conversation = make_conversation(company_data_payload__ai_config__openai_config__whatsapp={**whatsapp, **inline})

    conversation.send()
    conversation.wait_until_sent()

    (asked,) = conversation.journal("openai.responses.create")
    if definition is None:
        assert len(asked.json["instructions"]) > 50
        assert asked.json["text"]["format"]["strict"] is True
    else:
        assert asked.json["instructions"] == definition["instructions"]
        assert asked.json["model"] == definition["model"]
        assert asked.json["max_output_tokens"] == definition["max_output_tokens"]
