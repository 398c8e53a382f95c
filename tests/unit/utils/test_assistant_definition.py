"""Assistant definitions: the ones in the zip, and the rules for those that come with a message."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.fakes.function import DEFINITIONS
from utils.assistant_definition import AssistantDefinition, AssistantDefinitions, DefinitionFileError

ASSISTANTS = Path(__file__).parents[3] / "lambda" / "assistants"


def write(folder: Path, name: str, content: Any) -> AssistantDefinitions:
    (folder / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return AssistantDefinitions(folder)


def test_a_definition_is_found_by_its_id(tmp_path: Path) -> None:
    definitions = write(tmp_path, "greeter", {"instructions": "Say hello.", "max_output_tokens": 500})

    definition = definitions.find("greeter")

    assert definition is not None
    assert definition.model_dump(exclude_unset=True) == {"instructions": "Say hello.", "max_output_tokens": 500}


def test_an_unknown_id_has_none(tmp_path: Path) -> None:
    assert AssistantDefinitions(tmp_path).find("greeter") is None


def test_a_file_is_read_once(tmp_path: Path) -> None:
    definitions = write(tmp_path, "greeter", {"instructions": "Say hello."})
    definitions.find("greeter")
    (tmp_path / "greeter.json").write_text("changed", encoding="utf-8")

    definition = definitions.find("greeter")

    assert definition is not None
    assert definition.instructions == "Say hello."


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param("hello", "Invalid JSON", id="not JSON"),
        pytest.param("[]", "$: ", id="not an object"),
        pytest.param({"model": "gpt-6-luna"}, "instructions: Field required", id="no instructions"),
        pytest.param({"instructions": "x", "instruction": "y"}, "instruction: Extra", id="misspelt"),
        pytest.param({"instructions": "x", "max_output_tokens": "100"}, "max_output_tokens: ", id="wrong type"),
        pytest.param({"instructions": "x", "max_output_tokens": 15}, "max_output_tokens: ", id="too few tokens"),
        pytest.param({"instructions": ""}, "instructions: ", id="empty instructions"),
        pytest.param({"instructions": "x", "reasoning_effort": "huge"}, "reasoning_effort: ", id="unknown effort"),
        pytest.param({"instructions": "x", "outgoing": {"link": "any"}}, "outgoing.link: Extra", id="misspelt rule"),
        pytest.param({"instructions": "x", "outgoing": {"links": "some"}}, "outgoing.links: ", id="unknown rule"),
        pytest.param({"instructions": "x", "outgoing": None}, "outgoing: ", id="no rules"),
        pytest.param(
            {"instructions": "x", "outgoing": {"link_hosts": ["https://acme.com"]}},
            "outgoing.link_hosts.0: ",
            id="host",
        ),
        pytest.param(
            {"instructions": "x", "outgoing": {"link_paths": ["project_data.url"]}},
            "outgoing.link_paths.0: ",
            id="path",
        ),
        pytest.param(
            {"instructions": "x", "outgoing": {"phone_numbers": "none"}}, "outgoing.phone_numbers: ", id="numbers"
        ),
        pytest.param(
            {"instructions": "x", "outgoing": {"moderation": "yes"}}, "outgoing.moderation: ", id="moderation"
        ),
        pytest.param(
            {"instructions": "x", "outgoing": {"max_characters": 0}}, "outgoing.max_characters: ", id="length"
        ),
    ],
)
def test_an_unusable_file_is_named_with_its_faults(tmp_path: Path, content: Any, fault: str) -> None:
    definitions = write(tmp_path, "greeter", content)

    with pytest.raises(DefinitionFileError) as caught:
        definitions.find("greeter")

    assert str(caught.value).startswith("assistants/greeter.json: ")
    assert fault in str(caught.value)


def test_a_definition_that_comes_with_a_message_may_have_names_of_a_later_version() -> None:
    definition = AssistantDefinition.model_validate({"instructions": "Say hello.", "verbosity": "low"})

    assert definition.instructions == "Say hello."


def test_unknown_ids_are_not_kept(tmp_path: Path) -> None:
    """A message chooses the id: nothing of it may stay in memory."""
    definitions = AssistantDefinitions(tmp_path)

    for number in range(1000):
        definitions.find(f"unknown-{number}")

    assert "unknown-" not in repr(vars(definitions))


def test_a_definition_shows_no_input_in_its_errors() -> None:
    with pytest.raises(ValidationError) as caught:
        AssistantDefinition.model_validate({"instructions": ["secret text"]})

    assert "secret text" not in str(caught.value)


# The definitions that ship


@pytest.mark.parametrize("path", sorted(ASSISTANTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_shipped_definition_is_usable(path: Path) -> None:
    definition = DEFINITIONS.find(path.stem)

    assert definition is not None
    assert definition.output_schema is not None
    assert list(strict_faults(definition.output_schema)) == []


def test_the_example_asks_for_variables_that_whatsapp_accepts() -> None:
    definition = DEFINITIONS.find("first-contact")

    assert definition is not None
    assert definition.output_schema is not None
    properties = definition.output_schema["properties"]
    assert list(properties) == ["1", "2", "3"]
    assert all(f'"{name}"' in definition.instructions for name in properties)


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"type": "object", "properties": {"1": {"type": "string"}}, "required": ["1"]}, id="open"),
        pytest.param(
            {"type": "object", "properties": {"1": {"type": "string"}}, "required": [], "additionalProperties": False},
            id="optional",
        ),
        pytest.param({"type": "array"}, id="not an object"),
        pytest.param(
            {
                "type": "object",
                "properties": {"1": {"type": "object", "properties": {}, "required": []}},
                "required": ["1"],
                "additionalProperties": False,
            },
            id="open within",
        ),
    ],
)
def test_the_rules_of_strict_output_are_checked(schema: dict[str, Any]) -> None:
    assert list(strict_faults(schema))


def strict_faults(schema: dict[str, Any], path: str = "$") -> list[str]:
    """Return what OpenAI would refuse of a schema in strict mode.

    Source: OpenAI, guide "Structured model outputs", "Supported schemas": the root is an object and no `anyOf`; every
    object has `additionalProperties: false`, and all its fields are required.
    """
    if path == "$" and schema.get("type") != "object":
        return ["$: the root must be an object"]
    faults = []
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            faults.append(f"{path}: additionalProperties must be false")
        if set(schema.get("required", [])) != set(schema.get("properties", {})):
            faults.append(f"{path}: every property must be required")
    children = [*schema.get("properties", {}).items(), *([("[]", schema["items"])] if "items" in schema else [])]
    for name, child in children:
        faults += strict_faults(child, f"{path}.{name}")
    return faults
