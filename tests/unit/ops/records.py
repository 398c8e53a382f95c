"""Conversation records as the function writes them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from sandbox.context_objects import RECIPIENT
from services.conversation_item import iso
from tests.fakes.clock import START


def make_error(**overrides: Any) -> dict[str, Any]:
    return {
        "step": "send",
        "code": "twilio_63016",
        "message": "Twilio refused the request (HTTP 400, code 63016)",
        "at": iso(START),
        "permanent": True,
        "message_id": "m-1",
        "receive_count": Decimal(1),
    } | overrides


def make_record(conversation_id: str = "conv-0001", *, minutes: int = 0, **overrides: Any) -> dict[str, Any]:
    """Return the record of a conversation that failed `minutes` after the start; a value of `...` takes one out."""
    record: dict[str, Any] = {
        "recipient_tel": RECIPIENT,
        "conversation_id": conversation_id,
        "conversation_status": "failed_to_send_message",
        "created_at": iso(START),
        "updated_at": iso(START + timedelta(minutes=minutes)),
        "attempts": Decimal(1),
        "task_complete": Decimal(0),
        "needs_attention": "yes",
        "last_error": make_error(),
        "company_id": "acme",
        "project_id": "spring",
        "company_name": "Acme Coffee",
        "company_whatsapp_number": "+442079460000",
        "recipient_first_name": "Ana",
        "recipient_email": "ana@example.com",
        "project_data": '{"position":"Barista","call":"+447700900999"}',
        "request_id": f"req-{conversation_id}",
    } | overrides
    return {name: value for name, value in record.items() if value is not ...}


def make_watched_record(
    status: str = "undelivered", error_code: int | None = 63016, **overrides: Any
) -> dict[str, Any]:
    """Return the record of a conversation that is done, as the watch left it; each part has the same fate."""
    sids = overrides.pop("sids", ["SM" + "1" * 32])
    is_failure = status in {"failed", "undelivered"}
    fate = {"status": status, "at": iso(START + timedelta(minutes=1))}
    watched: dict[str, Any] = {
        "closed_at": iso(START),
        "messages": [
            {"message_id": sid, "role": "assistant", "content": "Hello", "timestamp": iso(START)} for sid in sids
        ],
        "deliveries": {sid: fate | ({"error_code": Decimal(error_code)} if error_code else {}) for sid in sids},
        "delivery_status": status,
        "delivery_writes": Decimal(2),
        "needs_attention": "yes" if is_failure else ...,
        "last_error": make_error(step="deliver", message="Twilio accepted the message, and it was not delivered")
        if is_failure
        else ...,
    }
    return make_closed_record(**(watched | overrides))


def make_closed_record(conversation_id: str = "conv-0001", **overrides: Any) -> dict[str, Any]:
    """Return the record of a conversation that is done."""
    closed: dict[str, Any] = {
        "conversation_status": "initial_message_sent",
        "needs_attention": ...,
        "last_error": ...,
        "task_complete": Decimal(1),
        "processing_time_ms": Decimal(4200),
        "openai_thread_id": "conv_abc",
        "openai_response_id": "resp_abc",
        "messages": [
            {
                "message_id": "SM" + "1" * 32,
                "role": "assistant",
                "content": "Hello Ana, call +447700900999.",
                "timestamp": iso(START),
                "tokens": Decimal(40),
            }
        ],
    }
    return make_record(conversation_id, **(closed | overrides))
