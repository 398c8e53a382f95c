"""DynamoDB service: the table of conversations, one conditional write per move."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from core.conversation import (
    Conversation,
    ConversationKey,
    EffectOwner,
    Failure,
    Reply,
    Run,
    SentPart,
    Status,
    Waiting,
)
from core.deliveries import Deliveries, DeliveryStatus, MessageDelivery
from core.errors import LeaseHeldError, LostLeaseError, PermanentError, ProcessorError, StoreUnavailableError
from core.lease import Lease
from core.ports import Closing, Failing, Parked
from services.conversation_item import (
    DEFAULT_KEY,
    RECORD_VERSION,
    RUN_IDS,
    TableKey,
    deliveries_attributes,
    deserialize,
    failure_map,
    iso,
    number,
    owner_attributes,
    read_conversation,
    reply_map,
    run_attributes,
    sent_list,
    serialize,
    undecided_list,
    waiting_map,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NEEDS_ATTENTION = "yes"
"""Value of `needs_attention`; records without the attribute are not in the index."""

_OWN = "lease_owner = :me AND write_number < :write_number"
_OUR_STATUSES = {f":status_{index}": status for index, status in enumerate(Status)}
_STATUS_IS_OURS = f"conversation_status IN ({', '.join(_OUR_STATUSES)})"
INTENT = ("send_started_at", "outcome_unknown", "send_from", "send_account", "send_credentials")
LEASE = ("lease_owner", "lease_expires_at")
REFUSAL_KEPT = timedelta(days=30)
"""How long the record of a refused message is kept, unless the message is corrected: it has no other use."""

_CHECK_FAILED = "ConditionalCheckFailedException"


class DynamoDBConversationStore:
    """`core.ports.ConversationStore` on a DynamoDB table.

    The SDK repeats calls whose answer was lost. So a condition that fails because this very delivery's write already
    took effect is a success: `lease_owner` shows that while the lease is held, `last_owner` afterwards.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table_name: str,
        retention_days: int = 0,
        closing_client: "DynamoDBClient | None" = None,
        *,
        table_key: TableKey = DEFAULT_KEY,
        processor_version: str = "unknown",
    ) -> None:
        """Make a store.

        Args:
            closing_client: For the final update, which must end soon: one try, with short timeouts.
            retention_days: When DynamoDB may delete a record (attribute `expires_at`); 0 keeps it for ever.
            processor_version: Release that creates a record, as the record says.
        """
        self._key = table_key
        self._no_record = f"attribute_not_exists({table_key.partition})"
        self._processor_version = processor_version
        self._client = client
        self._closing_client = closing_client or client
        self._table_name = table_name
        self._retention = timedelta(days=retention_days)

    def create(
        self,
        key: ConversationKey,
        lease: Lease,
        attributes: Mapping[str, Any],
        mark: Failure,
        *,
        needs_attention: bool,
    ) -> Conversation | None:
        item: dict[str, Any] = {
            **attributes,
            "recipient_tel": key.recipient_tel,
            **self._key.attributes(key),
            "processor_version": self._processor_version,
            "record_version": RECORD_VERSION,
            "write_number": lease.write_number,
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
                ConditionExpression=self._no_record,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except (ClientError, BotoCoreError) as exc:
            existing = old_item(exc)
            if existing is None:
                raise classify(exc) from exc
            if existing.get("lease_owner") == lease.owner:
                return None
            return read_conversation(existing, self._key)
        return None

    def take_over(
        self,
        seen: Conversation,
        lease: Lease,
        attributes: Mapping[str, Any],
        mark: Failure,
        *,
        needs_attention: bool,
    ) -> Conversation:
        sets = self._taken(lease, mark)
        removes = ["waiting"]
        if isinstance(seen.status, Status) or not seen.status:
            sets["conversation_status"] = Status.PROCESSING if seen.intent_at is None else Status.SENDING
        if seen.intent_at is not None:
            sets["outcome_unknown"] = True
        elif not seen.sent:
            sets = {**attributes, **sets}
        if seen.status == Status.FAILED_VALIDATION and not self._retention:
            removes.append("expires_at")
        if needs_attention:
            sets["needs_attention"] = NEEDS_ATTENTION
        else:
            removes.append("needs_attention")
        condition, values = as_seen(seen)
        try:
            item = self._update(
                seen.key, sets, removes, condition, {":one": 1, **values}, add="attempts :one", returns="ALL_NEW"
            )
        except (ClientError, BotoCoreError) as exc:
            existing = old_item(exc)
            if existing is None:
                raise classify(exc) from exc
            if existing.get("lease_owner") != lease.owner:
                raise LeaseHeldError("another delivery took the conversation over", retry_after_seconds=1) from exc
            item = existing
        return read_conversation(item, self._key)

    def annotate(self, seen: Conversation, failure: Failure) -> None:
        sets = {"last_error": failure_map(failure), "needs_attention": NEEDS_ATTENTION, "updated_at": iso(failure.at)}
        condition, values = as_seen(seen, renewed=True)
        try:
            self._update(seen.key, sets, [], condition, values)
        except (ClientError, BotoCoreError) as exc:
            if old_item(exc) is None:
                raise classify(exc) from exc

    def resume(
        self, key: ConversationKey, parked: Parked, lease: Lease, mark: Failure, *, needs_attention: bool
    ) -> Conversation | None:
        sets, removes = self._taken(lease, mark), ["waiting"]
        if needs_attention:
            sets["needs_attention"] = NEEDS_ATTENTION
        else:
            removes.append("needs_attention")
        exactly = {
            "conversation_status": Status.PROCESSING,
            "write_number": parked.write_number,
            "openai_thread_id": parked.run.thread_id,
            "openai_response_id": parked.run.response_id,
            "company_id": parked.company_id,
            "project_id": parked.project_id,
            "company_whatsapp_number": parked.sender,
        }
        absent = ("lease_owner", "closed_at", "send_started_at", "reply")
        condition = " AND ".join(
            [f"{name} = :seen_{name}" for name in exactly] + [f"attribute_not_exists({name})" for name in absent]
        )
        values = {f":seen_{name}": value for name, value in exactly.items()}
        try:
            item = self._update(
                key, sets, removes, condition, {":one": 1, **values}, add="attempts :one", returns="ALL_NEW"
            )
        except (ClientError, BotoCoreError) as exc:
            existing = old_item(exc)
            if existing is None:
                raise classify(exc) from exc
            if existing.get("lease_owner") != lease.owner:
                return None
            item = existing
        return read_conversation(item, self._key)

    def record_run(self, lease: Lease, run: Run, at: datetime, waiting: Waiting | None = None) -> None:
        sets = {**run_attributes(run), "updated_at": iso(at)}
        if waiting is None:
            self._fenced(lease, sets)
            return
        sets["waiting"] = waiting_map(waiting)
        self._let_go(lease, sets, ["last_error", "needs_attention"])

    def intend(self, lease: Lease, reply: Reply, sent: Sequence[SentPart], at: datetime, owner: EffectOwner) -> None:
        sets = {
            "reply": reply_map(reply),
            "sent_parts": sent_list(sent),
            "send_started_at": iso(at),
            **owner_attributes(owner),
            "updated_at": iso(at),
        }
        self._fenced(lease, sets, ["outcome_unknown"], shared={"conversation_status": Status.SENDING})

    def record_unknown(self, lease: Lease, at: datetime) -> None:
        self._fenced(lease, {"outcome_unknown": True, "updated_at": iso(at)})

    def renew(self, lease: Lease, expires_at: float) -> None:
        if lease.key is None:
            raise LostLeaseError("there is no lease")
        condition, values = "lease_owner = :me AND lease_expires_at < :lease_expires_at", {":me": lease.owner}
        try:
            self._update(lease.key, {"lease_expires_at": number(expires_at)}, [], condition, values)
        except (ClientError, BotoCoreError) as exc:
            existing = old_item(exc)
            if existing is None:
                raise classify(exc) from exc
            if existing.get("lease_owner") != lease.owner:
                raise LostLeaseError("the record belongs to another delivery") from exc

    def close(self, lease: Lease, closing: Closing) -> None:
        sets: dict[str, Any] = {
            "closed_at": iso(closing.at),
            "processing_time_ms": closing.processing_time_ms,
            "initial_processing_time_ms": closing.processing_time_ms,
            "updated_at": iso(closing.at),
            "last_owner": lease.owner,
        }
        if closing.watch_until is not None:
            accepted = {
                message.message_id: MessageDelivery(DeliveryStatus.ACCEPTED, message.timestamp)
                for message in closing.messages
            }
            sets |= {**deliveries_attributes(accepted, writes=1), "delivery_watch_until": iso(closing.watch_until)}
        unseen = [message.message_id for message in closing.messages if message.unseen]
        if unseen:
            sets["adopted_unseen"] = unseen
        messages = [
            {
                "message_id": message.message_id,
                "role": "assistant",
                "content": message.content,
                "timestamp": iso(message.timestamp),
                "tokens": message.usage.tokens_out,
                "prompt_tokens": message.usage.tokens_in,
                "completion_tokens": message.usage.tokens_out,
                "total_tokens": message.usage.total,
            }
            for message in closing.messages
        ]
        removes = [*LEASE, *INTENT, "reply", "sent_parts", "last_error", "needs_attention", "undecided", "waiting"]
        self._fenced(
            lease,
            sets,
            removes,
            {":messages": messages, ":none": []},
            shared={"conversation_status": Status.SENT, "task_complete": 1},
            also_set="messages = list_append(if_not_exists(messages, :none), :messages)",
            client=self._closing_client,
        )

    def fail(self, lease: Lease, failing: Failing) -> None:
        sets, removes = failing_changes(failing)
        sets["needs_attention"] = NEEDS_ATTENTION
        self._let_go(lease, sets, [*removes, "waiting"], shared={"conversation_status": failing.status})

    def postpone(self, lease: Lease, failing: Failing, waiting: Waiting, *, needs_attention: bool) -> None:
        sets, removes = failing_changes(failing)
        sets["waiting"] = waiting_map(waiting)
        if needs_attention:
            sets["needs_attention"] = NEEDS_ATTENTION
        else:
            removes.append("needs_attention")
        self._let_go(lease, sets, removes)

    def reject(self, key: ConversationKey, failure: Failure) -> None:
        item: dict[str, Any] = {
            "recipient_tel": key.recipient_tel,
            **self._key.attributes(key),
            "record_version": RECORD_VERSION,
            "conversation_status": Status.FAILED_VALIDATION,
            "created_at": iso(failure.at),
            "updated_at": iso(failure.at),
            "task_complete": 0,
            "last_error": failure_map(failure),
            "needs_attention": NEEDS_ATTENTION,
            "expires_at": int((failure.at + REFUSAL_KEPT).timestamp()),
        }
        try:
            self._client.put_item(
                TableName=self._table_name,
                Item=serialize(item),
                ConditionExpression=self._no_record,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except (ClientError, BotoCoreError) as exc:
            if old_item(exc) is None:
                raise classify(exc) from exc

    def find(self, key: ConversationKey) -> Conversation | None:
        values = {":recipient": key.recipient_tel, ":conversation": key.conversation_id}
        found = self._query(f"{self._key.partition} = :recipient AND conversation_id = :conversation", values)
        return found[0] if found else None

    def record_deliveries(
        self, seen: Conversation, deliveries: Deliveries, failure: Failure | None, at: datetime, *, ends_watch: bool
    ) -> bool:
        sets = {**deliveries_attributes(deliveries, writes=seen.delivery_writes + 1), "updated_at": iso(at)}
        if failure is not None:
            sets |= {"last_error": failure_map(failure), "needs_attention": NEEDS_ATTENTION}
        removes = ["delivery_watch_until"] if ends_watch else []
        condition = "attribute_exists(delivery_watch_until) AND delivery_writes = :seen"
        try:
            self._update(seen.key, sets, removes, condition, {":seen": seen.delivery_writes})
        except (ClientError, BotoCoreError) as exc:
            existing = old_item(exc)
            if existing is None:
                raise classify(exc) from exc
            # a write of ours whose answer was lost has taken effect
            return all(existing.get(name) == sets[name] for name in ("delivery_writes", "deliveries"))
        return True

    def conversations_with(self, recipient_tel: str) -> list[Conversation]:
        return self._query(f"{self._key.partition} = :recipient", {":recipient": recipient_tel})

    def _query(self, condition: str, values: Mapping[str, Any]) -> list[Conversation]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table_name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=serialize(values),
            ConsistentRead=True,
        )
        try:
            return [read_conversation(deserialize(item), self._key) for page in pages for item in page["Items"]]
        except (ClientError, BotoCoreError) as exc:
            raise classify(exc) from exc

    def _taken(self, lease: Lease, mark: Failure) -> dict[str, Any]:
        """Return what a record says once a delivery has taken it."""
        return {
            "record_version": RECORD_VERSION,
            "write_number": lease.write_number,
            "updated_at": iso(mark.at),
            "lease_owner": lease.owner,
            "lease_expires_at": number(lease.expires_at),
            "last_error": failure_map(mark),
        }

    def _let_go(
        self,
        lease: Lease,
        sets: Mapping[str, Any],
        removes: Sequence[str],
        shared: Mapping[str, Any] | None = None,
    ) -> None:
        """Make a fenced write that gives the lease up."""
        self._fenced(lease, {**sets, "last_owner": lease.owner}, [*LEASE, *removes], shared=shared)

    def _expires_at(self, moment: datetime) -> int:
        return int((moment + self._retention).timestamp())

    def _fenced(
        self,
        lease: Lease,
        sets: Mapping[str, Any],
        removes: Sequence[str] = (),
        values: Mapping[str, Any] | None = None,
        *,
        shared: Mapping[str, Any] | None = None,
        also_set: str = "",
        client: "DynamoDBClient | None" = None,
    ) -> None:
        """Make a fenced write.

        Args:
            shared: What other programs set as well: set only while the status is ours, in the same write.
        """
        if lease.key is None:
            raise LostLeaseError("there is no lease")
        write_number = lease.next_number()
        sets = {**sets, "write_number": write_number}
        values = {":me": lease.owner, **(values or {})}
        try:
            if shared:
                try:
                    self._update(
                        lease.key,
                        {**sets, **shared},
                        removes,
                        f"{_OWN} AND {_STATUS_IS_OURS}",
                        {**values, **_OUR_STATUSES},
                        also_set=also_set,
                        client=client,
                    )
                except ClientError as exc:
                    existing = old_item(exc)
                    if not existing or existing.get("conversation_status") in _OUR_STATUSES.values():
                        raise
                else:
                    return
            self._update(lease.key, sets, removes, _OWN, values, also_set=also_set, client=client)
        except (ClientError, BotoCoreError) as exc:
            existing = old_item(exc)
            if existing is None:
                raise classify(exc) from exc
            if not _took_effect(existing, lease, write_number, gives_up="last_owner" in sets):
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
        client: "DynamoDBClient | None" = None,
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
        answer = (client or self._client).update_item(
            TableName=self._table_name,
            Key=serialize(self._key.attributes(key)),
            UpdateExpression=expression,
            ConditionExpression=condition,
            ExpressionAttributeNames={f"#{name}": name for name in [*sets, *removes]},
            ExpressionAttributeValues=serialize({**{f":{name}": value for name, value in sets.items()}, **values}),
            ReturnValues=returns,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        return deserialize(answer.get("Attributes", {}))


def failing_changes(failing: Failing) -> tuple[dict[str, Any], list[str]]:
    """Return what an attempt that did not get through sets, and what it removes."""
    sets: dict[str, Any] = {"last_error": failure_map(failing.failure), "updated_at": iso(failing.failure.at)}
    removes: list[str] = []
    if failing.sent:
        sets["sent_parts"] = sent_list(failing.sent)
    if failing.undecided:
        sets["undecided"] = undecided_list(failing.undecided)
    else:
        removes.append("undecided")
    if not failing.keep_intent:
        removes += INTENT
    if not failing.keep_reply:
        removes.append("reply")
    if failing.run is not None:
        sets |= run_attributes(failing.run)
    elif not failing.keep_run:
        removes += RUN_IDS
    return sets, removes


def as_seen(seen: Conversation, *, renewed: bool = False) -> tuple[str, dict[str, Any]]:
    """Return the condition that nobody but the heartbeat has changed an open record, and its values.

    Args:
        renewed: The lease may have been renewed.
    """
    values: dict[str, Any] = {":sent": Status.SENT}
    conditions = ["attribute_not_exists(closed_at)", "conversation_status <> :sent"]

    def require(name: str, value: Any, *, present: bool) -> None:
        if present:
            conditions.append(f"{name} = :seen_{name}")
            values[f":seen_{name}"] = value
        else:
            conditions.append(f"attribute_not_exists({name})")

    require("conversation_status", seen.status, present=bool(seen.status))
    require("write_number", seen.write_number, present=seen.write_number > 0)
    require("lease_owner", seen.lease_owner, present=seen.lease_owner is not None)
    if seen.lease_owner is not None and not renewed:
        require("lease_expires_at", number(seen.lease_expires_at), present=True)
    return " AND ".join(conditions), values


def _took_effect(existing: Mapping[str, Any], lease: Lease, write_number: int, *, gives_up: bool) -> bool:
    """Whether a write whose condition failed is one that this very delivery has made already."""
    if "lease_owner" in existing:
        return existing["lease_owner"] == lease.owner and existing.get("write_number") == write_number
    return gives_up and existing.get("last_owner") == lease.owner


def classify(exc: ClientError | BotoCoreError) -> ProcessorError:
    """Return the domain error for a failed call.

    Everything but an item that is too large may pass: throttling, an outage, a permission that is being repaired.
    """
    code = _error_code(exc)
    if code == "ValidationException" and "size" in str(exc).lower():
        return PermanentError("the record would exceed DynamoDB's 400 KB", code="record_too_large")
    is_configuration = "AccessDenied" in code or code == "ResourceNotFoundException"
    return StoreUnavailableError(f"DynamoDB: {code}", code=f"dynamodb_{_snake(code)}", configuration=is_configuration)


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
