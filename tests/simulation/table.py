"""Table: DynamoDB's table of conversations in memory, at the level of the SDK's client.

So the real adapter runs on it, and whatever else writes to the table: other programs, older releases, and a request
that arrives long after the SDK has repeated it.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from threading import RLock
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from tests.simulation.expressions import Item, WrongOperandError, condition, placeholders, update

ItemKey = tuple[str, str]

PAGE_ITEMS = 3
"""Items of one page of a query: few, so that more than one page is usual."""

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def typed(item: Mapping[str, Any]) -> Item:
    """Return an item as DynamoDB has it."""
    return {name: _serialize(value) for name, value in item.items()}


def plain(item: Item) -> dict[str, Any]:
    """Return an item as people read it."""
    return {name: _deserialize(value) for name, value in item.items()}


class Paginator:
    def __init__(self, query: Callable[..., dict[str, Any]]) -> None:
        self._query = query

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        while True:
            page = self._query(**request)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


class SimulatedTable:
    """The table; a client of DynamoDB for those who make no mistakes on the way.

    Attributes:
        version: Grows with every change.
        writer: The process of the function that writes; empty for everybody else.
        watchers: Told of every change: key, item before, item after.
    """

    def __init__(self, partition_key: str = "recipient_tel", sort_key: str = "conversation_id") -> None:
        self._partition_key = partition_key
        self._sort_key = sort_key
        self._lock = RLock()
        self.items: dict[ItemKey, Item] = {}
        self.version = 0
        self.writer = ""
        self.watchers: list[Callable[[ItemKey, Item | None, Item], None]] = []

    def record(self, key: ItemKey) -> dict[str, Any] | None:
        """Return a record as people read it."""
        item = self.items.get(key)
        return None if item is None else plain(item)

    def put(self, **attributes: Any) -> None:
        """Write an item without any condition."""
        self.put_item(Item=typed(attributes))

    # The SDK's client

    def put_item(self, *, Item: Item, ConditionExpression: str = "", **request: Any) -> dict[str, Any]:  # noqa: N803
        key = self._key(Item)
        with self._lock:
            self._check(key, ConditionExpression, "", request)
            self._write(key, dict(Item))
        return {}

    def update_item(
        self,
        *,
        Key: Item,  # noqa: N803
        UpdateExpression: str,  # noqa: N803
        ConditionExpression: str = "",  # noqa: N803
        ReturnValues: str = "NONE",  # noqa: N803
        **request: Any,
    ) -> dict[str, Any]:
        key = self._key(Key)
        with self._lock:
            self._check(key, ConditionExpression, UpdateExpression, request)
            before = self.items.get(key, Key)
            names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
            try:
                after = update(UpdateExpression).apply(before, names, values)
            except WrongOperandError as exc:
                error = {"Code": "ValidationException", "Message": "an operand has an incorrect data type"}
                raise ClientError({"Error": error}, "UpdateItem") from exc  # type: ignore[typeddict-item]
            self._write(key, after)
        return {"Attributes": dict(after)} if ReturnValues == "ALL_NEW" else {}

    def get_item(self, *, Key: Item, **_: Any) -> dict[str, Any]:  # noqa: N803
        item = self.items.get(self._key(Key))
        return {} if item is None else {"Item": dict(item)}

    def query(self, *, KeyConditionExpression: str, **request: Any) -> dict[str, Any]:  # noqa: N803
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        wanted = condition(KeyConditionExpression)
        start = request.get("ExclusiveStartKey")
        after = self._key(start) if start else ("", "")
        found = sorted(key for key, item in self.items.items() if key > after and wanted(item, names, values))
        page: dict[str, Any] = {"Items": [dict(self.items[key]) for key in found[:PAGE_ITEMS]]}
        if len(found) > PAGE_ITEMS:
            last = self.items[found[PAGE_ITEMS - 1]]
            page["LastEvaluatedKey"] = {name: last[name] for name in (self._partition_key, self._sort_key)}
        return page

    def get_paginator(self, operation: str) -> Paginator:
        assert operation == "query", operation
        return Paginator(self.query)

    def _key(self, item: Item) -> ItemKey:
        return item[self._partition_key]["S"], item[self._sort_key]["S"]

    def _check(self, key: ItemKey, expression: str, changes: str, request: Mapping[str, Any]) -> None:
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        if unused := values.keys() ^ placeholders(expression, changes):
            message = f"expression attribute values that are unused or missing: {sorted(unused)}"
            raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "Write")
        current = self.items.get(key)
        if not expression or condition(expression)(current or {}, names, values):
            return
        answer: Any = {
            "Error": {"Code": "ConditionalCheckFailedException", "Message": "The conditional request failed"}
        }
        if current is not None and request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
            answer["Item"] = dict(current)
        raise ClientError(answer, "Write")

    def _write(self, key: ItemKey, after: Item) -> None:
        before = self.items.get(key)
        self.items[key] = after
        self.version += 1
        for watcher in self.watchers:
            watcher(key, before, after)


def number(item: Item, name: str) -> float:
    """Return a number of an item, 0 where there is none."""
    return float(Decimal(item[name]["N"])) if name in item else 0.0


def text(item: Item, name: str) -> str | None:
    """Return a string of an item."""
    return item[name].get("S") if name in item else None
