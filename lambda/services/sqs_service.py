"""SQS service: how long the queue hides the messages that the function holds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from core.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

BATCH_LIMIT = 10
"""Source: Amazon SQS API Reference, ChangeMessageVisibilityBatch: up to ten entries."""

_GONE = {"ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue"}
"""Codes after which a handle is of no use any more."""


class SqsMessageQueue:
    """`core.ports.MessageQueue` on an SQS queue."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def hide(self, receipt_handles: Sequence[str], seconds: int) -> set[str]:
        lost: set[str] = set()
        for first in range(0, len(receipt_handles), BATCH_LIMIT):
            lost |= self._hide(receipt_handles[first : first + BATCH_LIMIT], seconds)
        return lost

    def _hide(self, handles: Sequence[str], seconds: int) -> set[str]:
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
        failed = {handles[int(entry["Id"])]: entry["Code"] for entry in answer.get("Failed", [])}
        lost = {handle for handle, code in failed.items() if code.rsplit(".", 1)[-1] in _GONE}
        if set(failed) - lost:
            raise TransientError("SQS refused to hide some messages", code="sqs_unavailable")
        return lost
