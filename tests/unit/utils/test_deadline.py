"""Deadline: work stops before Lambda does."""

from tests.fakes.clock import FakeClock
from utils.deadline import Deadline


class FakeContext:
    def __init__(self, clock: FakeClock, timeout_seconds: float) -> None:
        self._clock = clock
        self._timeout_seconds = timeout_seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._timeout_seconds - self._clock.monotonic()) * 1000)


def test_work_ends_a_margin_before_the_stop() -> None:
    deadline = Deadline.from_lambda(FakeContext(FakeClock(), 300), margin_seconds=15)

    assert deadline.remaining_seconds() == 285
    assert deadline.until_stop_seconds() == 300


def test_it_is_asked_of_lambda_each_time() -> None:
    clock = FakeClock()
    deadline = Deadline.from_lambda(FakeContext(clock, 300), margin_seconds=15)

    clock.advance(100.5)

    assert deadline.remaining_seconds() == 184.5
    assert deadline.until_stop_seconds() == 199.5


def test_nothing_is_ever_less_than_no_time() -> None:
    clock = FakeClock()
    deadline = Deadline.from_lambda(FakeContext(clock, 300), margin_seconds=15)

    clock.advance(290)

    assert deadline.remaining_seconds() == 0
    assert deadline.until_stop_seconds() == 10


def test_after_the_stop_nothing_is_left() -> None:
    clock = FakeClock()
    deadline = Deadline.from_lambda(FakeContext(clock, 300), margin_seconds=15)

    clock.advance(400)

    assert deadline.until_stop_seconds() == 0
