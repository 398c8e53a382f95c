"""Forgetting: what is left of a record, and what the vendors must delete before that is all.

A record is replaced in two writes. The first takes every personal attribute away and keeps the vendors' ids; it has
`closed_at`, so whatever is delivered from then on is acknowledged and sends nothing. The second, once the vendors have
deleted what the ids name, leaves the keys alone, until no message of the conversation can come any more.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from core.conversation import ConversationKey
from ops.aws import Aws
from ops.aws_errors import asking_for
from ops.table import FORGOTTEN_AT, ConversationTable, Item
from ops.twilio_word import channel_of
from services.conversation_item import iso, read_conversation, serialize
from services.dynamodb_service import old_item
from utils.settings import MIN_RETENTION_DAYS

TO_DELETE = "vendor_ids"
"""Attribute with what the vendors have not deleted yet."""

_SID = re.compile(r"(SM|MM)[0-9a-f]{32}")

_AS_SEEN = ("write_number", "updated_at", "lease_owner", "closed_at", FORGOTTEN_AT)
"""Attributes of which one changes with every write of ours and of the replies service."""


@dataclass(frozen=True, slots=True)
class VendorItem:
    """Something at a vendor that is about the person.

    Attributes:
        vendor: `OpenAI` or `Twilio`.
        kind: `conversation` (with its items), `thread`, `response` or `message`.
        reference: Name of the secret that opens the account.
    """

    vendor: str
    kind: str
    id: str
    reference: str | None


def vendor_items(item: Item) -> list[VendorItem]:
    """Return what a record, or what is left of one, names at the vendors."""
    if FORGOTTEN_AT in item:
        return [VendorItem(**entry) for entry in item.get(TO_DELETE, [])]
    return [*_of_openai(item), *_of_twilio(item)]


def _of_openai(item: Item) -> Iterator[VendorItem]:
    config = item.get("ai_config")
    reference = _text(config.get("api_key_reference")) if isinstance(config, Mapping) else None
    threads = [thread for name in ("openai_thread_id", "thread_id") if (thread := _text(item.get(name)))]
    for thread in dict.fromkeys(threads):
        yield VendorItem("OpenAI", "conversation" if thread.startswith("conv_") else "thread", thread, reference)
    response = _text(item.get("openai_response_id"))
    if response is not None and response.startswith("resp_"):  # a run of a thread goes with it
        yield VendorItem("OpenAI", "response", response, reference)


def _of_twilio(item: Item) -> Iterator[VendorItem]:
    record = read_conversation(item)
    channel = channel_of(item, record)
    named = [entry.get("message_id") for entry in _maps(item.get("messages"))]
    named += [entry.get("sid") for entry in _maps(item.get("undecided"))]
    for sid in dict.fromkeys([*(part.sid for part in record.sent), *named]):
        if isinstance(sid, str) and _SID.fullmatch(sid):
            yield VendorItem("Twilio", "message", sid, channel.credentials_id if channel else None)


def is_at_work(item: Item, now: datetime) -> bool:
    """Whether a delivery may be sending to the person right now."""
    return FORGOTTEN_AT not in item and read_conversation(item).leased_at(now.timestamp())


def kept_until(now: datetime, queue: Mapping[str, str], dead_letter_queue: Mapping[str, str]) -> datetime:
    """Return when no message of before can come any more: a redriven one has the queue's whole retention again."""
    retention = sum(int(attributes["MessageRetentionPeriod"]) for attributes in (queue, dead_letter_queue))
    return now + max(timedelta(seconds=retention), timedelta(days=MIN_RETENTION_DAYS))


class Markers:
    """Replaces records."""

    def __init__(self, aws: Aws, table: ConversationTable, name: str) -> None:
        self._client = aws.dynamodb
        self._table = table
        self._name = name
        self._where = aws.where

    def replace(
        self, item: Item, left: Sequence[VendorItem], now: datetime, end: datetime, *, new: bool = False
    ) -> Item | None:
        """Leave of a record its keys and what the vendors have not deleted; None if it has changed meanwhile.

        Args:
            end: When the marker may go, once nothing is left.
            new: There is no record yet.
        """
        key = key_of(item)
        marker: dict[str, Any] = {
            **self._table.key.attributes(key),
            "closed_at": item.get(FORGOTTEN_AT) or iso(now),
            FORGOTTEN_AT: item.get(FORGOTTEN_AT) or iso(now),
        }
        if left:
            marker[TO_DELETE] = [asdict(one) for one in left]
        else:
            marker["expires_at"] = int(end.timestamp())
        conditions = ["attribute_not_exists(conversation_id)" if new else "attribute_exists(conversation_id)"]
        values: dict[str, Any] = {}
        for name in _AS_SEEN:
            if name in item:
                conditions.append(f"{name} = :{name}")
                values[f":{name}"] = item[name]
            else:
                conditions.append(f"attribute_not_exists({name})")
        with asking_for(f"the table {self._name}", self._where):
            try:
                self._client.put_item(
                    TableName=self._name,
                    Item=serialize(marker),
                    ConditionExpression=" AND ".join(conditions),
                    **({"ExpressionAttributeValues": serialize(values)} if values else {}),  # type: ignore[arg-type]
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as exc:
                if old_item(exc) is None:
                    raise
                return None
        return {**marker, "recipient_tel": key.recipient_tel}


def key_of(item: Item) -> ConversationKey:
    return ConversationKey(str(item["recipient_tel"]), str(item["conversation_id"]))


def _maps(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
