"""Definitions: the alarms as Terraform plans them, read from the module itself."""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.infrastructure.runner import ROOT_MODULE, Terraform

PAGER, TICKETS, TOPIC = (f"arn:aws:sns:eu-central-1:111122223333:{name}" for name in ("pager", "tickets", "alerts"))
NAMESPACE = "AIComms/WhatsAppProcessor/Dev"
QUEUE, DEAD_LETTER_QUEUE, FUNCTION, MAPPING = "the-queue", "the-dlq", "the-function", "the-mapping"

_ROOT = f"""
provider "aws" {{
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}}

module "alerting" {{
  source = "./alerting"

  stage                     = "Dev"
  topic_name                = "alerts"
  topic_arn                 = "{TOPIC}"
  metrics_namespace         = "{NAMESPACE}"
  log_group_name            = "/aws/lambda/{FUNCTION}"
  function_name             = "{FUNCTION}"
  function_timeout_seconds  = 300
  event_source_mapping_uuid = "{MAPPING}"
  queue_name                = "{QUEUE}"
  dead_letter_queue_name    = "{DEAD_LETTER_QUEUE}"
  paging_action_arns        = ["{PAGER}"]
  note_action_arns          = ["{TICKETS}"]
}}
"""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric and how its values of one period become one."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]
    statistic: str
    period: int


@dataclass(frozen=True, slots=True)
class MetricAlarm:
    """An alarm on one metric, or on an expression of several."""

    name: str
    metrics: Mapping[str, Metric]
    expression: str
    operator: str
    threshold: float
    datapoints: int
    of: int
    missing: str
    actions: frozenset[str]

    @property
    def period(self) -> int:
        (period,) = {metric.period for metric in self.metrics.values()}
        return period


@dataclass(frozen=True, slots=True)
class CompositeAlarm:
    """An alarm that rings while any of its children does."""

    name: str
    children: frozenset[str]
    actions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Definitions:
    metric_alarms: Mapping[str, MetricAlarm]
    composites: Mapping[str, CompositeAlarm]


def key_of(name: str) -> str:
    """Return what stands between prefix and stage: `Errors`."""
    found = re.fullmatch(r"WhatsAppProcessor(\w+)Alarm-Dev", name)
    assert found is not None, name
    return found[1]


def planned(folder: Path) -> Definitions:
    """Let Terraform plan the module, with the locked provider and without an account, and read the alarms."""
    shutil.copytree(ROOT_MODULE / "modules" / "alerting", folder / "alerting", ignore=shutil.ignore_patterns(".*"))
    shutil.copy(ROOT_MODULE / ".terraform.lock.hcl", folder)
    (folder / "main.tf").write_text(_ROOT, encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_", "TF_DATA"))}
    terraform = Terraform(folder, environ)
    terraform.init("-backend=false")
    terraform.read("plan", "-input=false", "-no-color", "-refresh=false", "-out=plan")
    (module,) = json.loads(terraform.read("show", "-json", "plan"))["planned_values"]["root_module"]["child_modules"]
    values = [(resource["type"], resource["values"]) for resource in module["resources"]]
    metric_alarms = [_metric_alarm(value) for kind, value in values if kind == "aws_cloudwatch_metric_alarm"]
    composites = [_composite(value) for kind, value in values if kind == "aws_cloudwatch_composite_alarm"]
    return Definitions(
        {key_of(alarm.name): alarm for alarm in metric_alarms}, {key_of(alarm.name): alarm for alarm in composites}
    )


def _metric_alarm(values: Mapping[str, Any]) -> MetricAlarm:
    metrics = dict(_metrics(values))
    expressions = [query["expression"] for query in values["metric_query"] or [] if query["return_data"]]
    (expression,) = expressions or metrics
    return MetricAlarm(
        name=values["alarm_name"],
        metrics=metrics,
        expression=expression,
        operator=values["comparison_operator"],
        threshold=values["threshold"],
        datapoints=values["datapoints_to_alarm"] or values["evaluation_periods"],
        of=values["evaluation_periods"],
        missing=values["treat_missing_data"],
        actions=frozenset(values["alarm_actions"] or []),
    )


def _metrics(values: Mapping[str, Any]) -> Iterator[tuple[str, Metric]]:
    if values["metric_name"]:
        yield "metric", _metric(values, values["statistic"])
    for query in values["metric_query"] or []:
        for metric in query["metric"]:
            yield query["id"], _metric(metric, metric["stat"])


def _metric(values: Mapping[str, Any], statistic: str) -> Metric:
    dimensions = frozenset((values["dimensions"] or {}).items())
    return Metric(values["namespace"], values["metric_name"], dimensions, statistic, values["period"])


def _composite(values: Mapping[str, Any]) -> CompositeAlarm:
    terms = [re.fullmatch(r'ALARM\("([^"]+)"\)', term) for term in values["alarm_rule"].split(" OR ")]
    children = frozenset(key_of(term[1]) for term in terms if term is not None)
    assert None not in terms, f"a rule of another form: {values['alarm_rule']}"
    return CompositeAlarm(values["alarm_name"], children, frozenset(values["alarm_actions"] or []))
