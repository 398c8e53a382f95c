"""What Terraform and the function must agree on, read from both: settings, metrics, log lines."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from annotated_types import Ge, Le
from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from core.events import Event, Metric
from core.telemetry import LogFields
from utils.settings import BASE_URL_PATTERN, MIN_WORK_SECONDS, Settings

TERRAFORM = Path(__file__).resolve().parents[3] / "terraform"
PROCESSOR = (TERRAFORM / "modules" / "processor" / "main.tf").read_text(encoding="utf-8")
ALERTING = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted((TERRAFORM / "modules" / "alerting").glob("*.tf"))
)


def block_after(start: str, text: str) -> str:
    """Return the lines between the one that holds `start` and the first that closes its indentation."""
    pattern = rf"^(?P<indent> *)[^\n]*{re.escape(start)}[^\n]*\n(?P<body>.*?)^(?P=indent)[\]}})]"
    found = re.search(pattern, text, re.DOTALL | re.MULTILINE)
    assert found is not None, f"{start!r} is not in the Terraform files any more"
    return found["body"]


def names_of(field: FieldInfo) -> set[str]:
    alias = field.validation_alias
    return {str(choice) for choice in alias.choices} if isinstance(alias, AliasChoices) else {str(alias)}


def settings() -> Iterator[tuple[str, FieldInfo]]:
    for field in Settings.model_fields.values():
        for name in names_of(field):
            yield name, field


def attributes(path: Path, variable: str) -> set[str]:
    """Return the names of the attributes of an object variable."""
    body = block_after(f'variable "{variable}"', path.read_text(encoding="utf-8"))
    return set(re.findall(r"^ +(\w+) += optional\(", body, re.MULTILINE))


TUNABLE = attributes(TERRAFORM / "modules" / "processor" / "variables.tf", "settings")
KNOWN_TO_TERRAFORM = {"CONVERSATIONS_TABLE_NAME", "CONVERSATIONS_TABLE_NAME_DEV"} | set(
    re.findall(r"^ +([A-Z_]+) += ", block_after("environment_variables = merge(", PROCESSOR), re.MULTILINE)
)


def test_terraform_sets_every_variable_that_the_function_reads_and_no_other() -> None:
    """But for the engine's own name of the table's, for those who deploy the zip otherwise."""
    engines = {"CONVERSATIONS_TABLE"}

    assert {name.upper() for name in TUNABLE} | KNOWN_TO_TERRAFORM | engines == {name for name, _ in settings()}


def test_the_stack_offers_every_setting() -> None:
    assert attributes(TERRAFORM / "modules" / "stack" / "variables.tf", "function_settings") == TUNABLE


def test_terraform_knows_the_range_of_every_number() -> None:
    known = {
        name: (int(low), int(high))
        for name, low, high in re.findall(r"(\w+) += \[(\d+), (\d+)\]", block_after("setting_ranges = {", PROCESSOR))
    }

    assert known == {
        name.lower(): (
            next(limit.ge for limit in field.metadata if isinstance(limit, Ge)),
            next(limit.le for limit in field.metadata if isinstance(limit, Le)),
        )
        for name, field in settings()
        if field.annotation is int and name.lower() in TUNABLE
    }


def test_terraform_checks_rules_with_the_functions_own_defaults() -> None:
    known = dict(re.findall(r"(\w+) += (\d+)", block_after("setting_defaults = {", PROCESSOR)))
    defaults = {name.lower(): field.default for name, field in settings()}

    assert {name: int(value) for name, value in known.items()} == {name: defaults[name] for name in known}


def test_a_plan_refuses_what_the_function_would_refuse() -> None:
    variables = (TERRAFORM / "modules" / "processor" / "variables.tf").read_text(encoding="utf-8")
    queue = (TERRAFORM / "modules" / "queue" / "variables.tf").read_text(encoding="utf-8")
    visibility, receives = (
        next(field for name, field in settings() if name == wanted).metadata
        for wanted in ("VISIBILITY_TIMEOUT_SECONDS", "MAX_RECEIVE_COUNT")
    )

    assert BASE_URL_PATTERN.replace("\\", "\\\\") in variables
    for text, prefix in ((variables, "queue_"), (queue, "")):
        for name, (low, high) in (("visibility_timeout_seconds", visibility), ("max_receive_count", receives)):
            assert f"var.{prefix}{name} >= {low.ge} && var.{prefix}{name} <= {high.le}\n" in text
    needs = re.search(r"timeout_needs_seconds = (.*)", PROCESSOR)
    assert needs is not None
    assert needs[1] == (
        f"local.effective.safety_margin_seconds + local.effective.twilio_timeout_seconds + {MIN_WORK_SECONDS}"
    )


def test_the_critical_filter_waits_for_a_line_that_the_function_writes() -> None:
    pattern = re.search(r'^ +pattern +=\s*"(.*)"$', ALERTING, re.MULTILINE)

    assert pattern is not None
    assert f'$.event = \\"{Event.FINAL_DB_UPDATE_FAILED}\\"' in pattern[1]


def test_the_dashboard_shows_every_metric_of_the_function_and_no_other() -> None:
    shown = re.search(r"own_metric = \{ for name in \[(.*?)\]", ALERTING, re.DOTALL)

    assert shown is not None
    assert set(re.findall(r'"(\w+)"', shown[1])) == {str(metric) for metric in Metric}


QUERIES = dict(re.findall(r'^ +"([a-z-]+)" += "(.*)"$', block_after("queries = {", ALERTING), re.MULTILINE))


@pytest.mark.parametrize("name", QUERIES)
def test_a_saved_query_asks_for_events_and_fields_that_exist(name: str) -> None:
    fields = {*LogFields.__annotations__, "level", "event", "version", "aws_request_id"}
    query = QUERIES[name].replace("\\n", "\n")

    compared = " ".join(re.findall(r'event (?:=|in) (\[.*?\]|\\".*?\\")', query))
    asked = set(re.findall(r'\\"(\w+)\\"', compared))
    named = set(re.findall(r"(?<![@\w\\\"/])[a-z]+(?:_[a-z]+)+(?![\w(])", re.sub(r'\\".*?\\"|as \w+', "", query)))

    assert asked <= {str(event) for event in Event}
    assert named <= {*fields, "count_distinct"} | set(re.findall(r"as (\w+)", query))


def test_there_are_saved_queries() -> None:
    assert len(QUERIES) >= 5
