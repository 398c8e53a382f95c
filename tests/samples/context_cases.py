"""Context Objects that are accepted, and what is refused of others: for the model and for the published schema."""

from collections.abc import Mapping
from typing import Any

import pytest

from sandbox.context_objects import make_context

FRONT, COMPANY = "frontend_payload", "company_data_payload"
RECIPIENT_DATA, REQUEST = f"{FRONT}__recipient_data", f"{FRONT}__request_data"
WHATSAPP = f"{COMPANY}__channel_config__whatsapp"
OPENAI = f"{COMPANY}__ai_config__openai_config__whatsapp"
SECRET_VALUE = "value-of-the-input"


def replacing(values: Mapping[str, Any]) -> dict[str, Any]:
    return make_context(**values)


def without(*paths: str) -> dict[str, Any]:
    return replacing(dict.fromkeys(paths, ...))


ACCEPTED = [
    pytest.param(
        without(
            f"{RECIPIENT_DATA}__recipient_first_name",
            f"{RECIPIENT_DATA}__recipient_last_name",
            f"{RECIPIENT_DATA}__recipient_email",
            f"{FRONT}__project_data",
            f"{COMPANY}__company_name",
            f"{COMPANY}__project_name",
            f"{COMPANY}__project_status",
            f"{COMPANY}__allowed_channels",
            f"{COMPANY}__company_rep",
        ),
        id="only what is required",
    ),
    pytest.param(
        replacing(
            dict.fromkeys(
                [
                    f"{RECIPIENT_DATA}__recipient_email",
                    f"{FRONT}__project_data",
                    f"{COMPANY}__project_status",
                    f"{COMPANY}__allowed_channels",
                    f"{COMPANY}__company_rep",
                    f"{OPENAI}__assistant_definition",
                    "conversation_data__thread_id",
                ]
            )
        ),
        id="null for what is not required",
    ),
    pytest.param(make_context(extra=1, metadata__extra={"a": [1]}), id="unknown fields"),
    pytest.param(
        replacing({f"{OPENAI}__api_key_reference": ..., f"{OPENAI}__ai_api_key_reference": "openai-api-key/x"}),
        id="the other name of the key",
    ),
    pytest.param(replacing({f"{OPENAI}__ai_api_key_reference": 5}), id="the other name beside the first"),
    pytest.param(replacing({f"{COMPANY}__company_rep": "Carol"}), id="a representative as text"),
    pytest.param(make_context(conversation_data__thread_id=""), id="no thread"),
    pytest.param(make_context(conversation_data__thread_id="conv_1"), id="a thread"),
    pytest.param(make_context(recipient_tel="+1234567"), id="shortest number"),
    pytest.param(make_context(recipient_tel="+123456789012345"), id="longest number"),
    pytest.param(replacing({f"{REQUEST}__initial_request_timestamp": "2026-11-22T08:59:30.123456+01:00"}), id="offset"),
    pytest.param(replacing({f"{REQUEST}__initial_request_timestamp": "2026-11-22 08:59"}), id="no seconds"),
    pytest.param(make_context(conversation_data__conversation_id="c" * 255), id="longest id"),
    pytest.param(
        replacing(
            {
                f"{OPENAI}__assistant_definition": {
                    "model": "gpt-6-luna",
                    "instructions": "Greet.",
                    "output_schema": {"type": "object"},
                    "max_output_tokens": 16,
                    "reasoning_effort": "none",
                    "later": True,
                }
            }
        ),
        id="an inline definition",
    ),
    pytest.param(replacing({f"{RECIPIENT_DATA}__recipient_first_name": "Zoë 👩‍👩‍👧 \u0000"}), id="any text"),
]


# What is refused: where, which value instead, and why

TEL = "must match ^\\+[1-9][0-9]{6,14}$"
ID = "must match ^[A-Za-z0-9][A-Za-z0-9._:#/=-]{0,254}$"

REFUSED = [
    ("metadata", ..., "is missing"),
    ("metadata", 5, "must be an object"),
    ("metadata__router_version", 5, "must be a text"),
    (FRONT, [], "must be an object"),
    (f"{RECIPIENT_DATA}__recipient_tel", "07700900123", TEL),
    (f"{RECIPIENT_DATA}__recipient_tel", "+0447700900123", TEL),
    (f"{RECIPIENT_DATA}__recipient_tel", "+447700900123\n", TEL),
    (f"{RECIPIENT_DATA}__recipient_tel", "+1234567890123456", TEL),
    (f"{RECIPIENT_DATA}__recipient_tel", "+४४७७००९००१२३", TEL),
    (f"{RECIPIENT_DATA}__recipient_tel", 447700900123, "must be a text"),
    (f"{RECIPIENT_DATA}__recipient_email", SECRET_VALUE * 100, "string should have at most 1024 characters"),
    (f"{RECIPIENT_DATA}__comms_consent", False, "is not true: the recipient has not agreed to be contacted"),
    (f"{RECIPIENT_DATA}__comms_consent", ..., "is missing"),
    (f"{RECIPIENT_DATA}__comms_consent", "true", "must be true or false"),
    (f"{RECIPIENT_DATA}__comms_consent", 1, "must be true or false"),
    (f"{REQUEST}__channel_method", "email", "is not whatsapp"),
    (f"{REQUEST}__channel_method", "WhatsApp", "is not whatsapp"),
    (f"{REQUEST}__initial_request_timestamp", "yesterday", "must be an ISO 8601 date and time"),
    (f"{REQUEST}__initial_request_timestamp", "2026-11-22", "must be an ISO 8601 date and time"),
    (f"{REQUEST}__initial_request_timestamp", "2026-11-22T08:59:30Z\n", "must be an ISO 8601 date and time"),
    (f"{REQUEST}__request_id", "../../etc", ID),
    (f"{FRONT}__project_data", "text", "must be an object"),
    (f"{COMPANY}__project_status", "paused", "is not active"),
    (f"{COMPANY}__allowed_channels", ["email"], "does not include whatsapp"),
    (f"{COMPANY}__allowed_channels", [], "does not include whatsapp"),
    (f"{COMPANY}__allowed_channels", "whatsapp", "must be an array"),
    (f"{COMPANY}__company_rep", 5, "must be an object or a text"),
    (f"{WHATSAPP}__company_whatsapp_number", "+", TEL),
    (
        f"{WHATSAPP}__whatsapp_credentials_id",
        "openai-api-key/whatsapp",
        "must match ^whatsapp-credentials/[A-Za-z0-9/_+=.@-]{1,480}$",
    ),
    (
        f"{OPENAI}__api_key_reference",
        "whatsapp-credentials/acme/spring/twilio",
        "must match ^openai-api-key/[A-Za-z0-9/_+=.@-]{1,480}$",
    ),
    (f"{OPENAI}__api_key_reference", ..., "is missing"),
    (f"{OPENAI}__assistant_id_template_sender", "../first-contact", "must match ^[A-Za-z0-9_-]{1,64}$"),
    (f"{OPENAI}__assistant_definition", {"instructions": 5}, "must be a text"),
    (f"{OPENAI}__assistant_definition", {"instructions": "x", "max_output_tokens": 16.5}, "must be a whole number"),
    ("conversation_data__conversation_id", "", ID),
    ("conversation_data__conversation_id", "a b", ID),
    ("conversation_data__thread_id", "a b", "must match ^[A-Za-z0-9_-]{0,128}$"),
]
