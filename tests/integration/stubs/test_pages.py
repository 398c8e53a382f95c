"""No server that the project starts does anything for a page in the developer's browser."""

import http.client
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from benchmarks.relay import Relay
from benchmarks.runtime_api import RuntimeApi
from sandbox.engines.ministack import TRAITS
from sandbox.harness.aws_proxy import AwsProxy
from sandbox.stubs import OPENAI_KEY, StubServer
from tests.chaos.switchboard import Switchboard

pytestmark = pytest.mark.integration

SERVERS = ["stubs", "stubs' control", "AWS proxy", "relay", "switchboard", "runtime"]


@pytest.fixture(scope="module")
def addresses(server: StubServer) -> Iterator[dict[str, tuple[int, str]]]:
    """Port and path of something that each server does."""
    with ExitStack() as stack:
        upstream = server.urls.control
        proxy = stack.enter_context(AwsProxy(upstream, TRAITS))
        relay = stack.enter_context(Relay(upstream))
        switchboard = stack.enter_context(Switchboard(TRAITS))
        runtime = stack.enter_context(RuntimeApi())
        yield {
            "stubs": (server.port, "/v1/conversations"),
            "stubs' control": (server.port, "/_stub/reset"),
            "AWS proxy": (proxy.port, "/v1/conversations"),
            "relay": (relay.port, "/v1/conversations"),
            "switchboard": (switchboard.port, "/"),
            "runtime": (runtime.port, "/2018-06-01/runtime/init/error"),
        }


def post(port: int, path: str, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    given = {"Content-Type": "application/json", "Authorization": f"Bearer {OPENAI_KEY}"}
    body = b'{"environment": "e", "point": "p", "conversation_id": "c"}' if path == "/" else b"{}"
    connection.request("POST", path, body, given | headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


@pytest.mark.parametrize("name", SERVERS)
def test_a_program_is_answered(addresses: dict[str, tuple[int, str]], name: str) -> None:
    assert 200 <= post(*addresses[name], {}) < 300


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "https://evil.example"}, id="another origin"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="a fetch"),
        pytest.param({"Host": "evil.example"}, id="a name that means this machine for a moment"),
    ],
)
def test_a_page_is_not(addresses: dict[str, tuple[int, str]], name: str, headers: dict[str, str]) -> None:
    assert post(*addresses[name], headers) == 403
