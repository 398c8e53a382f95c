"""Context processor: what is accepted, and every fault of what is not, without a value of it."""

import json
from typing import Any

import pytest

from sandbox.context_objects import RECIPIENT, make_body
from tests.fakes.cost import MAX_CPU_SECONDS, MAX_MEMORY_BYTES, cpu_seconds, peak_memory_bytes
from tests.samples.context_cases import ACCEPTED, COMPANY, FRONT, OPENAI, RECIPIENT_DATA, REFUSED, REQUEST, SECRET_VALUE
from tests.samples.hostile import ARRAYS, VALUES, Maker
from utils.context_model import MAX_ENTRIES, ContextObject
from utils.context_processor import MAX_BODY_BYTES, MAX_DEPTH, MAX_FAULTS, InvalidContextError, parse_context
from utils.dynamodb_values import MAX_VALUES


def refused(body: object) -> InvalidContextError:
    with pytest.raises(InvalidContextError) as caught:
        parse_context(body)
    return caught.value


# What is accepted


def test_a_complete_object_is_read() -> None:
    context = parse_context(make_body())

    assert context.frontend_payload.recipient_data.recipient_tel == RECIPIENT
    assert context.frontend_payload.project_data["position"] == "Barista"
    assert context.company_data_payload.ai_config.openai_config.whatsapp.api_key_reference == "openai-api-key/whatsapp"
    assert context.conversation_data.thread_id is None


@pytest.mark.parametrize("context", ACCEPTED)
def test_what_is_valid_is_accepted(context: dict[str, Any]) -> None:
    assert isinstance(parse_context(json.dumps(context)), ContextObject)


def test_the_first_name_of_the_key_reference_wins() -> None:
    context = parse_context(make_body(**{f"{OPENAI}__ai_api_key_reference": "openai-api-key/other"}))

    assert context.company_data_payload.ai_config.openai_config.whatsapp.api_key_reference == "openai-api-key/whatsapp"


def test_an_empty_thread_is_none() -> None:
    assert parse_context(make_body(conversation_data__thread_id="")).conversation_data.thread_id is None


# What is refused


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


def test_many_faults_are_counted_and_not_listed() -> None:
    error = refused(make_body(**{f"{COMPANY}__allowed_channels": [1] * MAX_ENTRIES}))

    assert len(error.faults) == MAX_FAULTS + 1
    assert error.faults[-1] == f"$: and {MAX_ENTRIES - MAX_FAULTS} more"


def test_a_list_that_is_too_long_is_one_fault() -> None:
    error = refused(make_body(**{f"{COMPANY}__allowed_channels": [1] * (MAX_ENTRIES + 1)}))

    assert error.faults == [f"company_data_payload.allowed_channels: must have at most {MAX_ENTRIES} entries"]


# The key of what is refused


@pytest.mark.parametrize("recipient", [RECIPIENT, "+123", "07700 900123"])
def test_the_key_of_a_refused_message_is_known_where_both_halves_can_be_a_key(recipient: str) -> None:
    assert refused(make_body(metadata=..., recipient_tel=recipient)).key == (recipient, "conv-0001")


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({"recipient_tel": 447700900123}, id="number of another type"),
        pytest.param({"recipient_tel": "+447700900123\n"}, id="number with a line feed"),
        pytest.param({"conversation_id": ""}, id="empty id"),
        pytest.param({"conversation_id": "é" * 513}, id="id that is too large for a key"),
        pytest.param({"conversation_data": ...}, id="no conversation"),
        pytest.param({FRONT: [1]}, id="no recipient"),
    ],
)
def test_without_both_halves_there_is_no_key(overrides: dict[str, Any]) -> None:
    assert refused(make_body(**{"metadata": ..., **overrides})).key is None


def test_an_id_that_is_too_large_for_a_key_is_refused() -> None:
    assert refused(make_body(conversation_id="漢" * 342)).faults == [
        "conversation_data.conversation_id: must have at most 1024 bytes"
    ]
    assert parse_context(make_body(conversation_id="漢" * 341))


# The prefix of secrets


def test_a_reference_below_the_prefix_is_accepted() -> None:
    body = make_body(
        credentials="comms/whatsapp-credentials/acme/spring/twilio",
        **{f"{OPENAI}__api_key_reference": "comms/eu/openai-api-key/whatsapp"},
    )

    assert parse_context(body, "comms")
    assert parse_context(body, "comms/")


@pytest.mark.parametrize("prefix", ["comm", "comms/eu", "Comms"])
def test_references_elsewhere_are_refused_together_with_all_else(prefix: str) -> None:
    body = make_body(
        credentials="comms/whatsapp-credentials/acme/spring/twilio",
        **{f"{OPENAI}__api_key_reference": "comms/openai-api-key/whatsapp", f"{COMPANY}__company_id": "other"},
    )

    with pytest.raises(InvalidContextError) as caught:
        parse_context(body, prefix)

    assert [fault.split(": ")[1] for fault in caught.value.faults] == [
        "must begin with SECRET_NAME_PREFIX",
        "must begin with SECRET_NAME_PREFIX",
        "differs from frontend_payload.company_data.company_id",
    ]


# What is not even a Context Object


SNS = "$: is an SNS envelope: set RawMessageDelivery to true at the topic's subscription"
EVENTBRIDGE = "$: is an EventBridge envelope: set InputPath to $.detail at the rule's target"
TWICE = "$: is JSON encoded twice: send the object's JSON as the body, not a string that holds it"
S3 = "$: is a pointer to a payload in S3, of an extended SQS client: send the object itself, it fits into a message"
RECORDS = "$: is an event with records, as of S3, SQS or Kinesis: send one Context Object as the body of each message"
LIST = "$: is a list of Context Objects: send each as a message of its own"


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
        pytest.param('{"Type": "Notification", "TopicArn": "t", "Message": "{}"}', SNS, id="SNS"),
        pytest.param('{"detail-type": "x", "source": "y", "detail": {}}', EVENTBRIDGE, id="EventBridge"),
        pytest.param(json.dumps(make_body()), TWICE, id="encoded twice"),
        pytest.param(
            '["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3BucketName": "b", "s3Key": "k"}]', S3, id="S3"
        ),
        pytest.param('{"s3BucketName": "b", "s3Key": "k"}', S3, id="S3 alone"),
        pytest.param('{"Records": [{"eventSource": "aws:s3"}]}', RECORDS, id="event"),
        pytest.param(json.dumps([json.loads(make_body())]), LIST, id="list"),
        pytest.param("null", "$: must be a JSON object", id="null"),
        pytest.param('{"a": NaN}', "$: not JSON: NaN and Infinity are not numbers", id="NaN"),
        pytest.param('{"a": -Infinity}', "$: not JSON: NaN and Infinity are not numbers", id="Infinity"),
        pytest.param('{"a": 1e400}', "$: a number is too large", id="huge float"),
        pytest.param(
            f'{{"a": {"9" * 5000}}}', "$: not JSON that can be read: a number or the nesting is too large", id="huge"
        ),
        pytest.param('{"a": 1, "a": 2}', "$: an object has two members of one name", id="duplicate"),
        pytest.param("[" * 100_000, "$: not JSON that can be read: a number or the nesting is too large", id="deep"),
    ],
)
def test_what_can_not_be_read_is_refused(body: object, fault: str) -> None:
    error = refused(body)

    assert error.faults == [fault]
    assert error.key is None


HALF = "holds half a character (a lone surrogate)"


@pytest.mark.parametrize(
    ("path", "value", "faults"),
    [
        pytest.param("unknown", "\ud83d", [f"$: a text {HALF}"], id="half a pair"),
        pytest.param("\ud83d", 1, [f"$: a text {HALF}"], id="half a name"),
        pytest.param(f"{FRONT}__project_data", {"\ud83d": 1}, [f"$: a text {HALF}"], id="half a free-form name"),
        pytest.param(
            f"{RECIPIENT_DATA}__recipient_first_name",
            "\ud83d",
            [f"$: a text {HALF}", f"frontend_payload.recipient_data.recipient_first_name: {HALF}"],
            id="half a known text",
        ),
        pytest.param(
            "unknown",
            json.loads('{"a":' * MAX_DEPTH + "{}" + "}" * MAX_DEPTH),
            [f"$: nested more than {MAX_DEPTH} levels deep"],
            id="too deep",
        ),
    ],
)
def test_what_can_not_be_written_down_is_refused_with_all_other_faults_and_the_key(
    path: str, value: Any, faults: list[str]
) -> None:
    error = refused(make_body(**{path: value, f"{REQUEST}__channel_method": "sms"}))

    assert error.faults == [*faults, "frontend_payload.request_data.channel_method: is not whatsapp"]
    assert error.key == (RECIPIENT, "conv-0001")


def test_the_deepest_nesting_that_is_allowed_is_read() -> None:
    levels_above_and_below = 4
    nested: Any = "end"
    for _ in range(MAX_DEPTH - levels_above_and_below):
        nested = [nested]

    context = parse_context(make_body(**{f"{FRONT}__project_data": {"deep": nested}}))

    assert context.frontend_payload.project_data == {"deep": nested}


# Size


def body_of(size: int, unit: str = "x") -> str:
    """Return a valid body of so many bytes."""
    wanted = size - len(make_body(**{f"{FRONT}__project_data": {"text": ""}}).encode())
    filled = unit * (wanted // len(unit.encode()))
    text = make_body(**{f"{FRONT}__project_data": {"text": ""}}).replace('"text": ""', f'"text": "{filled}"')
    return text + " " * (size - len(text.encode()))


@pytest.mark.parametrize("unit", ["x", "\u00fc", "\U0001f600"])
def test_the_longest_body_is_read(unit: str) -> None:
    assert parse_context(body_of(MAX_BODY_BYTES, unit))


@pytest.mark.parametrize("unit", ["x", "\u00fc", "\U0001f600"])
def test_a_longer_body_is_refused_unread(unit: str) -> None:
    error = refused(body_of(MAX_BODY_BYTES + 1, unit))

    assert error.faults == ["$: the body exceeds 255 KiB"]
    assert error.key is None


def test_what_would_not_fit_into_a_record_is_refused_with_its_key() -> None:
    """Python writes some numbers with more digits than they came with."""
    body = make_body(**{f"{FRONT}__project_data": {"numbers": [1e15] * 30_000}}).replace("1000000000000000.0", "1e15")

    error = refused(body)

    assert error.faults == ["frontend_payload.project_data: what is stored of the object exceeds 336 KiB"]
    assert error.key == (RECIPIENT, "conv-0001")


def test_free_form_data_of_very_many_values_is_kept_as_text() -> None:
    """As a map, each value costs a record's writer microseconds and a kilobyte."""
    most = [0] * (MAX_VALUES - 2)

    kept = [
        parse_context(make_body(**{f"{FRONT}__project_data": {"n": numbers}})).stored_attributes()["project_data"]
        for numbers in (most, [*most, 0])
    ]

    assert [type(data) for data in kept] == [dict, str]


ANYWHERE = [
    f"{FRONT}__project_data",
    f"{COMPANY}__allowed_channels",
    f"{COMPANY}__company_rep",
    f"{OPENAI}__assistant_definition__output_schema",
    f"{RECIPIENT_DATA}__recipient_first_name",
    RECIPIENT_DATA,
    "metadata__router_version",
]


def hostile_body(make: Maker, path: str) -> str:
    definition = {f"{OPENAI}__assistant_definition": {"instructions": "Greet."}} if path.endswith("_schema") else {}
    around = make_body(**definition, **{path: "here"})
    return around.replace('"here"', make(MAX_BODY_BYTES - len(around)))


@pytest.mark.parametrize("path", ANYWHERE, ids=[path.split("__")[-1] for path in ANYWHERE])
@pytest.mark.parametrize("make", VALUES.values(), ids=VALUES)
def test_no_body_is_dear_to_read_or_to_refuse(make: Maker, path: str) -> None:
    body = hostile_body(make, path)

    assert cpu_seconds(lambda: parse_context(body)) < MAX_CPU_SECONDS


@pytest.mark.parametrize("path", ANYWHERE[:2], ids=[path.split("__")[-1] for path in ANYWHERE[:2]])
@pytest.mark.parametrize("make", ARRAYS.values(), ids=ARRAYS)
def test_no_body_takes_much_memory(make: Maker, path: str) -> None:
    body = hostile_body(make, path)

    assert peak_memory_bytes(lambda: parse_context(body)) < MAX_MEMORY_BYTES / 2


def test_the_record_keeps_what_the_engine_reads_under_its_names_and_types() -> None:
    attributes = parse_context(
        make_body(
            **{
                f"{OPENAI}__assistant_id_replies": "asst_r",
                f"{OPENAI}__assistant_id_3": "",
                f"{COMPANY}__auto_queue_reply_message": False,
                f"{COMPANY}__auto_queue_reply_message_from_number": ["+15550001111"],
            }
        )
    ).stored_attributes()

    assert attributes["channel_config"] == {
        "whatsapp_credentials_id": "whatsapp-credentials/acme/spring/twilio",
        "company_whatsapp_number": "+442079460000",
    }
    assert attributes["ai_config"] == {
        "api_key_reference": "openai-api-key/whatsapp",
        "assistant_id_template_sender": "first-contact",
        "assistant_id_replies": "asst_r",
    }
    assert attributes["gsi_company_whatsapp_number"] == "+442079460000"
    assert attributes["gsi_recipient_tel"] == RECIPIENT
    assert attributes["project_status"] == "active"
    assert attributes["allowed_channels"] == ["whatsapp", "email"]
    assert attributes["comms_consent"] is True
    assert attributes["auto_queue_reply_message"] is False
    assert attributes["auto_queue_reply_message_from_number"] == ["+15550001111"]
    assert attributes["company_rep"] == {"name": "Carol", "title": "Recruiter"}
    assert attributes["channel_method"] == "whatsapp"


def test_the_record_keeps_nothing_empty_and_no_key_of_its_own() -> None:
    attributes = parse_context(
        make_body(**{f"{RECIPIENT_DATA}__recipient_email": "", f"{COMPANY}__company_name": None})
    ).stored_attributes()

    assert {"recipient_email", "company_name", "recipient_tel", "conversation_id"} & set(attributes) == set()
    assert "openai-api-key/whatsapp" not in attributes.values()


# Names


def recipient_named(name: str) -> Any:
    body = make_body(**{f"{RECIPIENT_DATA}__recipient_first_name": name})
    return parse_context(body).frontend_payload.recipient_data


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("  Ana\t\n Maria ", "Ana Maria", id="white space"),
        pytest.param("A\u0000n\u001fa\u0085", "Ana", id="control characters"),
        pytest.param("\u202eanA\u202c \u2066x\u2069", "anA x", id="overrides"),
        pytest.param("\u0646\u06af\u200c\u0632", "\u0646\u06af\u200c\u0632", id="a joiner that the language needs"),
        pytest.param("x" * 150, "x" * 100, id="long"),
        pytest.param("Dr. J.R. Smith-Jones", "Dr. J.R. Smith-Jones", id="dots"),
        pytest.param("Ana / Ben", "Ana / Ben", id="a slash"),
        pytest.param("", "", id="empty"),
    ],
)
def test_a_name_is_cleaned(given: str, kept: str) -> None:
    assert recipient_named(given).recipient_first_name == kept


@pytest.mark.parametrize(
    "name",
    [
        "https://evil.example",
        "Ana hTTp:/x",
        "www.evil.example",
        "Ana evil.example/win",
        "evil.example:8080/x",
        "evil.example?x=1",
        "10.0.0.1/x",
        "\uff57\uff57\uff57\uff0eevil.example",
        "ht\u200btps://evil",
        "evil\u3002example/x",
        "mailto:ana@example.com",
    ],
)
def test_a_name_with_a_link_is_left_out_and_the_message_goes_on(name: str) -> None:
    recipient = recipient_named(name)

    assert recipient.recipient_first_name is None
    assert recipient.names_left_out == ["recipient_first_name"]
    assert recipient.recipient_last_name == "Silva"


def test_an_inline_definition_is_refused_where_it_is_not_allowed() -> None:
    body = make_body(**{f"{OPENAI}__assistant_definition": {"instructions": "Greet."}})

    with pytest.raises(InvalidContextError) as caught:
        parse_context(body, inline_definitions=False)

    (fault,) = caught.value.faults
    assert (
        fault == f"{OPENAI.replace('__', '.')}.assistant_definition: is not allowed, as INLINE_DEFINITIONS is not true"
    )


def test_null_is_no_definition() -> None:
    assert parse_context(make_body(**{f"{OPENAI}__assistant_definition": None}), inline_definitions=False)
