"""Telemetry: what a log line may say and what is counted."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypedDict, Unpack

from core.events import Event, Metric


class DeliveryFields(TypedDict, total=False):
    """What every log line about a delivery says; `recipient` takes the full number and is shown masked.

    A postponed message has a new id each time: `origin_message_id` is that of the first.
    """

    message_id: str
    receive_count: int
    conversation_id: str
    request_id: str
    company_id: str
    recipient: str
    continuation: int
    origin_message_id: str


class LogFields(DeliveryFields, total=False):
    """Everything a log line may say: no message text, no secret, no whole event."""

    step: str
    status: str
    code: str
    reason: str
    permanent: bool
    faults: Sequence[str]
    paths: Sequence[str]
    delay_seconds: int | None
    waits_for: str
    duration_ms: int
    part: int
    parts: int
    message_sid: str
    message_sids: Sequence[str]
    thread_id: str
    response_id: str
    tokens_in: int
    tokens_out: int
    exception_type: str
    records: int
    failed: int
    should_have_written: Mapping[str, Any]


class Telemetry(Protocol):
    """Logs and metrics; never fails."""

    def debug(self, event: Event, **fields: Unpack[LogFields]) -> None: ...

    def info(self, event: Event, **fields: Unpack[LogFields]) -> None: ...

    def warning(self, event: Event, **fields: Unpack[LogFields]) -> None: ...

    def error(self, event: Event, **fields: Unpack[LogFields]) -> None: ...

    def critical(self, event: Event, **fields: Unpack[LogFields]) -> None: ...

    def metric(self, metric: Metric, value: float = 1, *, code: str | None = None) -> None: ...
