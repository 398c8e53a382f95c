import json
from typing import Any

import pytest

from sandbox.stubs.default_reply import find_names, reply_text
from sandbox.stubs.schema_filler import fill
from tests.unit.stubs.world import USER_MESSAGE

VALUES = ("Ana", "Acme Ltd", "Solar")


def test_text_greets_the_recipient_in_the_name_of_the_company() -> None:
    text = reply_text(f'{USER_MESSAGE}\n\nProject:\n{{"project_name": "Solar"}}')

    assert text.startswith("Hello Ana, this is Acme Ltd. Thank you for getting in touch about Solar.")


@pytest.mark.parametrize(
    ("asked", "first_name", "company"),
    [
        pytest.param("", "there", "our team", id="nothing"),
        pytest.param("Just text, no sections {at all", "there", "our team", id="no JSON"),
        pytest.param('{"recipient_first_name": "Bo", "company_name": "B"}', "Bo", "B", id="flat"),
        pytest.param('{"a": {"b": [{"first_name": "Cy"}]}, "company_id": "c-9"}', "Cy", "c-9", id="nested"),
        pytest.param(
            'Representative:\n{"first_name": "Rep"}\n\nRecipient:\n{"first_name": "Di"}',
            "Di",
            "our team",
            id="two people",
        ),
        pytest.param('Recipient:\n{"first_name": null, "name": " "}', "there", "our team", id="empty values"),
        pytest.param("{" * 100_000, "there", "our team", id="only braces"),
        pytest.param('{"a":' * 5000, "there", "our team", id="too deep"),
    ],
)
def test_names_are_found_where_they_are(asked: str, first_name: str, company: str) -> None:
    names = find_names(asked)

    assert (names.first_name, names.company) == (first_name, company)


def test_json_mode_gives_content_variables() -> None:
    assert json.loads(reply_text(USER_MESSAGE, {"type": "json_object"})) == {"1": "Ana", "2": "Acme Ltd"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param(
            {
                "type": "object",
                "properties": {"1": {"type": "string"}, "2": {"type": "string"}, "3": {"type": "string"}},
            },
            {"1": "Ana", "2": "Acme Ltd", "3": "Solar"},
            id="numbered",
        ),
        pytest.param(
            {"properties": {"content_variables": {"type": "object", "additionalProperties": {"type": "string"}}}},
            {"content_variables": {"1": "Ana", "2": "Acme Ltd"}},
            id="free keys",
        ),
        pytest.param(
            {
                "properties": {
                    "content_variables": {
                        "type": "array",
                        "items": {"properties": {"name": {"type": "string"}, "value": {"type": "string"}}},
                    }
                }
            },
            {"content_variables": [{"name": "1", "value": "Ana"}, {"name": "2", "value": "Acme Ltd"}]},
            id="pairs",
        ),
        pytest.param(
            {
                "properties": {
                    "tone": {"enum": ["warm", "cool"]},
                    "kind": {"const": "greeting"},
                    "count": {"type": "integer", "minimum": 3},
                    "urgent": {"type": "boolean"},
                    "note": {"anyOf": [{"type": "null"}, {"type": "string"}]},
                    "nick": {"type": ["null", "string"]},
                    "nothing": {"type": "null"},
                    "list": {"type": "array", "items": {"type": "string"}},
                    "empty": {"type": "object", "additionalProperties": False},
                }
            },
            {
                "tone": "warm",
                "kind": "greeting",
                "count": 3,
                "urgent": True,
                "note": "Ana",
                "nick": "Acme Ltd",
                "nothing": None,
                "list": ["Solar"],
                "empty": {},
            },
            id="all types",
        ),
        pytest.param(
            {"$defs": {"v": {"type": "string"}}, "properties": {"1": {"$ref": "#/$defs/v"}}},
            {"1": "Ana"},
            id="reference",
        ),
    ],
)
def test_schema_is_filled(schema: dict[str, Any], expected: Any) -> None:
    assert fill(schema, VALUES) == expected


def test_schema_that_refers_to_itself_comes_to_an_end() -> None:
    schema = {"properties": {"1": {"type": "string"}, "next": {"$ref": "#"}}}

    assert fill(schema, VALUES)["next"]["1"] == "Acme Ltd"
