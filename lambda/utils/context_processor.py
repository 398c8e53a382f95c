"""Context processor: from the body of an SQS message to a valid Context Object, or to all that is wrong with it."""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any, Never

from pydantic import ValidationError

from utils.context_model import HALF_A_CHARACTER, MAX_ID_LENGTH, MAX_KEY_BYTES, ContextObject
from utils.dynamodb_values import stored_bytes, to_json
from utils.envelopes import envelope_fault
from utils.guard_settings import MODEL_NAME
from utils.secret_reference import SecretKind, reference_fault

MAX_BODY_BYTES = 255 * 1024
"""Longest body that is parsed; an SQS message of 256 KiB has room for attributes beside it."""

MAX_DEPTH = 64
"""Deepest nesting of a Context Object; real ones need less than ten levels."""

MAX_FAULTS = 50
"""Most faults that are listed of one message: a list of a million wrong entries must not fill the log."""

MAX_RECORD_BYTES = 400 * 1024
"""Source: Amazon DynamoDB Developer Guide, "Quotas": item size, attribute names included."""

RESERVED_BYTES = 64 * 1024
"""Part of a record kept free for what the function adds: ids, the reply, the messages."""


class InvalidContextError(Exception):
    """The text is not a valid Context Object.

    Attributes:
        faults: One line per fault, `path: what it should be`; never a value of the input.
        key: Recipient's number and conversation id, where both could be read and can be the key of a record.
    """

    def __init__(self, faults: list[str], key: tuple[str, str] | None = None) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults
        self.key = key


def parse_context(body: object, secret_name_prefix: str = "", *, inline_definitions: bool = True) -> ContextObject:
    """Validate the body of one SQS message.

    Args:
        secret_name_prefix: Path that both secret references must begin with.
        inline_definitions: Whether it may bring an assistant definition.

    Raises:
        InvalidContextError: With every fault of the message.
    """
    data = _parse_json(body)
    faults = list(_unreadable(data))
    try:
        context = ContextObject.model_validate(data)
    except ValidationError as exc:
        faults.extend(f"{_path(error['loc'])}: {_reason(error)}" for error in exc.errors(include_url=False))
    else:
        faults.extend(_foreign_secrets(context, secret_name_prefix))
    faults.extend(_disagreements(data))
    faults.extend(_unwanted_definition(data, allowed=inline_definitions))
    if len(faults) > MAX_FAULTS:
        faults[MAX_FAULTS:] = [f"$: and {len(faults) - MAX_FAULTS} more"]
    if faults:
        raise InvalidContextError(faults, _readable_key(data))
    if _stored_bytes(context) > MAX_RECORD_BYTES - RESERVED_BYTES:
        limit = f"{(MAX_RECORD_BYTES - RESERVED_BYTES) // 1024} KiB"
        raise InvalidContextError(
            [f"frontend_payload.project_data: what is stored of the object exceeds {limit}"],
            _readable_key(data),
        )
    return context


def _parse_json(body: object) -> dict[str, Any]:
    if not isinstance(body, str):
        raise InvalidContextError(["$: the message has no text body"])
    if len(body) > MAX_BODY_BYTES or len(body.encode(errors="surrogatepass")) > MAX_BODY_BYTES:
        raise InvalidContextError([f"$: the body exceeds {MAX_BODY_BYTES // 1024} KiB"])
    try:
        data = json.loads(body, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique_names)
    except _RefusedJsonError as exc:
        raise InvalidContextError([f"$: {exc}"]) from None
    except json.JSONDecodeError as exc:
        raise InvalidContextError([f"$: not JSON (line {exc.lineno}, column {exc.colno})"]) from None
    except (ValueError, RecursionError):
        raise InvalidContextError(["$: not JSON that can be read: a number or the nesting is too large"]) from None
    if envelope := envelope_fault(data):
        raise InvalidContextError([f"$: is {envelope}"])
    if not isinstance(data, dict):
        raise InvalidContextError(["$: must be a JSON object"])
    return data


class _RefusedJsonError(Exception):
    """JSON that Python reads but that has no meaning the two sides would agree on."""


def _no_constant(_: str) -> Never:
    raise _RefusedJsonError("not JSON: NaN and Infinity are not numbers")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _RefusedJsonError("a number is too large")
    return number


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _RefusedJsonError("an object has two members of one name")
    return members


def _unreadable(data: dict[str, Any]) -> Iterator[str]:
    """Find what no later step could write down: nesting without end and halves of characters."""
    level: list[Any] = [data]
    for _ in range(MAX_DEPTH):
        items = chain.from_iterable(node.values() if isinstance(node, dict) else node for node in level)
        level = [item for item in items if isinstance(item, (dict, list))]
    if level:
        yield f"$: nested more than {MAX_DEPTH} levels deep"
    elif not _encodable(to_json(data)):
        yield "$: a text holds half a character (a lone surrogate)"


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _disagreements(data: dict[str, Any]) -> Iterator[str]:
    for name in ("company_id", "project_id"):
        front = _at(data, "frontend_payload", "company_data", name)
        company = _at(data, "company_data_payload", name)
        if isinstance(front, str) and isinstance(company, str) and front != company:
            yield f"company_data_payload.{name}: differs from frontend_payload.company_data.{name}"


def _unwanted_definition(data: dict[str, Any], *, allowed: bool) -> Iterator[str]:
    """Name what a definition from outside must not say, or that there must be none."""
    path = ("company_data_payload", "ai_config", "openai_config", "whatsapp", "assistant_definition")
    definition = _at(data, *path)
    if definition is not None and not allowed:
        yield f"{'.'.join(path)}: is not allowed, as INLINE_DEFINITIONS is not true"
    if _at(definition, "outgoing") is not None:
        yield f"{'.'.join(path)}.outgoing: stands only in a definition of the zip"


def _foreign_secrets(context: ContextObject, prefix: str) -> Iterator[str]:
    company = context.company_data_payload
    credentials = company.channel_config.whatsapp.whatsapp_credentials_id
    key = company.ai_config.openai_config.whatsapp.api_key_reference
    if fault := reference_fault(credentials, SecretKind.TWILIO, prefix):
        yield f"company_data_payload.channel_config.whatsapp.whatsapp_credentials_id: {fault}"
    if fault := reference_fault(key, SecretKind.OPENAI, prefix):
        yield f"company_data_payload.ai_config.openai_config.whatsapp.api_key_reference: {fault}"


def _readable_key(data: dict[str, Any]) -> tuple[str, str] | None:
    """Return what can be the key of a record that says that the message is refused, valid or not."""
    recipient = _at(data, "frontend_payload", "recipient_data", "recipient_tel")
    conversation_id = _at(data, "conversation_data", "conversation_id")
    if _can_be_key(recipient) and _can_be_key(conversation_id):
        return str(recipient), str(conversation_id)
    return None


def _can_be_key(text: object) -> bool:
    return (
        isinstance(text, str)
        and text.isprintable()
        and bool(text.strip())
        and len(text) <= MAX_ID_LENGTH
        and len(text.encode()) <= MAX_KEY_BYTES
    )


def _at(data: object, *path: str) -> object:
    for name in path:
        if not isinstance(data, dict):
            return None
        data = data.get(name)
    return data


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "$"


PATTERNS_IN_WORDS = {
    r"^\+[1-9][0-9]{6,14}$": "must be a number with its country code, such as +447700900000",
    r"^[A-Za-z0-9_-]{1,64}$": "must have 1 to 64 letters, digits, dashes and underscores, and nothing else",
    r"^[A-Za-z0-9_-]{0,128}$": "must have at most 128 letters, digits, dashes and underscores, and nothing else",
    rf"^{MODEL_NAME}$": "must be the name of a model: 1 to 128 letters, digits and . : / _ -",
    r"^(\*\.)?[^\s/:@?#*.]+(\.[^\s/:@?#*.]+)+$": "must be a host, such as example.com or *.example.com",
    r"^(frontend_payload|company_data_payload)(\.[^.]+)+$": "must begin with frontend_payload or company_data_payload",
}
"""Patterns of the model in words: a regular expression tells nobody at the router what to write."""

_REASONS = {
    "missing": "is missing",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be an array",
    "string_type": "must be a text",
    "string_unicode": HALF_A_CHARACTER,
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
}


def _reason(error: Any) -> str:
    if error["type"] in _REASONS:
        return _REASONS[error["type"]]
    if error["type"] == "string_pattern_mismatch":
        return PATTERNS_IN_WORDS.get(error["ctx"]["pattern"], "has another form, or characters that it may not have")
    if error["type"] == "too_long":
        return f"must have at most {error['ctx']['max_length']} entries"
    message: str = error["msg"]
    return message[0].lower() + message[1:]


def _stored_bytes(context: ContextObject) -> int:
    return stored_bytes(context.stored_attributes())
