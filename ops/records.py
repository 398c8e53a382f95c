"""Records: a conversation's record as an answer, read with the function's own reader."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from core.conversation import Conversation
from core.deliveries import MessageDelivery, overall
from core.ports import TwilioMessage
from ops.answers import ConversationRecord, Fate, Intent, Lease, PastResolution, Reply, Run, Sent, Waits, Watch
from ops.masking import HIDDEN
from ops.resolution import undecided_rows
from ops.table import Item, read_last_error
from services.conversation_item import read_conversation, read_moment, read_waiting

PERSONAL = {"recipient_first_name", "recipient_last_name", "recipient_email", "company_rep", "project_data"}
DETAILS = (
    "request_id",
    "company_id",
    "company_name",
    "project_id",
    "project_name",
    "company_whatsapp_number",
    "whatsapp_credentials_id",
    "assistant_id",
    "recipient_first_name",
    "recipient_last_name",
    "recipient_email",
    "company_rep",
    "project_data",
    "initial_request_timestamp",
    "router_version",
)
"""Attributes that the record keeps of the Context Object."""

LOOK_ALLOWANCE = timedelta(minutes=15)
"""A message waits in the queue at most so long, so the last look may come so late."""


def read_record(
    item: Item, now: datetime, at_twilio: Mapping[str, TwilioMessage], *, unmask: bool, with_text: bool
) -> ConversationRecord:
    """Return a record as an answer.

    Args:
        at_twilio: What Twilio says of messages now, by SID.
        unmask: Show what is personal, of which phone numbers are only a part.
        with_text: Show what was written to the recipient.

    Raises:
        OpsError: This release cannot read its last error.
    """
    record = read_conversation(item)
    return ConversationRecord(
        conversation_id=record.key.conversation_id,
        recipient=record.key.recipient_tel,
        status=record.status,
        needs_attention="needs_attention" in item,
        created_at=record.created_at,
        updated_at=item.get("updated_at"),
        attempts=item.get("attempts", 0),
        paid_runs=record.paid_runs,
        processing_time_ms=item.get("processing_time_ms"),
        expires_at=datetime.fromtimestamp(int(item["expires_at"]), tz=UTC) if "expires_at" in item else None,
        last_error=read_last_error(item),
        lease=_lease(record, now),
        waiting=_waits(item),
        run=record.run and Run(thread_id=record.run.thread_id, response_id=record.run.response_id),
        reply=_reply(record, with_text=with_text),
        intent=_intent(record),
        sent=list(_sent(record, item, at_twilio, with_text=with_text)),
        closed=record.closed,
        delivery_status=overall(record.deliveries) if record.deliveries else None,
        delivery_watch=_watch(record, item, now),
        undecided=undecided_rows(item),
        adopted_unseen=_texts(item.get("adopted_unseen")) or [part.sid for part in record.sent if part.unseen],
        resolutions=list(_resolutions(item)),
        details={
            name: HIDDEN if name in PERSONAL and not unmask else str(item[name]) for name in DETAILS if item.get(name)
        },
    )


def _waits(item: Item) -> Waits | None:
    waiting = read_waiting(item.get("waiting"))
    return Waits(reason=waiting.reason, since=waiting.since, until=waiting.until) if waiting else None


def _watch(record: Conversation, item: Item, now: datetime) -> Watch | None:
    """Return the watch of a closed record; while Twilio is away, the function looks for as long again."""
    until, closed_at = record.watch_until, read_moment(item.get("closed_at"))
    if until is None or not record.closed:
        return None
    longest = until - closed_at if closed_at is not None else timedelta(0)
    return Watch(until=until, overdue=now > until + longest + LOOK_ALLOWANCE)


def read_fate(delivery: MessageDelivery | None) -> Fate | None:
    """Return what a record says of a message, if it says anything."""
    if delivery is None:
        return None
    return Fate(status=delivery.status, at=delivery.at, error_code=delivery.error_code)


def _lease(record: Conversation, now: datetime) -> Lease | None:
    if record.lease_owner is None:
        return None
    return Lease(
        owner=record.lease_owner,
        expires_at=datetime.fromtimestamp(record.lease_expires_at, tz=UTC),
        held=record.lease_expires_at > now.timestamp(),
    )


def _reply(record: Conversation, *, with_text: bool) -> Reply | None:
    reply = record.reply
    if reply is None:
        return None
    return Reply(
        mode=reply.mode,
        parts=len(reply.parts),
        tokens_in=reply.usage.tokens_in,
        tokens_out=reply.usage.tokens_out,
        text=list(reply.parts) if with_text else None,
    )


def _intent(record: Conversation) -> Intent | None:
    if record.intent_at is None:
        return None
    return Intent(part=len(record.sent) + 1, decided_at=record.intent_at, outcome_unknown=record.outcome_unknown)


def _resolutions(item: Item) -> Iterator[PastResolution]:
    past = item.get("resolutions")
    for entry in past if isinstance(past, list) else []:
        if isinstance(entry, Mapping):
            sid = entry.get("sid")
            yield PastResolution(
                at=read_moment(entry.get("at")), choice=str(entry.get("choice")), sid=None if sid is None else str(sid)
            )


def _texts(value: object) -> list[str]:
    return [str(entry) for entry in value] if isinstance(value, list) else []


def _sent(
    record: Conversation, item: Item, at_twilio: Mapping[str, TwilioMessage], *, with_text: bool
) -> Iterator[Sent]:
    messages: list[Mapping[str, Any]] = item.get("messages", [])
    texts = {message.get("message_id"): message.get("content") for message in messages} if with_text else {}
    for part in record.sent:
        row = at_twilio.get(part.sid)
        yield Sent(
            sid=part.sid,
            sent_at=part.sent_at,
            text=texts.get(part.sid),
            delivery=row.status if row else None,
            delivery_error=row.error_code if row else None,
            recorded=read_fate(record.deliveries.get(part.sid)),
        )
