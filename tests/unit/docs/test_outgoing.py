"""The page on what may be sent names every rule, its setting and its code."""

import json
import re
from pathlib import Path

from utils.assistant_definition import DefinitionFile
from utils.guard_settings import GuardSettings
from utils.outgoing_rules import OutgoingRules

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "outgoing.md").read_text(encoding="utf-8")


def test_the_page_names_every_rule_and_setting() -> None:
    named = set(re.findall(r"`([A-Za-z_]+)`", PAGE))

    settings = {str(field.validation_alias) for field in GuardSettings.model_fields.values()}
    assert {*OutgoingRules.model_fields, *settings} <= named


def test_the_page_names_every_code() -> None:
    source = (ROOT / "lambda" / "core" / "outgoing_policy.py").read_text(encoding="utf-8")

    assert set(re.findall(r'code="(outgoing_\w+)"', source)) == set(re.findall(r"`(outgoing_\w+)`", PAGE))


def test_the_definition_shown_is_one() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)

    assert (
        DefinitionFile.model_validate_json(block).outgoing.max_characters
        == json.loads(block)["outgoing"]["max_characters"]
    )
