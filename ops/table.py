"""Table: what the conversations table says; nothing here writes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from core.conversation import ConversationKey
from ops.answers import LastError
from ops.aws import Aws
from ops.aws_errors import asking_for
from ops.errors import AwsError, OpsError
from ops.names import ATTENTION_INDEX, Names
from services.conversation_item import TableKey, deserialize, serialize
from services.dynamodb_service import NEEDS_ATTENTION

Item = Mapping[str, Any]

PARTITION_KEYS = ("recipient_tel", "primary_channel")

FORGOTTEN_AT = "forgotten_at"
"""Attribute of what is left of a record after `ops forget`: the keys alone, until no message can come any more."""

STATE = (
    "conversation_status",
    "last_error",
    "closed_at",
    "record_version",
    "attempts",
    "lease_owner",
    "last_owner",
    "send_started_at",
    "delivery_watch_until",
    FORGOTTEN_AT,
)
"""What is read of a record to tell what it means and why it failed."""

BATCH_LIMIT = 100
"""Source: Amazon DynamoDB API Reference, BatchGetItem: up to 100 items."""


class ConversationTable:
    """Reads records; each has `recipient_tel`, whatever the table's key is called."""

    def __init__(self, aws: Aws, names: Names) -> None:
        self._client = aws.dynamodb
        self._name = names.table
        self._where = aws.where

    @cached_property
    def key(self) -> TableKey:
        """The table's key, as the table itself says: its partition key has one of two names."""
        with self._asking():
            schema = self._client.describe_table(TableName=self._name)["Table"]["KeySchema"]
        partition = next(element["AttributeName"] for element in schema if element["KeyType"] == "HASH")
        if partition not in PARTITION_KEYS:
            raise AwsError(
                f"{self._name} has another key than {' or '.join(PARTITION_KEYS)}", "Is it another table? See --table."
            )
        return TableKey(partition)

    def needing_attention(self, conversation_id: str | None = None) -> Iterator[Item]:
        """Yield what the index keeps of the conversations that need a person, newest first."""
        query: dict[str, Any] = {
            "TableName": self._name,
            "IndexName": ATTENTION_INDEX,
            "KeyConditionExpression": "needs_attention = :yes",
            "ExpressionAttributeValues": serialize({":yes": NEEDS_ATTENTION}),
            "ScanIndexForward": False,
        }
        if conversation_id is not None:
            query["FilterExpression"] = "conversation_id = :id"
            query["ExpressionAttributeValues"] |= serialize({":id": conversation_id})
        with self._asking():
            for page in self._client.get_paginator("query").paginate(**query):
                yield from map(self._read, page["Items"])

    def get(self, key: ConversationKey) -> Item | None:
        """Return a record as it is now."""
        with self._asking():
            answer = self._client.get_item(
                TableName=self._name, Key=serialize(self.key.attributes(key)), ConsistentRead=True
            )
        return self._read(answer["Item"]) if "Item" in answer else None

    def of_recipient(self, recipient_tel: str) -> list[Item]:
        """Return every record of a recipient as it is now, newest first."""
        with self._asking():
            pages = self._client.get_paginator("query").paginate(
                TableName=self._name,
                KeyConditionExpression="#recipient = :recipient",
                ExpressionAttributeNames={"#recipient": self.key.partition},
                ExpressionAttributeValues=serialize({":recipient": recipient_tel}),
                ConsistentRead=True,
            )
            items = [self._read(item) for page in pages for item in page["Items"]]
        return sorted(items, key=lambda item: str(item.get("created_at") or ""), reverse=True)

    def size(self) -> int:
        """Return about how many records there are; DynamoDB counts every six hours."""
        with self._asking():
            return self._client.describe_table(TableName=self._name)["Table"].get("ItemCount", 0)

    def scan_for(self, conversation_id: str, tick: Callable[[int], None]) -> Iterator[Item]:
        """Yield the records of a conversation id, whoever the recipient is: a look at every record.

        Args:
            tick: Told how many records were looked at.
        """
        with self._asking():
            looked_at = 0
            pages = self._client.get_paginator("scan").paginate(
                TableName=self._name,
                FilterExpression="conversation_id = :id",
                ExpressionAttributeValues=serialize({":id": conversation_id}),
            )
            for page in pages:
                looked_at += page["ScannedCount"]
                tick(looked_at)
                yield from map(self._read, page["Items"])

    def states(self, keys: Iterable[ConversationKey]) -> dict[ConversationKey, Item]:
        """Return what records mean and why they failed; those that do not exist are left out."""
        wanted = list(dict.fromkeys(keys))
        found: dict[ConversationKey, Item] = {}
        with self._asking():
            for first in range(0, len(wanted), BATCH_LIMIT):
                pending: Any = {
                    self._name: {
                        "Keys": [serialize(self.key.attributes(key)) for key in wanted[first : first + BATCH_LIMIT]],
                        "ProjectionExpression": ", ".join([*self.key.attributes(wanted[0]), *STATE]),
                        "ConsistentRead": True,
                    }
                }
                while pending:
                    answer = self._client.batch_get_item(RequestItems=pending)
                    for item in map(self._read, answer["Responses"].get(self._name, [])):
                        found[self.key.of(item)] = item
                    pending = answer.get("UnprocessedKeys")
        return found

    def _read(self, item: Mapping[str, Any]) -> Item:
        record = deserialize(item)
        return {**record, "recipient_tel": self.key.of(record).recipient_tel}

    def _asking(self) -> AbstractContextManager[None]:
        return asking_for(f"the table {self._name}", self._where)


def read_last_error(item: Item) -> LastError | None:
    """Return the last error of a record or of an entry of the index.

    Raises:
        OpsError: It is none that this release knows how to read.
    """
    error = item.get("last_error")
    try:
        return None if error is None else LastError.model_validate(error)
    except ValidationError as exc:
        raise unreadable(item, str(exc.errors()[0]["loc"])) from exc


def unreadable(item: Item, why: str) -> OpsError:
    """Return the error about a record that another release wrote."""
    return OpsError(
        f"The record of {item['conversation_id']} can't be read ({why})",
        "Was it written by another release than this checkout?",
    )
