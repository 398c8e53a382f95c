"""Interrupts: keep signals out of the moments in which what was just begun would be lost."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Let signals that come in the block act at its end.

    A thread pool that is interrupted while it starts a thread forgets that thread, and nobody waits for it.
    """
    if threading.current_thread() is not threading.main_thread():  # signals act on the main thread only
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: came.append(number)) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for missed in came:
            signal.raise_signal(missed)
