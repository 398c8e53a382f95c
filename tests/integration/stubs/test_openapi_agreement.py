"""What the SDKs ask and the stubs answer, held to the vendors' OpenAPI documents."""

import dataclasses
import warnings
from typing import Any

import openai as sdk
import pytest
from openai import OpenAI
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from sandbox.stubs import TWILIO_ACCOUNT_SID, Fate, Outcome, Shown, StubClient, answer, drop
from sandbox.stubs.openapi_check import validate_journal
from sandbox.stubs.routes import OPERATIONS

pytestmark = pytest.mark.integration

FORMAT: Any = {
    "format": {
        "type": "json_schema",
        "name": "reply",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"1": {"type": "string"}},
            "required": ["1"],
            "additionalProperties": False,
        },
    },
    "verbosity": "low",
}
ENDS = (
    Outcome(),
    Outcome(text="Hi", reasoning=True, commentary=("Hm.",)),
    Outcome(refusal="No."),
    Outcome(text=""),
    Outcome(silent=True),
    Outcome(state="failed", code="rate_limit_exceeded"),
    Outcome(state="incomplete"),
    Outcome(state="incomplete", text="Hel"),
    Outcome(state="cancelled"),
    Outcome(duration_seconds=30),
)
RESPONSES_ONLY = (
    Outcome(state="failed", code="misalignment_policy_violation"),
    Outcome(state="incomplete", reason="steered"),
)
RUNS_ONLY = (Outcome(state="expired"), Outcome(state="requires_action"))


def use_responses(openai: OpenAI, stubs: StubClient) -> None:
    for outcome in ENDS + RESPONSES_ONLY:
        stubs.outcome(outcome)
        conversation = openai.conversations.create(metadata={"a": "b"})
        response = openai.responses.create(
            model="gpt-6-luna",
            instructions="Be kind.",
            input=[{"role": "user", "content": "Hello"}],
            conversation=conversation.id,
            background=True,
            store=True,
            metadata={"conversation_id": "c-1"},
            max_output_tokens=500,
            reasoning={"effort": "low"},
            safety_identifier="a" * 100,
            text=FORMAT,
        )
        openai.responses.retrieve(response.id)
        openai.conversations.items.list(conversation.id, limit=10, order="desc")
    openai.responses.create(model="gpt-6-luna", input="Hello", previous_response_id=response.id)
    openai.moderations.create(model="omni-moderation-latest", input="Hello")
    conversation = openai.conversations.create()
    openai.conversations.items.list(conversation.id)
    openai.responses.create(model="gpt-6-luna", input="Hello", conversation=conversation.id)
    for item in openai.conversations.items.list(conversation.id).data:
        openai.conversations.items.delete(item.id or "", conversation_id=conversation.id)
    openai.conversations.delete(conversation.id)
    openai.responses.delete(response.id)
    with pytest.raises(sdk.NotFoundError):
        openai.responses.retrieve(response.id)
    with pytest.raises(sdk.NotFoundError):
        openai.conversations.items.list(conversation.id)
    stubs.script("openai.conversations.create", answer(429))
    with pytest.raises(sdk.RateLimitError):
        openai.conversations.create()


def use_assistants(openai: OpenAI, stubs: StubClient) -> None:
    threads = openai.beta.threads
    for outcome in ENDS + RUNS_ONLY:
        stubs.outcome(outcome)
        thread = threads.create(metadata={"a": "b"}, messages=[{"role": "user", "content": "Hello"}])
        threads.messages.list(thread.id)
        run = threads.runs.create(
            thread_id=thread.id,
            assistant_id="asst_1",
            additional_instructions="Be kind.",
            additional_messages=[{"role": "user", "content": "Hello", "metadata": {"a": "b"}}],
            response_format={"type": "json_schema", "json_schema": {"name": "r", "schema": {"type": "object"}}},
        )
        run = threads.runs.retrieve(run.id, thread_id=thread.id)
        threads.messages.list(thread.id, run_id=run.id, order="desc", limit=5)
    threads.delete(thread.id)


def use_twilio(twilio: Client, stubs: StubClient) -> None:
    to, from_ = "whatsapp:+447700900123", "whatsapp:+447700900999"
    stubs.configure(sent_after_seconds=0, delivered_after_seconds=0)
    undated = Fate(status="canceled", row={"date_created": None, "body": None})
    for fate in (
        Fate(),
        Fate(status="sent"),
        Fate(status="read"),
        Fate(status="undelivered", error_code=63016),
        undated,
    ):
        stubs.fate(fate)
        message = twilio.messages.create(to=to, from_=from_, body="Hello")
        twilio.messages(message.sid or "").fetch()
    twilio.messages.create(
        to=to,
        from_=from_,
        messaging_service_sid="MG0123456789abcdef0123456789abcdef",
        content_sid="HX0123456789abcdef0123456789abcdef",
        content_variables='{"1": "Ana"}',
        status_callback="https://example.com/status",
    )
    stubs.show("MG0123456789abcdef0123456789abcdef", Shown.HIDDEN)
    stubs.accept(TWILIO_ACCOUNT_SID, {"To": to, "From": from_, "Body": "Hello"}, ago_seconds=86_400)
    assert len(twilio.messages.list(to=to, from_=from_, page_size=2)) == 7
    assert twilio.messages(message.sid or "").delete()
    stubs.script("twilio.messages.create", drop(after_effect=True))
    stubs.script("twilio.messages.list", answer(503, raw="<html>"))
    with pytest.raises(Exception, match="Connection aborted"):
        twilio.messages.create(to=to, from_=from_, body="Hello")
    with pytest.raises(TwilioException):
        twilio.messages.list(to=to)


def test_traffic_of_every_operation_agrees_with_the_documents(
    openai: OpenAI, twilio: Client, stubs: StubClient
) -> None:
    assert "gpt-6-luna" in {model.id for model in openai.models.list()}
    use_responses(openai, stubs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        use_assistants(openai, stubs)
    use_twilio(twilio, stubs)

    journal = stubs.journal()

    assert {exchange.operation for exchange in journal} == set(OPERATIONS)
    assert validate_journal(journal) == []


def test_departures_are_found_on_both_sides(openai: OpenAI, twilio: Client, stubs: StubClient) -> None:
    openai.responses.create(model="gpt-6-luna", input="Hello")
    twilio.messages.create(to="whatsapp:+447700900123", from_="whatsapp:+447700900999", body="Hello")
    latest = {exchange.operation: exchange for exchange in stubs.journal()}  # a call of another test may end late
    response, message = latest["openai.responses.create"], latest["twilio.messages.create"]
    wrong = [
        dataclasses.replace(response, body='{"model": "gpt-6-luna", "input": "x", "background": "yes"}'),
        dataclasses.replace(response, answer_body=response.answer_body.replace('"completed"', '"done"', 1)),
        dataclasses.replace(message, body=message.body.replace("To=", "Two=")),
        dataclasses.replace(message, answer_body=message.answer_body.replace('"SM', '"XX', 1)),
        dataclasses.replace(message, path=message.path.replace("AC", "AX")),
        dataclasses.replace(message, status=204),
        dataclasses.replace(response, operation="openai.unknown"),
    ]

    faults = [validate_journal([exchange]) for exchange in wrong]

    assert validate_journal([response, message]) == []
    assert [bool(fault) for fault in faults] == [True] * len(wrong)
    assert [fault[0].split(": ")[1] for fault in faults[:4]] == ["request", "answer", "request", "answer"]


def test_scripted_garbage_and_undocumented_errors_are_exempt(openai: OpenAI, stubs: StubClient) -> None:
    stubs.script("openai.conversations.create", answer(200, {"anything": True}))
    stubs.script("openai.conversations.create", answer(500))

    openai.conversations.create()
    with pytest.raises(sdk.InternalServerError):
        openai.conversations.create()
    with pytest.raises(sdk.BadRequestError):
        openai.responses.create(model="gpt-6-luna", input="Hello", temperature=0.1)

    assert validate_journal(stubs.journal()) == []
