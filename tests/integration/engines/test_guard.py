"""A running emulator does nothing for a page in the developer's browser, or for a program without its secret."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Signer
from botocore.exceptions import ClientError

from sandbox.engines.engine import REGION, Credentials
from sandbox.engines.ministack import MiniStack

pytestmark = pytest.mark.integration

FUNCTIONS = "/2015-03-31/functions"


@pytest.fixture(scope="module", params=[False, True], ids=["without roles", "with roles"])
def engine(request: pytest.FixtureRequest) -> Iterator[MiniStack]:
    with MiniStack(enforce_iam=request.param) as engine:
        yield engine


def ask(engine: MiniStack, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=30)
    connection.request(method, path, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def signed(engine: MiniStack, method: str, path: str, credentials: Credentials, body: bytes = b"") -> dict[str, str]:
    request = AWSRequest(method, f"{engine.endpoint}{path}", data=body)
    signer = Signer(credentials.access_key_id, credentials.secret_access_key)
    SigV4Auth(signer, "lambda", REGION).add_auth(request)
    return dict(request.headers.items())


def client(engine: MiniStack, service: str, credentials: Credentials) -> Any:
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=engine.endpoint,
        region_name=REGION,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
    )


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "https://evil.example"}, id="another origin"),
        pytest.param({"Origin": "null"}, id="a sandboxed frame"),
        pytest.param({"Referer": "https://evil.example/"}, id="a form or a picture"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="a fetch"),
        pytest.param({"Sec-Fetch-Mode": "no-cors"}, id="a fetch that reads no answer"),
        pytest.param({"Host": "evil.example"}, id="a name that means this machine for a moment"),
        pytest.param({"Host": "evil.example:4566"}, id="the same with a port"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", FUNCTIONS), ("GET", "/_ministack/health"), ("POST", "/_ministack/reset"), ("OPTIONS", FUNCTIONS)],
)
def test_a_page_is_refused_even_with_a_signature(
    engine: MiniStack, method: str, path: str, headers: dict[str, str]
) -> None:
    authorization = signed(engine, method, path, engine.credentials)

    assert ask(engine, method, path, authorization | headers) == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", FUNCTIONS),
        ("POST", f"{FUNCTIONS}/one/invocations"),
        ("POST", "/"),
        ("GET", "/?Action=ListQueues"),
        ("PUT", "/bucket"),
        ("POST", "/_ministack/reset"),
        ("POST", "/_ministack/config"),
    ],
)
def test_a_request_without_a_signature_is_refused(engine: MiniStack, method: str, path: str) -> None:
    assert ask(engine, method, path, {}, b"{}") == 403


@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param(Credentials("test", "test"), id="what every emulator takes"),
        pytest.param(Credentials("000000000000", "test"), id="the account"),
        pytest.param(Credentials("AKIA0123456789ABCDEF", "test"), id="an unknown key"),
    ],
)
def test_what_others_know_opens_nothing(engine: MiniStack, credentials: Credentials) -> None:
    with pytest.raises(ClientError) as caught:
        client(engine, "lambda", credentials).list_functions()

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_our_key_with_another_secret_opens_nothing(engine: MiniStack) -> None:
    forged = Credentials(engine.credentials.access_key_id, "test")

    assert ask(engine, "GET", f"{FUNCTIONS}/", signed(engine, "GET", f"{FUNCTIONS}/", forged)) == 403
    assert ask(engine, "GET", f"{FUNCTIONS}/", signed(engine, "GET", f"{FUNCTIONS}/", engine.credentials)) == 200


def test_a_signature_is_for_one_request(engine: MiniStack) -> None:
    headers = signed(engine, "POST", FUNCTIONS, engine.credentials, b"{}")

    assert ask(engine, "POST", FUNCTIONS, headers, json.dumps({"FunctionName": "other"}).encode()) == 403


@pytest.mark.parametrize("service", ["sqs", "sns", "iam", "cloudwatch", "dynamodb", "s3"])
def test_every_protocol_of_aws_is_let_in_with_our_secret(engine: MiniStack, service: str) -> None:
    calls = {
        "sqs": "list_queues",
        "sns": "list_topics",
        "iam": "list_roles",
        "cloudwatch": "describe_alarms",
        "dynamodb": "list_tables",
        "s3": "list_buckets",
    }

    answer = getattr(client(engine, service, engine.credentials), calls[service])()

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_two_starts_have_two_secrets() -> None:
    assert MiniStack().credentials != MiniStack().credentials
