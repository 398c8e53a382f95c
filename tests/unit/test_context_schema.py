"""The published schema is fresh, valid, and of one mind with the model."""

import json
from typing import Any

import pytest
import typer
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

import tools.context_schema as tool
from sandbox.context_objects import make_context
from tests.samples.context_cases import ACCEPTED, REFUSED
from tests.samples.context_schema import SCHEMA, VALIDATOR
from utils.context_processor import InvalidContextError, parse_context


def model_accepts(context: object) -> bool:
    try:
        parse_context(json.dumps(context))
    except InvalidContextError:
        return False
    return True


def test_the_published_schema_is_the_models() -> None:
    assert tool.SCHEMA.read_text(encoding="utf-8") == tool.text(), "run `make schema`"


def test_it_is_a_valid_schema_that_says_which() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_top_level_field_of_a_real_object_is_known_to_it() -> None:
    assert set(SCHEMA["properties"]) == set(make_context())


@pytest.mark.parametrize("context", ACCEPTED)
def test_what_the_model_accepts_the_schema_accepts(context: dict[str, Any]) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(context)] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [pytest.param(path, value, id=f"{path.split('__')[-1]}={value!r:.30}") for path, value, _ in REFUSED],
)
def test_what_the_model_refuses_the_schema_refuses(path: str, value: Any) -> None:
    assert not VALIDATOR.is_valid(make_context(**{path: value}))


def test_every_list_has_a_limit_and_so_has_every_map_with_typed_members() -> None:
    """Each entry can be a fault, and a fault costs a kilobyte."""
    pending: list[Any] = [SCHEMA]
    unlimited = []
    while pending:
        node = pending.pop()
        pending.extend(node.values() if isinstance(node, dict) else node if isinstance(node, list) else [])
        if isinstance(node, dict) and "items" in node and "maxItems" not in node:
            unlimited.append(node)
        if isinstance(node, dict) and isinstance(node.get("additionalProperties"), dict):
            unlimited.append(node)

    assert unlimited == []


OPENAI = "company_data_payload__ai_config__openai_config__whatsapp"
GOOD, BAD = "openai-api-key/whatsapp", "whatsapp-credentials/x"


@pytest.mark.parametrize("first", [GOOD, BAD, None, 5, ...])
@pytest.mark.parametrize("second", [GOOD, BAD, None, 5, ...])
def test_both_read_the_two_names_of_the_key_reference_alike(first: Any, second: Any) -> None:
    context = make_context(**{f"{OPENAI}__api_key_reference": first, f"{OPENAI}__ai_api_key_reference": GOOD})
    if second is ...:
        del context["company_data_payload"]["ai_config"]["openai_config"]["whatsapp"]["ai_api_key_reference"]
    else:
        context["company_data_payload"]["ai_config"]["openai_config"]["whatsapp"]["ai_api_key_reference"] = second

    assert VALIDATOR.is_valid(context) == model_accepts(context)


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({"company_data_payload__company_id": "other"}, id="halves that disagree"),
        pytest.param(
            {"frontend_payload__request_data__initial_request_timestamp": "2026-02-30T10:00:00Z"}, id="no such date"
        ),
        pytest.param({"frontend_payload__request_data__request_id": "a\u200bb"}, id="an invisible character"),
        pytest.param({"conversation_id": "漢" * 342}, id="too many bytes for a key"),
        pytest.param({"frontend_payload__project_data": {"text": "x" * 270_000}}, id="too large for a record"),
    ],
)
def test_what_a_schema_can_not_say_is_left_to_the_model_and_told_in_its_description(overrides: dict[str, Any]) -> None:
    context = make_context(**overrides)

    assert VALIDATOR.is_valid(context)
    assert not model_accepts(context)
    assert all(word in SCHEMA["description"] for word in ("both halves", "date", "printable", "bytes", "336 KiB"))


# The tool


def test_the_tool_says_that_the_file_is_up_to_date() -> None:
    result = run("--check")

    assert (result.exit_code, result.stdout) == (0, "docs/context-object.schema.json is up to date.\n")


def test_the_tool_refuses_a_stale_file_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "DESCRIPTION", "Another text.")

    result = run("--check")

    assert result.exit_code == 1
    assert "run `make schema`" in result.stderr


def run(*arguments: str) -> Any:
    app = typer.Typer()
    app.command()(tool.main)
    return CliRunner().invoke(app, arguments)
