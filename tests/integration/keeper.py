"""Keeper: the one stack of a test run, started when the first test needs it, whichever process that runs in.

The process that began the run keeps the stack and ends it. Workers of pytest-xdist ask it, over a socket, where the
stack is; each is given an environment of its own for as long as it lives, so that nobody shares a queue or a function.
"""

import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

from sandbox.engines.choice import Choice
from sandbox.engines.engine import Engine, EngineError
from sandbox.harness import QUICK, Address, HarnessError, Plan, Stack, Step, Timeline
from sandbox.harness.plan import merged
from tools.infrastructure.errors import TerraformError
from tools.infrastructure.runner import check_version

NAME = "integration"

VARIABLES = merged(
    QUICK,
    {
        "customer_managed_key": True,
        "keep_key": True,
        "release": "integration",
        "table": {"replies_index": True},
        "function_settings": {
            "log_level": "DEBUG",  # so that nothing which could leak stays unsaid
            "twilio_status_callback_url": "https://status.example.com/twilio",
        },
    },
)


class StackUnavailableError(Exception):
    """The stack does not start; the message says why and what to do."""


class StackKeeper:
    """Starts the stack once, and ends it."""

    def __init__(self, choose: Callable[[], Choice], environments: int, tell: Callable[[str], None]) -> None:
        """Take how an engine is chosen, how many environments to deploy and whom to tell about progress."""
        self._choose = choose
        self._tell = tell
        self._free = ["dev", *(f"lane{number}" for number in range(2, environments + 1))]
        self._plans = [Plan(environment, VARIABLES) for environment in self._free]
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="stack-start")
        self._start: Future[Stack] | None = None
        self._exit = ExitStack()
        self._abandoned = False
        self._listener: Listener | None = None
        self._password = secrets.token_bytes(16)
        self.keep = False
        self.choice: Choice | None = None
        self.failure = ""
        self.on_failure: Callable[[], None] = lambda: None
        self.timeline = Timeline(self._report)

    def begin(self) -> None:
        """Start the stack in the background, unless something is missing that it needs.

        Raises:
            StackUnavailableError: Something is.
        """
        with self._lock:
            if self.failure:
                raise StackUnavailableError(self.failure)
            if self._start is None:
                with self._failing():
                    self.choice = self._choose()
                    self._tell(str(self.choice))
                    check_version()
                    self.choice.engine.prepare()
                self._start = self._pool.submit(self._start_stack, self.choice.engine)

    def get(self) -> Stack:
        """Return the stack as soon as it has started.

        Raises:
            StackUnavailableError: It does not start.
        """
        self.begin()
        assert self._start is not None
        return self._start.result()

    @property
    def stack(self) -> Stack | None:
        """The stack, if it has started."""
        start = self._start
        return start.result() if start and start.done() and start.exception() is None else None

    def _start_stack(self, engine: Engine) -> Stack:
        with self._failing():
            start = Stack.start(engine, name=NAME, plans=self._plans, timeline=self.timeline, keep=self.keep)
            return self._exit.enter_context(start)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except (EngineError, HarnessError, TerraformError, RuntimeError) as exc:
            self.failure = str(exc)
            self.on_failure()
            raise StackUnavailableError(self.failure) from exc

    def take_environment(self) -> str:
        """Return an environment that nobody else has, until it is given back."""
        return self._free.pop(0)

    def end(self) -> None:
        """End the stack, also while it is starting."""
        self._abandoned = True
        if self._listener is not None:
            self._listener.close()
        if self.choice is not None and self._start is not None and not self._start.done():
            self.choice.engine.stop()  # makes the start fail, which then cleans up
        self._pool.shutdown()
        self._exit.close()

    # Serving workers

    def listen(self) -> tuple[str, bytes]:
        """Serve other processes from now on; return where, and the password."""
        if self._listener is None:
            self._listener = Listener(authkey=self._password)
            threading.Thread(target=self._serve, args=(self._listener,), daemon=True, name="stack-keeper").start()
        return str(self._listener.address), self._password

    def _serve(self, listener: Listener) -> None:
        while True:
            try:
                connection = listener.accept()
            except (OSError, EOFError):
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True, name="stack-keeper").start()

    def _answer(self, connection: Connection) -> None:
        """Tell a worker where the stack is, and keep its environment for it until it is gone."""
        environment = self.take_environment()
        with connection, suppress(EOFError, OSError):
            try:
                self.begin()
                connection.send({})
                connection.send({"address": self.get().address.view(), "environment": environment})
            except StackUnavailableError as exc:
                connection.send({"unavailable": str(exc)})
            connection.recv()
        self._free.append(environment)

    def _report(self, step: Step) -> None:
        if self._abandoned:
            raise HarnessError("the run was ended")
        if step.seconds is not None:
            self._tell(f"  {step}")


class WorkersKeeper:
    """The keeper, as a worker sees it."""

    def __init__(self, address: str, password: bytes) -> None:
        self._where = address, password
        self._connection: Connection | None = None

    def begin(self) -> None:
        """Have the stack start, and an environment kept for this worker as long as it lives.

        Raises:
            StackUnavailableError: Something is missing that it needs.
        """
        address, password = self._where
        self._connection = Client(address, authkey=password)
        self._receive(self._connection)

    def get(self) -> tuple[Stack, str]:
        """Return the stack and the environment of this worker.

        Raises:
            StackUnavailableError: It does not start.
        """
        if self._connection is None:
            self.begin()
        assert self._connection is not None
        answer = self._receive(self._connection)
        return Stack(Address.of(answer["address"])), answer["environment"]

    def _receive(self, connection: Connection) -> dict[str, Any]:
        answer: dict[str, Any] = connection.recv()
        if "unavailable" in answer:
            raise StackUnavailableError(answer["unavailable"])
        return answer
