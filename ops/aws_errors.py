"""AWS errors in words: what was refused, where, and what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's name
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from ops.errors import AwsError

SIGN_IN = "Sign in (`aws sso login`, `aws configure`) or choose another AWS_PROFILE."

_REJECTED = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "KMSAccessDeniedException"}
_MISSING = {
    "AWS.SimpleQueueService.NonExistentQueue",
    "NotFound",
    "NotFoundException",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
}
_THROTTLED = {
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestThrottled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_NOT_OFFERED = {"InvalidAction", "NotImplemented", "UnknownOperationException"}

_HTTP_NOT_IMPLEMENTED = 501

_NO_SESSION = (NoCredentialsError, PartialCredentialsError, SSOError, TokenRetrievalError)


def error_code(exc: ClientError | BotoCoreError) -> str:
    if isinstance(exc, ClientError):
        return str(exc.response.get("Error", {}).get("Code", "unknown"))
    return type(exc).__name__


def is_denied(exc: ClientError | BotoCoreError) -> bool:
    return error_code(exc) in _DENIED


def is_missing(exc: ClientError | BotoCoreError) -> bool:
    return error_code(exc) in _MISSING


def is_not_offered(exc: ClientError) -> bool:
    """Whether the engine has no such action: emulators know fewer of them than AWS."""
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return error_code(exc) in _NOT_OFFERED or status == _HTTP_NOT_IMPLEMENTED


@contextmanager
def asking_for(what: str, where: str) -> Iterator[None]:
    """Raise an `AwsError` about `what`, such as a queue by name, for any error of the SDK."""
    try:
        yield
    except (ClientError, BotoCoreError) as exc:
        raise explain(exc, what, where) from exc


def explain(exc: ClientError | BotoCoreError, what: str, where: str) -> AwsError:
    """Say what an error of the SDK means.

    Args:
        what: What was asked for, such as "the queue q-dev".
        where: Region, and the endpoint if it is not AWS's own.
    """
    code = error_code(exc)
    if isinstance(exc, _NO_SESSION):
        return AwsError(f"There are no usable AWS credentials ({code})", SIGN_IN)
    if isinstance(exc, ProfileNotFound):
        return AwsError(str(exc), "Choose another AWS_PROFILE, or make it with `aws configure sso`.")
    if isinstance(exc, NoRegionError):
        return no_region()
    if code in _REJECTED:
        return AwsError(f"AWS does not accept these credentials ({code})", SIGN_IN)
    if code in _DENIED:
        return AwsError(
            f"These credentials may not {_action(exc)} on {what} in {where}",
            "Ask for that permission, or choose another AWS_PROFILE.",
        )
    if code in _MISSING:
        return AwsError(
            f"There is no {what.removeprefix('the ')} in {where}",
            "Is it another region (AWS_REGION), account (AWS_PROFILE) or environment (--env), or not deployed?",
        )
    if code in _THROTTLED:
        return AwsError(f"AWS is throttling requests for {what} ({code})", "Wait a little and run this again.")
    if isinstance(exc, (ConnectionError, HTTPClientError)):
        return AwsError(
            f"No answer about {what} from {where} ({code})",
            "Check the network, AWS_REGION and AWS_ENDPOINT_URL.",
        )
    detail = exc.response["Error"].get("Message", "") if isinstance(exc, ClientError) else str(exc)
    return AwsError(f"AWS refused the request for {what} in {where}: {code}: {detail.rstrip('.')}")


def no_region() -> AwsError:
    return AwsError("There is no AWS region", "Set AWS_REGION, pass --region, or give the AWS profile a region.")


def _action(exc: ClientError | BotoCoreError) -> str:
    """Return the IAM action if the message names it, else the API's operation."""
    named = re.search(r"not authorized to perform:? ([\w-]+:\w+)", str(exc))
    if named:
        return named.group(1)
    return exc.operation_name if isinstance(exc, ClientError) else "do this"
