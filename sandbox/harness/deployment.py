"""Deployment: one environment that our Terraform made, and what a test does with it."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from sandbox.context_objects import make_body
from sandbox.eventually import eventually
from sandbox.harness.aws import Aws
from sandbox.harness.function_log import FunctionLog
from utils.settings import Settings

CHANGE_SECONDS = 60
"""Longest time for a change of the function or its mapping to take effect."""

_from_dynamodb = TypeDeserializer().deserialize

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in the DLQ.

    Attributes:
        receive_count: Receives it had, the one that found it here included.
    """

    message_id: str
    body: str
    receive_count: int


class Deployment:
    """The queue, the function, the table and the rest, by Terraform's outputs.

    It is its user's alone: what a test sends is not mixed with what others send, and the queue is empty when all that
    was sent is done.
    """

    def __init__(self, environment: str, outputs: Mapping[str, Any], aws: Aws) -> None:
        self.environment = environment
        self.outputs = outputs
        self.aws = aws
        self.log = FunctionLog(aws.client("logs"), outputs["log_group_name"])

    @cached_property
    def settings(self) -> Settings:
        """What the function makes of the environment that Terraform gives it."""
        return Settings.from_environ(self.outputs["function_environment"])

    @cached_property
    def timeout_seconds(self) -> int:
        return int(self.function_configuration()["Timeout"])

    # The queue

    def send(self, body: str | None = None, **context: Any) -> str:
        """Send a Context Object, made by `make_body`, or the body given; return the id of the message."""
        answer = self.aws.client("sqs").send_message(
            QueueUrl=self.outputs["queue_url"], MessageBody=make_body(**context) if body is None else body
        )
        return str(answer["MessageId"])

    def send_together(self, bodies: Sequence[str]) -> list[str]:
        """Send up to ten bodies so that one batch has them all; return the ids of the messages."""
        with self.paused():
            answer = self.aws.client("sqs").send_message_batch(
                QueueUrl=self.outputs["queue_url"],
                Entries=[{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)],
            )
        ids = {entry["Id"]: entry["MessageId"] for entry in answer["Successful"]}
        return [ids[str(index)] for index in range(len(bodies))]

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Feed the function nothing until the end of the block."""
        functions, uuid = self.aws.client("lambda"), self.outputs["event_source_mapping_uuid"]

        def switch(*, on: bool) -> None:
            functions.update_event_source_mapping(UUID=uuid, Enabled=on)
            eventually(
                lambda: functions.get_event_source_mapping(UUID=uuid)["State"] == ("Enabled" if on else "Disabled"),
                within_seconds=CHANGE_SECONDS,
            )

        switch(on=False)
        try:
            yield
        finally:
            switch(on=True)

    def delivers(self) -> bool:
        """Whether messages are taken from the queue, or about to be."""
        functions, uuid = self.aws.client("lambda"), self.outputs["event_source_mapping_uuid"]
        return functions.get_event_source_mapping(UUID=uuid)["State"] not in ("Disabled", "Disabling")

    def queued(self) -> tuple[int, int]:
        """Return how many messages of the queue are visible, and how many are hidden or still to come."""
        return self._count(self.outputs["queue_url"])

    def purge(self) -> None:
        """Forget every message in the queue."""
        self.aws.client("sqs").purge_queue(QueueUrl=self.outputs["queue_url"])

    def _count(self, queue_url: str) -> tuple[int, int]:
        names = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
        answer = self.aws.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
        visible, hidden, delayed = (int(answer["Attributes"][name]) for name in names)
        return visible, hidden + delayed

    def dead_letters(self, containing: str = "") -> list[DeadLetter]:
        """Return the messages of the DLQ whose body contains a text; they stay there, visible at once."""
        found: dict[str, DeadLetter] = {}
        for message in self._receive_dead_letters(visible_in_seconds=0):
            if containing in message["Body"]:
                count = int(message["Attributes"]["ApproximateReceiveCount"])
                found.setdefault(message["MessageId"], DeadLetter(message["MessageId"], message["Body"], count))
        return list(found.values())

    def delete_dead_letters(self, containing: str = "") -> list[str]:
        """Take the messages whose body contains a text out of the DLQ; return the bodies."""
        queue, bodies = self.aws.client("sqs"), []
        for message in self._receive_dead_letters(visible_in_seconds=5):
            handle = {"QueueUrl": self.outputs["dead_letter_queue_url"], "ReceiptHandle": message["ReceiptHandle"]}
            if containing in message["Body"]:
                bodies.append(message["Body"])
                queue.delete_message(**handle)
            else:
                queue.change_message_visibility(**handle, VisibilityTimeout=0)
        return bodies

    def _receive_dead_letters(self, *, visible_in_seconds: int) -> list[dict[str, Any]]:
        """Receive until the DLQ gives no message that was not seen yet."""
        queue, found = self.aws.client("sqs"), dict[str, dict[str, Any]]()
        while True:
            answer = queue.receive_message(
                QueueUrl=self.outputs["dead_letter_queue_url"],
                MaxNumberOfMessages=10,
                VisibilityTimeout=visible_in_seconds,
                WaitTimeSeconds=0,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
            new = {message["MessageId"]: message for message in answer.get("Messages", [])}
            if not new.keys() - found.keys():
                return list(found.values())
            found |= new

    # The table

    def record(self, recipient_tel: str, conversation_id: str) -> Record | None:
        """Return the conversation's record, or None."""
        answer = self.aws.client("dynamodb").get_item(
            TableName=self.outputs["table_name"],
            Key={
                str(self.outputs["table_partition_key"]): {"S": recipient_tel},
                "conversation_id": {"S": conversation_id},
            },
            ConsistentRead=True,
        )
        return _plain(answer["Item"]) if "Item" in answer else None

    def records(self) -> list[Record]:
        """Return all records."""
        pages = self.aws.client("dynamodb").get_paginator("scan").paginate(TableName=self.outputs["table_name"])
        return [_plain(item) for page in pages for item in page["Items"]]

    def needing_attention(self) -> list[Record]:
        """Return what the sparse index shows, newest first."""
        answer = self.aws.client("dynamodb").query(
            TableName=self.outputs["table_name"],
            IndexName=self.outputs["attention_index_name"],
            KeyConditionExpression="needs_attention = :yes",
            ExpressionAttributeValues={":yes": {"S": "yes"}},
            ScanIndexForward=False,
        )
        return [_plain(item) for item in answer["Items"]]

    # The function

    def function_configuration(self) -> dict[str, Any]:
        name = self.outputs["function_name"]
        return dict(self.aws.client("lambda").get_function_configuration(FunctionName=name))

    def warm_up(self) -> None:
        """Have a cold start behind, which would count against the visibility timeout of the next messages."""
        self.aws.client("lambda").invoke(FunctionName=self.outputs["function_name"], Payload=b'{"Records": []}')

    @contextmanager
    def changed(self, timeout_seconds: int | None = None, **environment: str) -> Iterator[None]:
        """Run the function with other environment variables, until the end of the block.

        By UpdateFunctionConfiguration: a second, where another `terraform apply` takes ten and another stack a minute.
        That the variables are those that Terraform sets for its `function_settings` is a test of its own.
        """
        before = self.function_configuration()
        variables = before["Environment"]["Variables"]
        self._configure(timeout_seconds or before["Timeout"], {**variables, **environment})
        try:
            yield
        finally:
            self._configure(before["Timeout"], variables)

    def _configure(self, timeout_seconds: int, variables: Mapping[str, str]) -> None:
        functions, name = self.aws.client("lambda"), self.outputs["function_name"]
        functions.update_function_configuration(
            FunctionName=name, Timeout=timeout_seconds, Environment={"Variables": dict(variables)}
        )
        eventually(
            lambda: self.function_configuration()["LastUpdateStatus"] == "Successful", within_seconds=CHANGE_SECONDS
        )
        self.warm_up()

    # Secrets

    def store_secret(self, name: str, value: str) -> None:
        """Give a secret a value; make it where Terraform did not."""
        secrets = self.aws.client("secretsmanager")
        try:
            secrets.put_secret_value(SecretId=name, SecretString=value)
        except secrets.exceptions.ResourceNotFoundException:
            secrets.create_secret(Name=name, SecretString=value)

    def delete_secret(self, name: str) -> None:
        """Delete a secret for good, if there is one."""
        secrets = self.aws.client("secretsmanager")
        with suppress(secrets.exceptions.ResourceNotFoundException):
            secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)

    def now_ms(self) -> int:
        """Return the time by the clock of the log."""
        return int(time.time() * 1000)


def _plain(item: Mapping[str, Any]) -> Record:
    """Return an item with plain numbers."""
    return {name: _numbers(_from_dynamodb(value)) for name, value in item.items()}


def _numbers(value: Any) -> Any:
    return json.loads(json.dumps(value, default=lambda number: int(number) if number == int(number) else float(number)))
