"""Conversation item: the record as DynamoDB keeps it.

Other programs write records too, and to ours, and so do the releases before and after this one. Reading never fails:
what can't be read is absent, and where its absence could hide a send, the record is undecided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeGuard

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from core.conversation import (
    Conversation,
    ConversationKey,
    EffectOwner,
    Failure,
    Mode,
    Reply,
    Run,
    SentPart,
    Standing,
    Status,
    Step,
    UndecidedRow,
    Usage,
    Waiting,
    WaitReason,
)
from core.deliveries import Deliveries, DeliveryStatus, MessageDelivery, overall

RECORD_VERSION = 2
"""Format of what this release writes; the release before wrote none."""

MAYBE_SENT_BY_OTHERS = frozenset({Status.PROCESSING, Status.SENDING, Status.FAILED_SEND, Status.FAILED_UNKNOWN})
"""Statuses under which a record of another program may stand for a message that is out."""

_STATUSES, _STEPS, _MODES = frozenset(Status), frozenset(Step), frozenset(Mode)
_WAIT_REASONS = frozenset(WaitReason)
_DELIVERY_STATUSES = frozenset(DeliveryStatus)

_to_dynamodb = TypeSerializer().serialize
_from_dynamodb = TypeDeserializer().deserialize


RUN_IDS = ("openai_thread_id", "thread_id", "openai_response_id", "openai_started_at")
"""What names a run, to us and to the replies service; how many were paid for is kept when it is dropped."""


@dataclass(frozen=True, slots=True)
class TableKey:
    """Key of the table: the recipient's number under the name that the table has for it, and the conversation's id."""

    partition: str = "recipient_tel"

    def attributes(self, key: ConversationKey) -> dict[str, str]:
        return {self.partition: key.recipient_tel, "conversation_id": key.conversation_id}

    def of(self, item: Mapping[str, Any]) -> ConversationKey:
        """Return the key of an item, or of an index's entry: both always have it."""
        return ConversationKey(str(item[self.partition]), str(item["conversation_id"]))


DEFAULT_KEY = TableKey()


def read_conversation(item: Mapping[str, Any], table_key: TableKey = DEFAULT_KEY) -> Conversation:
    """Read a record, whoever wrote it; one that is not finished, or was never begun, has only some attributes."""
    standing = read_standing(item)
    held = _sids(item)
    sent = read_sent(item.get("sent_parts"))
    if standing is Standing.CLOSED:
        sent = tuple(SentPart(sid, moment) for sid, moment in held.items())
    status = _text(item.get("conversation_status")) or ""
    return Conversation(
        key=table_key.of(item),
        status=Status(status) if status in _STATUSES else status,
        created_at=read_moment(item.get("created_at")),
        lease_owner=_text(item.get("lease_owner")),
        lease_expires_at=_float(item.get("lease_expires_at")),
        run=_run(item),
        reply=read_reply(item.get("reply")),
        intent_at=read_moment(item.get("send_started_at")),
        outcome_unknown=bool(item.get("outcome_unknown")),
        sent=sent or (),
        last_error=read_failure(item.get("last_error")),
        standing=standing,
        write_number=int(_float(item.get("write_number"))),
        company_id=_text(item.get("company_id")),
        project_id=_text(item.get("project_id")),
        sender=_text(item.get("company_whatsapp_number")),
        owner=_owner(item),
        held_sids=frozenset(held),
        thread_id=_text(item.get("thread_id")),
        paid_runs=_paid_runs(item),
        deliveries=read_deliveries(item.get("deliveries")),
        watch_until=read_moment(item.get("delivery_watch_until")),
        delivery_writes=int(_float(item.get("delivery_writes"))),
    )


def read_deliveries(value: object) -> dict[str, MessageDelivery]:
    """Read the fate of messages; a word of a later release is one that says nothing yet."""
    found = {}
    for sid, entry in value.items() if isinstance(value, Mapping) else ():
        if isinstance(entry, Mapping):
            status, at = _text(entry.get("status")), read_moment(entry.get("at"))
            error_code = int(_float(entry.get("error_code"))) or None
            found[str(sid)] = MessageDelivery(
                DeliveryStatus(status) if status in _DELIVERY_STATUSES else DeliveryStatus.ACCEPTED,
                at or datetime.fromtimestamp(0, tz=UTC),
                error_code,
            )
    return found


def read_standing(item: Mapping[str, Any]) -> Standing:
    """Return what a record means, by our own attributes before the status, which other programs change."""
    status = _text(item.get("conversation_status"))
    if "closed_at" in item or status == Status.SENT:
        return Standing.CLOSED
    if "record_version" in item:
        return _standing_of_ours(item)
    if "attempts" in item and ("lease_owner" in item or "last_owner" in item):  # the release before wrote it
        left_open = "lease_owner" in item or "last_error" in item or "send_started_at" in item
        return _standing_of_ours(item) if left_open or status in _STATUSES else Standing.CLOSED
    if status is None or status in MAYBE_SENT_BY_OTHERS:
        return Standing.UNDECIDED
    return Standing.OPEN if status in _STATUSES else Standing.CLOSED


def _standing_of_ours(item: Mapping[str, Any]) -> Standing:
    """Return undecided if the record shows an intent or sent parts in a form that can't be read."""
    sent = read_sent(item.get("sent_parts"))
    intent_unreadable = "send_started_at" in item and (
        read_moment(item["send_started_at"]) is None or read_reply(item.get("reply")) is None
    )
    return Standing.UNDECIDED if sent is None or intent_unreadable else Standing.OPEN


def read_sent(value: object) -> tuple[SentPart, ...] | None:
    """Return the parts that are out; None where it can't be told."""
    if value is None:
        return ()
    if not isinstance(value, list):
        return None
    parts = []
    for entry in value:
        sid = _text(entry.get("sid")) if isinstance(entry, Mapping) else None
        if sid is None:
            return None
        moment = read_moment(entry.get("sent_at")) or datetime.fromtimestamp(0, tz=UTC)
        parts.append(SentPart(sid, moment, unseen=bool(entry.get("unseen")), text=_text(entry.get("text"))))
    return tuple(parts)


def read_reply(value: object) -> Reply | None:
    if not isinstance(value, Mapping):
        return None
    mode, parts = _text(value.get("mode")), value.get("parts")
    if mode not in _MODES or not _is_texts(parts):
        return None
    usage = Usage(int(_float(value.get("tokens_in"))), int(_float(value.get("tokens_out"))))
    return Reply(Mode(mode), tuple(parts), usage)


def read_failure(value: object) -> Failure | None:
    if not isinstance(value, Mapping):
        return None
    step, code = _text(value.get("step")), _text(value.get("code"))
    at, message_id = read_moment(value.get("at")), _text(value.get("message_id"))
    if code is None or at is None or message_id is None:
        return None
    return Failure(
        step=Step(step) if step in _STEPS else Step.CLAIM,
        code=code,
        message=_text(value.get("message")) or "",
        at=at,
        permanent=value.get("permanent") is True,
        message_id=message_id,
        receive_count=int(_float(value.get("receive_count"))),
    )


def read_waiting(value: object) -> Waiting | None:
    """Read what a record waits for; a reason of a later release is none that can be told."""
    if not isinstance(value, Mapping):
        return None
    reason, since, until = _text(value.get("reason")), read_moment(value.get("since")), read_moment(value.get("until"))
    if reason not in _WAIT_REASONS or since is None or until is None:
        return None
    return Waiting(WaitReason(reason), since, until)


def read_moment(value: object) -> datetime | None:
    """Read a date as any program may have written it, `+00:00Z` included; without a zone it is UTC."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    if text[-1:] in {"Z", "z"} and ("+" in text[10:] or "-" in text[10:]):
        text = text[:-1]
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def run_attributes(run: Run) -> dict[str, Any]:
    return {
        "openai_thread_id": run.thread_id,
        "thread_id": run.thread_id,
        "openai_response_id": run.response_id,
        "paid_runs": run.number,
        **({"openai_started_at": iso(run.started_at)} if run.started_at else {}),
    }


def failure_map(failure: Failure) -> dict[str, Any]:
    return {
        "step": failure.step,
        "code": failure.code,
        "message": failure.message,
        "at": iso(failure.at),
        "permanent": failure.permanent,
        "message_id": failure.message_id,
        "receive_count": failure.receive_count,
    }


def reply_map(reply: Reply) -> dict[str, Any]:
    return {
        "mode": reply.mode,
        "parts": list(reply.parts),
        "tokens_in": reply.usage.tokens_in,
        "tokens_out": reply.usage.tokens_out,
    }


def owner_attributes(owner: EffectOwner) -> dict[str, str]:
    return {
        "send_from": owner.sender,
        "send_account": owner.account_sid,
        "send_credentials": owner.credentials_id,
    }


def sent_list(sent: Sequence[SentPart]) -> list[dict[str, Any]]:
    return [
        {
            "sid": part.sid,
            "sent_at": iso(part.sent_at),
            **({"unseen": True} if part.unseen else {}),
            **({"text": part.text} if part.text else {}),
        }
        for part in sent
    ]


def deliveries_attributes(deliveries: Deliveries, *, writes: int) -> dict[str, Any]:
    return {
        "deliveries": {
            sid: {
                "status": delivery.status,
                "at": iso(delivery.at),
                **({"error_code": delivery.error_code} if delivery.error_code else {}),
            }
            for sid, delivery in deliveries.items()
        },
        "delivery_status": overall(deliveries),
        "delivery_writes": writes,
    }


def waiting_map(waiting: Waiting) -> dict[str, str]:
    return {"reason": waiting.reason, "since": iso(waiting.since), "until": iso(waiting.until)}


def undecided_list(rows: Sequence[UndecidedRow]) -> list[dict[str, Any]]:
    return [
        {
            "sid": row.sid,
            "created_at": iso(row.created_at) if row.created_at else None,
            "status": row.status,
            "shown": row.shown,
        }
        for row in rows
    ]


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def number(seconds: float) -> Decimal:
    return Decimal(f"{seconds:.3f}")


def serialize(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _to_dynamodb(value) for name, value in item.items()}


def deserialize(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _from_dynamodb(value) for name, value in item.items()}


def _run(item: Mapping[str, Any]) -> Run | None:
    thread_id, response_id = _text(item.get("openai_thread_id")), _text(item.get("openai_response_id"))
    if thread_id is None or response_id is None:
        return None
    return Run(thread_id, response_id, read_moment(item.get("openai_started_at")), _paid_runs(item))


def _paid_runs(item: Mapping[str, Any]) -> int:
    """Return how many runs were paid for; the release before did not count them."""
    if "paid_runs" in item:
        return int(_float(item["paid_runs"]))
    return 1 if _text(item.get("openai_response_id")) else 0


def _owner(item: Mapping[str, Any]) -> EffectOwner | None:
    sender, account, credentials = (_text(item.get(name)) for name in ("send_from", "send_account", "send_credentials"))
    return EffectOwner(sender, account, credentials) if sender and account and credentials else None


def _sids(item: Mapping[str, Any]) -> dict[str, datetime]:
    """Return the Twilio messages that a record names, with when each was sent."""
    held = {part.sid: part.sent_at for part in read_sent(item.get("sent_parts")) or ()}
    messages = item.get("messages")
    for message in messages if isinstance(messages, list) else []:
        if isinstance(message, Mapping) and message.get("role") == "assistant":
            sid = _text(message.get("message_id"))
            if sid is not None:
                held[sid] = read_moment(message.get("timestamp")) or datetime.fromtimestamp(0, tz=UTC)
    return held


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _is_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, str) for entry in value)


def _float(value: object) -> float:
    return float(value) if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) else 0.0
