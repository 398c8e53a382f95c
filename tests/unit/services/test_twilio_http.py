"""Transport of the Twilio SDK: what one request looks like on the wire."""

import base64
import ssl
from datetime import timedelta
from typing import Any, Self

import pytest
import urllib3

from core.errors import SendTooLateError
from services.twilio_http import CONNECT_SECONDS, OneShotHttpClient
from tests.fakes.clock import START, FakeClock

URL = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json"


class FakePool:
    """Answers every request alike, and keeps what it was given."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        self.closed = False
        self.answer = urllib3.HTTPResponse(b'{"ok": "\xc3\xa9"}', {"Retry-After": "7"}, 201)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def request(self, method: str, url: str, **options: Any) -> urllib3.HTTPResponse:
        self.requests.append((method, url, options))
        return self.answer


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> list[FakePool]:
    made: list[FakePool] = []

    def make(**options: Any) -> FakePool:
        made.append(FakePool(**options))
        return made[-1]

    monkeypatch.setattr(urllib3, "PoolManager", make)
    return made


def test_a_form_is_sent_with_basic_auth(pools: list[FakePool]) -> None:
    client = OneShotHttpClient(20, FakeClock().now)

    client.request("POST", URL, data={"To": "whatsapp:+1", "Body": "a&b=ü"}, headers={"X": "1"}, auth=("AC1", "token"))

    ((method, url, options),) = pools[0].requests
    assert (method, url) == ("POST", URL)
    assert options["body"] == "To=whatsapp%3A%2B1&Body=a%26b%3D%C3%BC"
    assert options["headers"]["X"] == "1"
    assert base64.b64decode(options["headers"]["authorization"].removeprefix("Basic ")) == b"AC1:token"


def test_a_query_is_part_of_the_address(pools: list[FakePool]) -> None:
    OneShotHttpClient(20, FakeClock().now).request("GET", URL, params={"To": "whatsapp:+1", "PageSize": 100})

    ((_, url, options),) = pools[0].requests
    assert url == f"{URL}?To=whatsapp%3A%2B1&PageSize=100"
    assert options["body"] is None


def test_nothing_is_repeated_and_no_redirect_is_followed(pools: list[FakePool]) -> None:
    OneShotHttpClient(20, FakeClock().now).request("POST", URL)

    options = pools[0].requests[0][2]
    assert (options["retries"], options["redirect"]) == (False, False)


@pytest.mark.parametrize(("timeout", "connect"), [(20.0, CONNECT_SECONDS), (3.0, 3.0)])
def test_connecting_is_part_of_the_timeout(pools: list[FakePool], timeout: float, connect: float) -> None:
    OneShotHttpClient(timeout, FakeClock().now).request("POST", URL)

    given = pools[0].requests[0][2]["timeout"]
    assert (given.total, given.connect_timeout) == (timeout, connect)


def test_every_request_has_its_own_connection(pools: list[FakePool]) -> None:
    client = OneShotHttpClient(20, FakeClock().now)

    client.request("GET", URL)
    client.request("GET", URL)

    assert len(pools) == 2
    assert all(pool.closed for pool in pools)


def test_certificates_are_checked(pools: list[FakePool]) -> None:
    OneShotHttpClient(20, FakeClock().now).request("GET", URL)

    context = pools[0].options["ssl_context"]
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_an_answer_tells_its_status_and_wish(pools: list[FakePool]) -> None:
    client = OneShotHttpClient(20, FakeClock().now)

    answer = client.request("GET", URL)

    assert len(pools) == 1
    assert (answer.status_code, answer.text) == (201, '{"ok": "é"}')
    assert (client.status, client.retry_after_seconds) == (201, 7.0)


def test_a_late_start_is_refused_before_anything_is_sent(pools: list[FakePool]) -> None:
    clock = FakeClock()
    client = OneShotHttpClient(20, clock.now, START + timedelta(seconds=5))
    clock.advance(5.1)

    with pytest.raises(SendTooLateError):
        client.request("POST", URL)

    assert pools[0].requests == []
