"""SQS service: how long the queue hides the messages that the function holds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import TransientError
from utils.sqs_heartbeat import Hiding

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

BATCH_LIMIT = 10
"""Source: Amazon SQS API Reference, ChangeMessageVisibilityBatch: up to ten entries."""

_GONE = {"ReceiptHandleIsInvalid", "MessageNotInflight"}
"""Codes after which a handle is of no use any more. Any other code refuses the change alone: `InvalidParameterValue` is
what SQS says to a visibility beyond 12 hours from the receive."""


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
