"""Conversation item: the record as DynamoDB keeps it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from core.conversation import (
    Conversation,
    ConversationKey,
    Failure,
    Mode,
    Reply,
    Run,
    SentPart,
    Status,
    Step,
    Usage,
)

_to_dynamodb = TypeSerializer().serialize
_from_dynamodb = TypeDeserializer().deserialize


RUN_IDS = ("openai_thread_id", "openai_response_id", "openai_started_at")
"""What names a run; how many were paid for is kept when it is dropped."""


def key_attributes(key: ConversationKey) -> dict[str, str]:
    return {"recipient_tel": key.recipient_tel, "conversation_id": key.conversation_id}


def read_conversation(item: Mapping[str, Any]) -> Conversation:
    """Read a record; one that is not finished, or was never begun, has only some of the attributes."""
    reply = item.get("reply")
    run_id = item.get("openai_response_id")
    intent = item.get("send_started_at")
    error = item.get("last_error")
    sent = item.get("sent_parts")
    if sent is None:
        sent = [{"sid": message["message_id"], "sent_at": message["timestamp"]} for message in item.get("messages", [])]
    return Conversation(
        key=ConversationKey(item["recipient_tel"], item["conversation_id"]),
        status=Status(item["conversation_status"]),
        created_at=datetime.fromisoformat(item["created_at"]),
        lease_owner=item.get("lease_owner"),
        lease_expires_at=float(item.get("lease_expires_at", 0)),
        run=_run(item) if run_id else None,
        reply=Reply(
            Mode(reply["mode"]),
            tuple(reply["parts"]),
            Usage(int(reply["tokens_in"]), int(reply["tokens_out"])),
        )
        if reply
        else None,
        intent_at=datetime.fromisoformat(intent) if intent else None,
        outcome_unknown=bool(item.get("outcome_unknown")),
        sent=tuple(SentPart(part["sid"], datetime.fromisoformat(part["sent_at"])) for part in sent),
        last_error=Failure(
            step=Step(error["step"]),
            code=error["code"],
            message=error["message"],
            at=datetime.fromisoformat(error["at"]),
            permanent=error["permanent"],
            message_id=error["message_id"],
            receive_count=int(error["receive_count"]),
        )
        if error
        else None,
        paid_runs=int(item.get("paid_runs", 1 if run_id else 0)),
    )


def run_attributes(run: Run) -> dict[str, Any]:
    return {
        "openai_thread_id": run.thread_id,
        "openai_response_id": run.response_id,
        "paid_runs": run.number,
        **({"openai_started_at": iso(run.started_at)} if run.started_at else {}),
    }


def _run(item: Mapping[str, Any]) -> Run:
    started = item.get("openai_started_at")
    return Run(
        item["openai_thread_id"],
        item["openai_response_id"],
        datetime.fromisoformat(started) if started else None,
        int(item.get("paid_runs", 1)),
    )


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


def sent_list(sent: Sequence[SentPart]) -> list[dict[str, str]]:
    return [{"sid": part.sid, "sent_at": iso(part.sent_at)} for part in sent]


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def number(seconds: float) -> Decimal:
    return Decimal(f"{seconds:.3f}")


def serialize(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _to_dynamodb(value) for name, value in item.items()}


def deserialize(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _from_dynamodb(value) for name, value in item.items()}
