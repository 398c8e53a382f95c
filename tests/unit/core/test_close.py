"""The final update against the end of the process: the one line is written in time, and once."""

import pytest

from core.close import CALL_SECONDS, LINE_SECONDS, TRIES
from core.errors import StoreUnavailableError
from tests.fakes.clock import FakeClock
from tests.fakes.function import InMemoryFunction
from tests.fakes.store import InMemoryConversationStore
from tests.fakes.telemetry import RecordingTelemetry


class Watch(RecordingTelemetry):
    """Notes when the critical line is written."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.critical_at: list[float] = []

    def critical(self, event: str, **fields: object) -> None:
        self.critical_at.append(self._clock.monotonic())
        super().critical(event, **fields)


class SilentStore(InMemoryConversationStore):
    """Says nothing to a final update until the adapter gives up."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.closes_at: list[float] = []

    def close(self, *_: object) -> None:
        self.closes_at.append(self._clock.monotonic())
        self._clock.advance(CALL_SECONDS)
        raise StoreUnavailableError("DynamoDB: ReadTimeoutError")


@pytest.mark.parametrize("seconds_left", [1.0, 3.0, 6.9, 7.0, 7.1, 15.0, 16.0, 30.0, 60.0, 200.0])
def test_the_line_is_written_before_lambda_stops_the_process_and_once(seconds_left: float) -> None:
    timeout_seconds = 300.0
    clock = FakeClock()
    function = InMemoryFunction(clock=clock, store=SilentStore(clock), telemetry=Watch(clock))
    send = function.whatsapp.send

    def send_slowly(*args: object) -> object:
        message = send(*args)
        clock.advance(timeout_seconds - clock.monotonic() - seconds_left)
        return message

    function.whatsapp.send = send_slowly
    function.pipeline().process(function.delivery(), function.deadline(timeout_seconds))

    (written_at,) = function.telemetry.critical_at
    assert written_at <= timeout_seconds - LINE_SECONDS
    assert bool(function.store.closes_at) is (seconds_left >= CALL_SECONDS + LINE_SECONDS)
    assert len(function.store.closes_at) <= TRIES
    assert all(at + CALL_SECONDS + LINE_SECONDS <= timeout_seconds for at in function.store.closes_at)
