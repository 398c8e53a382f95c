"""What a server hands out with one company's answer is in no request of another, and sends no request elsewhere."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from composition import AWS_CONFIG
from core.errors import ProcessorError
from core.ports import TwilioCredentials
from sandbox.loopback import LoopbackHandler
from sandbox.stubs import OPENAI_KEY, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, StubClient, StubServer, answer
from services.openai_client import OpenAIClients, translated_errors
from services.twilio_service import TwilioWhatsApp
from utils.redaction import Secret
from utils.system_clock import SystemClock

pytestmark = pytest.mark.integration

COOKIE = {"Set-Cookie": "company=first; Path=/"}
OTHER_KEY, OTHER_TOKEN = "sk-of-another-company", "token-of-another-company"

Call = Callable[[str], Any]
"""Makes one call with a secret."""


@pytest.fixture
def openai_call(server: StubServer, stubs: StubClient) -> Call:
    stubs.change_openai_keys(accept=[OTHER_KEY])
    clients = OpenAIClients(server.urls.openai)

    def call(key: str) -> Any:
        with translated_errors():
            return clients.post(Secret(key), ("conversations",), {}, timeout_seconds=10)

    return call


@pytest.fixture
def twilio_call(server: StubServer, stubs: StubClient, phone: str) -> Call:
    stubs.change_twilio_tokens(TWILIO_ACCOUNT_SID, accept=[OTHER_TOKEN])
    clock = SystemClock()
    twilio = TwilioWhatsApp(10, clock.now, server.urls.twilio)

    def call(token: str) -> Any:
        credentials = TwilioCredentials(TWILIO_ACCOUNT_SID, Secret(token))
        return twilio.list_messages(phone, "+442079460000", credentials, clock.now())

    return call


@dataclass(frozen=True)
class Vendor:
    """One call of a vendor's API, with the secrets of two companies."""

    call: Call
    operation: str
    first: str
    second: str


@pytest.fixture(params=["OpenAI", "Twilio"])
def vendor(request: pytest.FixtureRequest, openai_call: Call, twilio_call: Call) -> Vendor:
    if request.param == "OpenAI":
        return Vendor(openai_call, "openai.conversations.create", OPENAI_KEY, OTHER_KEY)
    return Vendor(twilio_call, "twilio.messages.list", TWILIO_AUTH_TOKEN, OTHER_TOKEN)


def test_a_cookie_for_one_company_is_in_no_request_of_another(stubs: StubClient, vendor: Vendor) -> None:
    stubs.script(vendor.operation, answer(200, None, headers=COOKIE, after_effect=True))

    with suppress(ProcessorError):  # the scripted answer has no body that could be read
        vendor.call(vendor.first)
    vendor.call(vendor.second)

    exchanges = stubs.journal(operation=vendor.operation)
    assert "set-cookie" in exchanges[0].answer_headers
    assert [exchange.headers.get("cookie") for exchange in exchanges] == [None, None]


def test_no_answer_sends_a_request_elsewhere(server: StubServer, stubs: StubClient, vendor: Vendor) -> None:
    stubs.script(vendor.operation, answer(307, headers={"Location": f"{server.urls.control}/v1/conversations"}))

    with pytest.raises(ProcessorError):
        vendor.call(vendor.first)

    assert [exchange.status for exchange in stubs.journal()] == [307]


class Aws(LoopbackHandler):
    """Hands out a cookie, and sends whoever asks for `there` elsewhere."""

    seen: list[tuple[str, str | None]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append((self.path, self.headers["cookie"]))
        elsewhere = body["SecretId"] == "there" and self.path == "/"
        content = json.dumps({"Name": "x", "SecretString": "y"}).encode()
        self.send_response(307 if elsewhere else 200)
        self.send_header("Set-Cookie", "company=first; Path=/")
        if elsewhere:
            self.send_header("Location", "/elsewhere")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@contextmanager
def aws() -> Iterator[tuple[Any, list[tuple[str, str | None]]]]:
    seen: list[tuple[str, str | None]] = []
    handler = type("Handler", (Aws,), {"seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        client = boto3.client(
            "secretsmanager",
            endpoint_url=f"http://127.0.0.1:{server.server_address[1]}",
            region_name="eu-west-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=AWS_CONFIG,
        )
        try:
            yield client, seen
        finally:
            client.close()
            server.shutdown()
            thread.join()


def test_the_aws_sdk_keeps_no_cookie_and_goes_nowhere_else() -> None:
    with aws() as (client, seen):
        client.get_secret_value(SecretId="here")
        client.get_secret_value(SecretId="here")
        with pytest.raises(ClientError):
            client.get_secret_value(SecretId="there")

    assert seen == [("/", None)] * 3
