"""AWS proxy: stands between the function and one service of an engine, and fails as AWS can.

The function is sent to it by the SDK's own `AWS_ENDPOINT_URL_<SERVICE>`. A fault is played on the calls that match, so
what others do at the same time is not touched; both engines know it, and neither has faults of its own.
"""

import json
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import ThreadingHTTPServer

import requests

from sandbox.background_server import BackgroundServer
from sandbox.engines.engine import Traits
from sandbox.loopback import LoopbackHandler
from sandbox.stubs import Action, answer
from sandbox.stubs.faults import NO_FAULT
from sandbox.stubs.script import Script

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_NOT_FORWARDED = {"connection", "transfer-encoding", "keep-alive", "content-length"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the function, such as `UpdateItem`, and the fault that was played on it."""

    operation: str
    body: str
    fault: str | None


def aws_error(code: str, message: str = "Scripted by the test.", status: int = 400) -> Action:
    """Answer with an error as AWS's JSON protocols write it, without an effect."""
    return answer(status, {"__type": code, "message": message}, headers={"content-type": "application/x-amz-json-1.0"})


class AwsProxy(BackgroundServer):
    """A forwarding proxy with scripted faults; a context manager."""

    def __init__(self, endpoint: str, traits: Traits) -> None:
        """Forward to the engine at `endpoint`."""
        self._script: Script[Action] = Script()
        server = _Server((traits.listen_on, 0), _Handler)
        server.proxy = self
        super().__init__(server, "aws-proxy")
        self._seen_as = traits.functions_see_us_as
        self._target = endpoint.rstrip("/")
        self.calls: list[Call] = []

    @property
    def url(self) -> str:
        """Where functions find it."""
        return f"http://{self._seen_as}:{self.port}"

    def script(self, operation: str, action: Action, *, match: str | Sequence[str] = (), times: int | None = 1) -> None:
        """Play `action` on the next `times` calls of an operation (a glob) whose body holds every text of `match`."""
        self._script.add(action, operation=operation, match=match, times=times)

    def reset(self) -> None:
        """Forget every fault."""
        self._script.reset()

    def take(self, operation: str, body: str) -> Action:
        """Return what is to happen to a call, and note the call."""
        action = self._script.take(operation, body) or NO_FAULT
        self.calls.append(Call(operation, body, None if action is NO_FAULT else action.name))
        return action

    def forward(self, request: "_Handler", body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return the engine's answer."""
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_FORWARDED}
        with requests.request(
            request.command, self._target + request.path, data=body, headers=headers, timeout=60, stream=True
        ) as got:
            return got.status_code, list(got.headers.items()), got.raw.read(decode_content=False)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: AwsProxy

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: a function that is killed hangs up."""


class _Handler(LoopbackHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        operation = self.headers.get("x-amz-target", "").rpartition(".")[2]
        action = self.server.proxy.take(operation, body.decode(errors="replace"))
        time.sleep(action.wait_seconds)
        status, headers, content = 200, list[tuple[str, str]](), b""
        if action.effect:
            status, headers, content = self.server.proxy.forward(self, body)
        time.sleep(action.delay_seconds)
        if action.drop:
            self._reset()
            return
        if action.status is not None:
            status, headers = action.status, list(action.headers.items())
            content = (action.raw if action.raw is not None else json.dumps(action.body)).encode()
        with suppress(OSError):
            self._answer(status, headers, content)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _NOT_FORWARDED:
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Stay silent."""
