"""Lambda's Runtime API, as much of it as one execution environment needs to take events and answer them."""

import json
import queue
import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any

from sandbox.background_server import BackgroundServer
from sandbox.loopback import LoopbackHandler

PREFIX = "/2018-06-01/runtime/"
FUNCTION_ARN = "arn:aws:lambda:eu-west-1:000000000000:function:benchmark"
POLL_SECONDS = 0.05


class FunctionError(Exception):
    """The function failed as a whole: it could not start, or its handler raised."""


@dataclass(slots=True)
class Invocation:
    """One event on its way through the function."""

    event: object
    timeout_seconds: float
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    done: threading.Event = field(default_factory=threading.Event)
    answer: Any = None
    error: str | None = None


class RuntimeApi(BackgroundServer):
    """Serves one execution environment; a context manager.

    Attributes:
        ready_at: When the function first asked for an event, by `time.time()`; None before.
    """

    def __init__(self) -> None:
        self.ready_at: float | None = None
        self.start_error: str | None = None
        self._ready = threading.Event()
        self._waiting: queue.Queue[Invocation] = queue.Queue()
        self._running: dict[str, Invocation] = {}
        self._closed = threading.Event()
        super().__init__(_Server(("127.0.0.1", 0), self), "runtime-api")

    @property
    def address(self) -> str:
        """What `AWS_LAMBDA_RUNTIME_API` is to say."""
        return f"127.0.0.1:{self.port}"

    def wait_ready(self, seconds: float) -> bool:
        """Wait until the function asks for its first event or says that it can't start; tell whether either came."""
        return self._ready.wait(seconds)

    def submit(self, event: object, timeout_seconds: float) -> Invocation:
        invocation = Invocation(event, timeout_seconds)
        self._waiting.put(invocation)
        return invocation

    def next(self) -> Invocation | None:
        """Wait for an event; None when the server closes."""
        if self.ready_at is None:
            self.ready_at = time.time()
            self._ready.set()
        while not self._closed.is_set():
            try:
                invocation = self._waiting.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            self._running[invocation.request_id] = invocation
            return invocation
        return None

    def finish(self, request_id: str, answer: Any = None, error: str | None = None) -> None:
        invocation = self._running.pop(request_id)
        invocation.answer, invocation.error = answer, error
        invocation.done.set()

    def refuse_start(self, error: str) -> None:
        self.start_error = error
        self._ready.set()

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        super().__exit__()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], api: RuntimeApi) -> None:
        self.api = api
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A process that ends while it waits for an event is no error."""


class _Handler(LoopbackHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        invocation = self.server.api.next()
        if invocation is None:
            self.close_connection = True
            return
        deadline_ms = int((time.time() + invocation.timeout_seconds) * 1000)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": FUNCTION_ARN,
            "Content-Type": "application/json",
        }
        self._answer(200, json.dumps(invocation.event).encode(), headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        name = self.path.removeprefix(PREFIX)
        if name == "init/error":
            self.server.api.refuse_start(body.decode(errors="replace"))
        else:
            _, request_id, outcome = name.split("/")
            if outcome == "response":
                self.server.api.finish(request_id, answer=json.loads(body))
            else:
                self.server.api.finish(request_id, error=body.decode(errors="replace"))
        self._answer(202, b"", {})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Stay silent."""
