"""Attempt: how one delivery may wait and repeat."""

from collections.abc import Iterator
from typing import Any

import pytest

from core.attempt import MIN_CALL_SECONDS, Attempt
from core.errors import DeadlineError, PermanentError, ProcessorError, TransientError
from tests.fakes.function import InMemoryFunction as Core
from utils.deadline import Deadline


def make_attempt(core: Core, *, remaining_seconds: float = 300.0) -> Attempt:
    delivery: Any = core.delivery(message_id="m-7", receive_count=2)
    end = core.clock.monotonic() + remaining_seconds
    deadline = Deadline(lambda: end - core.clock.monotonic(), 0)
    return Attempt(delivery, delivery.context, deadline, core.clock, lambda: 0.5, last_receive=False)


class Vendor:
    """Fails as told, then answers."""

    def __init__(self, *errors: ProcessorError) -> None:
        self._errors: Iterator[ProcessorError] = iter(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        for error in self._errors:
            raise error
        return "answer"


def throttled(retry_after_seconds: float | None = None, *, repeatable: bool = True) -> TransientError:
    return TransientError("429", retry_after_seconds=retry_after_seconds, repeatable=repeatable)


def test_its_lines_say_who_it_is_about(core: Core) -> None:
    assert make_attempt(core).log_fields() == {
        "message_id": "m-7",
        "receive_count": 2,
        "conversation_id": "conv-0001",
        "request_id": "req-conv-0001",
        "company_id": "acme",
        "recipient": "+447700900123",
    }


def test_an_answer_is_returned(core: Core) -> None:
    assert make_attempt(core).repeat(Vendor()) == "answer"
    assert core.clock.sleeps == []


def test_pauses_grow_and_are_jittered(core: Core) -> None:
    vendor = Vendor(throttled(), throttled())

    answer = make_attempt(core).repeat(vendor)

    assert answer == "answer"
    assert core.clock.sleeps == [0.75, 1.5]


def test_a_wish_of_the_vendor_is_the_least(core: Core) -> None:
    vendor = Vendor(throttled(2), throttled(0), throttled())

    with pytest.raises(TransientError):
        make_attempt(core).repeat(vendor)

    assert core.clock.sleeps == [2, 1.5]


def test_there_are_three_tries(core: Core) -> None:
    vendor = Vendor(*[throttled() for _ in range(9)])

    with pytest.raises(TransientError):
        make_attempt(core).repeat(vendor)

    assert vendor.calls == 3
    assert len(core.clock.sleeps) == 2


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(throttled(5.1), id="a long wish"),
        pytest.param(throttled(repeatable=False), id="it may have had an effect"),
        pytest.param(throttled(1, repeatable=False), id="it may have had an effect, and asks to wait"),
        pytest.param(PermanentError("400"), id="permanent"),
    ],
)
def test_what_is_not_worth_repeating_here_is_raised_at_once(core: Core, error: ProcessorError) -> None:
    vendor = Vendor(error)

    with pytest.raises(type(error)) as caught:
        make_attempt(core).repeat(vendor)

    assert caught.value is error
    assert vendor.calls == 1
    assert core.clock.sleeps == []


def test_the_longest_wish_that_is_granted(core: Core) -> None:
    assert make_attempt(core).repeat(Vendor(throttled(5.0))) == "answer"


@pytest.mark.parametrize(
    ("remaining_seconds", "calls"), [pytest.param(2.9, 1, id="too late"), pytest.param(3.1, 2, id="just in time")]
)
def test_no_pause_ends_too_late_for_the_next_call(core: Core, remaining_seconds: float, calls: int) -> None:
    vendor = Vendor(throttled(2), PermanentError("400"))

    with pytest.raises(ProcessorError):
        make_attempt(core, remaining_seconds=remaining_seconds).repeat(vendor)

    assert vendor.calls == calls


def test_a_timeout_fits_what_is_left(core: Core) -> None:
    assert make_attempt(core, remaining_seconds=300).fit(20) == 20
    assert make_attempt(core, remaining_seconds=12.5).fit(20) == 12.5


def test_a_call_that_would_have_no_time_is_not_started(core: Core) -> None:
    with pytest.raises(DeadlineError):
        make_attempt(core, remaining_seconds=MIN_CALL_SECONDS - 0.1).fit(20)


def test_it_waits_while_there_is_time_for_a_call_afterwards(core: Core) -> None:
    make_attempt(core, remaining_seconds=10).wait(9)

    assert core.clock.sleeps == [9]


def test_it_does_not_wait_for_the_end(core: Core) -> None:
    attempt = make_attempt(core, remaining_seconds=10)

    with pytest.raises(DeadlineError):
        attempt.wait(9.5)

    assert core.clock.sleeps == []
