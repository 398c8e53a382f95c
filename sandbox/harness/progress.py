"""Progress: what the start of a stack is doing, told while it does it and kept for a summary."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any


@dataclass(slots=True)
class Step:
    """One thing that takes time; steps may run side by side.

    Attributes:
        note: What is worth knowing about it, such as that it was up to date.
        started: Seconds since the start of the timeline.
        seconds: How long it took; None while it lasts.
        failed: It ended by an error, or because nobody wanted it any more.
    """

    what: str
    started: float
    note: str = ""
    seconds: float | None = None
    failed: bool = False

    def __str__(self) -> str:
        took = "..." if self.seconds is None else f"{'ended after ' if self.failed else ''}{self.seconds:.1f} s"
        return f"{self.what}: {took}" + (f" ({self.note})" if self.note else "")


Progress = Callable[[Step], None]
"""Is called when a step begins and again when it has ended; from several threads, one call at a time."""


def say_nothing(_: Step) -> None:
    """Report no progress."""


@dataclass(slots=True)
class Timeline:
    """Runs steps, tells of each and remembers them."""

    progress: Progress = say_nothing
    steps: list[Step] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    _origin: float = field(init=False)
    _lock: Any = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._origin = self.clock()

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        """Time what happens in the block; it may set the step's note."""
        step = Step(what, self.clock() - self._origin)
        with self._lock:
            self.steps.append(step)
            self.progress(step)
        try:
            yield step
        except BaseException:
            step.failed = True
            raise
        finally:
            step.seconds = self.clock() - self._origin - step.started
            with self._lock:
                self.progress(step)

    @property
    def seconds(self) -> float:
        """From the beginning of the first step to the end of the last one that has ended."""
        return max((step.started + step.seconds for step in self.steps if step.seconds is not None), default=0.0)
