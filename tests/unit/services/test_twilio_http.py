"""Transport of the Twilio SDK: what one request looks like; `tests/integration/transport` has what sockets do."""

import base64
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from core.errors import SendTooLateError
from services import twilio_http
from services.twilio_http import Answer, OneShotHttpClient
from tests.fakes.clock import START, FakeClock

URL = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json"


class Wire:
    """Answers every request alike, and keeps what it was given."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Mapping[str, str], bytes | None]] = []
        self.timeouts: list[float] = []
        self.takes_seconds = 0.0

    def __call__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_seconds: float,
        check_start: Callable[[], None],
    ) -> Answer:
        self.timeouts.append(timeout_seconds)
        check_start()
        self.requests.append((method, url, headers, body))
        time.sleep(self.takes_seconds)
        return Answer(201, {"retry-after": "7"}, b'{"ok": "\xc3\xa9"}')


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire = Wire()
    monkeypatch.setattr(twilio_http, "exchange", wire)
    return wire


def test_a_form_is_sent_with_basic_auth(wire: Wire) -> None:
    client = OneShotHttpClient(20, FakeClock().now)

    client.request("POST", URL, data={"To": "whatsapp:+1", "Body": "a&b=ü"}, headers={"X": "1"}, auth=("AC1", "token"))

    ((method, url, headers, body),) = wire.requests
    assert (method, url) == ("POST", URL)
    assert body == b"To=whatsapp%3A%2B1&Body=a%26b%3D%C3%BC"
    assert headers["X"] == "1"
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"AC1:token"


def test_a_query_is_part_of_the_address(wire: Wire) -> None:
    OneShotHttpClient(20, FakeClock().now).request("GET", URL, params={"To": "whatsapp:+1", "PageSize": 100})

    ((_, url, headers, body),) = wire.requests
    assert url == f"{URL}?To=whatsapp%3A%2B1&PageSize=100"
    assert (dict(headers), body) == ({}, None)


@pytest.mark.usefixtures("wire")
def test_an_answer_tells_its_status_and_wish() -> None:
    client = OneShotHttpClient(20, FakeClock().now)

    answer = client.request("GET", URL)

    assert (answer.status_code, answer.text) == (201, '{"ok": "é"}')
    assert (client.status, client.retry_after_seconds) == (201, 7.0)


def test_all_requests_of_a_client_share_one_timeout(wire: Wire) -> None:
    """They are the pages of one list."""
    wire.takes_seconds = 0.05
    client = OneShotHttpClient(20, FakeClock().now)

    client.request("GET", URL)
    client.request("GET", URL)

    first, second = wire.timeouts
    assert first == pytest.approx(20, abs=0.01)
    assert second <= first - wire.takes_seconds


def test_a_late_start_is_refused_before_anything_is_sent(wire: Wire) -> None:
    clock = FakeClock()
    client = OneShotHttpClient(20, clock.now, START + timedelta(seconds=5))
    clock.advance(5.1)

    with pytest.raises(SendTooLateError):
        client.request("POST", URL)

    assert wire.requests == []


def test_certificates_are_checked() -> None:
    context = twilio_http._tls_context()

    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
