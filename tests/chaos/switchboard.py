"""Switchboard: decides where processes of the function die or hang, and keeps who did what in which order."""

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from typing import Any, Literal

from sandbox.background_server import BackgroundServer
from sandbox.engines.engine import Traits
from sandbox.loopback import LoopbackHandler

Deed = Literal["die", "hang"]
HANG_SECONDS = 900.0
"""Longer than Lambda lets anyone hang."""


@dataclass(slots=True)
class Switch:
    """What is to happen to the process that comes to a point with a conversation, once.

    Attributes:
        skip: How often it gets away with it before.
        thrown: When it happened, seconds since the epoch.
    """

    name: str
    point: str
    conversation_id: str
    deed: Deed
    skip: int = 0
    thrown: float | None = None


@dataclass(slots=True)
class Watch:
    """What others do when a process comes to a point with a conversation, once."""

    point: str
    conversation_id: str
    call: Callable[[], None]
    done: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """Somebody was at a point; `done` says what was done to them."""

    time: float
    environment: str
    point: str
    conversation_id: str
    done: Deed | None

    def __str__(self) -> str:
        return f"{self.time:.2f} {self.environment[:6]} {self.point}" + (f"  !! {self.done}" if self.done else "")


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a batch, as the function received it."""

    message_id: str
    receive_count: int
    conversation_id: str


@dataclass(slots=True)
class _State:
    """What the switchboard knows; every access holds the lock."""

    switches: list[Switch] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    batches: dict[str, list[Message]] = field(default_factory=dict)
    receives: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    suffered: Counter[str] = field(default_factory=Counter)


class Switchboard(BackgroundServer):
    """A server that processes of the function ask at each step; a context manager."""

    def __init__(self, traits: Traits, *, endurable: int | None = None) -> None:
        """Serve functions of an engine.

        Args:
            endurable: Faults that no conversation may suffer more of; a process lives on rather than take one with it
                that has had as many, for whoever is in its batch suffers too.
        """
        self._endurable = endurable
        server = _Server((traits.listen_on, 0), _Handler)
        server.switchboard = self
        super().__init__(server, "switchboard")
        self._seen_as = traits.functions_see_us_as
        self._lock = threading.Lock()
        self._state = _State()
        self._released = threading.Event()

    @property
    def url(self) -> str:
        """Where functions find it."""
        return f"http://{self._seen_as}:{self.port}"

    def __exit__(self, *_: object) -> None:
        self._released.set()
        super().__exit__()

    def arm(self, point: str, conversation_id: str, deed: Deed = "die", *, skip: int = 0, name: str = "") -> Switch:
        """Let the process that comes to a point (`before store.close`) with a conversation die or hang, once."""
        switch = Switch(name or f"{deed} {point}", point, conversation_id, deed, skip)
        with self._lock:
            self._state.switches.append(switch)
        return switch

    def watch(self, point: str, conversation_id: str, call: Callable[[], None]) -> Watch:
        """Call somebody when a process comes to a point with a conversation; the process waits until that is over."""
        watch = Watch(point, conversation_id, call)
        with self._lock:
            self._state.watches.append(watch)
        return watch

    def expect(self, conversation_id: str) -> None:
        """Count a fault that a conversation is to suffer from elsewhere."""
        with self._lock:
            self._state.suffered[conversation_id] += 1

    def disarm(self) -> None:
        """Kill nobody from now on."""
        with self._lock:
            self._state.switches = [switch for switch in self._state.switches if switch.thrown is not None]

    # What was seen

    def thrown(self) -> list[Switch]:
        """Return what was done."""
        with self._lock:
            return [switch for switch in self._state.switches if switch.thrown is not None]

    def steps(self, conversation_id: str) -> list[Step]:
        """Return how far processes came with a conversation."""
        with self._lock:
            return [step for step in self._state.steps if step.conversation_id == conversation_id]

    def receives(self, conversation_id: str) -> Counter[str]:
        """Return how often each message of a conversation was received."""
        with self._lock:
            return Counter(self._state.receives[conversation_id])

    def suffered(self, conversation_id: str) -> int:
        """Return how many faults a conversation has had, those of others in its batch included."""
        with self._lock:
            return self._state.suffered[conversation_id]

    # Serving

    def hear(self, told: dict[str, Any]) -> Deed | None:
        """Take note of where a process is, and return what is to happen to it."""
        environment, point, conversation_id = told["environment"], told["point"], told["conversation_id"]
        self._call_watches(point, conversation_id)
        with self._lock:
            if "batch" in told:
                self._begin(environment, [Message(**message) for message in told["batch"]])
            if point == "answered":
                self._state.batches.pop(environment, None)
            deed = self._decide(environment, point, conversation_id)
            self._state.steps.append(Step(time.time(), environment, point, conversation_id, deed))
        return deed

    def _call_watches(self, point: str, conversation_id: str) -> None:
        with self._lock:
            due = [
                watch
                for watch in self._state.watches
                if not watch.done and (watch.point, watch.conversation_id) == (point, conversation_id)
            ]
            for watch in due:
                watch.done = True
        for watch in due:
            watch.call()

    def hang(self) -> None:
        """Return when the one who is to hang is gone for sure."""
        self._released.wait(HANG_SECONDS)

    def _begin(self, environment: str, batch: Sequence[Message]) -> None:
        self._state.batches[environment] = list(batch)
        for message in batch:
            receives = self._state.receives[message.conversation_id]
            receives[message.message_id] = max(receives[message.message_id], message.receive_count)

    def _decide(self, environment: str, point: str, conversation_id: str) -> Deed | None:
        switch = next(
            (
                switch
                for switch in self._state.switches
                if switch.thrown is None and (switch.point, switch.conversation_id) == (point, conversation_id)
            ),
            None,
        )
        if switch is None:
            return None
        if switch.skip > 0:
            switch.skip -= 1
            return None
        affected = {message.conversation_id for message in self._state.batches.get(environment, [])}
        if self._endurable is not None and any(self._state.suffered[one] >= self._endurable for one in affected):
            return None
        self._state.suffered.update(affected)
        switch.thrown = time.time()
        return switch.deed


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    switchboard: Switchboard

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: those who are killed do not say goodbye."""


class _Handler(LoopbackHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["content-length"])))
        deed = self.server.switchboard.hear(told)
        if deed == "hang":
            self.server.switchboard.hang()
            self.close_connection = True
            return
        self.send_response_only(HTTPStatus.GONE if deed == "die" else HTTPStatus.NO_CONTENT)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Stay silent."""
