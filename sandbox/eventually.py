"""Eventually: the one place in the tests that sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE_SECONDS = 0.02


def eventually(check: Callable[[], T], *, within_seconds: float = 10.0, pause_seconds: float = PAUSE_SECONDS) -> T:
    """Return what `check` returns as soon as it is true and raises nothing.

    Raises:
        AssertionError: It was not true in time; the message shows what it raised or returned last.
    """
    end = time.monotonic() + within_seconds
    while True:
        try:
            result = check()
            if result:
                return result
            last: object = result
        except Exception as exc:  # noqa: BLE001 - whatever it is may pass
            last = exc
        if time.monotonic() >= end:
            raise AssertionError(f"not true within {within_seconds} s; last seen: {last!r}")
        time.sleep(pause_seconds)
