"""SQS events as Lambda gets them from an event source mapping."""

from typing import Any

from sandbox.context_objects import make_body
from tests.fakes.clock import START

SENT_AT_MS = int(START.timestamp() * 1000) - 2000


def make_record(
    *,
    message_id: str = "m-1",
    receive_count: int = 1,
    body: str | None = None,
    **overrides: Any,
) -> dict[str, Any]:
    """Return one record; `overrides` replace its members, a value of `...` takes one out.

    The body is a valid Context Object unless given.
    """
    record: dict[str, Any] = {
        "messageId": message_id,
        "receiptHandle": f"{message_id}/{receive_count}",
        "body": make_body() if body is None else body,
        "attributes": {
            "ApproximateReceiveCount": str(receive_count),
            "SentTimestamp": str(SENT_AT_MS),
            "SenderId": "AIDACKCEVSQ6C2EXAMPLE",
            "ApproximateFirstReceiveTimestamp": str(SENT_AT_MS + 1),
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:ai-multi-comms-whatsapp-queue-dev",
        "awsRegion": "eu-west-1",
    }
    record |= overrides
    return {name: value for name, value in record.items() if value is not ...}


def make_event(*records: dict[str, Any]) -> dict[str, Any]:
    return {"Records": list(records)}
