"""What Terraform and the function must agree on, read from both: settings, metrics, log lines."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from core.events import Event, Metric
from core.telemetry import LogFields
from tools import settings_rules
from utils.settings import Settings

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


@pytest.mark.parametrize("path", settings_rules.files(), ids=lambda path: path.parent.name)
def test_what_terraform_checks_of_the_settings_is_the_models(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == settings_rules.files()[path], "run `make schema`"


def test_every_setting_that_can_be_wrong_alone_has_a_rule() -> None:
    """Whole numbers, choices and texts; a bool cannot be wrong."""
    rules = settings_rules.rules()
    ruled = {*rules["ranges"], *rules["choices"], *rules["patterns"]}

    assert {name for name in TUNABLE - ruled if not isinstance(rules["defaults"].get(name), bool)} == set()


def test_no_range_of_a_setting_is_said_a_second_time() -> None:
    """A copy in a condition, a comment or a message would go stale."""
    for module in ("processor", "queue"):
        text = (TERRAFORM / "modules" / module / "variables.tf").read_text(encoding="utf-8")
        for name, (low, high) in settings_rules.rules()["ranges"].items():
            if high > 10:
                assert not re.search(rf"{name}[^\n]*\b{low} to {high}\b", text), (module, name)


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
