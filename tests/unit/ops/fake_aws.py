"""AWS in memory, as far as the operations command asks it."""

# ruff: noqa: N803 - boto3 names its arguments

import io
import itertools
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from botocore.exceptions import ClientError

from ops.aws import Aws
from services.conversation_item import deserialize, serialize
from tests.fakes.clock import FakeClock

REGION = "eu-west-1"
ACCOUNT = "123456789012"
QUEUE = "ai-multi-comms-whatsapp-queue-dev"
DLQ = "ai-multi-comms-whatsapp-dlq-dev"


def client_error(code: str, operation: str = "Operation", message: str = "", status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        operation,
    )


class Pages:
    """A paginator of one operation."""

    def __init__(self, operation: Any) -> None:
        self._operation = operation

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        answer = self._operation(**request)
        yield from answer if isinstance(answer, list) else [answer]


class FakeClient:
    """Plays an error once for an operation, if told to.

    Attributes:
        calls: The operations that were asked for, in order.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.errors: dict[str, Exception] = {}

    def get_paginator(self, operation: str) -> Pages:
        return Pages(getattr(self, operation))

    def called(self, operation: str) -> None:
        self.calls.append(operation)
        if operation in self.errors:
            raise self.errors[operation]


@dataclass
class Message:
    """A message in a queue; hidden until `visible_at`, in seconds of the clock."""

    message_id: str
    body: str
    sent_at: datetime
    attributes: dict[str, Any] = field(default_factory=dict)
    visible_at: float = 0.0
    receives: int = 0
    handle: str = ""
    group_id: str | None = None


class FakeSqs(FakeClient):
    """SQS: real visibility on a clock, and the move tasks of others.

    Attributes:
        undeletable: Ids of messages that can't be deleted.
        unsendable: Texts of which the queue refuses each body that has one.
        attributes: More attributes, by queue.
        consumer: Called with each message that is sent, as the function is.
    """

    def __init__(self, clock: FakeClock, *, has_move_task: bool = True) -> None:
        super().__init__()
        self.clock = clock
        self.has_move_task = has_move_task
        self.queues: dict[str, list[Message]] = {}
        self.undeletable: set[str] = set()
        self.unsendable: set[str] = set()
        self.consumer: Any = None
        self.tasks: list[dict[str, Any]] = []
        self.attributes: dict[str, dict[str, str]] = {}
        self._ids = itertools.count(1)

    def add(self, queue: str, body: str, **attributes: Any) -> Message:
        message = Message(f"m-{next(self._ids)}", body, self.clock.now(), attributes)
        self.queues[queue].append(message)
        return message

    def add_dead_letter(self, body: str, **attributes: Any) -> Message:
        """Put a message into the DLQ that was sent a minute ago."""
        message = self.add(DLQ, body, **attributes)
        message.sent_at -= timedelta(minutes=1)
        return message

    def bodies(self, queue: str) -> list[str]:
        return [message.body for message in self.queues[queue]]

    def get_queue_url(self, *, QueueName: str) -> dict[str, Any]:
        self.called("get_queue_url")
        if QueueName not in self.queues:
            raise client_error("AWS.SimpleQueueService.NonExistentQueue", "GetQueueUrl")
        return {"QueueUrl": f"https://sqs.test/{QueueName}"}

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:
        self.called("get_queue_attributes")
        messages = self._queue(QueueUrl)
        visible = sum(self._is_visible(message) for message in messages)
        attributes = {
            "QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{QueueUrl.rpartition('/')[2]}",
            "ApproximateNumberOfMessages": str(visible),
            "ApproximateNumberOfMessagesNotVisible": str(len(messages) - visible),
            **self.attributes.get(QueueUrl.rpartition("/")[2], {}),
        }
        return {
            "Attributes": attributes,
            "ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(self.clock.now(), usegmt=True)}},
        }

    def receive_message(
        self, *, QueueUrl: str, MaxNumberOfMessages: int, VisibilityTimeout: int, WaitTimeSeconds: int, **_: Any
    ) -> dict[str, Any]:
        self.called("receive_message")
        assert 1 <= MaxNumberOfMessages <= 10
        received = [message for message in self._queue(QueueUrl) if self._is_visible(message)][:MaxNumberOfMessages]
        for message in received:
            message.visible_at = self.clock.monotonic() + VisibilityTimeout
            message.receives += 1
            message.handle = f"{message.message_id}/{message.receives}"
        if not received:
            self.clock.advance(WaitTimeSeconds)
            return {}
        return {
            "Messages": [
                {
                    "MessageId": message.message_id,
                    "ReceiptHandle": message.handle,
                    "Body": message.body,
                    "Attributes": {
                        "SentTimestamp": str(int(message.sent_at.timestamp() * 1000)),
                        "ApproximateReceiveCount": str(message.receives),
                        **({"MessageGroupId": message.group_id} if message.group_id else {}),
                    },
                    **({"MessageAttributes": message.attributes} if message.attributes else {}),
                }
                for message in received
            ]
        }

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        self.called("change_message_visibility_batch")
        assert 1 <= len(Entries) <= 10
        for entry in Entries:
            message = self._held(QueueUrl, entry["ReceiptHandle"])
            if message is not None:
                message.visible_at = self.clock.monotonic() + entry["VisibilityTimeout"]
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    def delete_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        self.called("delete_message_batch")
        assert 1 <= len(Entries) <= 10
        failed, deleted = [], []
        for entry in Entries:
            message = self._held(QueueUrl, entry["ReceiptHandle"])
            if message is None or message.message_id in self.undeletable:
                failed.append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
            else:
                self._queue(QueueUrl).remove(message)
                deleted.append({"Id": entry["Id"]})
        return {"Successful": deleted, "Failed": failed}

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        self.called("send_message_batch")
        assert 1 <= len(Entries) <= 10
        assert sum(len(entry["MessageBody"].encode()) for entry in Entries) <= 1024 * 1024
        sent, failed = [], []
        for entry in Entries:
            if any(text in entry["MessageBody"] for text in self.unsendable):
                failed.append({"Id": entry["Id"], "Code": "InvalidMessageContents", "SenderFault": True})
                continue
            message = self._send(QueueUrl, entry["MessageBody"], entry["MessageAttributes"])
            message.group_id = entry.get("MessageGroupId")
            sent.append({"Id": entry["Id"], "MessageId": message.message_id})
        return {"Successful": sent, "Failed": failed}

    def send_message(self, *, QueueUrl: str, MessageBody: str, MessageGroupId: str | None = None) -> dict[str, Any]:
        self.called("send_message")
        message = self._send(QueueUrl, MessageBody, {})
        message.group_id = MessageGroupId
        return {"MessageId": message.message_id}

    def list_message_move_tasks(self, *, SourceArn: str, MaxResults: int) -> dict[str, Any]:
        self.called("list_message_move_tasks")
        assert SourceArn
        if not self.has_move_task:
            raise client_error("InvalidAction", "ListMessageMoveTasks")
        return {"Results": self.tasks[:MaxResults]}

    def _send(self, url: str, body: str, attributes: dict[str, Any]) -> Message:
        message = self.add(url.rpartition("/")[2], body, **attributes)
        if self.consumer is not None:
            self.consumer(message)
        return message

    def _queue(self, url: str) -> list[Message]:
        return self.queues[url.rpartition("/")[2]]

    def _is_visible(self, message: Message) -> bool:
        return message.visible_at <= self.clock.monotonic()

    def _held(self, url: str, handle: str) -> Message | None:
        return next((message for message in self._queue(url) if message.handle == handle), None)


class FakeDynamoDB(FakeClient):
    """One table and its index.

    Attributes:
        description: What DescribeTable says besides.
        time_to_live: What DescribeTimeToLive says.
        unprocessed: How many keys the next batch leaves for another time.
    """

    def __init__(self, table: str) -> None:
        super().__init__()
        self.table = table
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.unprocessed = 0
        self.description: dict[str, Any] = {
            "KeySchema": [
                {"AttributeName": "recipient_tel", "KeyType": "HASH"},
                {"AttributeName": "conversation_id", "KeyType": "RANGE"},
            ]
        }
        self.time_to_live: dict[str, str] = {}

    def put(self, item: dict[str, Any]) -> None:
        self.items[item["recipient_tel"], item["conversation_id"]] = item

    def query(self, **request: Any) -> list[dict[str, Any]]:
        self._check("query", request["TableName"])
        if "IndexName" not in request:
            return self._query_partition(request)
        assert request["IndexName"] == "needs-attention-index"
        assert request["KeyConditionExpression"] == "needs_attention = :yes"
        values = deserialize(request["ExpressionAttributeValues"])
        found = sorted(
            (item for item in self.items.values() if item.get("needs_attention") == values[":yes"]),
            key=lambda item: item["updated_at"],
            reverse=not request["ScanIndexForward"],
        )
        if "FilterExpression" in request:
            found = [item for item in found if item["conversation_id"] == values[":id"]]
        projected = [
            "recipient_tel",
            "conversation_id",
            "needs_attention",
            "updated_at",
            "conversation_status",
            "last_error",
            "request_id",
            "company_id",
            "project_id",
        ]
        items = [serialize({name: item[name] for name in projected if name in item}) for item in found]
        return [{"Items": items[first : first + 2]} for first in range(0, len(items), 2)]

    def _query_partition(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        (partition,) = request["ExpressionAttributeNames"].values()
        assert {"AttributeName": partition, "KeyType": "HASH"} in self.description["KeySchema"]
        assert request["ConsistentRead"]
        wanted = deserialize(request["ExpressionAttributeValues"])[":recipient"]
        found = [serialize(item) for item in self.items.values() if item.get(partition) == wanted]
        return [{"Items": found[first : first + 2]} for first in range(0, len(found), 2)]

    def scan(self, **request: Any) -> list[dict[str, Any]]:
        self._check("scan", request["TableName"])
        wanted = deserialize(request["ExpressionAttributeValues"])[":id"]
        return [
            {"ScannedCount": 1, "Items": [serialize(item)] if item["conversation_id"] == wanted else []}
            for item in self.items.values()
        ]

    def get_item(self, *, TableName: str, Key: Mapping[str, Any], ConsistentRead: bool) -> dict[str, Any]:
        self._check("get_item", TableName)
        assert ConsistentRead
        key = deserialize(Key)
        item = self.items.get((key["recipient_tel"], key["conversation_id"]))
        return {"Item": serialize(item)} if item else {}

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> dict[str, Any]:
        ((table, request),) = RequestItems.items()
        self._check("batch_get_item", table)
        keys = [
            tuple(deserialize(key)[name] for name in ("recipient_tel", "conversation_id")) for key in request["Keys"]
        ]
        assert 1 <= len(keys) <= 100
        assert len(set(keys)) == len(keys), "DynamoDB refuses a key that is asked for twice"
        left, self.unprocessed = self.unprocessed, 0
        now, later = keys[left:], request["Keys"][:left]
        names = [name.strip() for name in request["ProjectionExpression"].split(",")]
        found = [self.items[key] for key in now if key in self.items]
        answer: dict[str, Any] = {
            "Responses": {table: [serialize({name: item[name] for name in names if name in item}) for item in found]}
        }
        if later:
            answer["UnprocessedKeys"] = {table: {**request, "Keys": later}}
        return answer

    def describe_table(self, *, TableName: str) -> dict[str, Any]:
        self._check("describe_table", TableName)
        return {"Table": {"ItemCount": len(self.items), **self.description}}

    def describe_time_to_live(self, *, TableName: str) -> dict[str, Any]:
        self._check("describe_time_to_live", TableName)
        return {"TimeToLiveDescription": self.time_to_live}

    def _check(self, operation: str, table: str) -> None:
        self.called(operation)
        if table != self.table:
            raise client_error("ResourceNotFoundException", operation)


class FakeLogs(FakeClient):
    """One log group, whose filter knows quoted phrases and `?"a" ?"b"`, as AWS's does."""

    def __init__(self, group: str) -> None:
        super().__init__()
        self.group = group
        self.streams: dict[str, list[dict[str, Any]]] = {}
        self.patterns: list[str] = []
        self.retention: dict[str, int] = {}
        self.metric_filters: list[str] = []

    def add(self, at: datetime, line: str | dict[str, Any], stream: str = "s-1") -> None:
        text = line if isinstance(line, str) else json.dumps(line)
        self.streams.setdefault(stream, []).append({"timestamp": int(at.timestamp() * 1000), "message": text})

    def filter_log_events(self, *, logGroupName: str, startTime: int, filterPattern: str) -> list[dict[str, Any]]:
        self._check("filter_log_events", logGroupName)
        self.patterns.append(filterPattern)
        phrases = re.findall(r'"([^"]+)"', filterPattern)
        events = [
            event
            for stream in self.streams.values()
            for event in stream
            if event["timestamp"] >= startTime and any(phrase in event["message"] for phrase in phrases)
        ]
        return [{"events": []}, *({"events": [event]} for event in events)]

    def describe_log_groups(self, *, logGroupNamePrefix: str) -> dict[str, Any]:
        self.called("describe_log_groups")
        groups = [{"logGroupName": name, **self.retention} for name in (f"{self.group}-2", self.group)]
        return {"logGroups": [group for group in groups if str(group["logGroupName"]).startswith(logGroupNamePrefix)]}

    def describe_metric_filters(self, *, logGroupName: str) -> dict[str, Any]:
        self._check("describe_metric_filters", logGroupName)
        made = {"metricNamespace": "AIComms/WhatsAppProcessor/Dev", "metricName": "FinalDbUpdateFailureCount"}
        return {"metricFilters": [{"filterName": n, "metricTransformations": [made]} for n in self.metric_filters]}

    def describe_log_streams(self, *, logGroupName: str) -> list[dict[str, Any]]:
        self._check("describe_log_streams", logGroupName)
        return [
            {"logStreams": [{"logStreamName": name, "lastEventTimestamp": events[-1]["timestamp"]}]}
            for name, events in self.streams.items()
        ]

    def get_log_events(
        self, *, logGroupName: str, logStreamName: str, startTime: int, startFromHead: bool, nextToken: str = "0"
    ) -> dict[str, Any]:
        self._check("get_log_events", logGroupName)
        assert startFromHead
        events = [event for event in self.streams[logStreamName] if event["timestamp"] >= startTime]
        first = int(nextToken)
        page = events[first : first + 2]
        return {"events": page, "nextForwardToken": str(first + len(page))}

    def _check(self, operation: str, group: str) -> None:
        self.called(operation)
        if group != self.group:
            raise client_error("ResourceNotFoundException", operation)


class Canned(FakeClient):
    """Answers an operation always alike, or with what a function makes of the request."""

    def __init__(self, **answers: Any) -> None:
        super().__init__()
        self.answers = answers

    def __getattr__(self, operation: str) -> Any:
        if operation not in self.__dict__.get("answers", {}):
            raise AttributeError(operation)

        def ask(**request: Any) -> Any:
            self.called(operation)
            answer = self.answers[operation]
            return answer(**request) if callable(answer) else answer

        return ask


class Forbidden:
    """A service that these credentials may not use."""

    def __getattr__(self, operation: str) -> Any:
        def refuse(*_: Any, **__: Any) -> Any:
            raise client_error("AccessDeniedException", operation)

        return refuse


class FakeAws(Aws):
    """An account with the queues, the table and the log group of `dev`.

    Attributes:
        others: Clients of services that only some commands need.
        compiled: Names of the compiled modules in the function's package.
    """

    def __init__(self, clock: FakeClock, *, endpoint: str | None = None, has_move_task: bool = True) -> None:
        self.fake_sqs = FakeSqs(clock, has_move_task=has_move_task)
        self.fake_sqs.queues = {QUEUE: [], DLQ: []}
        self.fake_dynamodb = FakeDynamoDB("conversations-dev")
        self.fake_logs = FakeLogs("/aws/lambda/whatsapp-channel-processor-dev")
        self.others: dict[str, Any] = {}
        self.compiled = ["pydantic_core/_pydantic_core.cpython-313-x86_64-linux-gnu.so"]
        super().__init__(self._client, REGION, endpoint)

    def package(self, location: str) -> bytes:
        """Return the function's package."""
        assert location == "https://packages.test/1"
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as package:
            for name in ("index.py", *self.compiled):
                package.writestr(name, "")
        return file.getvalue()

    def _client(self, service: str) -> Any:
        known = {"sqs": self.fake_sqs, "dynamodb": self.fake_dynamodb, "logs": self.fake_logs, **self.others}
        return known.get(service) or Forbidden()
