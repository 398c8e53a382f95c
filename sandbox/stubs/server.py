"""The transport: HTTP/1.1, a thread per connection, exact control over how an answer fails to arrive."""

import socket
import struct
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from sandbox.loopback import LoopbackHandler
from sandbox.stubs.app import JOURNAL_LIMIT, Delivery, StubApp
from sandbox.stubs.client import StubClient
from sandbox.stubs.control import PREFIX, Control
from sandbox.stubs.wire import Reply, Request

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class StubUrls:
    """Where a stub answers.

    Attributes:
        openai: Base URL for the OpenAI SDK, with its `/v1`.
        twilio: Base URL that stands for https://api.twilio.com.
        control: Base URL for `StubClient`.
    """

    openai: str
    twilio: str
    control: str

    @classmethod
    def at(cls, host: str, port: int) -> Self:
        base = f"http://{host}:{port}"
        return cls(f"{base}/v1", base, base)

    def view(self) -> dict[str, str]:
        return asdict(self)


class StubServer:
    """Both stubs on one port, in threads of this process; a context manager."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, journal_limit: int = JOURNAL_LIMIT) -> None:
        """Bind to the port at once; 0 takes a free one. Host `0.0.0.0` lets containers in."""
        self.app = StubApp(journal_limit=journal_limit)
        self._server = _Server((host, port), self.app)
        self._host = host
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="stubs", daemon=True)
        self.client = StubClient(self.urls.control)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def urls(self) -> StubUrls:
        """As seen from this machine."""
        return self.urls_for("127.0.0.1" if self._host in ("0.0.0.0", "") else self._host)

    def urls_for(self, host: str) -> StubUrls:
        """As seen by someone who knows this machine as `host`, for example a container."""
        return StubUrls.at(host, self.port)

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close all connections, those with an answer under way included, and free the port."""
        self._server.stop()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close() waits for the connections, which stop() has ended
    block_on_close = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], app: StubApp) -> None:
        self.app = app
        self.control = Control(app)
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            ConnectionAbortedError: The server stops meanwhile.
        """
        if seconds > 0 and self._stopping.wait(seconds):
            raise ConnectionAbortedError

    def stop(self) -> None:
        self._stopping.set()
        with self._lock:
            for connection in self._open:
                _hang_up(connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        if self._stopping.is_set():
            _hang_up(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        # A linger time of zero asks for a reset, which a shutdown would turn into an orderly end.
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET_ON_CLOSE)) == _RESET_ON_CLOSE:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(LoopbackHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        body = self._read_body()
        if body is None:
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request.parse(self.command, self.path, headers, body)
        try:
            if request.path.startswith(PREFIX):
                delivery = Delivery(None, self.server.control.handle(request, urlsplit(self.path).query))
            else:
                delivery = self.server.app.serve(request, self.server.pause)
        except ConnectionAbortedError:
            self._reset()
            return
        except Exception as exc:  # noqa: BLE001 - a bug must not look like a fault that was asked for
            traceback.print_exc()
            delivery = Delivery(None, Reply.of_json({"error": {"message": f"bug in the stub: {exc!r}"}}, status=500))
        self._deliver(delivery)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _read_body(self) -> bytes | None:
        if "transfer-encoding" in self.headers:
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
            return None
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # the client gave up
            self.close_connection = True
            return None
        return body

    def _deliver(self, delivery: Delivery) -> None:
        app, reply = self.server.app, delivery.reply
        if reply is None:
            app.close(delivery, "dropped")
            self._reset()
            return
        encoded = self._encode(reply)
        if delivery.stall_seconds:
            self.wfile.write(encoded[: len(encoded) - max(len(reply.body) // 2, 1)])
            app.close(delivery, "stalled")
            with suppress(ConnectionAbortedError):
                self.server.pause(delivery.stall_seconds)
            self._reset()
            return
        # Before the write, as the caller may read the journal as soon as it has the answer.
        app.close(delivery, "answered")
        try:
            self.wfile.write(encoded)
        except ConnectionError:
            app.close(delivery, "client_gone")
            raise

    def _encode(self, reply: Reply) -> bytes:
        phrase = HTTPStatus(reply.status).phrase if reply.status in HTTPStatus._value2member_map_ else "Scripted"
        lines = [f"HTTP/1.1 {reply.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        lines.append(f"content-length: {len(reply.body)}")
        if self.close_connection:
            lines.append("connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + reply.body

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Stay silent: the journal says it all."""


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
