"""DynamoDB service: the table of conversations, one conditional write per move."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from core.conversation import Conversation, ConversationKey, Failure, Reply, Run, SentPart, Status
from core.errors import LeaseHeldError, LostLeaseError, PermanentError, ProcessorError, StoreUnavailableError
from core.lease import Lease
from core.ports import Closing, Failing
from services.conversation_item import (
    RUN_IDS,
    deserialize,
    failure_map,
    iso,
    key_attributes,
    number,
    read_conversation,
    run_attributes,
    sent_list,
    serialize,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NEEDS_ATTENTION = "yes"
"""Value of `needs_attention`; records without the attribute are not in the index."""

_OWN = "lease_owner = :me"
_CHECK_FAILED = "ConditionalCheckFailedException"


class DynamoDBConversationStore:
    """`core.ports.ConversationStore` on a DynamoDB table.

    The SDK repeats calls whose answer was lost. So a condition that fails because this very delivery's write already
    took effect is a success: `lease_owner` shows that while the lease is held, `last_owner` afterwards.
    """

    def __init__(self, client: "DynamoDBClient", table_name: str, retention_days: int = 0) -> None:
        """Make a store.

        Args:
            retention_days: When DynamoDB may delete a record (attribute `expires_at`); 0 keeps it for ever.
        """
        self._client = client
        self._table_name = table_name
        self._retention = timedelta(days=retention_days)

    def create(
        self,
        key: ConversationKey,
        lease: Lease,
        attributes: Mapping[str, str],
        mark: Failure,
        *,
        needs_attention: bool,
    ) -> Conversation | None:
        item: dict[str, Any] = {
            **attributes,
            **key_attributes(key),
            "conversation_status": Status.PROCESSING,
            "created_at": iso(mark.at),
            "updated_at": iso(mark.at),
            "attempts": 1,
            "task_complete": 0,
            "lease_owner": lease.owner,
            "lease_expires_at": number(lease.expires_at),
            "last_error": failure_map(mark),
        }
        if self._retention:
            item["expires_at"] = self._expires_at(mark.at)
        if needs_attention:
            item["needs_attention"] = NEEDS_ATTENTION
        try:
            self._client.put_item(
                TableName=self._table_name,
                Item=serialize(item),
                ConditionExpression="attribute_not_exists(recipient_tel)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except (ClientError, BotoCoreError) as exc:
            existing = old_item(exc)
            if existing is None:
                raise classify(exc) from exc
            if existing.get("lease_owner") == lease.owner:
                return None
            return read_conversation(existing)
        return None

    def take_over(self, seen: Conversation, lease: Lease, mark: Failure, *, needs_attention: bool) -> Conversation:
        sets: dict[str, Any] = {
            "conversation_status": Status.PROCESSING if seen.intent_at is None else Status.SENDING,
            "updated_at": iso(mark.at),
            "lease_owner": lease.owner,
            "lease_expires_at": number(lease.expires_at),
            "last_error": failure_map(mark),
        }
        if seen.intent_at is not None:
            sets["outcome_unknown"] = True
        removes = []
        if needs_attention:
            sets["needs_attention"] = NEEDS_ATTENTION
        else:
            removes.append("needs_attention")
        values: dict[str, Any] = {":one": 1, ":sent": Status.SENT}
        condition = "conversation_status <> :sent AND "
        if seen.lease_owner is None:
            condition += "attribute_not_exists(lease_owner)"
        else:
            condition += "lease_owner = :seen_owner AND lease_expires_at = :seen_expiry"
            values |= {":seen_owner": seen.lease_owner, ":seen_expiry": number(seen.lease_expires_at)}
        try:
            item = self._update(seen.key, sets, removes, condition, values, add="attempts :one", returns="ALL_NEW")
        except (ClientError, BotoCoreError) as exc:
            existing = old_item(exc)
            if existing is None:
                raise classify(exc) from exc
            if existing.get("lease_owner") != lease.owner:
                raise LeaseHeldError("another delivery took the conversation over", retry_after_seconds=1) from exc
            item = existing
        return read_conversation(item)

    def annotate(self, seen: Conversation, failure: Failure) -> None:
        sets = {"last_error": failure_map(failure), "needs_attention": NEEDS_ATTENTION, "updated_at": iso(failure.at)}
        condition = "lease_owner = :seen_owner AND conversation_status = :seen_status"
        values = {":seen_owner": seen.lease_owner, ":seen_status": seen.status}
        try:
            self._update(seen.key, sets, [], condition, values)
        except (ClientError, BotoCoreError) as exc:
            if old_item(exc) is None:
                raise classify(exc) from exc

    def record_run(self, lease: Lease, run: Run, at: datetime) -> None:
        self._fenced(lease, {**run_attributes(run), "updated_at": iso(at)})

    def intend(self, lease: Lease, reply: Reply, sent: Sequence[SentPart], at: datetime) -> None:
        sets = {
            "conversation_status": Status.SENDING,
            "reply": {
                "mode": reply.mode,
                "parts": list(reply.parts),
                "tokens_in": reply.usage.tokens_in,
                "tokens_out": reply.usage.tokens_out,
            },
            "sent_parts": sent_list(sent),
            "send_started_at": iso(at),
            "updated_at": iso(at),
        }
        self._fenced(lease, sets, ["outcome_unknown"])

    def record_unknown(self, lease: Lease, at: datetime) -> None:
        self._fenced(lease, {"outcome_unknown": True, "updated_at": iso(at)})

    def renew(self, lease: Lease, expires_at: float) -> None:
        self._fenced(lease, {"lease_expires_at": number(expires_at)})

    def close(self, lease: Lease, closing: Closing) -> None:
        sets = {
            "conversation_status": Status.SENT,
            "task_complete": 1,
            "processing_time_ms": closing.processing_time_ms,
            "updated_at": iso(closing.at),
            "last_owner": lease.owner,
        }
        messages = [
            {
                "message_id": message.message_id,
                "role": "assistant",
                "content": message.content,
                "timestamp": iso(message.timestamp),
                "tokens": message.tokens,
            }
            for message in closing.messages
        ]
        removes = [
            "lease_owner",
            "lease_expires_at",
            "send_started_at",
            "outcome_unknown",
            "reply",
            "sent_parts",
            "last_error",
            "needs_attention",
        ]
        self._fenced(
            lease,
            sets,
            removes,
            {":messages": messages, ":none": []},
            also_set="messages = list_append(if_not_exists(messages, :none), :messages)",
        )

    def fail(self, lease: Lease, failing: Failing) -> None:
        sets: dict[str, Any] = {
            "conversation_status": failing.status,
            "last_error": failure_map(failing.failure),
            "needs_attention": NEEDS_ATTENTION,
            "updated_at": iso(failing.failure.at),
            "last_owner": lease.owner,
        }
        if failing.sent:
            sets["sent_parts"] = sent_list(failing.sent)
        removes = ["lease_owner", "lease_expires_at"]
        if not failing.keep_intent:
            removes += ["send_started_at", "outcome_unknown"]
        if not failing.keep_reply:
            removes.append("reply")
        if failing.run is not None:
            sets |= run_attributes(failing.run)
        elif not failing.keep_run:
            removes += RUN_IDS
        self._fenced(lease, sets, removes)

    def reject(self, key: ConversationKey, failure: Failure) -> None:
        sets: dict[str, Any] = {
            "conversation_status": Status.FAILED_VALIDATION,
            "last_error": failure_map(failure),
            "needs_attention": NEEDS_ATTENTION,
            "updated_at": iso(failure.at),
            "task_complete": 0,
        }
        condition = "attribute_not_exists(recipient_tel) OR conversation_status = :rejected"
        try:
            self._update(
                key,
                sets,
                [],
                condition,
                {":rejected": Status.FAILED_VALIDATION, ":created": iso(failure.at)},
                also_set="created_at = if_not_exists(created_at, :created)",
            )
        except (ClientError, BotoCoreError) as exc:
            if old_item(exc) is None:
                raise classify(exc) from exc

    def others_of(self, key: ConversationKey) -> list[Conversation]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table_name,
            KeyConditionExpression="recipient_tel = :recipient",
            ExpressionAttributeValues=serialize({":recipient": key.recipient_tel}),
            ConsistentRead=True,
        )
        try:
            items = [deserialize(item) for page in pages for item in page["Items"]]
        except (ClientError, BotoCoreError) as exc:
            raise classify(exc) from exc
        return [read_conversation(item) for item in items if item["conversation_id"] != key.conversation_id]

    def _expires_at(self, moment: datetime) -> int:
        return int((moment + self._retention).timestamp())

    def _fenced(
        self,
        lease: Lease,
        sets: Mapping[str, Any],
        removes: Sequence[str] = (),
        values: Mapping[str, Any] | None = None,
        *,
        also_set: str = "",
    ) -> None:
        if lease.key is None:
            raise LostLeaseError("there is no lease")
        try:
            self._update(lease.key, sets, removes, _OWN, {":me": lease.owner, **(values or {})}, also_set=also_set)
        except (ClientError, BotoCoreError) as exc:
            if _error_code(exc) != _CHECK_FAILED:
                raise classify(exc) from exc
            existing = old_item(exc) or {}
            if "lease_owner" in existing or existing.get("last_owner") != lease.owner or "last_owner" not in sets:
                raise LostLeaseError("the record belongs to another delivery") from exc

    def _update(
        self,
        key: ConversationKey,
        sets: Mapping[str, Any],
        removes: Sequence[str],
        condition: str,
        values: Mapping[str, Any],
        *,
        also_set: str = "",
        add: str = "",
        returns: Literal["NONE", "ALL_NEW"] = "NONE",
    ) -> dict[str, Any]:
        """Change a record and return it as it is then, if asked for; its retention counts from here."""
        if self._retention and "updated_at" in sets:
            sets = {**sets, "expires_at": self._expires_at(datetime.fromisoformat(sets["updated_at"]))}
        assignments = [f"#{name} = :{name}" for name in sets]
        expression = "SET " + ", ".join([*assignments, also_set] if also_set else assignments)
        if removes:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in removes)
        if add:
            expression += f" ADD {add}"
        answer = self._client.update_item(
            TableName=self._table_name,
            Key=serialize(key_attributes(key)),
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeNames={f"#{name}": name for name in [*sets, *removes]},
            ExpressionAttributeValues=serialize({**{f":{name}": value for name, value in sets.items()}, **values}),
            ReturnValues=returns,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        return deserialize(answer.get("Attributes", {}))


def classify(exc: ClientError | BotoCoreError) -> ProcessorError:
    """Return the domain error for a failed call.

    Everything but an item that is too large may pass: throttling, an outage, a permission that is being repaired.
    """
    code = _error_code(exc)
    if code == "ValidationException" and "size" in str(exc).lower():
        return PermanentError("the record would exceed DynamoDB's 400 KB", code="record_too_large")
    return StoreUnavailableError(f"DynamoDB: {code}", code=f"dynamodb_{_snake(code)}")


def _error_code(exc: ClientError | BotoCoreError) -> str:
    if isinstance(exc, ClientError):
        return str(exc.response.get("Error", {}).get("Code", "unknown"))
    return type(exc).__name__


def _snake(name: str) -> str:
    stem = name.removesuffix("Exception").removesuffix("Error")
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(stem))


def old_item(exc: ClientError | BotoCoreError) -> dict[str, Any] | None:
    """Return the item that made the condition fail, if that is what happened."""
    if not isinstance(exc, ClientError) or _error_code(exc) != _CHECK_FAILED:
        return None
    return deserialize(exc.response.get("Item", {}))  # type: ignore[arg-type]
