"""Names are Terraform's; what it renames must be renamed here."""

import re
from pathlib import Path

import pytest

from ops.errors import UsageError
from ops.names import ALARM_PREFIX, ALARMS, ATTENTION_INDEX, Names

TERRAFORM = Path(__file__).parents[3] / "terraform"


def value_of(name: str) -> str:
    text = (TERRAFORM / "modules" / "stack" / "main.tf").read_text(encoding="utf-8")
    found = re.search(rf'^\s*{name}\s*=\s*"(.+)"$', text, re.MULTILINE)
    assert found, name
    return found.group(1).replace("${var.environment}", "staging")


def test_names_are_those_that_terraform_gives() -> None:
    names = Names.of("staging")

    assert names.queue == value_of("queue")
    assert names.dead_letter_queue == value_of("dead_letter_queue")
    assert names.table == value_of("table")
    assert names.function == value_of("function")
    assert names.log_group == f"/aws/lambda/{value_of('function')}"


def test_index_is_the_one_that_terraform_makes() -> None:
    assert f'"{ATTENTION_INDEX}"' in (TERRAFORM / "modules" / "conversations" / "main.tf").read_text(encoding="utf-8")


def test_alarms_are_those_that_every_environment_gets() -> None:
    text = (TERRAFORM / "modules" / "alerting" / "main.tf").read_text(encoding="utf-8")
    always = text[text.index("alarms = merge(") : text.index("var.no_messages_sent_minutes == null")]
    keys = re.findall(r"^      (\w+) = \{$", always, re.MULTILINE)
    others = re.findall(r'"\$\{local\.alarm_prefix\}([A-Z]\w+)Alarm-', text)

    assert sorted(ALARMS) == sorted([*keys, *others])
    assert f'coalesce(var.names.alarm_prefix, "{ALARM_PREFIX}")' in text


def test_alarm_and_filter_end_in_the_stage() -> None:
    names = Names.of("qa1b")

    assert names.alarm("Errors") == "WhatsAppProcessorErrorsAlarm-Qa1b"
    assert names.metric_filter == "FinalDbUpdateFailureFilter-Qa1b"


def test_replaced_function_takes_its_log_group_along() -> None:
    assert Names.of("dev", function="mine").log_group == "/aws/lambda/mine"


@pytest.mark.parametrize("environment", ["", "d", "Dev", "1dev", "dev-1", "a" * 17, "dev\n"])
def test_environment_that_terraform_refuses_is_refused(environment: str) -> None:
    with pytest.raises(UsageError, match="No environment is called"):
        Names.of(environment)
