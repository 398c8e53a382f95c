"""Kernel: tasks that take turns in simulated time, and the processes they belong to.

One event happens at a time, in the order of its moment; what happens at the same moment is ordered by the seed. So a
seed names a schedule exactly. A task is a greenlet: real code runs until it sleeps or waits, and goes on later.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from greenlet import getcurrent, greenlet

from tests.fakes.faulty import ProcessDied


class SimulationStuckError(AssertionError):
    """More happens than any schedule needs: something repeats for ever."""


@dataclass(eq=False)
class Process:
    """An execution environment of the function: its tasks live, pause and die together."""

    name: str
    dead: bool = False
    paused_until: float = 0.0
    paused_seconds: float = 0.0
    tasks: "list[Task]" = field(default_factory=list)


@dataclass(eq=False)
class Task:
    """A greenlet and whose it is; tasks of the world itself have no process."""

    run: greenlet
    process: Process | None


class Kernel:
    """Simulated time and the tasks in it."""

    MAX_EVENTS = 50_000

    def __init__(self, random: Random) -> None:
        self.now = 0.0
        self.random = random
        self.trace: list[str] = []
        self.after_event: Callable[[], None] = lambda: None
        self._hub = getcurrent()
        self._events: list[tuple[float, float, int, Callable[[], object]]] = []
        self._sequence = 0
        self._current: Task | None = None

    def at(self, moment: float, action: Callable[[], object]) -> None:
        """Let `action` happen at a moment; it must not sleep."""
        self._sequence += 1
        heapq.heappush(self._events, (max(moment, self.now), self.random.random(), self._sequence, action))

    def spawn(self, call: Callable[[], Any], process: Process | None = None) -> Task:
        """Start a task now."""

        def body() -> None:
            try:
                call()
            except ProcessDied:
                if process is None or not process.dead:
                    raise

        task = Task(greenlet(body, parent=self._hub), process)
        if process is not None:
            process.tasks.append(task)
        self.at(self.now, lambda: self._resume(task))
        return task

    def sleep(self, seconds: float) -> None:
        """Let the current task sleep."""
        task = self._running()
        self.at(self.now + seconds, lambda: self._resume(task))
        self._hub.switch()

    def wait(self, waiters: list[Task]) -> None:
        """Let the current task sleep until somebody wakes `waiters`."""
        waiters.append(self._running())
        self._hub.switch()

    def wake(self, waiters: list[Task]) -> None:
        for task in waiters:
            self.at(self.now, lambda task=task: self._resume(task))  # type: ignore[misc]
        waiters.clear()

    def pause(self, process: Process, seconds: float) -> None:
        """Freeze a process: nothing in it runs, and it does not notice."""
        process.paused_until = self.now + seconds
        process.paused_seconds += seconds
        self.sleep(seconds)

    def kill(self, process: Process) -> None:
        """End a process: none of its code runs any more. A task that kills its own process must raise ProcessDied."""
        process.dead = True
        self.at(self.now, lambda: self._reap(process))

    def run(self) -> None:
        """Run until nothing is left to happen."""
        count = 0
        while self._events:
            count += 1
            if count > self.MAX_EVENTS:
                raise SimulationStuckError(f"more than {self.MAX_EVENTS} events")
            moment, _, _, action = heapq.heappop(self._events)
            self.now = moment
            action()
            self.after_event()

    def log(self, text: str) -> None:
        name = self._current.process.name if self._current and self._current.process else "world"
        self.trace.append(f"{self.now:9.3f}  {name:<8} {text}")

    def _running(self) -> Task:
        assert self._current is not None, "only a task can sleep"
        return self._current

    def _resume(self, task: Task) -> None:
        process = task.process
        if process is not None:
            if process.dead:
                return
            if process.paused_until > self.now:
                self.at(process.paused_until, lambda: self._resume(task))
                return
        self._switch(task, task.run.switch)

    def _reap(self, process: Process) -> None:
        for task in process.tasks:
            if task.run and not task.run.dead:
                self._switch(task, lambda run=task.run: run.throw(ProcessDied()))  # type: ignore[misc]

    def _switch(self, task: Task, switch: Callable[[], Any]) -> None:
        previous, self._current = self._current, task
        try:
            switch()
        finally:
            self._current = previous


class TaskLock:
    """A lock between tasks, for code that holds one while it waits for an answer."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._held = False
        self._waiters: list[Task] = []

    def __enter__(self) -> None:
        while self._held:
            self._kernel.wait(self._waiters)
        self._held = True

    def __exit__(self, *_: object) -> None:
        self._held = False
        self._kernel.wake(self._waiters)


class TaskFuture:
    """The result of a task."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._waiters: list[Task] = []
        self._done = False
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self, call: Callable[[], Any]) -> None:
        try:
            self._result = call()
        except Exception as exc:  # noqa: BLE001 - a future keeps what its call raised
            self._error = exc
        self._done = True
        self._kernel.wake(self._waiters)

    def result(self) -> Any:
        while not self._done:
            self._kernel.wait(self._waiters)
        if self._error is not None:
            raise self._error
        return self._result


class TaskExecutor:
    """Runs each call as a task of a process, at most `workers` at a time."""

    def __init__(self, kernel: Kernel, process: Process, workers: int) -> None:
        self._kernel = kernel
        self._process = process
        self._free = workers
        self._waiters: list[Task] = []

    def submit(self, call: Callable[..., Any], *args: Any) -> TaskFuture:
        future = TaskFuture(self._kernel)

        def work() -> None:
            while self._free == 0:
                self._kernel.wait(self._waiters)
            self._free -= 1
            try:
                future.run(lambda: call(*args))
            finally:
                self._free += 1
                self._kernel.wake(self._waiters)

        self._kernel.spawn(work, self._process)
        return future
