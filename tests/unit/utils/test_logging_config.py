"""Logs and metrics: one JSON object a line, numbers masked, every count written once."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from core.events import Event, Metric
from tests.fakes.captured_output import CapturedOutput
from utils.logging_config import EventLog

NAMESPACE = "AIComms/WhatsAppProcessor/Dev"


def make_log(level: str = "INFO") -> EventLog:
    return EventLog(level, "1.4.0", NAMESPACE)


def total(metrics: list[dict[str, Any]], name: str) -> float:
    """Return the sum of all values of a metric without a code."""
    return float(sum(sum(metric.get(name, [])) for metric in metrics if "code" not in metric))


def test_a_line_is_one_json_object_with_a_fixed_event(output: CapturedOutput) -> None:
    log = make_log()
    log.begin("request-1")

    log.info(Event.MESSAGE_SENT, conversation_id="conv-1", message_id="m-1", part=1)

    (line,) = output.lines
    moment = line.pop("timestamp")
    assert line == {
        "level": "INFO",
        "event": "message_sent",
        "message": "message_sent",
        "location": line["location"],
        "service": "whatsapp-channel-processor",
        "version": "1.4.0",
        "aws_request_id": "request-1",
        "conversation_id": "conv-1",
        "message_id": "m-1",
        "part": 1,
    }
    assert moment.endswith("+0000")


def test_a_line_says_who_wrote_it(output: CapturedOutput) -> None:
    make_log().warning(Event.HEARTBEAT_LOST)

    assert output.lines[0]["location"].startswith("test_a_line_says_who_wrote_it:")


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical"])
def test_every_level_masks_the_number(output: CapturedOutput, level: str) -> None:
    log = make_log("DEBUG")

    getattr(log, level)(Event.MESSAGE_SENT, recipient="+447700903814")

    assert output.lines[0]["level"] == level.upper()
    assert output.lines[0]["recipient"] == "+44******3814"
    assert "7700903814" not in output.text


def test_lines_below_the_level_are_not_written(output: CapturedOutput) -> None:
    log = make_log("WARNING")

    log.info(Event.MESSAGE_SENT)
    log.warning(Event.HEARTBEAT_LOST)

    assert [line["event"] for line in output.lines] == ["heartbeat_lost"]


def test_an_invocation_has_its_own_id(output: CapturedOutput) -> None:
    log = make_log()

    for request_id in ("request-1", "request-2"):
        log.begin(request_id)
        log.info(Event.BATCH_FINISHED)

    assert [line["aws_request_id"] for line in output.lines] == ["request-1", "request-2"]


def test_what_a_critical_line_says_can_be_written_by_hand(output: CapturedOutput) -> None:
    moment = datetime(2026, 11, 22, tzinfo=UTC)

    make_log().critical(Event.FINAL_DB_UPDATE_FAILED, should_have_written={"messages": [{"timestamp": moment}]})

    assert output.lines[0]["should_have_written"] == {"messages": [{"timestamp": str(moment)}]}


def test_a_log_of_a_second_runtime_writes_no_line_twice(output: CapturedOutput) -> None:
    make_log()

    make_log().info(Event.MESSAGE_SENT)

    assert len(output.lines) == 1


@pytest.mark.usefixtures("output")
@pytest.mark.parametrize(
    "library", ["openai", "httpx2", "httpcore2", "urllib3", "botocore", "boto3", "twilio.http_client"]
)
def test_libraries_that_write_addresses_are_quiet(library: str) -> None:
    make_log("DEBUG")

    assert not logging.getLogger(library).isEnabledFor(logging.INFO)
    assert not logging.getLogger(f"{library}.part").isEnabledFor(logging.INFO)


# Metrics


def test_metrics_of_an_invocation_are_written_together(output: CapturedOutput) -> None:
    log = make_log()

    log.metric(Metric.MESSAGES_SENT)
    log.metric(Metric.MESSAGES_SENT)
    log.metric(Metric.OPENAI_LATENCY, 1200)
    nothing_yet = output.text
    log.flush()

    (metric,) = output.metrics
    assert nothing_yet == ""
    assert (metric["MessagesSent"], metric["OpenAILatency"]) == ([1, 1], [1200])
    assert metric["service"] == "whatsapp-channel-processor"
    assert metric["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": NAMESPACE,
            "Dimensions": [["service"]],
            "Metrics": [
                {"Name": "MessagesSent", "Unit": "Count"},
                {"Name": "OpenAILatency", "Unit": "Milliseconds"},
            ],
        }
    ]


@pytest.mark.parametrize("metric", Metric)
def test_latencies_are_in_milliseconds_waits_in_seconds(output: CapturedOutput, metric: Metric) -> None:
    log = make_log()

    log.metric(metric, 5)
    log.flush()

    (described,) = output.metrics[0]["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    units = {"Latency": "Milliseconds", "Seconds": "Seconds"}
    assert described["Unit"] == next((unit for ending, unit in units.items() if metric.endswith(ending)), "Count")


def test_a_failure_is_counted_in_all_and_by_its_code(output: CapturedOutput) -> None:
    log = make_log()

    log.metric(Metric.MESSAGES_FAILED, code="twilio_21211")
    log.flush()

    by_code, in_all = output.metrics
    assert by_code["code"] == "twilio_21211"
    assert by_code["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service", "code"]]
    assert by_code["MessagesFailed"] == [1]
    assert in_all["MessagesFailed"] == [1]
    assert "code" not in in_all


def test_a_failure_is_not_counted_while_other_threads_may_log(output: CapturedOutput) -> None:
    """Printed at once, its line and the newline after it had other lines between them."""
    log = make_log()

    log.metric(Metric.MESSAGES_FAILED, code="twilio_21211")

    assert output.text == ""


def test_no_metric_is_written_twice(output: CapturedOutput) -> None:
    log = make_log()
    log.metric(Metric.MESSAGES_FAILED, code="twilio_21211")

    log.flush()
    log.flush()

    assert len(output.metrics) == 2


def test_an_invocation_without_metrics_writes_none(output: CapturedOutput) -> None:
    make_log().flush()

    assert output.text == ""


def test_more_values_than_one_object_may_hold_are_all_written(output: CapturedOutput) -> None:
    log = make_log()

    for _ in range(250):
        log.metric(Metric.MESSAGES_SENT)
    log.flush()

    assert total(output.metrics, "MessagesSent") == 250
    assert max(len(metric["MessagesSent"]) for metric in output.metrics) <= 100


def test_metrics_of_many_threads_are_all_counted(output: CapturedOutput) -> None:
    log = make_log()

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(lambda _: log.metric(Metric.MESSAGES_FAILED, code="timeout"), range(200)))
    log.flush()

    assert total(output.metrics, "MessagesFailed") == 200
    assert sum(sum(metric["MessagesFailed"]) for metric in output.metrics if "code" in metric) == 200
