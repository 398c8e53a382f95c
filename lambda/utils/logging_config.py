"""Logs and metrics: one JSON line per event, and EMF metrics, by AWS Lambda Powertools.

A line says a fixed `event` and fields that `core.telemetry.LogFields` lists. There is no way to log free text.
"""

import logging
import warnings
from threading import Lock
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from utils.redaction import mask_phone

SERVICE = "whatsapp-channel-processor"

UNITS = {"Latency": MetricUnit.Milliseconds, "Seconds": MetricUnit.Seconds}
"""Units of metrics by the end of their names; all others are counts."""

_CALLER = 3
"""Stack frames from the one that asked for a line to the one that writes it."""

WORDS = {
    "final_db_update_failed": "CRITICAL: message sent, but the final DynamoDB update failed",
}
"""Message text of lines that an alarm of the engine finds by its words; of all others it is the event."""

_CHATTY = ("openai", "httpx", "httpx2", "httpcore2", "urllib3", "botocore", "boto3", "twilio.http_client")
"""Loggers of libraries that write addresses, headers or query strings at INFO or DEBUG."""


class EventLog:
    """The function's log lines and metrics.

    Metrics of one invocation are written together by `flush`, when no other thread writes: Powertools prints a metric
    and the end of its line one after the other, and a log line in between would make both unreadable.
    """

    def __init__(self, level: str, version: str, metrics_namespace: str) -> None:
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
        warnings.simplefilter("ignore", DeprecationWarning)  # the SDK warns on each Assistants call
        self._logger = Logger(service=SERVICE, level=level, log_uncaught_exceptions=False, utc=True)
        self._logger.append_keys(version=version)
        self._metrics = Metrics(namespace=metrics_namespace, service=SERVICE)
        self._namespace = metrics_namespace
        self._by_code: list[tuple[str, MetricUnit, float, str]] = []
        self._lock = Lock()

    def debug(self, event: str, **fields: Any) -> None:
        self._logger.debug(str(event), **_line(event, fields))

    def info(self, event: str, **fields: Any) -> None:
        self._logger.info(str(event), **_line(event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        self._logger.warning(str(event), **_line(event, fields))

    def error(self, event: str, **fields: Any) -> None:
        self._logger.error(str(event), **_line(event, fields))

    def critical(self, event: str, **fields: Any) -> None:
        self._logger.critical(WORDS.get(event, str(event)), **_line(event, fields))

    def metric(self, metric: str, value: float = 1, *, code: str | None = None) -> None:
        """Count an event, or note a latency in milliseconds or a wait in seconds."""
        unit = next((unit for ending, unit in UNITS.items() if metric.endswith(ending)), MetricUnit.Count)
        with self._lock:
            self._metrics.add_metric(name=metric, unit=unit, value=value)
            if code is not None:
                self._by_code.append((metric, unit, value, code))

    def begin(self, aws_request_id: str) -> None:
        """Put the invocation's id on every line until the next call."""
        self._logger.append_keys(aws_request_id=aws_request_id)

    def flush(self) -> None:
        """Write the metrics collected since the last call."""
        with self._lock:
            for metric, unit, value, code in self._by_code:
                self._write_by_code(metric, unit, value, code)
            self._by_code.clear()
            if self._metrics.metric_set:
                self._metrics.flush_metrics()

    def _write_by_code(self, metric: str, unit: MetricUnit, value: float, code: str) -> None:
        with single_metric(
            name=metric,
            unit=unit,
            value=value,
            namespace=self._namespace,
            default_dimensions={"service": SERVICE},
        ) as by_code:
            by_code.add_dimension(name="code", value=code)


def _line(event: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return what a logger's method takes: the fields, the number masked, and whose line it is."""
    if "recipient" in fields:
        fields["recipient"] = mask_phone(fields["recipient"])
    return {"extra": {"event": str(event), **fields}, "stacklevel": _CALLER}
