"""The real OpenAI SDK against the stub."""

import json
import time
import warnings
from collections.abc import Iterator
from typing import Any

import openai as sdk
import pytest
from openai import OpenAI
from pydantic import BaseModel

from sandbox.stubs import OPENAI_KEY, Outcome, StubClient, StubServer, answer, delay, drop, openai_error, stall

pytestmark = pytest.mark.integration


def user_message(phone: str) -> str:
    return (
        'Company:\n{"company_name": "Acme Ltd"}\n\nRecipient:\n{"first_name": "Ana"}\n\n'
        f'Contact numbers:\n{{"recipient_tel": "{phone}"}}'
    )


def ask(openai: OpenAI, phone: str, **changes: Any) -> Any:
    return openai.responses.create(**{"model": "gpt-6-luna", "input": user_message(phone), **changes})


@pytest.fixture
def assistants() -> Iterator[None]:
    """The SDK says on every call that Assistants are deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def test_background_response_is_polled_to_its_end(openai: OpenAI, stubs: StubClient, phone: str) -> None:
    stubs.outcome(Outcome(duration_seconds=0.3, input_tokens=100, output_tokens=20), match=phone)

    response = ask(openai, phone, background=True)
    states = [response.status]
    deadline = time.monotonic() + 10
    while response.status in ("queued", "in_progress") and time.monotonic() < deadline:
        response = openai.responses.retrieve(response.id)
        states.append(response.status)

    assert (states[0], states[-1]) == ("queued", "completed")
    assert set(states) <= {"queued", "in_progress", "completed"}  # a busy machine may miss one
    assert response.output_text.startswith("Hello Ana, this is Acme Ltd.")
    assert response.usage is not None
    assert response.usage.total_tokens == 120


def test_structured_output_is_parsed_by_the_sdk(openai: OpenAI, phone: str) -> None:
    class Variables(BaseModel):
        first_name: str
        company: str

    response = openai.responses.parse(model="gpt-6-luna", input=user_message(phone), text_format=Variables)

    assert response.output_parsed == Variables(first_name="Ana", company="Acme Ltd")


def test_conversation_is_locked_while_a_response_runs(openai: OpenAI, stubs: StubClient, phone: str) -> None:
    stubs.outcome(Outcome(duration_seconds=30), match=phone)
    conversation = openai.conversations.create(metadata={"conversation_id": phone})
    ask(openai, phone, conversation=conversation.id, background=True)

    with pytest.raises(sdk.BadRequestError) as locked:
        ask(openai, phone, conversation=conversation.id, background=True)

    assert locked.value.code == "conversation_locked"


def test_conversation_and_its_items_are_listed_and_deleted(openai: OpenAI, phone: str) -> None:
    conversation = openai.conversations.create()
    ask(openai, phone, conversation=conversation.id)

    newest = openai.conversations.items.list(conversation.id, limit=1)
    both = list(openai.conversations.items.list(conversation.id, limit=1))
    openai.conversations.items.delete(both[0].id or "", conversation_id=conversation.id)
    left = openai.conversations.items.list(conversation.id).data
    openai.conversations.delete(conversation.id)

    assert newest.has_next_page()
    assert [getattr(item, "role", None) for item in both] == ["assistant", "user"]
    assert [item.id for item in left] == [both[1].id]
    with pytest.raises(sdk.NotFoundError):
        openai.conversations.items.list(conversation.id)


@pytest.mark.parametrize(
    ("outcome", "shown"),
    [
        pytest.param(
            Outcome(state="failed", code="server_error"), lambda r: r.error.code == "server_error", id="failed"
        ),
        pytest.param(
            Outcome(state="incomplete", text="Hel"),
            lambda r: (r.incomplete_details.reason, r.output_text) == ("max_output_tokens", "Hel"),
            id="incomplete",
        ),
        pytest.param(Outcome(state="cancelled"), lambda r: r.output == [], id="cancelled"),
        pytest.param(
            Outcome(refusal="No."),
            lambda r: (r.output_text, r.output[0].content[0].refusal) == ("", "No."),
            id="refusal",
        ),
        pytest.param(Outcome(text=""), lambda r: r.output_text == "", id="empty"),
        pytest.param(Outcome(silent=True), lambda r: r.output == [], id="no message"),
        pytest.param(Outcome(text="{broken"), lambda r: r.output_text == "{broken", id="invalid JSON"),
        pytest.param(
            Outcome(reasoning=True, commentary=("Hm.",), text="Hi"),
            lambda r: [i.type for i in r.output] == ["reasoning", "message", "message"],
            id="commentary",
        ),
    ],
)
def test_every_end_reaches_the_sdk_as_an_ordinary_response(
    openai: OpenAI, stubs: StubClient, phone: str, outcome: Outcome, shown: Any
) -> None:
    stubs.outcome(outcome, match=phone)

    response = ask(openai, phone, background=True)
    response = openai.responses.retrieve(response.id)

    assert response.status == outcome.state
    assert shown(response)


def test_response_can_be_deleted(openai: OpenAI, phone: str) -> None:
    response = ask(openai, phone)

    openai.responses.delete(response.id)

    with pytest.raises(sdk.NotFoundError):
        openai.responses.retrieve(response.id)


def test_wrong_key_is_an_authentication_error_with_openais_body(server: StubServer) -> None:
    with (
        OpenAI(api_key="sk-wrong-0123456789", base_url=server.urls.openai, max_retries=0) as client,
        pytest.raises(sdk.AuthenticationError) as refused,
    ):
        client.conversations.create()

    assert refused.value.code == "invalid_api_key"
    assert refused.value.request_id is not None


def test_key_rotation(server: StubServer, stubs: StubClient) -> None:
    stubs.change_openai_keys(accept=["sk-rotated"], revoke=[OPENAI_KEY])

    with (
        OpenAI(api_key="sk-rotated", base_url=server.urls.openai, max_retries=0) as fresh,
        OpenAI(api_key=OPENAI_KEY, base_url=server.urls.openai, max_retries=0) as stale,
    ):
        fresh.conversations.create()
        with pytest.raises(sdk.AuthenticationError):
            stale.conversations.create()


@pytest.mark.parametrize(
    ("action", "error", "code"),
    [
        pytest.param(answer(429, headers={"Retry-After": "2"}), sdk.RateLimitError, "rate_limit_exceeded", id="rate"),
        pytest.param(
            answer(429, openai_error("No credit", type_="insufficient_quota", code="credit_balance_exhausted")),
            sdk.RateLimitError,
            "credit_balance_exhausted",
            id="quota",
        ),
        pytest.param(answer(500), sdk.InternalServerError, "server_error", id="500"),
        pytest.param(answer(503, raw="<html></html>"), sdk.InternalServerError, None, id="HTML"),
        pytest.param(drop(), sdk.APIConnectionError, None, id="dropped"),
        pytest.param(stall(0.2), sdk.APIConnectionError, None, id="stalled"),
    ],
)
def test_faults_reach_the_sdk_as_its_own_errors(
    openai: OpenAI, stubs: StubClient, phone: str, action: Any, error: type[sdk.APIError], code: str | None
) -> None:
    stubs.script("openai.responses.create", action, match=phone)

    with pytest.raises(error) as raised:
        ask(openai, phone)

    assert raised.value.code == code


def test_retry_after_is_obeyed_by_a_client_that_retries(server: StubServer, stubs: StubClient, phone: str) -> None:
    stubs.script("openai.responses.create", answer(429, headers={"Retry-After": "1"}), match=phone)
    with OpenAI(api_key=OPENAI_KEY, base_url=server.urls.openai, max_retries=1) as client:
        started = time.monotonic()

        ask(client, phone)

    assert time.monotonic() - started >= 1
    assert [e.status for e in stubs.journal(phone)] == [429, 200]


@pytest.mark.parametrize(
    ("action", "responses"),
    [
        pytest.param(drop(), 0, id="before the effect"),
        pytest.param(drop(after_effect=True), 1, id="after the effect"),
    ],
)
def test_lost_answer_leaves_the_effect_asked_for(
    openai: OpenAI, stubs: StubClient, phone: str, action: Any, responses: int
) -> None:
    stubs.script("openai.responses.create", action, match=phone)

    with pytest.raises(sdk.APIConnectionError):
        ask(openai, phone, background=True)

    assert len(stubs.responses(phone)) == responses
    assert [e.ending for e in stubs.journal(phone)] == ["dropped"]


def test_slow_answer_times_out_although_the_response_exists(openai: OpenAI, stubs: StubClient, phone: str) -> None:
    stubs.script("openai.responses.create", delay(2), match=phone)

    with pytest.raises(sdk.APITimeoutError):
        ask(openai.with_options(timeout=0.3), phone, background=True)

    assert len(stubs.responses(phone)) == 1


@pytest.mark.usefixtures("assistants")
def test_assistants_run_writes_its_message(openai: OpenAI, stubs: StubClient, phone: str) -> None:
    stubs.configure(poll_after_seconds=0.02)
    stubs.outcome(Outcome(duration_seconds=0.1), match=phone)
    thread = openai.beta.threads.create()

    run = openai.beta.threads.runs.create_and_poll(
        thread_id=thread.id,
        assistant_id="asst_1",
        instructions="Be kind.",
        additional_messages=[{"role": "user", "content": user_message(phone)}],
    )
    message = openai.beta.threads.messages.list(thread.id, run_id=run.id).data[0]

    assert (run.status, run.instructions) == ("completed", "Be kind.")
    assert message.content[0].type == "text"
    assert message.content[0].text.value.startswith("Hello Ana, this is Acme Ltd.")
    assert [r["id"] for r in stubs.runs(phone)] == [run.id]
    assert {e.headers.get("openai-beta") for e in stubs.journal(phone)} == {"assistants=v2"}


@pytest.mark.usefixtures("assistants")
@pytest.mark.parametrize("state", ["failed", "incomplete", "cancelled", "expired", "requires_action"])
def test_every_end_of_a_run_reaches_the_sdk(openai: OpenAI, stubs: StubClient, phone: str, state: str) -> None:
    stubs.configure(poll_after_seconds=0.02)
    stubs.outcome(Outcome(state=state), match=phone)
    thread = openai.beta.threads.create(messages=[{"role": "user", "content": user_message(phone)}])

    run = openai.beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id="asst_1")

    assert run.status == state
    assert (run.required_action is not None) == (state == "requires_action")


@pytest.mark.usefixtures("assistants")
def test_busy_thread_refuses_a_second_run(openai: OpenAI, stubs: StubClient, phone: str) -> None:
    stubs.outcome(Outcome(duration_seconds=30), match=phone)
    thread = openai.beta.threads.create(messages=[{"role": "user", "content": user_message(phone)}])
    openai.beta.threads.runs.create(thread_id=thread.id, assistant_id="asst_1")

    with pytest.raises(sdk.BadRequestError, match="already has an active run"):
        openai.beta.threads.runs.create(thread_id=thread.id, assistant_id="asst_1")


@pytest.mark.usefixtures("assistants")
def test_assistants_json_schema_is_honoured(openai: OpenAI, phone: str) -> None:
    schema: dict[str, object] = {"type": "object", "properties": {"1": {"type": "string"}}}
    thread = openai.beta.threads.create(messages=[{"role": "user", "content": user_message(phone)}])
    openai.beta.threads.runs.create(
        thread_id=thread.id,
        assistant_id="asst_1",
        response_format={"type": "json_schema", "json_schema": {"name": "r", "schema": schema}},
    )

    message = openai.beta.threads.messages.list(thread.id).data[0]

    assert message.content[0].type == "text"
    assert json.loads(message.content[0].text.value) == {"1": "Ana"}
