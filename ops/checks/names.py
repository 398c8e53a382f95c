"""Checks of names: what one resource calls another is what the other is called."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from core.events import Metric
from ops.answers import Finding, fail, ok, skip
from ops.aws_errors import asking_for
from ops.patient import Patient
from utils.settings import SettingsError

CRITICAL = "FinalDbUpdateFailure"

OURS = frozenset(Metric)
"""The function's own metrics: all go to one namespace."""

_REGION = re.compile(r"^sqs\.([a-z0-9-]+)\.amazonaws\.")


def check_names(patient: Patient) -> Iterator[Finding]:
    """Compare both sides of every name that one resource has of another."""
    try:
        _ = patient.settings
    except SettingsError:
        yield skip("names", "not looked at, as the function's settings are not valid")
        return
    faults = [*_of_the_function(patient), *_of_the_alarms(patient), *_of_the_filter(patient)]
    yield from (fail("names", fault, patient.deploy) for fault in faults)
    if not faults:
        yield ok("names", "queue, log group, metrics and alarms call each other by the same names")


def _of_the_function(patient: Patient) -> Iterator[str]:
    said, is_called = urlsplit(patient.settings.queue_url), urlsplit(patient.queue["QueueUrl"])
    if said.path != is_called.path:
        yield f"WHATSAPP_QUEUE_URL leads to {said.path.strip('/')}, the queue is {is_called.path.strip('/')}"
    regions = [found.group(1) for host in (said.netloc, is_called.netloc) if (found := _REGION.match(host))]
    if len(set(regions)) > 1:
        yield f"WHATSAPP_QUEUE_URL leads to {regions[0]}, the queue is in {regions[1]}"
    group = patient.function.get("LoggingConfig", {}).get("LogGroup")
    if group not in (None, patient.names.log_group):
        yield f"the function writes its log to {group}, not to {patient.names.log_group}"


def _of_the_alarms(patient: Patient) -> Iterator[str]:
    namespace, names = patient.settings.metrics_namespace, patient.names
    expected = {"QueueName": {names.queue, names.dead_letter_queue}, "FunctionName": {names.function}}
    for name, alarm in patient.alarms.items():
        if not name.endswith(f"Alarm-{names.stage}"):
            continue
        for metric in _metrics(alarm):
            if metric.get("MetricName") in OURS and metric.get("Namespace") != namespace:
                yield f"{name} watches {metric.get('Namespace')}, the function writes to {namespace}"
            for dimension in metric.get("Dimensions", []):
                wanted = expected.get(dimension["Name"])
                if wanted is not None and dimension["Value"] not in wanted:
                    yield f"{name} watches {dimension['Value']}, not {' or '.join(sorted(wanted))}"


def _of_the_filter(patient: Patient) -> Iterator[str]:
    name, logs = patient.names.log_group, patient.aws.logs
    with asking_for(f"the log group {name}", patient.aws.where):
        filters = logs.describe_metric_filters(logGroupName=name)["metricFilters"]
    alarm = patient.alarms.get(patient.names.alarm(CRITICAL), {})
    for found in filters:
        if found.get("filterName") != patient.names.metric_filter:
            continue
        for made in found.get("metricTransformations", []):
            writes = f"{made['metricNamespace']}/{made['metricName']}"
            watches = f"{alarm.get('Namespace')}/{alarm.get('MetricName')}"
            if "MetricName" in alarm and writes != watches:
                yield f"{found['filterName']} counts {writes}, the critical alarm watches {watches}"


def _metrics(alarm: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the metric of an alarm, or those of its expression."""
    if "MetricName" in alarm:
        yield alarm
    for query in alarm.get("Metrics", []):
        stat = query.get("MetricStat", {})
        if "Metric" in stat:
            yield stat["Metric"]
