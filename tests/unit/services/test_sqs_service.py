"""SQS service: one call for ten messages, and which refusals mean that a message is gone."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from core.delivery import Envelope
from core.errors import PermanentError, PutDeniedError, TransientError
from services.sqs_service import SqsMessageQueue
from utils.sqs_heartbeat import Hiding

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/queue"


@dataclass
class FakeClient:
    """The part of boto3's client that is used."""

    refusals: dict[str, str] = field(default_factory=dict)
    error: Exception | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)

    def send_message(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(arguments)
        if self.error is not None:
            raise self.error
        return {"MessageId": "m-2"}

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


# Putting a message


def refused(code: str, status: int) -> ClientError:
    answer = {"Error": {"Code": code, "Message": "secret text"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "SendMessage")  # type: ignore[arg-type]


def test_a_message_is_put_as_it_came_with_its_continuation() -> None:
    client = FakeClient()
    attributes = {
        "campaign": {"stringValue": "spring", "binaryListValues": [], "stringListValues": [], "dataType": "String"},
        "weight": {"stringValue": "5", "dataType": "Number.int"},
        "seal": {"binaryValue": "AAEC", "dataType": "Binary"},
        "continuation": {"stringValue": "the one before", "dataType": "String"},
    }

    SqsMessageQueue(client, URL).put(Envelope("body", attributes, "acme"), "the new one", 42)  # type: ignore[arg-type]

    assert client.calls == [
        {
            "QueueUrl": URL,
            "MessageBody": "body",
            "MessageAttributes": {
                "campaign": {"DataType": "String", "StringValue": "spring"},
                "weight": {"DataType": "Number.int", "StringValue": "5"},
                "seal": {"DataType": "Binary", "BinaryValue": b"\x00\x01\x02"},
                "continuation": {"DataType": "String", "StringValue": "the new one"},
            },
            "DelaySeconds": 42,
            "MessageGroupId": "acme",
        }
    ]


def test_a_message_without_a_group_has_none_afterwards() -> None:
    client = FakeClient()

    SqsMessageQueue(client, URL).put(Envelope("body"), "{}", 0)  # type: ignore[arg-type]

    assert "MessageGroupId" not in client.calls[0]


@pytest.mark.parametrize(
    "attribute",
    [None, "text", {}, {"dataType": "Binary", "binaryValue": "no base64!"}, {"dataType": "String"}, {"dataType": 5}],
)
def test_a_message_that_could_not_be_put_as_it_came_is_not_put(attribute: Any) -> None:
    client = FakeClient()

    with pytest.raises(PermanentError) as caught:
        SqsMessageQueue(client, URL).put(Envelope("body", {"a": attribute}), "{}", 0)  # type: ignore[arg-type]

    assert caught.value.code == "sqs_put_refused"
    assert client.calls == []


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (refused("AccessDenied", 403), PutDeniedError, "sqs_put_denied"),
        (refused("AccessDeniedException", 400), PutDeniedError, "sqs_put_denied"),
        (refused("KMS.AccessDeniedException", 400), PutDeniedError, "sqs_put_denied"),
        (refused("InvalidParameterValue", 400), PermanentError, "sqs_put_refused"),
        (refused("InvalidMessageContents", 400), PermanentError, "sqs_put_refused"),
        (refused("AWS.SimpleQueueService.NonExistentQueue", 400), PermanentError, "sqs_put_refused"),
        (refused("RequestThrottled", 400), TransientError, "sqs_unavailable"),
        (refused("ThrottlingException", 400), TransientError, "sqs_unavailable"),
        (refused("KMS.ThrottlingException", 400), TransientError, "sqs_unavailable"),
        (refused("InternalError", 500), TransientError, "sqs_unavailable"),
        (refused("ServiceUnavailable", 503), TransientError, "sqs_unavailable"),
        (ReadTimeoutError(endpoint_url=URL), TransientError, "sqs_unavailable"),
    ],
)
def test_why_a_message_was_not_put(error: Exception, kind: type[Exception], code: str) -> None:
    with pytest.raises(kind) as caught:
        SqsMessageQueue(FakeClient(error=error), URL).put(Envelope("body"), "{}", 0)  # type: ignore[arg-type]

    assert type(caught.value) is kind
    assert caught.value.code == code  # type: ignore[attr-defined]
    assert "secret text" not in str(caught.value)
