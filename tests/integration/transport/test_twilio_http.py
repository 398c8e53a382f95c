"""Twilio's transport on real sockets: whatever fails is sorted into "not sent" and "answer lost", and in time."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from threading import Event, Thread

import pytest
import trustme

from core.errors import SendTooLateError
from services import twilio_http
from services.twilio_http import AnswerLostError, NotSentError, exchange

pytestmark = pytest.mark.integration

SLACK_SECONDS = 2.0
"""What a slow machine may add."""

ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nX-Name: value\r\n\r\n{}"

Behaviour = Callable[[socket.socket, "Server"], None]


class Server:
    """One listening socket whose connections all behave alike; keeps what they were sent."""

    def __init__(self, behave: Behaviour) -> None:
        self.received = b""
        self.stopped = Event()
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self.stopped.set()
        self._listener.close()

    def read_request(self, connection: socket.socket) -> None:
        """Read up to the end of the body."""
        while b"\r\n\r\n" not in self.received:
            self.received += connection.recv(65536)
        head, _, body = self.received.partition(b"\r\n\r\n")
        length = next(
            (
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ),
            0,
        )
        while len(body) < length:
            more = connection.recv(65536)
            self.received += more
            body += more

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            self._behave(connection, self)


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], Server]]:
    with ExitStack() as stack:

        def make(behave: Behaviour) -> Server:
            server = Server(behave)
            stack.callback(server.close)
            return server

        yield make


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[trustme.CA]:
    """Return an authority that the transport trusts."""
    authority = trustme.CA()
    bundle = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    twilio_http._tls_context.cache_clear()
    yield authority
    twilio_http._tls_context.cache_clear()


def dead_port(stack: ExitStack) -> int:
    """Return a port that answers no attempt to connect: its queue of connections is full."""
    listener = stack.enter_context(socket.socket())
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port: int = listener.getsockname()[1]
    for _ in range(4):
        waiting = stack.enter_context(socket.socket())
        waiting.settimeout(0)
        with suppress(BlockingIOError):
            waiting.connect(("127.0.0.1", port))
    return port


def resolve_to(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Let the next name have these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def post(
    port: int,
    *,
    scheme: str = "http",
    timeout_seconds: float = 5.0,
    body: bytes = b"Body=hi",
    check_start: Callable[[], None] = lambda: None,
) -> twilio_http.Answer:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return exchange("POST", f"{scheme}://localhost:{port}/x?y=1", headers, body, timeout_seconds, check_start)


def answer(connection: socket.socket, server: Server) -> None:
    server.read_request(connection)
    connection.sendall(ANSWER)


def wait(_connection: socket.socket, server: Server) -> None:
    server.stopped.wait()


def seconds(call: Callable[[], object], error: type[Exception]) -> float:
    """Return how long a call took to fail as expected."""
    began = time.monotonic()
    with pytest.raises(error):
        call()
    return time.monotonic() - began


# A good day


def test_a_request_and_its_answer(serve: Callable[[Behaviour], Server]) -> None:
    server = serve(answer)

    found = post(server.port)

    assert (found.status, found.headers["X-Name"], found.body) == (201, "value", b"{}")
    head = server.received.split(b"\r\n")
    assert head[0] == b"POST /x?y=1 HTTP/1.1"
    assert f"Host: localhost:{server.port}".encode() in head
    assert server.received.endswith(b"\r\n\r\nBody=hi")


def test_an_answer_in_chunks(serve: Callable[[Behaviour], Server]) -> None:
    def behave(connection: socket.socket, server: Server) -> None:
        server.read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")

    assert post(serve(behave).port).body == b"{}"


def test_a_request_over_tls(serve: Callable[[Behaviour], Server], authority: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    def behave(connection: socket.socket, server: Server) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            answer(secured, server)

    assert post(serve(behave).port, scheme="https").status == 201


# Connecting: nothing was sent


def test_dead_addresses_share_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five addresses that swallow everything took 25 s before, each with its own timeout."""
    with ExitStack() as stack:
        resolve_to(monkeypatch, *(dead_port(stack) for _ in range(5)))

        took = seconds(lambda: post(1, timeout_seconds=4.0), NotSentError)

    assert took < 2.0 + SLACK_SECONDS


def test_a_dead_address_leaves_time_for_a_living_one(
    monkeypatch: pytest.MonkeyPatch, serve: Callable[[Behaviour], Server]
) -> None:
    server = serve(answer)
    with ExitStack() as stack:
        resolve_to(monkeypatch, dead_port(stack), dead_port(stack), server.port)

        assert post(1, timeout_seconds=6.0).status == 201


def test_a_name_that_is_not_resolved_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = Event()

    def resolve(*_: object, **__: object) -> list[object]:
        stop.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    took = seconds(lambda: post(1, timeout_seconds=2.0), NotSentError)

    stop.set()
    assert took < 1.0 + SLACK_SECONDS


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), UnicodeError("label too long")], ids=repr)
def test_a_name_that_does_not_exist(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    seconds(lambda: post(1), NotSentError)


def test_a_port_that_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    seconds(lambda: post(port), NotSentError)


def drip_nonsense(connection: socket.socket, server: Server) -> None:
    while not server.stopped.wait(0.2):
        connection.sendall(b"\x16")


@pytest.mark.parametrize("behave", [wait, drip_nonsense, answer], ids=["silent", "dripping", "no TLS"])
def test_tls_that_does_not_come_about(serve: Callable[[Behaviour], Server], behave: Behaviour) -> None:
    server = serve(behave)

    took = seconds(lambda: post(server.port, scheme="https", timeout_seconds=3.0), NotSentError)

    assert took < 1.5 + SLACK_SECONDS


def test_a_certificate_that_nobody_trusts(serve: Callable[[Behaviour], Server], authority: trustme.CA) -> None:
    assert authority
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)

    def behave(connection: socket.socket, server: Server) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            answer(secured, server)

    server = serve(behave)
    seconds(lambda: post(server.port, scheme="https"), NotSentError)

    assert server.received == b""


def test_a_start_is_checked_after_the_connection_stands(
    serve: Callable[[Behaviour], Server], authority: trustme.CA
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    def behave(connection: socket.socket, server: Server) -> None:
        time.sleep(0.5)
        with context.wrap_socket(connection, server_side=True) as secured:
            server.received += secured.recv(1024)

    server = serve(behave)
    start_before = time.monotonic() + 0.3

    def check_start() -> None:
        if time.monotonic() > start_before:
            raise SendTooLateError("too late")

    took = seconds(lambda: post(server.port, scheme="https", check_start=check_start), SendTooLateError)

    assert took >= 0.4
    assert server.received == b""


# After the first byte: the answer is lost


def drip_headers(connection: socket.socket, server: Server) -> None:
    server.read_request(connection)
    connection.sendall(b"HTTP/1.1 201 Created\r\nX: ")
    while not server.stopped.wait(0.2):
        connection.sendall(b"x")


def drip_body(connection: socket.socket, server: Server) -> None:
    server.read_request(connection)
    connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n")
    while not server.stopped.wait(0.2):
        connection.sendall(b"x")


def drip_chunks(connection: socket.socket, server: Server) -> None:
    server.read_request(connection)
    connection.sendall(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not server.stopped.wait(0.2):
        connection.sendall(b"1\r\nx\r\n")


@pytest.mark.parametrize("behave", [wait, drip_headers, drip_body, drip_chunks], ids=lambda behave: behave.__name__)
def test_an_answer_has_one_deadline_however_it_drips(serve: Callable[[Behaviour], Server], behave: Behaviour) -> None:
    took = seconds(lambda: post(serve(behave).port, timeout_seconds=1.5), AnswerLostError)

    assert 1.4 < took < 1.5 + SLACK_SECONDS


def test_a_request_that_is_not_read_has_the_same_deadline(serve: Callable[[Behaviour], Server]) -> None:
    took = seconds(lambda: post(serve(wait).port, timeout_seconds=1.5, body=b"x" * 50_000_000), AnswerLostError)

    assert 1.4 < took < 1.5 + SLACK_SECONDS


def hang_up(_connection: socket.socket, _server: Server) -> None:
    """Close at once."""


def hang_up_after_the_request(connection: socket.socket, server: Server) -> None:
    server.read_request(connection)


def reset(connection: socket.socket, server: Server) -> None:
    server.read_request(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def half_a_body(connection: socket.socket, server: Server) -> None:
    server.read_request(connection)
    connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{")


def half_a_chunk(connection: socket.socket, server: Server) -> None:
    server.read_request(connection)
    connection.sendall(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{")


def no_http(connection: socket.socket, server: Server) -> None:
    server.read_request(connection)
    connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")


TOO_MUCH = b" " * (twilio_http.MAX_ANSWER_BYTES + 1)


def too_long(connection: socket.socket, server: Server) -> None:
    server.read_request(connection)
    connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%b" % (len(TOO_MUCH), TOO_MUCH))


def too_long_in_chunks(connection: socket.socket, server: Server) -> None:
    server.read_request(connection)
    head = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.sendall(b"%b%x\r\n%b\r\n0\r\n\r\n" % (head, len(TOO_MUCH), TOO_MUCH))


def without_end(connection: socket.socket, server: Server) -> None:
    server.read_request(connection)
    connection.sendall(b"HTTP/1.1 201 Created\r\n\r\n%b" % TOO_MUCH)


@pytest.mark.parametrize(
    "behave",
    [
        hang_up,
        hang_up_after_the_request,
        reset,
        half_a_body,
        half_a_chunk,
        no_http,
        too_long,
        too_long_in_chunks,
        without_end,
    ],
    ids=lambda behave: behave.__name__,
)
def test_an_answer_that_is_not_complete_is_lost(serve: Callable[[Behaviour], Server], behave: Behaviour) -> None:
    seconds(lambda: post(serve(behave).port), AnswerLostError)
