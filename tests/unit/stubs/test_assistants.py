import json
from typing import Any

import pytest

from sandbox.stubs import Outcome
from tests.unit.stubs.world import USER_MESSAGE, Answer, World


@pytest.fixture
def thread_id(world: World) -> str:
    return world.new_id("/threads")


def start(world: World, thread_id: str, **changes: Any) -> Answer:
    said = {"additional_messages": [{"role": "user", "content": USER_MESSAGE}]}
    return world.openai("POST", f"/threads/{thread_id}/runs", {"assistant_id": "asst_1", **said, **changes})


def texts(world: World, thread_id: str) -> list[str]:
    messages = world.get(f"/threads/{thread_id}/messages")["data"]
    return [m["content"][0]["text"]["value"] for m in messages if m["role"] == "assistant"]


def test_run_passes_through_its_states_and_writes_a_message(world: World, thread_id: str) -> None:
    world.app.settings.change({"run_seconds": 10})

    run = start(world, thread_id).json
    states = [run["status"]]
    for seconds in (1, 5, 4):
        world.pass_time(seconds)
        states.append(world.get(f"/threads/{thread_id}/runs/{run['id']}")["status"])
    messages = world.get(f"/threads/{thread_id}/messages?run_id={run['id']}")["data"]

    assert states == ["queued", "queued", "in_progress", "completed"]
    assert [(m["run_id"], m["assistant_id"]) for m in messages] == [(run["id"], "asst_1")]
    assert texts(world, thread_id)[0].startswith("Hello Ana, this is Acme Ltd.")


def test_usage_is_null_until_the_run_has_ended(world: World, thread_id: str) -> None:
    world.app.openai.outcomes.add(Outcome(input_tokens=10, output_tokens=5))

    run = start(world, thread_id).json

    assert run["usage"] is None
    assert world.get(f"/threads/{thread_id}/runs/{run['id']}")["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
    }


@pytest.mark.parametrize(
    ("outcome", "field", "value"),
    [
        pytest.param(
            Outcome(state="failed", code="rate_limit_exceeded", message="m"),
            "last_error",
            {"code": "rate_limit_exceeded", "message": "m"},
            id="failed",
        ),
        pytest.param(
            Outcome(state="incomplete"),
            "incomplete_details",
            {"reason": "max_completion_tokens"},
            id="incomplete",
        ),
        pytest.param(Outcome(state="cancelled"), "last_error", None, id="cancelled"),
        pytest.param(Outcome(state="expired"), "last_error", None, id="expired"),
    ],
)
def test_scripted_end_shows_on_the_run_and_leaves_no_message(
    world: World, thread_id: str, outcome: Outcome, field: str, value: Any
) -> None:
    world.app.openai.outcomes.add(outcome)

    run_id = start(world, thread_id).json["id"]
    run = world.get(f"/threads/{thread_id}/runs/{run_id}")

    assert (run["status"], run[field]) == (outcome.state, value)
    assert texts(world, thread_id) == []


def test_run_that_wants_a_tool_waits_and_expires(world: World, thread_id: str) -> None:
    world.app.openai.outcomes.add(Outcome(state="requires_action", tool_name="book"))
    run_id = start(world, thread_id).json["id"]

    waiting = world.get(f"/threads/{thread_id}/runs/{run_id}")
    busy = start(world, thread_id)
    world.pass_time(600)

    call = waiting["required_action"]["submit_tool_outputs"]["tool_calls"][0]
    assert (waiting["status"], call["function"]["name"]) == ("requires_action", "book")
    assert busy.status == 400
    assert world.get(f"/threads/{thread_id}/runs/{run_id}")["status"] == "expired"


def test_busy_thread_takes_no_run(world: World, thread_id: str) -> None:
    world.app.settings.change({"run_seconds": 10})
    run_id = start(world, thread_id).json["id"]

    refused = start(world, thread_id)

    assert refused.status == 400
    assert refused.json["error"]["message"] == f"Thread {thread_id} already has an active run {run_id}."
    assert refused.json["error"]["code"] is None


def test_refusal_is_its_own_content_part(world: World, thread_id: str) -> None:
    world.app.openai.outcomes.add(Outcome(refusal="No."))

    start(world, thread_id)
    newest = world.get(f"/threads/{thread_id}/messages?limit=1")["data"][0]

    assert newest["content"] == [{"type": "refusal", "refusal": "No."}]


def test_response_format_of_a_run_is_honoured(world: World, thread_id: str) -> None:
    schema = {"type": "object", "properties": {"who": {"type": "string"}}}

    start(world, thread_id, response_format={"type": "json_schema", "json_schema": {"name": "r", "schema": schema}})

    assert json.loads(texts(world, thread_id)[0]) == {"who": "Ana"}


def test_deleted_thread_is_gone(world: World, thread_id: str) -> None:
    deleted = world.openai("DELETE", f"/threads/{thread_id}").json

    assert deleted["deleted"] is True
    assert start(world, thread_id).status == 404


def test_unknown_assistant_thread_and_run_are_not_found(world: World, thread_id: str) -> None:
    answers = (
        start(world, thread_id, assistant_id="nobody"),
        start(world, "thread_unknown"),
        world.openai("GET", f"/threads/{thread_id}/runs/run_unknown"),
    )

    assert [answer.status for answer in answers] == [404, 404, 404]


def test_beta_header_is_required(world: World) -> None:
    headers = {"authorization": "Bearer sk-stub-4f9d1c7a2b6e8035"}

    reply = world.send("POST", "/v1/threads", b"", headers).reply

    assert reply is not None
    assert (reply.status, json.loads(reply.body)["error"]["code"]) == (400, "invalid_beta")
