"""SQS service: how long the queue hides the messages that the function holds, and putting one on it again."""

from base64 import b64decode
from binascii import Error as NotBase64Error
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from core.continuation import ATTRIBUTE
from core.delivery import Envelope
from core.errors import PermanentError, PutDeniedError, TransientError
from utils.sqs_heartbeat import Hiding

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

BATCH_LIMIT = 10
"""Source: Amazon SQS API Reference, ChangeMessageVisibilityBatch: up to ten entries."""

_GONE = {"ReceiptHandleIsInvalid", "MessageNotInflight"}
"""Codes after which a handle is of no use any more. Any other code refuses the change alone: `InvalidParameterValue` is
what SQS says to a visibility beyond 12 hours from the receive."""

_DENIED = ("AccessDenied", "UnauthorizedOperation", "OptInRequired")
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_MAY_PASS = ("Throttl", "RequestThrottled", "RequestLimit", "KmsThrottled", "OverLimit")
"""Beginnings of codes that are the client's by their status and may pass all the same."""


class SqsMessageQueue:
    """`core.ports.MessageQueue` on an SQS queue."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def hide(self, receipt_handles: Sequence[str], seconds: int) -> Hiding:
        failed: dict[str, str] = {}
        for first in range(0, len(receipt_handles), BATCH_LIMIT):
            failed |= self._hide(receipt_handles[first : first + BATCH_LIMIT], seconds)
        lost = frozenset(handle for handle, code in failed.items() if code.rsplit(".", 1)[-1] in _GONE)
        return Hiding(lost, frozenset(failed) - lost)

    def put(self, envelope: Envelope, continuation: str, delay_seconds: int) -> None:
        attributes = sdk_attributes(envelope.attributes)
        attributes[ATTRIBUTE] = {"DataType": "String", "StringValue": continuation}
        group = {"MessageGroupId": envelope.group_id} if envelope.group_id else {}
        try:
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=envelope.body,
                MessageAttributes=attributes,
                DelaySeconds=delay_seconds,
                **group,  # type: ignore[arg-type]
            )
        except ClientError as exc:
            raise classify_put(exc) from exc
        except BotoCoreError as exc:
            raise TransientError(f"SQS: {type(exc).__name__}", code="sqs_unavailable") from exc

    def _hide(self, handles: Sequence[str], seconds: int) -> dict[str, str]:
        """Return the code of each handle whose message could not be hidden."""
        try:
            answer = self._client.change_message_visibility_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                    for index, handle in enumerate(handles)
                ],
            )
        except (ClientError, BotoCoreError) as exc:
            code = exc.response["Error"]["Code"] if isinstance(exc, ClientError) else type(exc).__name__
            raise TransientError(f"SQS: {code}", code="sqs_unavailable") from exc
        return {handles[int(entry["Id"])]: entry["Code"] for entry in answer.get("Failed", [])}


def sdk_attributes(attributes: Mapping[str, Any]) -> "dict[str, MessageAttributeValueTypeDef]":
    """Return message attributes as the SDK takes them, from those of an event.

    Raises:
        PermanentError: One can't be read, so the message could not be put as it is.
    """
    taken: dict[str, MessageAttributeValueTypeDef] = {}
    for name, attribute in attributes.items():
        try:
            kind = attribute["dataType"]
            if kind.startswith("Binary"):
                taken[name] = {"DataType": kind, "BinaryValue": b64decode(attribute["binaryValue"], validate=True)}
            else:
                taken[name] = {"DataType": kind, "StringValue": attribute["stringValue"]}
        except (KeyError, TypeError, AttributeError, NotBase64Error, ValueError) as exc:
            raise PermanentError("a message attribute can't be read", code="sqs_put_refused") from exc
    return taken


def classify_put(exc: ClientError) -> PermanentError | TransientError:
    """Return the domain error for a put that failed."""
    code = str(exc.response.get("Error", {}).get("Code", "unknown")).rsplit(".", 1)[-1]
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", _SERVER_ERROR)
    if code.startswith(_DENIED):
        return PutDeniedError(f"the function may not put messages on its queue ({code})")
    if _CLIENT_ERROR <= status < _SERVER_ERROR and not code.startswith(_MAY_PASS):
        return PermanentError(f"SQS refuses the message ({code})", code="sqs_put_refused")
    return TransientError(f"SQS: {code}", code="sqs_unavailable")
