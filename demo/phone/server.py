"""Server: the page and its API on 127.0.0.1, and a stream of what changes."""

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from demo.ending import DemoError
from demo.phone.api import MAX_BODY_BYTES, SECURITY_HEADERS, Api, RefusedError, Request, Response
from demo.phone.world import World

HOST = "127.0.0.1"
DEFAULT_PORT = 8765
IDLE_SECONDS = 60
STREAM = "/api/events"
SIGN_OF_LIFE_SECONDS = 10


class PhoneServer:
    """Has its port from the beginning and serves in threads of its own; a context manager."""

    def __init__(self, port: int = DEFAULT_PORT) -> None:
        """Take the port; whoever opens the page before `serve` waits.

        Args:
            port: 0 takes a free one.

        Raises:
            DemoError: The port is taken.
        """
        try:
            self._server = _Server((HOST, port), _Handler)
        except (OSError, OverflowError) as exc:
            raise DemoError(
                f"Port {port} on {HOST} can't be had ({exc}). Is another local phone running?"
                " Otherwise choose another port: .venv/bin/python -m demo.phone --port 0 takes a free one."
            ) from exc
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/"

    def serve(self, world: World) -> None:
        """Answer from now on."""
        self._server.world = world
        self._server.api = Api(world, self.port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="phone", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # streams end with the process
    world: World
    api: Api

    def handle_error(self, *_: object) -> None:
        """Say nothing: a browser that closes a connection is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        request = self._request()
        if request.path == STREAM:
            self._stream(request)
        else:
            self._answer(self.server.api.handle(request))

    def do_HEAD(self) -> None:
        self._answer(self.server.api.handle(self._request()))

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self._answer(_refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large, or its length unknown"))
            return
        self._answer(self.server.api.handle(self._request(self.rfile.read(int(length)))))

    def _request(self, body: bytes = b"") -> Request:
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, self.path, headers, body)

    def _answer(self, response: Response) -> None:
        self._head(response.status, response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def _head(self, status: HTTPStatus, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        for name, value in SECURITY_HEADERS.items():
            self.send_header(name, value)

    def _stream(self, request: Request) -> None:
        """Send the state whenever it has changed, as server-sent events, until the page or the server ends."""
        self.close_connection = True
        try:
            self.server.api.check_origin(request)
        except RefusedError as refused:
            self._answer(_refusal(refused.status, str(refused)))
            return
        self._head(HTTPStatus.OK, "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()
        world = self.server.world
        version = -1
        try:
            while not world.stopped:
                if world.version == version:
                    self.wfile.write(b": still here\n\n")
                else:
                    state = world.state(unmasked=request.unmasked)
                    version = state["version"]
                    self.wfile.write(f"data: {json.dumps(state)}\n\n".encode())
                self.wfile.flush()
                world.wait_for_news(version, SIGN_OF_LIFE_SECONDS)
        except OSError:
            return  # the page is gone

    def log_message(self, *_: object) -> None:
        """Say nothing: the page tells what happens."""


def _refusal(status: HTTPStatus, reason: str) -> Response:
    return Response(status, "application/json", json.dumps({"error": reason}).encode())
