"""Checks of the function, its settings, what feeds it and its log."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ops.answers import Finding, fail, ok, warn
from ops.aws_errors import asking_for
from ops.patient import Patient
from ops.render import counted
from utils.settings import Settings, SettingsError

HANDLER = "index.lambda_handler"
REPORT_FAILURES = "ReportBatchItemFailures"


def check_function(patient: Patient) -> Iterator[Finding]:
    function, name = patient.function, patient.invoked
    state, update = function.get("State", "Active"), function.get("LastUpdateStatus", "Successful")
    if state not in {"Active", "Inactive"} or update == "Failed":
        reason = function.get("StateReason") or function.get("LastUpdateStatusReason") or "no reason given"
        yield fail("function", f"{name} is {state}, last update {update}: {reason}", patient.deploy)
    elif function["Handler"] != HANDLER:
        yield fail("function", f"{name} runs {function['Handler']}, not {HANDLER}", "Is it another function?")
    else:
        runtime = f"{function.get('Runtime', 'image')}, {function['MemorySize']} MB, {function['Timeout']} s"
        yield ok("function", f"{name}, {runtime}")


def check_settings(patient: Patient) -> Iterator[Finding]:
    unreadable = patient.function.get("Environment", {}).get("Error")
    if unreadable:
        yield fail(
            "settings",
            f"the environment can't be decrypted ({unreadable.get('ErrorCode')})",
            "Use credentials that may kms:Decrypt with the function's key.",
        )
        return
    try:
        settings = patient.settings
    except SettingsError as error:
        yield from (
            fail("settings", fault, f"The function refuses to start. {patient.deploy}") for fault in error.faults
        )
        return
    disagreements = list(_disagreements(patient, settings))
    yield from (fail("settings", fault, patient.deploy) for fault in disagreements)
    if not disagreements:
        model = f"{settings.openai_api}, {settings.openai_model}"
        yield ok("settings", f"valid, release {settings.version}, {model}")


def _disagreements(patient: Patient, settings: Settings) -> Iterator[str]:
    """Find settings that are valid and belong to other resources."""
    queue = patient.queue
    if settings.conversations_table_name != patient.names.table:
        yield f"the table is {settings.conversations_table_name}, not {patient.names.table}"
    partition = next(key["AttributeName"] for key in patient.table["KeySchema"] if key["KeyType"] == "HASH")
    if settings.conversations_partition_key != partition:
        yield f"CONVERSATIONS_PARTITION_KEY is {settings.conversations_partition_key}, the table's is {partition}"
    visibility = int(queue["VisibilityTimeout"])
    if settings.visibility_timeout_seconds != visibility:
        yield f"VISIBILITY_TIMEOUT_SECONDS is {settings.visibility_timeout_seconds}, the queue's is {visibility}"
    timeout = patient.function["Timeout"]
    if visibility < timeout:
        yield f"the queue shows messages again after {visibility} s, the function may run {timeout} s"
    if timeout < settings.min_timeout_seconds:
        yield f"the function may run {timeout} s, and needs {settings.min_timeout_seconds} s to send a message"
    receives = json.loads(queue.get("RedrivePolicy", "{}")).get("maxReceiveCount")
    if receives is not None and settings.max_receive_count != int(receives):
        yield f"MAX_RECEIVE_COUNT is {settings.max_receive_count}, the queue's is {receives}"


def check_event_source(patient: Patient) -> Iterator[Finding]:
    mappings = patient.mappings
    if not mappings:
        yield fail("event source", "nothing takes messages from the queue", patient.deploy)
        return
    ours = patient.own_mappings
    if len(ours) < len(mappings):
        others = ", ".join(sorted({_function(mapping) for mapping in mappings} - {patient.names.function}))
        yield fail("event source", f"another function takes from the queue too: {others}", "Delete its mapping.")
    if len(ours) > 1:
        yield warn("event source", f"{len(ours)} mappings feed the function", "Delete all but one.")
    for mapping in ours:
        yield _judge(mapping)


def _judge(mapping: Mapping[str, Any]) -> Finding:
    state = mapping["State"]
    if REPORT_FAILURES not in (mapping.get("FunctionResponseTypes") or []):
        return fail(
            "event source",
            f"{REPORT_FAILURES} is off: Lambda deletes messages that failed",
            f"At once: aws lambda update-event-source-mapping --uuid {mapping['UUID']}"
            f" --function-response-types {REPORT_FAILURES}",
        )
    if state in {"Disabled", "Disabling"}:
        return fail(
            "event source",
            f"{state.lower()}: messages wait on the queue",
            "When they may go: ops resume",
        )
    if state != "Enabled":
        return warn("event source", f"{state.lower()}", "Look again in a minute.")
    result = mapping.get("LastProcessingResult", "")
    if result.startswith("PROBLEM"):
        return fail("event source", result, "See the function's role and its log: ops trace")
    return ok("event source", f"enabled, batches of {mapping['BatchSize']}, failures reported one by one")


def check_log_group(patient: Patient) -> Iterator[Finding]:
    name, logs = patient.names.log_group, patient.aws.logs
    with asking_for(f"the log group {name}", patient.aws.where):
        groups = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        group = next((group for group in groups if group["logGroupName"] == name), None)
        if group is None:
            yield fail("log group", f"there is no {name}", patient.deploy)
            return
        filters = logs.describe_metric_filters(logGroupName=name)["metricFilters"]
    days = group.get("retentionInDays")
    if days is None:
        yield warn("log group", f"{name} is kept for ever", f"{patient.deploy}; Terraform sets a retention.")
    else:
        yield ok("log group", f"{name}, kept {counted(days, 'day')}")
    if patient.names.metric_filter in {found["filterName"] for found in filters}:
        yield ok("metric filter", patient.names.metric_filter)
    else:
        yield fail(
            "metric filter",
            f"there is no {patient.names.metric_filter}, so the critical alarm can't ring",
            patient.deploy,
        )


def _function(mapping: Mapping[str, Any]) -> str:
    return str(mapping.get("FunctionArn", "")).split(":")[6]
