"""The function's log, as CloudWatch Logs of the engine has it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the function's log.

    Attributes:
        time_ms: When it was written, or on engines that deliver at its end, when the invocation ended.
        text: The line as it stands.
        json: What it says, where it is one JSON object; START, END and REPORT lines of Lambda are not.
    """

    time_ms: int
    text: str
    json: dict[str, Any] | None

    @property
    def event(self) -> str | None:
        return None if self.json is None else self.json.get("event")

    @property
    def is_metric(self) -> bool:
        return self.json is not None and "_aws" in self.json


class FunctionLog:
    """Reads a log group."""

    def __init__(self, logs: Any, group: str) -> None:
        self._logs = logs
        self.group = group

    def lines(self, since_ms: int = 0) -> list[LogLine]:
        """Return the lines since a moment, oldest first; none while the group has none."""
        try:
            pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=self.group, startTime=since_ms)
            events = [event for page in pages for event in page["events"]]
        except self._logs.exceptions.ResourceNotFoundException:
            return []
        found = [line for event in events for line in _lines(int(event["timestamp"]), event["message"])]
        return sorted(found, key=lambda line: line.time_ms)


def _lines(time_ms: int, message: str) -> Iterator[LogLine]:
    """Yield the lines of a log event; an engine may put several into one."""
    for text in message.splitlines():
        if text.strip():
            yield LogLine(time_ms, text, _json_object(text))


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
