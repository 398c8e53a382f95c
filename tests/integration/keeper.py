"""Keeper: the one stack of a test run, started when the first test needs it, whichever process that runs in.

The process that began the run keeps the stack and ends it. Workers of pytest-xdist ask it, over a socket, where the
stack is; each is given an environment of its own for as long as it lives, so that nobody shares a queue or a function.
"""

import secrets
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

from tests.engines.choice import Choice
from tests.engines.engine import EngineError
from tests.harness import QUICK, Address, HarnessError, Plan, Stack, Step, Timeline
from tests.harness.plan import merged
from tools.infrastructure.errors import TerraformError

NAME = "integration"

VARIABLES = merged(
    QUICK,
    {
        "customer_managed_key": True,
        "release": "integration",
        "function_settings": {
            "log_level": "DEBUG",  # so that nothing which could leak stays unsaid
            "record_retention_days": 30,
            "twilio_status_callback_url": "https://status.example.com/twilio",
        },
    },
)

GIVE_UP_SECONDS = 60


class StackUnavailableError(Exception):
    """The stack does not start; the message says why and what to do."""


class StackKeeper:
    """Starts the stack once, and ends it."""

    def __init__(self, choose: Callable[[], Choice], environments: int, tell: Callable[[str], None]) -> None:
        """Take how an engine is chosen, how many environments to deploy and whom to tell about progress."""
        self._choose = choose
        self._tell = tell
        self._lock = threading.Lock()
        self._exit = ExitStack()
        self._failure: StackUnavailableError | None = None
        self._abandoned = False
        self._free = ["dev", *(f"lane{number}" for number in range(2, environments + 1))]
        self._plans = [Plan(environment, VARIABLES) for environment in self._free]
        self._listener: Listener | None = None
        self._password = secrets.token_bytes(16)
        self.keep = False
        self.choice: Choice | None = None
        self.stack: Stack | None = None
        self.timeline = Timeline(self._report)

    def get(self) -> Stack:
        """Return the stack; start it if nobody has.

        Raises:
            StackUnavailableError: It does not start.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self.stack is None:
                try:
                    self.choice = self._choose()
                    self._tell(str(self.choice))
                    start = Stack.start(
                        self.choice.engine, name=NAME, plans=self._plans, timeline=self.timeline, keep=self.keep
                    )
                    self.stack = self._exit.enter_context(start)
                except (EngineError, HarnessError, TerraformError, RuntimeError) as exc:
                    self._failure = StackUnavailableError(str(exc))
                    raise self._failure from exc
            return self.stack

    def take_environment(self) -> str:
        """Return an environment that nobody else has, until it is given back."""
        return self._free.pop(0)

    def end(self) -> None:
        """End the stack, also while it is starting."""
        self._abandoned = True
        if self._listener is not None:
            self._listener.close()
        is_idle = self._lock.acquire(blocking=False)
        if not is_idle and self.choice is not None:  # it is starting in another thread, which this ends
            self.choice.engine.stop()
        is_idle = is_idle or self._lock.acquire(timeout=GIVE_UP_SECONDS)
        try:
            self._exit.close()
        finally:
            if is_idle:
                self._lock.release()

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
                connection.send({"address": self.get().address.view(), "environment": environment})
            except StackUnavailableError as exc:
                connection.send({"unavailable": str(exc)})
            connection.recv()
        self._free.append(environment)

    def _report(self, step: Step) -> None:
        if self._abandoned:
            raise StackUnavailableError("the run was ended")
        if step.seconds is not None:
            self._tell(f"  {step}")


class WorkersKeeper:
    """The keeper, as a worker sees it."""

    def __init__(self, address: str, password: bytes) -> None:
        self._where = address, password
        self._connection: Connection | None = None

    def ask(self) -> Connection:
        """Have the stack start, and an environment kept for this worker as long as it lives."""
        if self._connection is None:
            address, password = self._where
            self._connection = Client(address, authkey=password)
        return self._connection

    def get(self) -> tuple[Stack, str]:
        """Return the stack and the environment of this worker.

        Raises:
            StackUnavailableError: It does not start.
        """
        answer: dict[str, Any] = self.ask().recv()
        if "unavailable" in answer:
            raise StackUnavailableError(answer["unavailable"])
        return Stack(Address.of(answer["address"])), answer["environment"]
