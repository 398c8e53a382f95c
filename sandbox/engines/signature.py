"""Signature: whether a request to AWS is signed with a secret; for whoever plays AWS."""

import hmac
import re
from collections.abc import Mapping

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,]+)/[0-9]{8}/([^/,]+)/([^/,]+)/aws4_request,"
    r" ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)


def access_key_id(headers: Mapping[str, str]) -> str | None:
    """Return whose signature a request claims to have; names of headers are in lower case."""
    claim = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    return claim and claim[1]


def is_signed(method: str, target: str, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether a request is signed with a secret, its `Host` included.

    Args:
        target: Path and query as they came.
    """
    claim = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if claim is None:
        return False
    key_id, region, service, names, signature = claim.groups()
    signed = {name: headers.get(name, "") for name in names.split(";")}
    if "host" not in signed:
        return False
    request = AWSRequest(method, f"http://{signed['host']}{target}", headers=signed, data=body)
    request.context["timestamp"] = headers.get("x-amz-date", "")
    auth = (S3SigV4Auth if service == "s3" else SigV4Auth)(Credentials(key_id, secret), service, region)
    wanted = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return hmac.compare_digest(wanted, signature)
