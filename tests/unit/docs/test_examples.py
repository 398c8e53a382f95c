"""Examples in documents are accepted by the code."""

import json
import re
from pathlib import Path
from typing import Any

from tests.unit.docs.documents import document
from tools.context_schema import context_schema
from tools.documents.context_object import leaf_paths
from utils.assistant_definition import AssistantDefinitions
from utils.context_processor import parse_context


def json_blocks(name: str) -> list[str]:
    """Return the JSON that a document shows, in blocks and in files written by a shell."""
    fences = [token for token in document(name).tokens if token.type == "fence"]
    blocks = [token.content for token in fences if token.info == "json"]
    shell = "\n".join(token.content for token in fences if token.info == "sh")
    return [*blocks, *re.findall(r"<<'JSON'\n(.*?)\nJSON$", shell, re.DOTALL | re.MULTILINE)]


def paths_of(value: Any, prefix: str = "") -> set[str]:
    if not isinstance(value, dict):
        return {prefix}
    return {prefix} | {
        path for name, inner in value.items() for path in paths_of(inner, f"{prefix}.{name}".lstrip("."))
    }


def test_the_context_object_shown_is_valid_and_has_every_field() -> None:
    (example,) = json_blocks("docs/context-object.md")

    parse_context(example)
    assert leaf_paths(context_schema()) - paths_of(json.loads(example)) == set()


def test_the_first_message_of_the_deploying_guide_is_valid() -> None:
    (context,) = [block for block in json_blocks("docs/deploying.md") if "frontend_payload" in block]

    parse_context(context)


def test_the_definition_of_the_migration_guide_is_one(tmp_path: Path) -> None:
    _, definition = json_blocks("docs/migration-from-assistants.md")
    (tmp_path / "asst_Kx3vB0.json").write_text(definition, encoding="utf-8")

    assert AssistantDefinitions(tmp_path).find("asst_Kx3vB0") is not None
