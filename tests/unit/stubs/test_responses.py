import json
from typing import Any

import pytest

from sandbox.stubs import Outcome
from tests.unit.stubs.world import USER_MESSAGE, World, output_text

SCHEMA = {
    "type": "object",
    "properties": {"1": {"type": "string"}, "2": {"type": "string"}},
    "required": ["1", "2"],
    "additionalProperties": False,
}


def strict(schema: Any, name: str = "reply") -> dict[str, Any]:
    return {"format": {"type": "json_schema", "name": name, "strict": True, "schema": schema}}


def test_background_response_is_queued_then_in_progress_then_completed(world: World) -> None:
    world.app.settings.change({"run_seconds": 10})

    created = world.ask(background=True).json
    states = [created["status"]]
    for seconds in (1, 2, 6, 1):
        world.pass_time(seconds)
        states.append(world.get(f"/responses/{created['id']}")["status"])

    assert states == ["queued", "queued", "in_progress", "in_progress", "completed"]


def test_background_response_starts_queued_even_if_it_takes_no_time(world: World) -> None:
    created = world.ask(background=True).json

    assert (created["status"], created["output"]) == ("queued", [])
    assert world.get(f"/responses/{created['id']}")["status"] == "completed"


def test_foreground_response_answers_after_its_duration(world: World) -> None:
    world.app.settings.change({"run_seconds": 3})
    asked_at = world.now

    response = world.ask().json

    assert response["status"] == "completed"
    assert world.now - asked_at == 3
    assert output_text(response).startswith("Hello Ana, this is Acme Ltd.")


def test_completed_response_shows_usage_and_echoes_the_request(world: World) -> None:
    response = world.ask(instructions="Be kind.", metadata={"a": "b"}, max_output_tokens=500).json

    assert response["usage"]["total_tokens"] == sum(
        response["usage"][name] for name in ("input_tokens", "output_tokens")
    )
    assert response["usage"]["input_tokens"] > 0
    assert (response["instructions"], response["metadata"], response["max_output_tokens"]) == (
        "Be kind.",
        {"a": "b"},
        500,
    )


@pytest.mark.parametrize(
    ("outcome", "field", "value"),
    [
        pytest.param(
            Outcome(state="failed", code="rate_limit_exceeded", message="m"),
            "error",
            {"code": "rate_limit_exceeded", "message": "m"},
            id="failed",
        ),
        pytest.param(
            Outcome(state="incomplete"), "incomplete_details", {"reason": "max_output_tokens"}, id="incomplete"
        ),
        pytest.param(
            Outcome(state="incomplete", reason="content_filter"),
            "incomplete_details",
            {"reason": "content_filter"},
            id="filtered",
        ),
        pytest.param(Outcome(state="cancelled"), "output", [], id="cancelled"),
    ],
)
def test_scripted_end_is_an_ordinary_answer(world: World, outcome: Outcome, field: str, value: Any) -> None:
    world.app.openai.outcomes.add(outcome)

    answer = world.ask()

    assert (answer.status, answer.json["status"]) == (200, outcome.state)
    assert answer.json[field] == value
    assert output_text(answer.json) == ""


def test_incomplete_response_may_have_part_of_its_text(world: World) -> None:
    world.app.openai.outcomes.add(Outcome(state="incomplete", text='{"1": "An'))

    response = world.ask().json

    assert output_text(response) == '{"1": "An'
    assert response["output"][0]["status"] == "incomplete"


def test_refusal_has_no_output_text(world: World) -> None:
    world.app.openai.outcomes.add(Outcome(refusal="I can't help with that."))

    response = world.ask().json

    assert response["status"] == "completed"
    assert response["output"][0]["content"] == [{"type": "refusal", "refusal": "I can't help with that."}]
    assert output_text(response) == ""


def test_output_can_be_empty_missing_or_any_text(world: World) -> None:
    for outcome in (Outcome(text=""), Outcome(silent=True), Outcome(text="{not json")):
        world.app.openai.outcomes.add(outcome)

    empty, missing, garbage = (world.ask(text=strict(SCHEMA)).json for _ in range(3))

    assert (output_text(empty), len(empty["output"])) == ("", 1)
    assert missing["output"] == []
    assert output_text(garbage) == "{not json"


def test_reasoning_and_commentary_precede_the_answer(world: World) -> None:
    world.app.openai.outcomes.add(Outcome(reasoning=True, commentary=("Let me see.",), text="Hi"))

    response = world.ask().json

    assert [(item["type"], item.get("phase")) for item in response["output"]] == [
        ("reasoning", None),
        ("message", "commentary"),
        ("message", "final_answer"),
    ]
    assert response["usage"]["output_tokens_details"]["reasoning_tokens"] > 0


def test_scripted_usage_is_reported(world: World) -> None:
    world.app.openai.outcomes.add(Outcome(input_tokens=1200, output_tokens=34))

    usage = world.ask().json["usage"]

    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (1200, 34, 1234)


def test_structured_output_follows_the_schema(world: World) -> None:
    response = world.ask(text=strict(SCHEMA)).json

    assert json.loads(output_text(response)) == {"1": "Ana", "2": "Acme Ltd"}


def test_json_object_is_answered_with_content_variables(world: World) -> None:
    asked = f"{USER_MESSAGE}\nAnswer in JSON."

    response = world.ask(input=asked, text={"format": {"type": "json_object"}}).json

    assert json.loads(output_text(response)) == {"1": "Ana", "2": "Acme Ltd"}


def test_deleted_response_is_gone(world: World) -> None:
    response_id = world.ask().json["id"]

    deleted = world.openai("DELETE", f"/responses/{response_id}").json["deleted"]

    assert deleted is True
    assert world.openai("GET", f"/responses/{response_id}").status == 404


def test_response_that_is_not_stored_cannot_be_fetched(world: World) -> None:
    response_id = world.ask(store=False).json["id"]

    assert world.openai("GET", f"/responses/{response_id}").status == 404


def test_previous_response_is_part_of_what_the_model_is_told(world: World) -> None:
    first = world.ask().json["id"]

    second = world.ask(input="And now?", previous_response_id=first).json

    assert "Ana" in output_text(second)


def test_poll_wish_is_a_header(world: World) -> None:
    world.app.settings.change({"poll_after_seconds": 0.25})
    response_id = world.ask(background=True).json["id"]

    reply = world.openai("GET", f"/responses/{response_id}").reply

    assert reply.headers["openai-poll-after-ms"] == "250"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"model": None}, "missing_required_parameter", id="no model"),
        pytest.param({"input": None}, "missing_required_parameter", id="no input"),
        pytest.param({"input": 5}, "invalid_type", id="input of a wrong type"),
        pytest.param({"colour": "red"}, "unknown_parameter", id="unknown parameter"),
        pytest.param({"temperature": 0.2}, "unsupported_parameter", id="sampling on a reasoning model"),
        pytest.param({"max_output_tokens": 5}, "integer_below_min_value", id="too few tokens"),
        pytest.param({"metadata": {"a": 1}}, "string_above_max_length", id="metadata value"),
        pytest.param({"metadata": {str(n): "" for n in range(17)}}, "object_above_max_properties", id="metadata size"),
        pytest.param({"text": {"format": {"type": "json_object"}}}, None, id="json mode without the word"),
        pytest.param({"text": strict(SCHEMA, "a name")}, "invalid_value", id="format name"),
        pytest.param(
            {"conversation": "conv_1", "previous_response_id": "resp_1"},
            "mutually_exclusive_parameters",
            id="two histories",
        ),
        pytest.param({"previous_response_id": "resp_1"}, "previous_response_not_found", id="unknown previous"),
    ],
)
def test_faulty_request_is_refused(world: World, changes: dict[str, Any], code: str | None) -> None:
    answer = world.ask(**changes)

    assert (answer.status, answer.json["error"]["code"]) == (400, code)
    assert world.app.openai.views("responses", ()) == []


def test_sampling_is_allowed_without_reasoning(world: World) -> None:
    assert world.ask(temperature=0.2, reasoning={"effort": "none"}).status == 200


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"type": "array", "items": {"type": "string"}}, id="root is no object"),
        pytest.param({"type": "object", "properties": {}}, id="other properties allowed"),
        pytest.param({"type": "object", "additionalProperties": {"type": "string"}}, id="free keys"),
        pytest.param({**SCHEMA, "required": ["1"]}, id="optional property"),
        pytest.param(
            {
                "type": "object",
                "properties": {"a": {"anyOf": [{"type": "object", "properties": {}}, {"type": "null"}]}},
                "required": ["a"],
                "additionalProperties": False,
            },
            id="nested",
        ),
    ],
)
def test_schema_that_strict_output_does_not_take_is_refused(world: World, schema: Any) -> None:
    answer = world.ask(text=strict(schema))

    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_json_schema")


def test_unknown_url_and_unparsable_body_are_refused_as_openai_does(world: World) -> None:
    unknown = world.openai("GET", "/files")
    headers = {"authorization": "Bearer sk-stub-4f9d1c7a2b6e8035", "content-type": "application/json"}
    unparsable = world.send("POST", "/v1/responses", b"{", headers).reply

    assert (unknown.status, unknown.json["error"]["code"]) == (404, "unknown_url")
    assert unparsable is not None
    assert unparsable.status == 400


def test_models_are_listed_to_who_has_a_key(world: World) -> None:
    listed = world.openai("GET", "/models")
    refused = world.openai("GET", "/models", key="sk-wrong")

    assert "gpt-6-luna" in {model["id"] for model in listed.json["data"]}
    assert refused.status == 401
