"""Transport of the Twilio SDK: one request on one new connection, which tells whether it can have had an effect."""

import io
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from http.client import HTTPConnection, HTTPException, IncompleteRead
from logging import getLogger
from threading import Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

from twilio.http import HttpClient
from twilio.http.response import Response

from core.errors import SendTooLateError
from utils.retry_after import retry_after_seconds

CONNECT_SECONDS = 5.0
"""Longest time to resolve a name, try all its addresses and agree on TLS; at most half of the whole timeout."""

MAX_ANSWER_BYTES = 2 * 1024 * 1024
"""Longest answer that is read; a page of a hundred messages has a tenth of it."""

_PORTS = {"https": 443, "http": 80}


class NotSentError(Exception):
    """No connection came about, so the request can have had no effect."""


class AnswerLostError(Exception):
    """The request was, or may have been, sent; there is no answer to it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, complete."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class OneShotHttpClient(HttpClient):  # type: ignore[misc]  # the SDK ships no types
    """HTTP client of one Twilio call.

    A connection that was kept from an earlier call may be dead, and a request lost on it looks like one that was
    accepted. So each request has its own connection, and a stale one can't cost a reconciliation. All requests of a
    client (the pages of a list) share one timeout, connecting included.

    Attributes:
        status: HTTP status of the last answer, whatever its body says.
        retry_after_seconds: How long the last answer asks to be left alone.
        text: The body of the last answer.
    """

    def __init__(
        self, timeout_seconds: float, now: Callable[[], datetime], start_before: datetime | None = None
    ) -> None:
        super().__init__(getLogger("twilio.http_client"), is_async=False, timeout=timeout_seconds)
        self._timeout_seconds = timeout_seconds
        self._now = now
        self._start_before = start_before
        self._began_at: float | None = None
        self.status: int | None = None
        self.retry_after_seconds: float | None = None
        self.text: str | None = None

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the SDK passes none; ours was given with the client
        allow_redirects: bool = False,  # noqa: FBT001, FBT002, ARG002 - the SDK's signature; redirects are never followed
    ) -> Response:
        """Make the request.

        Raises:
            SendTooLateError: It is past the moment until which it may start.
            NotSentError: There was no connection.
            AnswerLostError: There was no complete answer.
        """
        self.status = self.retry_after_seconds = self.text = None
        answer = exchange(
            method,
            f"{uri}?{urlencode(params)}" if params else uri,
            {**(headers or {}), **_authorization(auth)},
            urlencode(data).encode() if data else None,
            self._seconds_left(),
            self._check_start,
        )
        self.status, self.text = answer.status, answer.body.decode("utf-8", errors="replace")
        self.retry_after_seconds = retry_after_seconds(answer.headers)
        return Response(answer.status, self.text, answer.headers)

    def _seconds_left(self) -> float:
        now = time.monotonic()
        if self._began_at is None:
            self._began_at = now
        return self._timeout_seconds - (now - self._began_at)

    def _check_start(self) -> None:
        if self._start_before is not None and self._now() > self._start_before:
            raise SendTooLateError("the moment until which the send may start has passed")


def exchange(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    timeout_seconds: float,
    check_start: Callable[[], None],
) -> Answer:
    """Make one request on a new connection and read the whole answer.

    Args:
        timeout_seconds: For all of it, however many addresses there are and however slowly the answer drips.
        check_start: Called when the connection stands, right before the first byte; what it raises ends the exchange.

    Raises:
        NotSentError: Not a byte of the request was sent.
        AnswerLostError: There was no complete answer in time.
    """
    deadline = _Deadline(timeout_seconds)
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    connection = HTTPConnection(host, port)
    connection.default_port = _PORTS[parts.scheme]
    connecting = _Deadline(min(CONNECT_SECONDS, timeout_seconds / 2))
    try:
        plain = _connect(_resolve(host, port, connecting), connecting)
    except (OSError, ValueError) as exc:
        raise NotSentError(type(exc).__name__) from exc
    try:
        connected = plain if parts.scheme == "http" else _secure(plain, host, connecting)
        with connected:
            check_start()
            connection.sock = _DeadlineSocket(connected, deadline)
            return _converse(
                connection, method, f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", headers, body
            )
    finally:
        plain.close()


def _converse(
    connection: HTTPConnection, method: str, target: str, headers: Mapping[str, str], body: bytes | None
) -> Answer:
    try:
        connection.request(method, target, body, dict(headers))
    except ValueError as exc:  # a header that can't be written, found before anything is
        raise NotSentError(type(exc).__name__) from exc
    except (HTTPException, OSError) as exc:
        raise AnswerLostError(type(exc).__name__) from exc
    try:
        with connection.getresponse() as response:
            content = response.read(MAX_ANSWER_BYTES + 1)
            if response.length or len(content) > MAX_ANSWER_BYTES:
                raise IncompleteRead(content, response.length)
            return Answer(response.status, dict(response.headers), content)
    except (HTTPException, OSError, ValueError) as exc:
        raise AnswerLostError(type(exc).__name__) from exc


def _resolve(host: str, port: int, deadline: "_Deadline") -> list[Any]:
    """Return the addresses of a host.

    The system's resolver has no timeout of ours, so it runs in a thread that is left behind when it is too slow.
    """
    found: list[Any] = []
    failures: list[OSError | UnicodeError] = []

    def resolve() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as exc:
            failures.append(exc)

    thread = Thread(target=resolve, name="resolve", daemon=True)
    thread.start()
    thread.join(deadline.remaining_seconds())
    if failures:
        raise failures[0]
    if not found:
        raise TimeoutError("the name was not resolved in time")
    return list(found)


def _connect(addresses: list[Any], deadline: "_Deadline") -> socket.socket:
    """Connect to the first address that answers; each gets its share of the time that is left."""
    failure: OSError = TimeoutError("there is no address")
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        try:
            share_seconds = deadline.remaining_seconds() / (len(addresses) - index)
            plain = socket.socket(family, kind, protocol)
        except OSError as exc:
            failure = exc
            continue
        try:
            plain.settimeout(share_seconds)
            plain.connect(address)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as exc:
            plain.close()
            failure = exc
        else:
            return plain
    raise failure


def _secure(plain: socket.socket, host: str, deadline: "_Deadline") -> socket.socket:
    """Agree on TLS; the timeout of a handshake is for the whole of it."""
    try:
        plain.settimeout(deadline.remaining_seconds())
        return _tls_context().wrap_socket(plain, server_hostname=host)
    except (OSError, ValueError) as exc:
        raise NotSentError(type(exc).__name__) from exc


class _Deadline:
    """A moment on the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining_seconds(self) -> float:
        """Return what is left; raise TimeoutError if nothing is, for a socket's timeout of 0 means not to wait."""
        remaining = self._end - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the time is up")
        return remaining


class _DeadlineSocket(io.RawIOBase):
    """What an HTTP connection asks of its socket, with one deadline over all of it."""

    def __init__(self, connected: socket.socket, deadline: _Deadline) -> None:
        super().__init__()
        self._connected = connected
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self._connected.settimeout(self._deadline.remaining_seconds())
            rest = rest[self._connected.send(rest) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connected.settimeout(self._deadline.remaining_seconds())
        return self._connected.recv_into(buffer)


def _authorization(auth: tuple[str, str] | None) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(":".join(auth).encode()).decode()} if auth else {}


@cache
def _tls_context() -> ssl.SSLContext:
    """Trust what the operating system trusts; reading its certificates takes longer than a whole send."""
    return ssl.create_default_context()
