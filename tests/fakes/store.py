"""The table of conversations in memory."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import RLock
from typing import Any, Concatenate, ParamSpec, TypeVar

from core.conversation import (
    Conversation,
    ConversationKey,
    EffectOwner,
    Failure,
    Reply,
    Run,
    SentPart,
    Standing,
    Status,
    UndecidedRow,
    Waiting,
)
from core.deliveries import Deliveries, DeliveryStatus, MessageDelivery
from core.errors import LeaseHeldError, LostLeaseError
from core.lease import Lease
from core.ports import ChatMessage, Closing, Failing, Parked


@dataclass
class Record:
    """One item: what the core reads of it, and what only people read."""

    conversation: Conversation
    attributes: Mapping[str, str] = field(default_factory=dict)
    messages: list[ChatMessage] = field(default_factory=list)
    attempts: int = 1
    needs_attention: bool = False
    last_owner: str | None = None
    processing_time_ms: int | None = None
    undecided: tuple[UndecidedRow, ...] = ()
    waiting: Waiting | None = None


P = ParamSpec("P")
T = TypeVar("T")


def atomic(
    method: "Callable[Concatenate[InMemoryConversationStore, P], T]",
) -> "Callable[Concatenate[InMemoryConversationStore, P], T]":
    """Let a method have its effect at one moment, as a table does."""

    @functools.wraps(method)
    def call(store: "InMemoryConversationStore", /, *args: P.args, **kwargs: P.kwargs) -> T:
        with store.lock:
            return method(store, *args, **kwargs)

    return call


class InMemoryConversationStore:
    def __init__(self) -> None:
        self.lock = RLock()
        self.records: dict[ConversationKey, Record] = {}
        self.writes: list[str] = []
        self.reads: list[str] = []

    @atomic
    def create(
        self,
        key: ConversationKey,
        lease: Lease,
        attributes: Mapping[str, str],
        mark: Failure,
        *,
        needs_attention: bool,
    ) -> Conversation | None:
        self.writes.append("create")
        existing = self.records.get(key)
        if existing is not None:
            return None if existing.conversation.lease_owner == lease.owner else existing.conversation
        conversation = Conversation(
            key,
            Status.PROCESSING,
            mark.at,
            lease_owner=lease.owner,
            lease_expires_at=lease.expires_at,
            last_error=mark,
            write_number=lease.write_number,
            **parties(attributes),
        )
        self.records[key] = Record(conversation, dict(attributes), needs_attention=needs_attention)
        return None

    @atomic
    def take_over(
        self,
        seen: Conversation,
        lease: Lease,
        attributes: Mapping[str, str],
        mark: Failure,
        *,
        needs_attention: bool,
    ) -> Conversation:
        self.writes.append("take_over")
        record = self.records.get(seen.key)
        if record is not None and record.conversation.lease_owner == lease.owner:
            return record.conversation
        if (
            record is None
            or not as_seen(record.conversation, seen)
            or (seen.lease_owner is not None and record.conversation.lease_expires_at != seen.lease_expires_at)
        ):
            raise LeaseHeldError("another delivery took the conversation over", retry_after_seconds=1)
        record.attempts += 1
        record.needs_attention = needs_attention
        record.waiting = None
        changes: dict[str, Any] = {}
        if seen.intent_at is None and not seen.sent:
            record.attributes = {**record.attributes, **attributes}
            changes |= parties(record.attributes)
        if isinstance(seen.status, Status):
            changes["status"] = Status.PROCESSING if seen.intent_at is None else Status.SENDING
        record.conversation = replace(
            record.conversation,
            lease_owner=lease.owner,
            lease_expires_at=lease.expires_at,
            last_error=mark,
            outcome_unknown=seen.intent_at is not None,
            write_number=lease.write_number,
            **changes,
        )
        return record.conversation

    @atomic
    def annotate(self, seen: Conversation, failure: Failure) -> None:
        self.writes.append("annotate")
        record = self.records.get(seen.key)
        if record is not None and as_seen(record.conversation, seen):
            record.conversation = replace(record.conversation, last_error=failure)
            record.needs_attention = True

    @atomic
    def resume(
        self, key: ConversationKey, parked: Parked, lease: Lease, mark: Failure, *, needs_attention: bool
    ) -> Conversation | None:
        self.writes.append("resume")
        record = self.records.get(key)
        if record is None or (record.conversation.lease_owner != lease.owner and not as_parked(record, parked)):
            return None
        if record.conversation.lease_owner != lease.owner:
            record.attempts += 1
            record.needs_attention = needs_attention
            record.waiting = None
            record.conversation = replace(
                record.conversation,
                lease_owner=lease.owner,
                lease_expires_at=lease.expires_at,
                last_error=mark,
                write_number=lease.write_number,
            )
        return record.conversation

    @atomic
    def record_run(self, lease: Lease, run: Run, at: datetime, waiting: Waiting | None = None) -> None:
        if waiting is None:
            self._fenced("record_run", lease, run=run, paid_runs=run.number)
            return
        if self._ended_by(lease):
            return
        record = self._fenced("record_run", lease, run=run, paid_runs=run.number, last_error=None, **NO_LEASE)
        record.needs_attention = False
        record.waiting = waiting
        record.last_owner = lease.owner

    @atomic
    def intend(self, lease: Lease, reply: Reply, sent: Sequence[SentPart], at: datetime, owner: EffectOwner) -> None:
        self._fenced(
            "intend",
            lease,
            status=Status.SENDING,
            reply=reply,
            sent=tuple(sent),
            held_sids=frozenset(part.sid for part in sent),
            intent_at=at,
            owner=owner,
            outcome_unknown=False,
        )

    @atomic
    def record_unknown(self, lease: Lease, at: datetime) -> None:
        self._fenced("record_unknown", lease, outcome_unknown=True)

    @atomic
    def renew(self, lease: Lease, expires_at: float) -> None:
        self.writes.append("renew")
        record = self._own(lease)
        latest = max(expires_at, record.conversation.lease_expires_at)
        record.conversation = replace(record.conversation, lease_expires_at=latest)

    @atomic
    def close(self, lease: Lease, closing: Closing) -> None:
        if self._ended_by(lease):
            return
        sent = tuple(SentPart(message.message_id, message.timestamp) for message in closing.messages)
        watched: dict[str, Any] = {}
        if closing.watch_until is not None:
            deliveries = {part.sid: MessageDelivery(DeliveryStatus.ACCEPTED, part.sent_at) for part in sent}
            watched = {"deliveries": deliveries, "watch_until": closing.watch_until, "delivery_writes": 1}
        record = self._fenced(
            "close",
            lease,
            status=Status.SENT,
            standing=Standing.CLOSED,
            lease_owner=None,
            lease_expires_at=0.0,
            intent_at=None,
            owner=None,
            outcome_unknown=False,
            reply=None,
            sent=sent,
            held_sids=frozenset(part.sid for part in sent),
            last_error=None,
            **watched,
        )
        record.messages.extend(closing.messages)
        record.processing_time_ms = closing.processing_time_ms
        record.needs_attention = False
        record.undecided = ()
        record.waiting = None
        record.last_owner = lease.owner

    @atomic
    def fail(self, lease: Lease, failing: Failing) -> None:
        self._let_go("fail", lease, failing, needs_attention=True, waiting=None, status=failing.status)

    @atomic
    def postpone(self, lease: Lease, failing: Failing, waiting: Waiting, *, needs_attention: bool) -> None:
        self._let_go("postpone", lease, failing, needs_attention=needs_attention, waiting=waiting)

    def _let_go(
        self,
        write: str,
        lease: Lease,
        failing: Failing,
        *,
        needs_attention: bool,
        waiting: Waiting | None,
        **changes: object,
    ) -> None:
        if self._ended_by(lease):
            return
        current = self._own(lease).conversation
        sent = failing.sent or current.sent
        record = self._fenced(
            write,
            lease,
            **changes,
            last_error=failing.failure,
            sent=sent,
            held_sids=current.held_sids | {part.sid for part in sent},
            intent_at=current.intent_at if failing.keep_intent else None,
            owner=current.owner if failing.keep_intent else None,
            outcome_unknown=current.outcome_unknown and failing.keep_intent,
            run=failing.run or (current.run if failing.keep_run else None),
            paid_runs=failing.run.number if failing.run else current.paid_runs,
            reply=current.reply if failing.keep_reply else None,
            **NO_LEASE,
        )
        record.needs_attention = needs_attention
        record.undecided = failing.undecided
        record.waiting = waiting
        record.last_owner = lease.owner

    @atomic
    def reject(self, key: ConversationKey, failure: Failure) -> None:
        self.writes.append("reject")
        if key not in self.records:
            refused = Conversation(key, Status.FAILED_VALIDATION, failure.at, last_error=failure)
            self.records[key] = Record(refused, attempts=0, needs_attention=True)

    @atomic
    def find(self, key: ConversationKey) -> Conversation | None:
        self.reads.append("find")
        record = self.records.get(key)
        return record.conversation if record is not None else None

    @atomic
    def record_deliveries(
        self, seen: Conversation, deliveries: Deliveries, failure: Failure | None, at: datetime, *, ends_watch: bool
    ) -> bool:
        self.writes.append("record_deliveries")
        record = self.records.get(seen.key)
        if record is None:
            return False
        current = record.conversation
        if current.watch_until is None or current.delivery_writes != seen.delivery_writes:
            return (current.delivery_writes, current.deliveries) == (seen.delivery_writes + 1, deliveries)
        record.needs_attention = record.needs_attention or failure is not None
        record.conversation = replace(
            current,
            deliveries=dict(deliveries),
            delivery_writes=seen.delivery_writes + 1,
            watch_until=None if ends_watch else current.watch_until,
            last_error=failure or current.last_error,
        )
        return True

    @atomic
    def conversations_with(self, recipient_tel: str) -> list[Conversation]:
        self.reads.append("conversations_with")
        return [record.conversation for key, record in self.records.items() if key.recipient_tel == recipient_tel]

    def _fenced(self, write: str, lease: Lease, **changes: object) -> Record:
        self.writes.append(write)
        write_number = lease.next_number()
        record = self._own(lease)
        if record.conversation.write_number == write_number:
            return record  # this very write took effect already
        if record.conversation.write_number > write_number:
            raise LostLeaseError("a later write of this delivery has taken effect")
        if not isinstance(record.conversation.status, Status):
            changes.pop("status", None)
        record.conversation = replace(record.conversation, write_number=write_number, **changes)  # type: ignore[arg-type]
        return record

    def _own(self, lease: Lease) -> Record:
        record = self.records.get(lease.key) if lease.key is not None else None
        if record is None or record.conversation.lease_owner != lease.owner:
            raise LostLeaseError("the record belongs to another delivery")
        return record

    def _ended_by(self, lease: Lease) -> bool:
        """Whether this delivery's last write took effect already and its answer was lost."""
        record = self.records.get(lease.key) if lease.key is not None else None
        return record is not None and record.conversation.lease_owner is None and record.last_owner == lease.owner


NO_LEASE: Mapping[str, Any] = {"lease_owner": None, "lease_expires_at": 0.0}


def as_parked(record: Record, parked: Parked) -> bool:
    """Whether a record is exactly as it was left to wait for its run."""
    current = record.conversation
    return (
        current.standing is Standing.OPEN
        and (current.status, current.write_number, current.run) == (Status.PROCESSING, parked.write_number, parked.run)
        and (current.lease_owner, current.intent_at, current.reply) == (None, None, None)
        and (current.company_id, current.project_id, current.sender)
        == (parked.company_id, parked.project_id, parked.sender)
    )


def parties(attributes: Mapping[str, str]) -> dict[str, Any]:
    """Return whose conversation the attributes of a record say it is."""
    return {
        "company_id": attributes.get("company_id"),
        "project_id": attributes.get("project_id"),
        "sender": attributes.get("company_whatsapp_number"),
    }


def as_seen(current: Conversation, seen: Conversation) -> bool:
    """Whether nobody but the heartbeat has changed an open record."""
    return not current.closed and (current.write_number, current.lease_owner, current.status) == (
        seen.write_number,
        seen.lease_owner,
        seen.status,
    )
