"""Logs: the lines of the function's log group, fetched in the way that the engine can."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from ops.answers import LogLine
from ops.aws import Aws
from ops.aws_errors import asking_for
from ops.log_lines import Event, conversation_of, is_about, read_event, select

_PATTERN_IDS = 20
"""Ids in one filter pattern, which may have 1,024 characters."""

Tick = Callable[[int, int | None], None]


class LogGroup:
    """Reads the function's log.

    Only AWS itself evaluates filter patterns as documented, so elsewhere every line of every stream is fetched; either
    way, what a line is about is decided here.
    """

    def __init__(self, aws: Aws, name: str) -> None:
        self._client = aws.logs
        self._name = name
        self._filters = not aws.emulated
        self._where = aws.where

    def trace(self, wanted: str, since: datetime, tick: Tick) -> list[LogLine]:
        """Return the lines about one id, and what Lambda itself says of the invocations that worked on it.

        Args:
            wanted: Conversation, request, SQS message, invocation, OpenAI or Twilio id.
            tick: Told how many lines were looked at.
        """
        with asking_for(f"the log group {self._name}", self._where):
            if not self._filters:
                events = list(self._every_line(since, tick))
                return select(events, conversation_of(events, wanted) or wanted)
            events = list(self._matching(f'"{wanted}"', since, tick))
            conversation_id = conversation_of(events, wanted)
            if conversation_id is not None:
                wanted = conversation_id
                events = list(self._matching(f'"{wanted}"', since, tick))
            ids = sorted({event.invocation_id or "" for event in events if is_about(event, {wanted})} - {"", wanted})
            for first in range(0, len(ids), _PATTERN_IDS):
                pattern = " ".join(f'?"{invocation_id}"' for invocation_id in ids[first : first + _PATTERN_IDS])
                events += self._matching(pattern, since, tick)
            return select(events, wanted)

    def lines_of(self, names: Sequence[str], since: datetime, tick: Tick) -> Iterator[Event]:
        """Yield the lines of some events, and perhaps others: what a line is, its reader decides.

        Args:
            names: Events of the function, as many as fit into one pattern.
        """
        with asking_for(f"the log group {self._name}", self._where):
            if self._filters:
                yield from self._matching(" ".join(f'?"{name}"' for name in names), since, tick)
            else:
                yield from self._every_line(since, tick)

    def _matching(self, pattern: str, since: datetime, tick: Tick) -> Iterator[Event]:
        pages = self._client.get_paginator("filter_log_events").paginate(
            logGroupName=self._name, startTime=_milliseconds(since), filterPattern=pattern
        )
        looked_at = 0
        for page in pages:
            looked_at += len(page["events"])
            tick(looked_at, None)
            for event in page["events"]:
                yield read_event(event)

    def _every_line(self, since: datetime, tick: Tick) -> Iterator[Event]:
        looked_at = 0
        for page in self._client.get_paginator("describe_log_streams").paginate(logGroupName=self._name):
            for stream in page["logStreams"]:
                if stream.get("lastEventTimestamp", _milliseconds(since)) < _milliseconds(since):
                    continue
                for event in self._stream(stream["logStreamName"], since):
                    looked_at += 1
                    yield event
                tick(looked_at, None)

    def _stream(self, stream: str, since: datetime) -> Iterator[Event]:
        token: dict[str, str] = {}
        while True:
            page = self._client.get_log_events(
                logGroupName=self._name,
                logStreamName=stream,
                startTime=_milliseconds(since),
                startFromHead=True,
                **token,  # type: ignore[arg-type]
            )
            yield from map(read_event, page["events"])
            if not page["events"] or page["nextForwardToken"] == token.get("nextToken"):
                return
            token = {"nextToken": page["nextForwardToken"]}


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
