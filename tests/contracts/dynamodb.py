"""Lab of the conversation store's contract for the real adapter, on whatever speaks DynamoDB."""

from datetime import datetime
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from core.conversation import ConversationKey, Usage, Waiting, WaitReason
from core.ports import ChatMessage
from services.dynamodb_service import DynamoDBConversationStore
from tests.contracts.conversation_store import Inspected


class DynamoDBLab:
    def __init__(self, client: Any, table_name: str) -> None:
        self._client = client
        self._table = table_name
        self.store = DynamoDBConversationStore(client, table_name)

    def inspect(self, key: ConversationKey) -> Inspected:
        keys = {"recipient_tel": {"S": key.recipient_tel}, "conversation_id": {"S": key.conversation_id}}
        raw = self._client.get_item(TableName=self._table, Key=keys, ConsistentRead=True)["Item"]
        item = {name: TypeDeserializer().deserialize(value) for name, value in raw.items()}
        return Inspected(
            attempts=int(item.get("attempts", 0)),
            needs_attention="needs_attention" in item,
            attributes={name: value for name, value in item.items() if isinstance(value, str)},
            messages=[read_message(message) for message in item.get("messages", [])],
            processing_time_ms=int(item["processing_time_ms"]) if "processing_time_ms" in item else None,
            waiting=read_waiting(item["waiting"]) if "waiting" in item else None,
        )


def read_waiting(item: dict[str, Any]) -> Waiting:
    moments = (datetime.fromisoformat(item[name]) for name in ("since", "until"))
    return Waiting(WaitReason(item["reason"]), *moments)


def read_message(item: dict[str, Any]) -> ChatMessage:
    assert item["role"] == "assistant"
    moment = datetime.fromisoformat(item["timestamp"])
    return ChatMessage(
        item["message_id"], item["content"], moment, Usage(int(item["prompt_tokens"]), int(item["completion_tokens"]))
    )
