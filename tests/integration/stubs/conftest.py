import itertools
from collections.abc import Iterator

import pytest
from openai import OpenAI
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from sandbox.stubs import OPENAI_KEY, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, StubClient, StubServer

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="package")
def server() -> Iterator[StubServer]:
    with StubServer() as server:
        yield server


@pytest.fixture
def stubs(server: StubServer) -> Iterator[StubClient]:
    yield server.client
    server.client.reset()


@pytest.fixture
def phone() -> str:
    """A recipient of this test's own."""
    return f"+4477009{next(_NUMBERS):05d}"


@pytest.fixture
def openai(server: StubServer) -> Iterator[OpenAI]:
    with OpenAI(api_key=OPENAI_KEY, base_url=server.urls.openai, max_retries=0, timeout=10) as client:
        yield client


@pytest.fixture
def twilio(server: StubServer) -> Iterator[Client]:
    http_client = TwilioHttpClient(timeout=10)
    yield twilio_client(server, http_client)
    assert http_client.session is not None
    http_client.session.close()


def twilio_client(server: StubServer, http_client: TwilioHttpClient) -> Client:
    client = Client(TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, http_client=http_client)
    client.api.base_url = server.urls.twilio
    return client
