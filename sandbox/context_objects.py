"""Context Objects as the Channel Router sends them."""

import json
from typing import Any

TWILIO_REFERENCE = "whatsapp-credentials/acme/spring/twilio"
OPENAI_REFERENCE = "openai-api-key/whatsapp"
RECIPIENT = "+447700900123"
SENDER = "+442079460000"


def make_context(
    *,
    conversation_id: str = "conv-0001",
    recipient_tel: str = RECIPIENT,
    credentials: str = TWILIO_REFERENCE,
    **overrides: Any,
) -> dict[str, Any]:
    """Return a valid Context Object; `overrides` replace values by dotted path, with `__` for the dots.

    A value of `...` takes the member out: `make_context(frontend_payload__project_data=...)`. The recipient's number
    stands in the project data too, as in many forms: by it the stubs tell whom a request to the model is about.
    """
    context: dict[str, Any] = {
        "metadata": {"router_version": "2.4.0"},
        "frontend_payload": {
            "company_data": {"company_id": "acme", "project_id": "spring"},
            "recipient_data": {
                "recipient_tel": recipient_tel,
                "recipient_first_name": "Ana",
                "recipient_last_name": "Silva",
                "recipient_email": "ana@example.com",
                "comms_consent": True,
            },
            "request_data": {
                "request_id": f"req-{conversation_id}",
                "channel_method": "whatsapp",
                "initial_request_timestamp": "2026-11-22T08:59:30Z",
            },
            "project_data": {"position": "Barista", "starts": "2027-01-04", "hours": 32.5, "callback": recipient_tel},
        },
        "company_data_payload": {
            "company_id": "acme",
            "project_id": "spring",
            "company_name": "Acme Coffee",
            "project_name": "Spring hiring",
            "project_status": "active",
            "allowed_channels": ["whatsapp", "email"],
            "company_rep": {"name": "Carol", "title": "Recruiter"},
            "channel_config": {"whatsapp": {"whatsapp_credentials_id": credentials, "company_whatsapp_number": SENDER}},
            "ai_config": {
                "openai_config": {
                    "whatsapp": {
                        "api_key_reference": OPENAI_REFERENCE,
                        "assistant_id_template_sender": "first-contact",
                    }
                }
            },
        },
        "conversation_data": {"conversation_id": conversation_id},
    }
    for path, value in overrides.items():
        *parents, name = path.split("__")
        target = context
        for parent in parents:
            target = target[parent]
        if value is ...:
            del target[name]
        else:
            target[name] = value
    return context


def make_body(**overrides: Any) -> str:
    """Return a Context Object as the body of an SQS message."""
    return json.dumps(make_context(**overrides))
