"""Generated documents: up to date, and true to what they are made from."""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel, Field, StringConstraints

from core.conversation import TRANSITIONS, Status
from tools.documents import ROOT, configuration, context_object, states
from tools.documents.blocks import BlockError, replaced
from tools.documents.markdown import anchor, table
from tools.documents.registry import GENERATED, Generated
from utils.settings import Settings

START = "<!-- generated: x; `python -m tools.reference` writes it -->"
END = "<!-- end of x -->"


@pytest.mark.parametrize("block", GENERATED, ids=lambda block: block.name)
def test_a_generated_document_is_up_to_date(block: Generated) -> None:
    assert block.text() == block.wanted(), "run `.venv/bin/python -m tools.reference`"


def test_only_what_is_between_the_comments_is_replaced() -> None:
    document = f"before\n{START}\n\nold\n\n{END}\nafter\n"

    assert replaced(document, "x", "new\n") == f"before\n{START}\n\nnew\n\n{END}\nafter\n"


@pytest.mark.parametrize("document", ["", START, f"{END}{START}", f"{START}{END}{START}{END}"])
def test_a_document_without_one_place_for_a_block_is_an_error(document: str) -> None:
    with pytest.raises(BlockError, match="'x'"):
        replaced(document, "x", "new")


def test_a_cell_cannot_break_its_table() -> None:
    assert table(("a", "b"), [("`x|y`", "one\ntwo")]).splitlines()[-1] == "| `x\\|y` | one two |"


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("Redrive", "redrive"),
        ("3. Store the secrets", "3-store-the-secrets"),
        ("What it costs, at rest?", "what-it-costs-at-rest"),
        ("company_data_payload.ai_config", "company_data_payloadai_config"),
    ],
)
def test_an_anchor_is_the_one_that_github_makes(heading: str, name: str) -> None:
    assert anchor(heading) == name


# States


def test_every_arrow_of_the_table_is_in_the_diagram() -> None:
    diagram = states.diagram(TRANSITIONS)

    assert "processing --> sending" in diagram
    assert "initial_message_sent --> [*]" in diagram
    assert "[*] --> sending" not in diagram
    assert all(str(status) in diagram for status in Status)


def test_only_statuses_with_the_same_neighbours_share_a_box() -> None:
    diagram = states.diagram({**TRANSITIONS, Status.FAILED_UNKNOWN: frozenset({Status.SENDING})})

    box = diagram.split("{\n", 1)[1].split("}", 1)[0].split()
    assert box == ["failed_secrets_fetch", "failed_to_send_message"]
    assert "failed_unknown --> sending" in diagram
    assert "failed_unknown --> processing" not in diagram


# Context Object


class Inner(BaseModel):
    number: Annotated[str, StringConstraints(pattern=r"^[0-9]|x$")] = Field(description="A number.")
    count: int | None = Field(default=None, ge=1, le=2000, description="How many.")


class Outer(BaseModel):
    inner: Inner
    maybe: Inner | None = Field(default=None, description="Another one.")


def test_each_object_gets_a_table_with_types_and_rules() -> None:
    reference = context_object.reference(Outer.model_json_schema())

    assert "### `inner`" in reference
    assert "| `number` | text | yes | `^[0-9]\\|x$` | A number. |" in reference
    assert "| `count` | whole number |   | 1 to 2,000 | How many. |" in reference
    assert "| `maybe` | object |   | [see below](#maybe) | Another one. |" in reference


# Settings


def test_every_variable_is_in_the_table() -> None:
    reference = configuration.reference(ROOT / "terraform")

    names = [name for field in Settings.model_fields.values() for name in configuration.names_of(field)]
    assert [name for name in names if f"`{name}`" not in reference] == []
    assert "`MAX_MESSAGE_PARTS` | `3` | 1 to 10 |" in reference


def test_a_variable_that_terraform_cannot_set_is_an_error(tmp_path: Path) -> None:
    stack = tmp_path / "modules" / "stack"
    stack.mkdir(parents=True)
    (stack / "variables.tf").write_text('variable "function_settings" {\n}\n', encoding="utf-8")

    with pytest.raises(configuration.UnknownSettingError, match="LOG_LEVEL"):
        configuration.reference(tmp_path)


def test_every_rule_across_variables_is_listed() -> None:
    """The environment that is to break them all must break them all: each rule is one statement of the check."""
    reference = configuration.reference(ROOT / "terraform")

    rules = reference.split("### Rules across variables\n\n")[1].split("\n\n", 1)[0].splitlines()
    statements = (ROOT / "lambda" / "utils" / "settings.py").read_text(encoding="utf-8").count("faults.append(")
    assert len(rules) == statements
