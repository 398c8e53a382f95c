"""Logs and metrics in memory."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from core.events import Metric


@dataclass(frozen=True)
class Line:
    level: str
    event: str
    fields: dict[str, Any] = field(default_factory=dict)


class RecordingTelemetry:
    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.metrics: Counter[str] = Counter()
        self.failed_codes: Counter[str] = Counter()
        self.counted: list[tuple[str, str | None]] = []
        self.invocations: list[str] = []
        self.flushes = 0

    def begin(self, aws_request_id: str) -> None:
        self.invocations.append(aws_request_id)

    def flush(self) -> None:
        self.flushes += 1

    def debug(self, event: str, **fields: Any) -> None:
        self.lines.append(Line("DEBUG", event, fields))

    def info(self, event: str, **fields: Any) -> None:
        self.lines.append(Line("INFO", event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        self.lines.append(Line("WARNING", event, fields))

    def error(self, event: str, **fields: Any) -> None:
        self.lines.append(Line("ERROR", event, fields))

    def critical(self, event: str, **fields: Any) -> None:
        self.lines.append(Line("CRITICAL", event, fields))

    def metric(self, metric: str, value: float = 1, *, code: str | None = None) -> None:
        self.metrics[metric] += value  # type: ignore[assignment]
        self.counted.append((metric, code))
        if code is not None and metric == Metric.MESSAGES_FAILED:
            self.failed_codes[code] += 1

    def events(self) -> list[str]:
        return [str(line.event) for line in self.lines]

    def only(self, event: str) -> Line:
        """Return the one line with that event."""
        found = [line for line in self.lines if line.event == event]
        assert len(found) == 1, f"{len(found)} lines with {event} in {self.events()}"
        return found[0]
