"""Wire: what stands between one process and the world, where every call takes time and may fail in every way it can.

The adapters are the real ones. DynamoDB is cut off below the SDK's client, Twilio below its HTTP client, so a request
that was repeated, came late or was answered by nobody is what it is in production; the other ports are cut off above.
"""

import json
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from greenlet import getcurrent
from twilio.http.response import Response

from core.errors import (
    PermanentError,
    ProcessorError,
    PutDeniedError,
    SecretError,
    SendTooLateError,
    TransientError,
)
from sandbox.stubs.wire import Reply, decode_pairs
from services.twilio_http import AnswerLostError, NotSentError, OneShotHttpClient
from tests.fakes.faulty import ProcessDied
from tests.simulation.faults import (
    CLOSING_SILENT_SECONDS,
    CONNECT_SECONDS,
    LATE_SECONDS,
    MENU,
    PAUSE_SECONDS,
    SILENT_SECONDS,
    SLOW_SECONDS,
    TWILIO_TIMEOUT_SECONDS,
    Fault,
    Injector,
)
from tests.simulation.kernel import Kernel, Process
from tests.simulation.table import Paginator, SimulatedTable
from tests.simulation.twilio import SimulatedTwilio

_ENDPOINT = "https://aws.test"


class Wire:
    """One process's way to the world."""

    def __init__(self, process: Process, injector: Injector) -> None:
        self._process = process
        self._injector = injector

    @property
    def kernel(self) -> Kernel:
        return self._injector.kernel

    @property
    def random(self) -> Random:
        return self.kernel.random

    def before(self, name: str) -> Fault | None:
        """Let a call take its way, or end it there; return the fault that is still to come."""
        if self._process.dead:
            raise ProcessDied
        fault = self._injector.decide(name)
        self.kernel.log(f"{name}" + (f"  !! {fault}" if fault else ""))
        if fault is Fault.PAUSE:
            self.kernel.pause(self._process, self.random.choice(PAUSE_SECONDS))
        self.kernel.sleep(self.random.random() * 0.05)
        if fault is Fault.CRASH_BEFORE:
            self.die()
        return fault

    def die(self) -> None:
        self.kernel.kill(self._process)
        raise ProcessDied


class PortWire(Wire):
    """Stands before a port."""

    def __init__(self, name: str, port: Any, process: Process, injector: Injector) -> None:
        super().__init__(process, injector)
        self._name = name
        self._port = port

    def __getattr__(self, method: str) -> Any:
        attribute = getattr(self._port, method)
        name = f"{self._name}.{method}"
        if name not in MENU:
            return attribute
        return lambda *args, **kwargs: self._call(name, lambda: attribute(*args, **kwargs))

    def _call(self, name: str, effect: Callable[[], Any]) -> Any:
        fault = self.before(name)
        if fault is Fault.FAIL:
            raise self._failure(name)
        if fault is Fault.THROTTLE:
            raise TransientError("throttled", code="throttled", retry_after_seconds=1.0, repeatable=True)
        if fault is Fault.REFUSE:
            error: type[ProcessorError] = SecretError if name.startswith("secrets") else PermanentError
            if name == "queue.put" and self.random.random() < 0.5:
                error = PutDeniedError
            raise error("refused", code="refused")
        if fault is Fault.SLOW:
            self.kernel.sleep(SLOW_SECONDS[self._name])
        result = effect()
        if fault is Fault.CRASH_AFTER:
            self.die()
        if fault is Fault.LOSE:
            raise self._failure(name)
        if fault is Fault.REPEAT:
            self.kernel.sleep(1.0)
            result = effect()
        self.kernel.sleep(self.random.random() * 0.05)
        return result

    def _failure(self, name: str) -> ProcessorError:
        port, method = name.split(".")
        repeatable = method == "fetch_run" and self.random.random() < 0.5
        return TransientError(f"{port} did not answer", code=f"{port}_unavailable", repeatable=repeatable)


class StoreWire(Wire):
    """The SDK's client of DynamoDB in one process; calls bear the names of the port's methods that make them.

    Attributes:
        doing: What each task is asking the store for.
    """

    def closing(self) -> "StoreWire":
        """Return the client for the final update, which gives up soon and repeats nothing."""
        wire = StoreWire(self._table, self._process, self._injector, CLOSING_SILENT_SECONDS)
        wire.doing = self.doing
        return wire

    def __init__(
        self, table: SimulatedTable, process: Process, injector: Injector, patience_seconds: float = SILENT_SECONDS
    ) -> None:
        super().__init__(process, injector)
        self._table = table
        self._patience_seconds = patience_seconds
        self.doing: dict[Any, str] = {}

    def put_item(self, **request: Any) -> dict[str, Any]:
        return self._call(lambda: self._table.put_item(**request))

    def update_item(self, **request: Any) -> dict[str, Any]:
        return self._call(lambda: self._table.update_item(**request))

    def get_item(self, **request: Any) -> dict[str, Any]:
        return self._call(lambda: self._table.get_item(**request))

    def query(self, **request: Any) -> dict[str, Any]:
        return self._call(lambda: self._table.query(**request), "query")

    def get_paginator(self, operation: str) -> Paginator:
        assert operation == "query", operation
        return Paginator(self.query)

    def _call(self, effect: Callable[[], dict[str, Any]], named: str | None = None) -> dict[str, Any]:
        fault = self.before(f"store.{named or self.doing[getcurrent()]}")
        if fault is None and self.kernel.now < self._injector.silent_until:
            fault = Fault.SILENT
        if fault is Fault.FAIL:
            raise self._failure()
        if fault in {Fault.SILENT, Fault.OVERTAKEN}:
            self._maybe(effect, self.kernel.now + (self.random.choice(LATE_SECONDS) if fault is Fault.OVERTAKEN else 0))
            self.kernel.sleep(self._patience_seconds if fault is Fault.SILENT else 0.0)
            raise ReadTimeoutError(endpoint_url=_ENDPOINT)
        if fault is Fault.SLOW:
            self.kernel.sleep(min(SLOW_SECONDS["store"], self._patience_seconds))
        result = self._done(effect)
        if fault is Fault.CRASH_AFTER:
            self.die()
        gives_up = self._patience_seconds < SLOW_SECONDS["store"] and fault in {Fault.SLOW, Fault.REPEAT, Fault.LATE}
        if fault is Fault.LOSE or gives_up:
            raise ReadTimeoutError(endpoint_url=_ENDPOINT)
        if fault is Fault.REPEAT:
            self.kernel.sleep(1.0)
            result = self._done(effect)
        if fault is Fault.LATE:
            self._maybe(effect, self.kernel.now + self.random.choice(LATE_SECONDS))
        self.kernel.sleep(self.random.random() * 0.05)
        return result

    def _done(self, effect: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Make a request of the function."""
        self._table.writer = self._process.name
        try:
            return effect()
        finally:
            self._table.writer = ""

    def _maybe(self, effect: Callable[[], dict[str, Any]], moment: float) -> None:
        """Let a request arrive at a moment, when nobody waits for its answer any more."""

        def arrive() -> None:
            self.kernel.log("a request to DynamoDB arrives late")
            try:
                self._done(effect)
            except ClientError:
                self.kernel.log("and is refused")

        self.kernel.at(moment, arrive)

    def _failure(self) -> Exception:
        if self.random.random() < 0.5:
            code = "ProvisionedThroughputExceededException"
            return ClientError({"Error": {"Code": code, "Message": "throttled"}}, "Write")
        return EndpointConnectionError(endpoint_url=_ENDPOINT)


class NamedStore:
    """The store adapter; tells its wire which of its methods makes the calls."""

    def __init__(self, store: Any, wire: StoreWire) -> None:
        self._store = store
        self._wire = wire

    def __getattr__(self, method: str) -> Any:
        attribute = getattr(self._store, method)

        def call(*args: Any, **kwargs: Any) -> Any:
            task = getcurrent()
            self._wire.doing[task] = method
            try:
                return attribute(*args, **kwargs)
            finally:
                self._wire.doing.pop(task, None)

        return call


class TwilioWire(Wire, OneShotHttpClient):
    """The HTTP client of one Twilio call, with the world behind it instead of a network.

    Attributes:
        checks_first: Check when a send may start before the connection is made rather than after it: a mutant.
    """

    checks_first = False

    def __init__(
        self,
        twilio: SimulatedTwilio,
        process: Process,
        injector: Injector,
        now: Callable[[], datetime],
        start_before: datetime | None,
    ) -> None:
        Wire.__init__(self, process, injector)
        OneShotHttpClient.__init__(self, TWILIO_TIMEOUT_SECONDS, now, start_before)
        self._twilio = twilio

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,  # noqa: FBT002 - the SDK's signature
    ) -> Response:
        self.status = self.retry_after_seconds = self.text = None
        path, _, query_string = uri.partition("?")
        query = {name: str(value) for name, value in (params or {}).items()} or decode_pairs(query_string)
        form = {name: str(value) for name, value in (data or {}).items()}
        path = "/" + path.split("/", 3)[3]

        def effect() -> Reply:
            return self._twilio.handle(method, path, query, form, auth or ("", ""))

        reads = "whatsapp.list_messages" if path.endswith("/Messages.json") else "whatsapp.fetch"
        fault = self._connect("whatsapp.send" if method == "POST" else reads)
        reply = self._send(fault, effect) if method == "POST" else self._read(fault, effect)
        self.status, self.text = reply.status, reply.body.decode()
        return Response(reply.status, self.text, {})

    def _connect(self, name: str) -> Fault | None:
        if self.checks_first:
            self._check_start()
        fault = self.before(name)
        if fault is Fault.FAIL and self.random.random() < 0.3:
            raise NotSentError("no connection")
        if fault is Fault.SLOW_CONNECT:
            self.kernel.sleep(self.random.choice(CONNECT_SECONDS))
        if not self.checks_first:
            self._check_start()
        return fault

    def _check_start(self) -> None:
        if self._start_before is not None and self._now() > self._start_before:
            raise SendTooLateError("the moment until which the send may start has passed")

    def _send(self, fault: Fault | None, effect: Callable[[], Reply]) -> Reply:
        """Send: once the request is on its way, the message may come about late, whatever becomes of its sender."""
        kernel, random = self.kernel, self.random
        if fault is Fault.FAIL:
            if random.random() < 0.5:
                raise AnswerLostError("no answer, and nothing sent")
            return _refusal(500, 20500)
        if fault is Fault.THROTTLE:
            return _refusal(429, 20429)
        if fault is Fault.REFUSE:
            return _refusal(400, 21211)
        late = random.choice((0.0, random.random() * TWILIO_TIMEOUT_SECONDS))
        if fault in {Fault.LOSE, Fault.CRASH_AFTER}:
            kernel.at(kernel.now + late, effect)
            if fault is Fault.CRASH_AFTER:
                self.die()
            kernel.sleep(random.choice((0.0, TWILIO_TIMEOUT_SECONDS)))
            raise AnswerLostError("the answer was lost")
        if fault is Fault.SLOW:
            answer: list[Reply] = []
            kernel.at(kernel.now + SLOW_SECONDS["whatsapp"], lambda: answer.append(effect()))
            kernel.sleep(SLOW_SECONDS["whatsapp"] + 0.01)
            return answer[0]
        reply = effect()
        kernel.sleep(random.random() * 0.05)
        return reply

    def _read(self, fault: Fault | None, effect: Callable[[], Reply]) -> Reply:
        if fault is Fault.FAIL:
            if self.random.random() < 0.5:
                raise AnswerLostError("no answer")
            return _refusal(503, 20503)
        if fault is Fault.THROTTLE:
            return _refusal(429, 20429)
        if fault is Fault.SLOW:
            self.kernel.sleep(SLOW_SECONDS["whatsapp"])
        reply = effect()
        if fault is Fault.GARBLE:
            return Reply(200, self.random.choice((b"<html>busy</html>", reply.body[: len(reply.body) // 2], b"{}")))
        self.kernel.sleep(self.random.random() * 0.05)
        return reply


def _refusal(status: int, code: int) -> Reply:
    return Reply(status, json.dumps({"status": status, "code": code, "message": "refused"}).encode())
