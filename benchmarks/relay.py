"""A relay in front of the emulator and the stubs: the wire at which calls are counted, and TLS as vendors have it."""

import http.client
import ssl
import threading
import time
from collections import Counter
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi
import trustme

from sandbox.background_server import BackgroundServer
from sandbox.loopback import LoopbackHandler

HOST = "127.0.0.1"
UPSTREAM_SECONDS = 120.0
_OWN_HEADERS = {"connection", "content-length", "date", "server", "transfer-encoding"}


class Authority:
    """A certificate authority for one run, in a file with all those that are trusted in production.

    As many certificates have to be read as in production, which takes longer than anything else about a connection.
    """

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self._certificate = authority.issue_cert(HOST)
        self.bundle = folder / "trusted.pem"
        self.bundle.write_bytes(Path(certifi.where()).read_bytes() + b"\n" + authority.cert_pem.bytes())

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._certificate.configure_cert(context)
        return context

    def environ(self) -> dict[str, str]:
        """Return what makes the AWS SDK, requests and OpenSSL's defaults trust it."""
        return {name: str(self.bundle) for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")}


class Relay(BackgroundServer):
    """Passes HTTP requests on to one server and counts them; a context manager.

    Attributes:
        first_at: When the first request came, by `time.time()`; None before.
    """

    def __init__(self, upstream: str, authority: Authority | None = None) -> None:
        parts = urlsplit(upstream)
        self.upstream = (str(parts.hostname), int(parts.port or 80))
        self.authority = authority
        self.first_at: float | None = None
        self._calls: Counter[str] = Counter()
        self._lock = threading.Lock()
        super().__init__(_Server((HOST, 0), self), "relay")

    @property
    def url(self) -> str:
        scheme = "http" if self.authority is None else "https"
        return f"{scheme}://{HOST}:{self.port}"

    def calls(self) -> Counter[str]:
        """Return how often each operation was asked for: AWS's `X-Amz-Target` operation, else method and path."""
        with self._lock:
            return self._calls.copy()

    def forget(self) -> None:
        with self._lock:
            self._calls.clear()
            self.first_at = None

    def count(self, operation: str) -> None:
        with self._lock:
            self._calls[operation] += 1
            if self.first_at is None:
                self.first_at = time.time()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], relay: Relay) -> None:
        self.relay = relay
        self._tls = relay.authority.server_context() if relay.authority else None
        super().__init__(address, _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread."""
        if self._tls is not None:
            request = self._tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error."""


class _Handler(LoopbackHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self._upstream = http.client.HTTPConnection(*self.server.relay.upstream, timeout=UPSTREAM_SECONDS)

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def _pass_on(self) -> None:
        target = self.headers.get("x-amz-target", "").rpartition(".")[2]
        self.server.relay.count(target or f"{self.command} {urlsplit(self.path).path}")
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        self._upstream.request(self.command, self.path, body, headers)
        answer = self._upstream.getresponse()
        content = answer.read()
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        lines += [f"{name}: {value}" for name, value in answer.getheaders() if name.lower() not in _OWN_HEADERS]
        lines.append(f"content-length: {len(content)}")
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + content)

    do_GET = do_POST = do_PUT = do_DELETE = _pass_on

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Stay silent."""
