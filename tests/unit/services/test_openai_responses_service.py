"""OpenAI by the Responses API: what is asked for, and how an answer is read."""

import json
from typing import Any

import pytest

from core.conversation import Mode, Run, Usage
from core.errors import TransientError
from core.model import ModelRequest, RunReport, RunState
from sandbox.stubs import OPENAI_KEY, Outcome, answer, delay
from services.openai_client import OpenAIClients
from services.openai_responses_service import ResponsesGateway
from tests.fakes.clock import FakeClock
from tests.unit.stubbed.transports import StubTransports
from utils.assistant_definition import AssistantDefinition
from utils.redaction import Secret

KEY = Secret(OPENAI_KEY)
SCHEMA = {
    "type": "object",
    "properties": {"1": {"type": "string"}},
    "required": ["1"],
    "additionalProperties": False,
}


@pytest.fixture
def gateway(stubs: StubTransports) -> ResponsesGateway:
    return ResponsesGateway(OpenAIClients(None, stubs.openai()), "gpt-6-luna", background=True)


def request(mode: Mode = Mode.FREE_FORM, **definition: Any) -> ModelRequest:
    return ModelRequest(
        assistant_id="first-contact",
        definition=AssistantDefinition(instructions="Be brief.", **definition),
        user_message="Company:\n{}",
        mode=mode,
        user_id="0" * 64,
        metadata={"conversation_id": "conv-1"},
    )


def asked(stubs: StubTransports) -> dict[str, Any]:
    """Return the body of the last request."""
    return dict(stubs.requests[-1].json)


def test_a_conversation_is_opened_empty(gateway: ResponsesGateway, stubs: StubTransports) -> None:
    thread_id = gateway.open_thread(KEY, 12)

    assert thread_id.startswith("conv_")
    assert (stubs.requests[0].method, stubs.requests[0].path) == ("POST", "/v1/conversations")
    assert stubs.timeouts == [12]


def test_a_response_is_asked_for_in_the_background_and_stored(gateway: ResponsesGateway, stubs: StubTransports) -> None:
    thread_id = gateway.open_thread(KEY, 20)

    gateway.start_run(thread_id, request(), KEY, 15)

    assert asked(stubs) == {
        "model": "gpt-6-luna",
        "instructions": "Be brief.",
        "input": [{"role": "user", "content": "Company:\n{}"}],
        "conversation": thread_id,
        "background": True,
        "store": True,
        "metadata": {"conversation_id": "conv-1"},
        "safety_identifier": "0" * 64,
    }
    assert stubs.timeouts[-1] == 15


def test_a_definition_says_how(gateway: ResponsesGateway, stubs: StubTransports) -> None:
    thread_id = gateway.open_thread(KEY, 20)

    gateway.start_run(thread_id, request(model="gpt-6.1-terra", max_output_tokens=500, reasoning_effort="low"), KEY, 20)

    body = asked(stubs)
    assert (body["model"], body["max_output_tokens"], body["reasoning"]) == ("gpt-6.1-terra", 500, {"effort": "low"})


@pytest.mark.parametrize(
    ("definition", "strict", "schema"),
    [
        pytest.param({"output_schema": SCHEMA}, True, SCHEMA, id="ours"),
        pytest.param({}, False, {"type": "object", "additionalProperties": {"type": "string"}}, id="any"),
    ],
)
def test_variables_of_a_template_are_asked_for_as_an_object(
    gateway: ResponsesGateway, stubs: StubTransports, definition: dict[str, Any], strict: bool, schema: dict[str, Any]
) -> None:
    thread_id = gateway.open_thread(KEY, 20)

    gateway.start_run(thread_id, request(Mode.TEMPLATE, **definition), KEY, 20)

    assert asked(stubs)["text"] == {
        "format": {"type": "json_schema", "name": "content_variables", "strict": strict, "schema": schema}
    }


def test_text_of_its_own_is_not_asked_for_as_an_object(gateway: ResponsesGateway, stubs: StubTransports) -> None:
    """The definition may have a schema all the same: it serves both modes."""
    thread_id = gateway.open_thread(KEY, 20)

    gateway.start_run(thread_id, request(Mode.FREE_FORM, output_schema=SCHEMA), KEY, 20)

    assert "text" not in asked(stubs)


def test_in_the_foreground_the_answer_comes_at_once(stubs: StubTransports) -> None:
    gateway = ResponsesGateway(OpenAIClients(None, stubs.openai()), "gpt-6-luna", background=False)
    stubs.app.openai.outcomes.add(Outcome(text="Hello", duration_seconds=4))

    report = gateway.start_run(gateway.open_thread(KEY, 20), request(), KEY, 20)

    assert gateway.waits_for_answer
    assert asked(stubs)["background"] is False
    assert (report.state, report.text) == (RunState.COMPLETED, "Hello")


def test_in_the_background_nobody_waits(gateway: ResponsesGateway) -> None:
    assert not gateway.waits_for_answer


def finished(gateway: ResponsesGateway, stubs: StubTransports, clock: FakeClock, outcome: Outcome) -> RunReport:
    """Let a response go like this and return how it ended."""
    stubs.app.openai.outcomes.add(outcome)
    thread_id = gateway.open_thread(KEY, 20)
    started = gateway.start_run(thread_id, request(), KEY, 20)
    clock.advance(5)
    return gateway.fetch_run(Run(thread_id, started.response_id), KEY, 20)


def test_the_answer_is_the_final_message_without_thoughts_and_comments(
    gateway: ResponsesGateway, stubs: StubTransports, clock: FakeClock
) -> None:
    outcome = Outcome(text="Hello Ana", commentary=("Let me see.", "I write now."), reasoning=True)

    assert finished(gateway, stubs, clock, outcome).text == "Hello Ana"


def test_the_vendors_wish_for_the_next_poll_is_passed_on(gateway: ResponsesGateway, stubs: StubTransports) -> None:
    action = answer(200, response(status="queued", output=[]), headers={"openai-poll-after-ms": "2500"})
    stubs.app.actions.add(action, operation="openai.responses.create")

    started = gateway.start_run("conv_1", request(), KEY, 20)

    assert started.poll_after_seconds == 2.5


def response(**changes: Any) -> dict[str, Any]:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "Hello", "annotations": []}],
    }
    body: dict[str, Any] = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": [message],
        "usage": {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10},
    }
    return body | changes


def fetched(gateway: ResponsesGateway, stubs: StubTransports, body: Any) -> RunReport:
    stubs.app.actions.add(answer(200, body), operation="openai.responses.get")
    return gateway.fetch_run(Run("conv_1", "resp_1"), KEY, 20)


def text(value: str, **item: Any) -> dict[str, Any]:
    return {"type": "message", "content": [{"type": "output_text", "text": value}], **item}


REFUSAL = {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(response(), {"text": "Hello", "usage": Usage(7, 3)}, id="plain"),
        pytest.param(
            response(output=[text("Hello"), text("Bye", phase=None)]), {"text": "Hello\n\nBye"}, id="two messages"
        ),
        pytest.param(
            response(output=[text("Hello, Ana"), text("Hello,  Ana\n"), text("")]),
            {"text": "Hello, Ana"},
            id="two equal messages",
        ),
        pytest.param(
            response(output=[text("Hm.", phase="commentary"), text("Hello", phase="final_answer")]),
            {"text": "Hello"},
            id="a comment",
        ),
        pytest.param(
            response(output=[{"type": "reasoning"}, {"type": "of_tomorrow"}, text("Hello")]),
            {"text": "Hello"},
            id="other items",
        ),
        pytest.param(response(output=[REFUSAL]), {"refusal": True, "text": ""}, id="a refusal"),
        pytest.param(response(output=[text("Well,"), REFUSAL]), {"refusal": True}, id="a refusal after all"),
        pytest.param(response(output=[]), {"text": "", "state": RunState.COMPLETED}, id="nothing"),
        pytest.param(response(usage=None), {"usage": Usage(0, 0)}, id="no usage"),
        pytest.param(response(usage={}), {"usage": Usage(0, 0)}, id="an empty usage"),
        pytest.param(response(status="queued", output=[]), {"state": RunState.PENDING}, id="queued"),
        pytest.param(response(status="in_progress", output=[]), {"state": RunState.PENDING}, id="in progress"),
        pytest.param(response(status="cancelled"), {"state": RunState.CANCELLED}, id="cancelled"),
        pytest.param(response(status="of_tomorrow"), {"state": RunState.UNKNOWN}, id="an unknown state"),
        pytest.param(
            response(status="failed", error={"code": "vector_store_timeout", "message": "secret text"}),
            {"state": RunState.FAILED, "reason": "vector_store_timeout", "retriable": True},
            id="failed for now",
        ),
        pytest.param(
            response(status="failed", error={"code": "bio_policy", "message": "x"}),
            {"state": RunState.FAILED, "reason": "bio_policy", "retriable": False},
            id="failed for good",
        ),
        pytest.param(
            response(status="failed", error={"code": "Secret Text!", "message": "x"}),
            {"state": RunState.FAILED, "reason": None},
            id="a code that is none",
        ),
        pytest.param(
            response(status="incomplete", incomplete_details={"reason": "content_filter"}),
            {"state": RunState.INCOMPLETE, "reason": "content_filter"},
            id="incomplete",
        ),
    ],
)
def test_an_answer_is_read(
    gateway: ResponsesGateway, stubs: StubTransports, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    report = fetched(gateway, stubs, body)

    assert {name: getattr(report, name) for name in expected} == expected
    assert report.response_id == "resp_1"


UNREADABLE = [
    pytest.param({}, id="nothing"),
    pytest.param([], id="a list"),
    pytest.param("text", id="a text"),
    pytest.param(response(id=None), id="no id"),
    pytest.param(response(id=5), id="a number for an id"),
    pytest.param(response(output=5), id="no list of items"),
    pytest.param(response(output=["text"]), id="texts for items"),
    pytest.param(response(output=[{"type": "message", "content": None}]), id="no content"),
    pytest.param(response(output=[text(None)]), id="null for a text"),  # type: ignore[arg-type]
    pytest.param(response(error="text"), id="a text for an error"),
]


@pytest.mark.parametrize("body", UNREADABLE)
def test_an_answer_of_another_shape_is_transient(gateway: ResponsesGateway, stubs: StubTransports, body: Any) -> None:
    with pytest.raises(TransientError) as caught:
        fetched(gateway, stubs, json.loads(json.dumps(body)))

    assert caught.value.code == "openai_unreadable"


@pytest.mark.parametrize("body", [{}, {"id": None}, {"id": ""}, {"id": 5}, []])
def test_a_conversation_without_an_id_is_none(gateway: ResponsesGateway, stubs: StubTransports, body: Any) -> None:
    stubs.app.actions.add(answer(200, body), operation="openai.conversations.create")

    with pytest.raises(TransientError) as caught:
        gateway.open_thread(KEY, 20)

    assert caught.value.code == "openai_unreadable"


def test_a_creation_that_is_late_is_not_repeated_at_once(gateway: ResponsesGateway, stubs: StubTransports) -> None:
    """It may have had its effect: a second turn would be paid for, and be in the conversation."""
    thread_id = gateway.open_thread(KEY, 20)
    stubs.app.actions.add(delay(30), operation="openai.responses.create")

    with pytest.raises(TransientError) as caught:
        gateway.start_run(thread_id, request(), KEY, 20)

    assert (caught.value.code, caught.value.repeatable) == ("openai_timeout", False)


def test_a_poll_that_is_late_may_be_repeated(gateway: ResponsesGateway, stubs: StubTransports) -> None:
    stubs.app.actions.add(delay(30), operation="openai.responses.get")

    with pytest.raises(TransientError) as caught:
        gateway.fetch_run(Run("conv_1", "resp_1"), KEY, 20)

    assert caught.value.repeatable
