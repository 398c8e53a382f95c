"""SQS service: one call for ten messages, and which refusals mean that a message is gone."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from core.errors import TransientError
from services.sqs_service import SqsMessageQueue
from utils.sqs_heartbeat import Hiding

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/queue"


@dataclass
class FakeClient:
    """The part of boto3's client that is used."""

    refusals: dict[str, str] = field(default_factory=dict)
    error: Exception | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)

    def change_message_visibility_batch(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(arguments)
        if self.error is not None:
            raise self.error
        failed = [
            {"Id": entry["Id"], "Code": self.refusals[entry["ReceiptHandle"]], "SenderFault": True}
            for entry in arguments["Entries"]
            if entry["ReceiptHandle"] in self.refusals
        ]
        return {"Successful": [], **({"Failed": failed} if failed else {})}


def hide(client: FakeClient, *handles: str, seconds: int = 360) -> Hiding:
    return SqsMessageQueue(client, URL).hide(handles, seconds)  # type: ignore[arg-type]


def test_messages_are_hidden_in_one_call() -> None:
    client = FakeClient()

    hiding = hide(client, "h-1", "h-2", seconds=42)

    assert hiding == Hiding()
    assert client.calls == [
        {
            "QueueUrl": URL,
            "Entries": [
                {"Id": "0", "ReceiptHandle": "h-1", "VisibilityTimeout": 42},
                {"Id": "1", "ReceiptHandle": "h-2", "VisibilityTimeout": 42},
            ],
        }
    ]


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (10, [10]), (11, [10, 1]), (25, [10, 10, 5])])
def test_no_call_has_more_than_sqs_takes(count: int, sizes: list[int]) -> None:
    client = FakeClient()

    hide(client, *(f"h-{number}" for number in range(count)))

    assert [len(call["Entries"]) for call in client.calls] == sizes


@pytest.mark.parametrize(
    "code",
    [
        "ReceiptHandleIsInvalid",
        "MessageNotInflight",
        "AWS.SimpleQueueService.MessageNotInflight",
    ],
)
def test_a_message_that_can_not_be_hidden_any_more_is_lost(code: str) -> None:
    client = FakeClient(refusals={"h-2": code, "h-13": code})

    hiding = hide(client, *(f"h-{number}" for number in range(1, 15)))

    assert hiding == Hiding(lost=frozenset({"h-2", "h-13"}))


@pytest.mark.parametrize("code", ["InvalidParameterValue", "InternalError", "AWS.SimpleQueueService.Whatever"])
def test_any_other_refusal_leaves_the_message_as_it_was_and_says_nothing_of_the_others(code: str) -> None:
    """`InvalidParameterValue` is what SQS says beyond 12 hours from the receive."""
    client = FakeClient(refusals={"h-1": "ReceiptHandleIsInvalid", "h-2": code})

    hiding = hide(client, "h-1", "h-2", "h-3")

    assert hiding == Hiding(frozenset({"h-1"}), frozenset({"h-2"}))


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDenied", "Message": "h-1"}}, "ChangeMessageVisibilityBatch"),
        ReadTimeoutError(endpoint_url=URL),
    ],
    ids=["denied", "timeout"],
)
def test_no_answer_says_nothing_of_the_messages(error: Exception) -> None:
    with pytest.raises(TransientError) as caught:
        hide(FakeClient(error=error), "h-1")

    assert caught.value.code == "sqs_unavailable"
    assert "h-1" not in str(caught.value)
