"""What only real sockets and processes show."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.stubs import OPENAI_KEY, StubClient, StubError, StubProcess, StubServer, answer, delay, drop

pytestmark = pytest.mark.integration

HEADERS = {"authorization": f"Bearer {OPENAI_KEY}", "content-type": "application/json"}


def post_conversation(connection: http.client.HTTPConnection, body: bytes = b"{}") -> int:
    connection.request("POST", "/v1/conversations", body, HEADERS)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_connection_is_kept_alive(server: StubServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)

    statuses = [post_conversation(connection)]
    local = connection.sock.getsockname()
    statuses += [post_conversation(connection) for _ in range(9)]

    assert statuses == [200] * 10
    assert connection.sock.getsockname() == local
    connection.close()


def test_dropped_connection_is_a_reset(server: StubServer, stubs: StubClient) -> None:
    """An orderly end would be http.client's `RemoteDisconnected`, a subclass."""
    stubs.script("openai.conversations.create", drop())
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)

    with pytest.raises(ConnectionResetError) as raised:
        post_conversation(connection)
    connection.close()

    assert type(raised.value) is ConnectionResetError


def test_concurrent_requests_are_all_answered_and_recorded(server: StubServer, stubs: StubClient) -> None:
    def converse(number: int) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        body = json.dumps({"metadata": {"n": f"caller-{number}"}}).encode()
        done = sum(post_conversation(connection, body) == 200 for _ in range(20))
        connection.close()
        return done

    with ThreadPoolExecutor(16) as pool:
        done = sum(pool.map(converse, range(16)))

    journal = [exchange for exchange in stubs.journal() if "caller-" in exchange.body]

    assert done == 320
    assert len(journal) == 320
    assert len({c["id"] for c in stubs.conversations()}) == 320
    assert {exchange.ending for exchange in journal} == {"answered"}


def test_slow_answer_does_not_hold_up_others(server: StubServer, stubs: StubClient) -> None:
    stubs.script("openai.conversations.create", delay(5), match="slow")
    slow = http.client.HTTPConnection("127.0.0.1", server.port, timeout=0.5)
    quick = http.client.HTTPConnection("127.0.0.1", server.port, timeout=3)

    with pytest.raises(TimeoutError):
        post_conversation(slow, b'{"metadata": {"n": "slow"}}')

    assert post_conversation(quick) == 200
    slow.close()
    quick.close()


def test_stopping_ends_waiting_connections_and_frees_the_port() -> None:
    threads = set(threading.enumerate())
    with StubServer() as server:
        server.client.script("openai.conversations.create", delay(60))
        idle = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        waiting = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        waiting.request("POST", "/v1/conversations", b"{}", HEADERS)
        started = time.monotonic()
        while not server.client.journal() and time.monotonic() < started + 10:
            pass  # by then both connections are accepted
        started = time.monotonic()
    stopped_in = time.monotonic() - started

    assert stopped_in < 2
    assert idle.recv(1) == b""
    idle.close()
    waiting.close()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", server.port))
    assert set(threading.enumerate()) <= threads


def test_request_without_length_and_unknown_methods_are_refused(server: StubServer) -> None:
    statuses = []
    for method, headers in (("POST", {"transfer-encoding": "chunked"}), ("BREW", {})):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.putrequest(method, "/v1/conversations")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        statuses.append(connection.getresponse().status)
        connection.close()

    assert statuses == [411, 501]


def test_client_names_mistakes_and_unreachable_stubs(stubs: StubClient) -> None:
    with pytest.raises(StubError, match="names none of"):
        stubs.script("twilio.message.create", answer(500))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gone = StubClient(f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(StubError, match="no stub answers at"):
            gone.messages()
        assert not gone.is_healthy()


def test_client_shows_what_is_still_pending(stubs: StubClient) -> None:
    number = stubs.script("twilio.*", answer(500), match=["a", "b"], times=None)

    (entry,) = stubs.pending()["scripts"]

    assert (entry["number"], entry["match"], entry["times"]) == (number, ["a", "b"], None)
    assert stubs.journal_forgotten() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_says_where_it_answers_and_exits_cleanly(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.stubs", "--host", "0.0.0.0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        urls = json.loads(process.stdout.readline())
        is_healthy = StubClient(urls["control"]).is_healthy()
        process.send_signal(number)
        rest, complaints = process.communicate(timeout=10)
    finally:
        process.kill()
        process.communicate()

    assert urls["openai"] == f"http://127.0.0.1:{urls['port']}/v1"
    assert urls["twilio"] == f"http://127.0.0.1:{urls['port']}"
    assert is_healthy
    assert (process.returncode, rest, complaints) == (0, b"", b"")


def test_process_names_a_port_that_is_taken(server: StubServer) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sandbox.stubs", "--port", str(server.port)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        encoding="utf-8",
    )

    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{server.port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_process_serves_500_requests_a_second_on_one_core() -> None:
    """In CPU time, which a busy machine does not distort."""
    with StubProcess() as stubs:
        connection = http.client.HTTPConnection("127.0.0.1", stubs.port, timeout=10)
        body = json.dumps({"model": "gpt-6-luna", "input": "x" * 2000, "background": True}).encode()
        before = cpu_seconds(stubs.pid)
        for _ in range(1000):
            connection.request("POST", "/v1/responses", body, HEADERS)
            connection.getresponse().read()
        used = cpu_seconds(stubs.pid) - before
        recorded = len(stubs.client.journal())
        connection.close()

    assert recorded == 1000
    assert 1000 / used > 500
