"""Cost: the processor time and memory that a call takes."""

import gc
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

MAX_CPU_SECONDS = 0.5
MAX_MEMORY_BYTES = 100_000_000
"""The most that one message may cost, whatever is in it."""

TRIES = 5


def cpu_seconds(call: Callable[[], object]) -> float:
    """Return the processor time of a call, whatever it raises; the least of a few, for a busy machine adds to it."""
    least = float("inf")
    gc.freeze()  # the tests' own objects are many, and are not what is measured
    try:
        for _ in range(TRIES):
            started = time.process_time()
            with suppress(Exception):
                call()
            least = min(least, time.process_time() - started)
            if least < MAX_CPU_SECONDS / 2:
                break
    finally:
        gc.unfreeze()
    return least


def peak_memory_bytes(call: Callable[[], object]) -> int:
    """Return the most memory that a call holds at one time, whatever it raises."""
    tracemalloc.start()
    try:
        with suppress(Exception):
            call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
