"""A request that plays AWS's is let in only with the signature that its secret gives."""

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sandbox.engines.signature import access_key_id, is_signed

SECRET = "a-secret"
BODY = b'{"QueueName": "one"}'
TARGETS = ["/", "/?b=2&a=%2Fx&a=1", "/2015-03-31/functions/arn%3Aaws%3Alambda/invocations?Qualifier=1", "/a%20b/c~d"]


def signed(target: str = "/", secret: str = SECRET, service: str = "sqs", body: bytes = BODY) -> dict[str, str]:
    request = AWSRequest("POST", f"http://127.0.0.1:4566{target}", data=body, headers={"X-Amz-Target": "AmazonSQS.X"})
    sign = S3SigV4Auth if service == "s3" else SigV4Auth
    sign(Credentials("AKIAX", secret), service, "eu-west-1").add_auth(request)
    return {"host": "127.0.0.1:4566"} | {name.lower(): value for name, value in request.headers.items()}


@pytest.mark.parametrize("service", ["sqs", "lambda"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_signed_request_is_known(target: str, service: str) -> None:
    headers = signed(target, service=service)

    assert access_key_id(headers) == "AKIAX"
    assert is_signed("POST", target, headers, BODY, SECRET)


@pytest.mark.parametrize("target", ["/bucket/a%20b", "/bucket?versioning="])
def test_a_signed_request_to_s3_is_known(target: str) -> None:
    assert is_signed("POST", target, signed(target, service="s3"), BODY, SECRET)


@pytest.mark.parametrize(
    ("method", "target", "changes", "body"),
    [
        pytest.param("GET", "/", {}, BODY, id="another method"),
        pytest.param("POST", "/other", {}, BODY, id="another path"),
        pytest.param("POST", "/?a=1", {}, BODY, id="another query"),
        pytest.param("POST", "/", {}, b"{}", id="another body"),
        pytest.param("POST", "/", {"x-amz-target": "AmazonSQS.Y"}, BODY, id="another operation"),
        pytest.param("POST", "/", {"host": "localhost:4566"}, BODY, id="another host"),
        pytest.param("POST", "/", {"x-amz-date": "20261127T000000Z"}, BODY, id="another time"),
        pytest.param("POST", "/", {"authorization": ""}, BODY, id="no signature"),
        pytest.param("POST", "/", {"authorization": "AWS4-HMAC-SHA256 Credential=a/b"}, BODY, id="half a signature"),
    ],
)
def test_a_request_that_was_changed_is_not(method: str, target: str, changes: dict[str, str], body: bytes) -> None:
    assert not is_signed(method, target, signed() | changes, body, SECRET)


def test_another_secret_gives_another_signature() -> None:
    assert not is_signed("POST", "/", signed(secret="test"), BODY, SECRET)


def test_who_signs_without_the_host_is_not_let_in() -> None:
    headers = signed()
    headers["authorization"] = headers["authorization"].replace("host;", "")

    assert not is_signed("POST", "/", headers, BODY, SECRET)


@pytest.mark.parametrize("authorization", ["", "Basic abc", "AWS4-ECDSA-P256-SHA256 Credential=a", "AWS test:sig"])
def test_what_is_no_signature_names_nobody(authorization: str) -> None:
    assert access_key_id({"authorization": authorization}) is None
