"""Replies service: finds, locks and continues the conversations of people who write back."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

INDEX = "company-whatsapp-number-recipient-tel-index"

_write = TypeSerializer().serialize
_read = TypeDeserializer().deserialize

Key = Mapping[str, str]


class Outcome(StrEnum):
    """What became of a person's message."""

    REPLIED = "replied"
    NOT_FOUND = "not found"
    NOT_USABLE = "not usable"
    BUSY = "busy"
    LOST_LOCK = "lost lock"
    """The one outcome that loses history: somebody wrote the status while this service held it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a person's message, with the ids of the two entries that were appended.

    Attributes:
        why: What was missing or wrong, where it is not usable.
    """

    outcome: Outcome
    key: Key | None = None
    message_ids: tuple[str, ...] = ()
    why: str = ""


class RepliesService:
    """Continues conversations in the table that the function writes."""

    def __init__(
        self, dynamodb: Any, table: str, partition_key: str, think: Callable[[], object] = lambda: None
    ) -> None:
        """Use a table.

        Args:
            think: Takes the time that a model does, while the conversation is locked.
        """
        self._dynamodb = dynamodb
        self._table = table
        self._partition_key = partition_key
        self._think = think

    def reply(self, company_number: str, recipient_tel: str, text: str) -> Reply:
        """Answer what a person wrote to a company's number."""
        key = self.find(company_number, recipient_tel)
        if key is None:
            return Reply(Outcome.NOT_FOUND)
        if why := self.not_usable(key):
            return Reply(Outcome.BUSY if why == "locked" else Outcome.NOT_USABLE, key, why=why)
        if not self.lock(key):
            return Reply(Outcome.BUSY, key)
        self._think()
        return self.finish(key, text)

    def find(self, company_number: str, recipient_tel: str) -> Key | None:
        """Return the key of the newest conversation of two numbers, as the index shows it."""
        answer = self._dynamodb.query(
            TableName=self._table,
            IndexName=INDEX,
            KeyConditionExpression="gsi_company_whatsapp_number = :company AND gsi_recipient_tel = :recipient",
            ExpressionAttributeValues={":company": {"S": company_number}, ":recipient": {"S": recipient_tel}},
        )
        items = [{name: _read(value) for name, value in item.items()} for item in answer["Items"]]
        known = [item for item in items if item.get("channel_config", {}).get("whatsapp_credentials_id")]
        if not known:
            return None
        newest = max(known, key=lambda item: str(item["created_at"]))
        return {self._partition_key: newest[self._partition_key], "conversation_id": newest["conversation_id"]}

    def not_usable(self, key: Key) -> str:
        """Return why a conversation can't be continued; empty if it can."""
        answer = self._dynamodb.get_item(TableName=self._table, Key=_item(key), ConsistentRead=True)
        item = {name: _read(value) for name, value in answer.get("Item", {}).items()}
        if item.get("project_status") != "active":
            return "project_status"
        if "whatsapp" not in item.get("allowed_channels", []):
            return "allowed_channels"
        if item.get("conversation_status") == "processing_reply":
            return "locked"
        ai, channel = item.get("ai_config"), item.get("channel_config")
        wanted = [
            ("ai_config", ai, ("api_key_reference", "assistant_id_replies")),
            ("channel_config", channel, ("company_whatsapp_number", "whatsapp_credentials_id")),
        ]
        for name, section, members in wanted:
            if not isinstance(section, dict):
                return name
            if missing := [member for member in members if not section.get(member)]:
                return f"{name}.{missing[0]}"
        if not item.get("thread_id"):
            return "thread_id"
        if item.get("hand_off_to_human") or item.get("auto_queue_reply_message"):
            return "a person answers"
        return ""

    def lock(self, key: Key) -> bool:
        """Take a conversation; the update makes the item where there is none."""
        return self._update(
            key,
            "SET conversation_status = :locked, updated_at = :now",
            {":locked": "processing_reply", ":now": _now()},
            "attribute_not_exists(conversation_status) OR conversation_status <> :locked",
        )

    def finish(self, key: Key, text: str) -> Reply:
        """Append what was said and let the conversation go."""
        ids = (f"SM{uuid.uuid4().hex}", f"SM{uuid.uuid4().hex}")
        entries = [
            {"message_id": ids[0], "timestamp": _now(), "role": "user", "content": text},
            {
                "message_id": ids[1],
                "timestamp": _now(),
                "role": "assistant",
                "content": f"Thank you for writing: {text}",
                "prompt_tokens": 900,
                "completion_tokens": 20,
                "total_tokens": 920,
            },
        ]
        kept = self._update(
            key,
            "SET conversation_status = :done, updated_at = :now,"
            " messages = list_append(if_not_exists(messages, :none), :entries)",
            {":done": "reply_sent", ":now": _now(), ":none": [], ":entries": entries, ":locked": "processing_reply"},
            "conversation_status = :locked",
        )
        return Reply(Outcome.REPLIED if kept else Outcome.LOST_LOCK, key, ids)

    def fail(self, key: Key) -> None:
        """Leave a conversation for another try."""
        self._update(key, "SET conversation_status = :retry, updated_at = :now", {":retry": "retry", ":now": _now()})

    def _update(self, key: Key, expression: str, values: Mapping[str, Any], condition: str = "") -> bool:
        request = {"ConditionExpression": condition} if condition else {}
        try:
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_item(key),
                UpdateExpression=expression,
                ExpressionAttributeValues=_item(values),
                **request,
            )
        except ClientError as exc:
            if exc.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True


def _item(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _write(value) for name, value in members.items()}


def _now() -> str:
    return datetime.now(UTC).isoformat()
