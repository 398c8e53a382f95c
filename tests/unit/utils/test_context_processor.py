"""Context processor: what is accepted, and every fault of what is not, without a value of it."""

import json
from typing import Any

import pytest

from tests.context_objects import RECIPIENT, make_body, make_context
from utils.context_model import ContextObject
from utils.context_processor import MAX_DEPTH, MAX_FAULTS, InvalidContextError, parse_context

FRONT, COMPANY = "frontend_payload", "company_data_payload"
RECIPIENT_DATA, REQUEST = f"{FRONT}__recipient_data", f"{FRONT}__request_data"
WHATSAPP = f"{COMPANY}__channel_config__whatsapp"
OPENAI = f"{COMPANY}__ai_config__openai_config__whatsapp"
SECRET_VALUE = "value-of-the-input"


def refused(body: object) -> InvalidContextError:
    with pytest.raises(InvalidContextError) as caught:
        parse_context(body)
    return caught.value


# What is accepted


def test_a_complete_object_is_read() -> None:
    context = parse_context(make_body())

    assert context.frontend_payload.recipient_data.recipient_tel == RECIPIENT
    assert context.frontend_payload.project_data == {"position": "Barista", "starts": "2027-01-04", "hours": 32.5}
    assert context.company_data_payload.ai_config.openai_config.whatsapp.api_key_reference == "openai-api-key/whatsapp"
    assert context.conversation_data.thread_id is None


def without(*paths: str) -> dict[str, Any]:
    return make_context(**dict.fromkeys(paths, ...))


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
        make_context(
            **dict.fromkeys(
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
        make_context(**{f"{OPENAI}__api_key_reference": ..., f"{OPENAI}__ai_api_key_reference": "openai-api-key/x"}),
        id="the other name of the key",
    ),
    pytest.param(make_context(**{f"{OPENAI}__ai_api_key_reference": 5}), id="the other name beside the first"),
    pytest.param(make_context(**{f"{COMPANY}__company_rep": "Carol"}), id="a representative as text"),
    pytest.param(make_context(conversation_data__thread_id=""), id="no thread"),
    pytest.param(make_context(conversation_data__thread_id="conv_1"), id="a thread"),
    pytest.param(make_context(recipient_tel="+1234567"), id="shortest number"),
    pytest.param(make_context(recipient_tel="+123456789012345"), id="longest number"),
    pytest.param(
        make_context(**{f"{REQUEST}__initial_request_timestamp": "2026-11-22T08:59:30.123456+01:00"}), id="offset"
    ),
    pytest.param(make_context(**{f"{REQUEST}__initial_request_timestamp": "2026-11-22 08:59"}), id="no seconds"),
    pytest.param(make_context(conversation_data__conversation_id="c" * 255), id="longest id"),
    pytest.param(
        make_context(
            **{
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
    pytest.param(make_context(**{f"{RECIPIENT_DATA}__recipient_first_name": "Zoë 👩‍👩‍👧 \u0000"}), id="any text"),
]


@pytest.mark.parametrize("context", ACCEPTED)
def test_what_is_valid_is_accepted(context: dict[str, Any]) -> None:
    assert isinstance(parse_context(json.dumps(context)), ContextObject)


def test_the_first_name_of_the_key_reference_wins() -> None:
    context = parse_context(make_body(**{f"{OPENAI}__ai_api_key_reference": "openai-api-key/other"}))

    assert context.company_data_payload.ai_config.openai_config.whatsapp.api_key_reference == "openai-api-key/whatsapp"


def test_an_empty_thread_is_none() -> None:
    assert parse_context(make_body(conversation_data__thread_id="")).conversation_data.thread_id is None


# What is refused

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


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [pytest.param(*case, id=f"{case[0].split('__')[-1]}={case[1]!r:.30}") for case in REFUSED],
)
def test_a_fault_is_named_with_its_path_and_no_value(path: str, value: Any, reason: str) -> None:
    error = refused(make_body(**{path: value}))

    (fault,) = error.faults
    where, _, why = fault.partition(": ")
    assert where.startswith(path.replace("__", "."))
    assert why == reason
    assert SECRET_VALUE not in str(error)


def test_all_faults_of_a_message_are_reported_together() -> None:
    error = refused(
        make_body(
            metadata=...,
            recipient_tel="nobody",
            **{
                f"{COMPANY}__company_id": "other",
                f"{REQUEST}__channel_method": "sms",
                f"{COMPANY}__allowed_channels": ["whatsapp", 5, 6],
            },
        )
    )

    assert [fault.split(":")[0] for fault in error.faults] == [
        "metadata",
        "frontend_payload.recipient_data.recipient_tel",
        "frontend_payload.request_data.channel_method",
        "company_data_payload.allowed_channels.1",
        "company_data_payload.allowed_channels.2",
        "company_data_payload.company_id",
    ]


@pytest.mark.parametrize("name", ["company_id", "project_id"])
def test_two_halves_that_disagree_are_refused(name: str) -> None:
    error = refused(make_body(**{f"{COMPANY}__{name}": "another-tenant"}))

    assert error.faults == [f"company_data_payload.{name}: differs from frontend_payload.company_data.{name}"]


def test_a_million_faults_are_counted_and_not_listed() -> None:
    error = refused(make_body(**{f"{COMPANY}__allowed_channels": [1] * 100_000}))

    assert len(error.faults) == MAX_FAULTS + 1
    assert error.faults[-1] == f"$: and {100_000 - MAX_FAULTS} more"


# The key of what is refused


def test_the_key_of_a_refused_message_is_known_where_both_halves_are_valid() -> None:
    assert refused(make_body(metadata=...)).key == (RECIPIENT, "conv-0001")


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({"recipient_tel": "nobody"}, id="bad number"),
        pytest.param({"conversation_id": "a b"}, id="bad id"),
        pytest.param({"conversation_data": ...}, id="no conversation"),
        pytest.param({FRONT: [1]}, id="no recipient"),
    ],
)
def test_without_both_halves_there_is_no_key(overrides: dict[str, Any]) -> None:
    assert refused(make_body(**overrides)).key is None


# What is not even a Context Object


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        pytest.param(None, "$: the message has no text body", id="no body"),
        pytest.param({"a": 1}, "$: the message has no text body", id="an object instead of text"),
        pytest.param("", "$: not JSON (line 1, column 1)", id="empty"),
        pytest.param("hello", "$: not JSON (line 1, column 1)", id="text"),
        pytest.param('{"a": \n 1', "$: not JSON (line 2, column 3)", id="cut off"),
        pytest.param("\ufeff{}", "$: not JSON (line 1, column 1)", id="byte order mark"),
        pytest.param("[]", "$: must be a JSON object", id="array"),
        pytest.param("null", "$: must be a JSON object", id="null"),
        pytest.param('{"a": NaN}', "$: not JSON: NaN and Infinity are not numbers", id="NaN"),
        pytest.param('{"a": -Infinity}', "$: not JSON: NaN and Infinity are not numbers", id="Infinity"),
        pytest.param('{"a": 1e400}', "$: a number is too large", id="huge float"),
        pytest.param(
            f'{{"a": {"9" * 5000}}}', "$: not JSON that can be read: a number or the nesting is too large", id="huge"
        ),
        pytest.param('{"a": 1, "a": 2}', "$: an object has two members of one name", id="duplicate"),
        pytest.param('{"a": "\\ud83d"}', "$: a text holds half a character (a lone surrogate)", id="half a pair"),
        pytest.param('{"\\ud83d": 1}', "$: a text holds half a character (a lone surrogate)", id="half a name"),
        pytest.param("[" * 100_000, "$: not JSON that can be read: a number or the nesting is too large", id="deep"),
        pytest.param(
            '{"a":' * MAX_DEPTH + "{}" + "}" * MAX_DEPTH, f"$: nested more than {MAX_DEPTH} levels deep", id="deeper"
        ),
    ],
)
def test_what_can_not_be_read_is_refused(body: object, fault: str) -> None:
    error = refused(body)

    assert error.faults == [fault]
    assert error.key is None


def test_the_deepest_nesting_that_is_allowed_is_read() -> None:
    levels_above_and_below = 4
    nested: Any = "end"
    for _ in range(MAX_DEPTH - levels_above_and_below):
        nested = [nested]

    context = parse_context(make_body(**{f"{FRONT}__project_data": {"deep": nested}}))

    assert context.frontend_payload.project_data == {"deep": nested}


# Size


def test_what_would_not_fit_into_a_record_is_refused_with_its_key() -> None:
    error = refused(make_body(**{f"{FRONT}__project_data": {"text": "x" * 400_000}}))

    assert error.faults == ["frontend_payload.project_data: what is stored of the object exceeds 336 KiB"]
    assert error.key == (RECIPIENT, "conv-0001")


def test_size_is_counted_in_bytes() -> None:
    assert refused(make_body(**{f"{FRONT}__project_data": {"text": "ü" * 200_000}}))


def test_what_just_fits_is_read() -> None:
    assert parse_context(make_body(**{f"{FRONT}__project_data": {"text": "x" * 330_000}}))


def test_the_record_keeps_free_form_data_as_text() -> None:
    """As a number or a map, DynamoDB could refuse it: 38 digits, 32 levels."""
    attributes = parse_context(make_body(**{f"{FRONT}__project_data": {"n": 10**60}})).stored_attributes()

    assert attributes["project_data"] == f'{{"n":{10**60}}}'
    assert attributes["company_rep"] == '{"name":"Carol","title":"Recruiter"}'
    assert attributes["company_name"] == "Acme Coffee"


def test_the_record_keeps_nothing_empty_and_no_key_of_its_own() -> None:
    attributes = parse_context(
        make_body(**{f"{RECIPIENT_DATA}__recipient_email": "", f"{COMPANY}__company_name": None})
    ).stored_attributes()

    assert {"recipient_email", "company_name", "recipient_tel", "conversation_id"} & set(attributes) == set()
    assert "openai-api-key/whatsapp" not in attributes.values()
