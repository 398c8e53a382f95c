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
    pytest.param(replacing({f"{REQUEST}__initial_request_timestamp": "2026-11-22"}), id="a date alone"),
    pytest.param(replacing({f"{REQUEST}__initial_request_timestamp": "20261122T085930Z"}), id="basic form"),
    pytest.param(replacing({f"{REQUEST}__initial_request_timestamp": "2026-W47-7T08:59:30"}), id="day of a week"),
    pytest.param(replacing({f"{REQUEST}__channel_method": "WhatsApp"}), id="channel in another case"),
    pytest.param(make_context(conversation_data__conversation_id="c" * 512), id="longest id"),
    pytest.param(make_context(conversation_data__conversation_id="acme#Frühling 2027#7f3a#15550002222"), id="any id"),
    pytest.param(replacing({f"{FRONT}__project_data": ["a", 1, None]}), id="project data of another type"),
    pytest.param(replacing({f"{FRONT}__project_data": 0.5}), id="project data that is a number"),
    pytest.param(replacing({f"{COMPANY}__company_rep": ["Carol", "Dan"]}), id="representatives as a list"),
    pytest.param(
        replacing(
            {
                f"{OPENAI}__api_key_reference": "ai-multi-comms/openai-api-key/whatsapp-prod",
                f"{WHATSAPP}__whatsapp_credentials_id": "ai-multi-comms/whatsapp-credentials/acme/spring/twilio-dev",
            }
        ),
        id="references with a prefix and an environment",
    ),
    pytest.param(
        replacing({f"{OPENAI}__assistant_id_replies": 5, f"{OPENAI}__assistant_id_3": ""}), id="assistants of others"
    ),
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

NAME = "must have 1 to 64 letters, digits, dashes and underscores, and nothing else"
THREAD = "must have at most 128 letters, digits, dashes and underscores, and nothing else"
TEL = "must be a number with its country code, such as +447700900000"
ID = "must be printable text"
SECRET = (
    "must be a secret's name of at most 512 characters:"
    " segments of letters, digits and _+=.@- with a slash between them"
)
TWO_KINDS = "must not have the path segments of two kinds of secret"

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
    (f"{REQUEST}__channel_method", "whats app", "is not whatsapp"),
    (f"{REQUEST}__initial_request_timestamp", "yesterday", "must be an ISO 8601 date, with or without a time"),
    (f"{REQUEST}__initial_request_timestamp", "22.11.2026", "must be an ISO 8601 date, with or without a time"),
    (f"{REQUEST}__initial_request_timestamp", 1795338000, "must be a text"),
    (f"{REQUEST}__request_id", "a\nb", ID),
    (f"{REQUEST}__request_id", "   ", ID),
    (f"{REQUEST}__request_id", "r" * 513, "string should have at most 512 characters"),
    (f"{RECIPIENT_DATA}__recipient_first_name", ["Ana"], "must be a text"),
    (f"{COMPANY}__project_status", "paused", "is not active"),
    (f"{COMPANY}__allowed_channels", ["email"], "does not include whatsapp"),
    (f"{COMPANY}__allowed_channels", [], "does not include whatsapp"),
    (f"{COMPANY}__allowed_channels", "whatsapp", "must be an array"),
    (f"{COMPANY}__auto_queue_reply_message", "false", "must be true or false"),
    (f"{COMPANY}__auto_queue_reply_message_from_number", "+447700900123", "must be an array"),
    (f"{WHATSAPP}__company_whatsapp_number", "+", TEL),
    (
        f"{WHATSAPP}__whatsapp_credentials_id",
        "openai-api-key/whatsapp",
        "must have the path segment whatsapp-credentials",
    ),
    (
        f"{OPENAI}__api_key_reference",
        "whatsapp-credentials/acme/spring/twilio",
        "must have the path segment openai-api-key",
    ),
    (f"{OPENAI}__api_key_reference", "openai-api-key//whatsapp", SECRET),
    (f"{OPENAI}__api_key_reference", "openai-api-key/../database", SECRET),
    (f"{OPENAI}__api_key_reference", "/openai-api-key/whatsapp", SECRET),
    (f"{OPENAI}__api_key_reference", "openai-api-key/whatsapp/", SECRET),
    (f"{OPENAI}__api_key_reference", "OpenAI-API-Key/whatsapp", "must have the path segment openai-api-key"),
    (f"{OPENAI}__api_key_reference", "my-openai-api-key/whatsapp", "must have the path segment openai-api-key"),
    (f"{OPENAI}__api_key_reference", "\u043epenai-api-key/whatsapp", SECRET),
    (f"{OPENAI}__api_key_reference", " openai-api-key/whatsapp", SECRET),
    (f"{OPENAI}__api_key_reference", "openai-api-key/whatsapp\n", SECRET),
    (f"{OPENAI}__api_key_reference", "arn:aws:secretsmanager:eu-west-1:1:secret:x/openai-api-key/w", SECRET),
    (f"{OPENAI}__api_key_reference", "openai-api-key/" + "x" * 498, "string should have at most 512 characters"),
    (f"{OPENAI}__api_key_reference", ..., "is missing"),
    (
        f"{OPENAI}__assistant_id_template_sender",
        "../first-contact",
        NAME,
    ),
    (f"{OPENAI}__assistant_definition", {"instructions": 5}, "must be a text"),
    (f"{OPENAI}__assistant_definition", {"instructions": "x", "max_output_tokens": 16.5}, "must be a whole number"),
    (
        f"{OPENAI}__assistant_definition",
        {"instructions": "x", "outgoing": {"links": "any"}},
        "stands only in a definition of the zip",
    ),
    ("conversation_data__conversation_id", "", "string should have at least 1 character"),
    ("conversation_data__conversation_id", "a\tb", ID),
    (
        "conversation_data__thread_id",
        "a b",
        THREAD,
    ),
]
