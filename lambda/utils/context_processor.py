"""Context Object: the model that validates what the Channel Router puts on the queue."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Never

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from utils.assistant_definition import AssistantDefinition, AssistantId

MAX_DEPTH = 64
"""Deepest nesting of a Context Object; real ones need less than ten levels."""

MAX_RECORD_BYTES = 400 * 1024
"""Source: Amazon DynamoDB Developer Guide, "Quotas": item size, attribute names included."""

RESERVED_BYTES = 64 * 1024
"""Part of a record kept free for what the function adds: ids, the reply, the messages."""


class InvalidContextError(Exception):
    """The text is not a valid Context Object.

    Attributes:
        faults: One line per fault, `path: what it should be`; never a value of the input.
        key: Recipient's number and conversation id, where both could be read.
    """

    def __init__(self, faults: list[str], key: tuple[str, str] | None = None) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults
        self.key = key


def _fail(reason: str) -> Never:
    raise PydanticCustomError("context", reason)


def _iso_8601(value: str) -> str:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        _fail("must be an ISO 8601 date and time")
    return value


def _includes_whatsapp(channels: list[str]) -> list[str]:
    if "whatsapp" not in channels:
        _fail("does not include whatsapp")
    return channels


def _is_active(status: str) -> str:
    if status != "active":
        _fail("is not active")
    return status


def _is_whatsapp(method: str) -> str:
    if method != "whatsapp":
        _fail("is not whatsapp")
    return method


def _consents(consent: bool) -> bool:  # noqa: FBT001 - a pydantic validator's signature
    if consent is not True:
        _fail("is not true: the recipient has not agreed to be contacted")
    return consent


def _object_or_text(value: object) -> object:
    if value is not None and not isinstance(value, (dict, str)):
        _fail("must be an object or a text")
    return value


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


E164 = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:#/=-]{0,254}$")]
ShortText = Annotated[str, StringConstraints(max_length=1024)]
OptionalText = Annotated[ShortText | None, Field(default=None)]
CredentialsReference = Annotated[str, StringConstraints(pattern=r"^whatsapp-credentials/[A-Za-z0-9/_+=.@-]{1,480}$")]
KeyReference = Annotated[str, StringConstraints(pattern=r"^openai-api-key/[A-Za-z0-9/_+=.@-]{1,480}$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)


class Metadata(_Section):
    router_version: ShortText = Field(description="Version of the Channel Router that made the object.")


class CompanyData(_Section):
    company_id: Id
    project_id: Id


class RecipientData(_Section):
    recipient_tel: E164 = Field(description="The recipient's number, E.164.")
    recipient_first_name: OptionalText
    recipient_last_name: OptionalText
    recipient_email: OptionalText
    comms_consent: Annotated[bool, AfterValidator(_consents), Field(json_schema_extra={"const": True})] = Field(
        description="The recipient has agreed to be contacted."
    )


class RequestData(_Section):
    request_id: Id
    channel_method: Annotated[str, AfterValidator(_is_whatsapp), Field(json_schema_extra={"const": "whatsapp"})]
    initial_request_timestamp: Annotated[
        str, AfterValidator(_iso_8601), Field(json_schema_extra={"format": "date-time"})
    ]


class FrontendPayload(_Section):
    company_data: CompanyData
    recipient_data: RecipientData
    request_data: RequestData
    project_data: dict[str, Any] | None = Field(
        default=None, description="Free-form data of the project; the model is given it as it is."
    )


class WhatsAppChannel(_Section):
    whatsapp_credentials_id: CredentialsReference = Field(
        description="Name of the Twilio secret: `whatsapp-credentials/...`."
    )
    company_whatsapp_number: E164 = Field(description="The sender, E.164.")


class ChannelConfig(_Section):
    whatsapp: WhatsAppChannel


class OpenAIChannelConfig(_Section):
    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": ["api_key_reference"]}, {"required": ["ai_api_key_reference"]}],
        }
    )

    api_key_reference: KeyReference = Field(
        validation_alias=AliasChoices("api_key_reference", "ai_api_key_reference"),
        description="Name of the OpenAI secret: `openai-api-key/...`; `ai_api_key_reference` is accepted too.",
    )
    assistant_id_template_sender: AssistantId = Field(
        description="Name of the assistant definition in the zip, or the id at an Assistants server."
    )
    assistant_definition: AssistantDefinition | None = Field(
        default=None, description="The definition itself; it wins over the one in the zip."
    )


class OpenAIConfig(_Section):
    whatsapp: OpenAIChannelConfig


class AiConfig(_Section):
    openai_config: OpenAIConfig


class CompanyDataPayload(_Section):
    company_id: Id
    project_id: Id
    company_name: OptionalText
    project_name: OptionalText
    project_status: Annotated[
        ShortText | None,
        AfterValidator(lambda status: status if status is None else _is_active(status)),
        Field(default=None, json_schema_extra={"enum": ["active", None]}),
    ]
    allowed_channels: Annotated[
        list[ShortText] | None,
        AfterValidator(lambda channels: channels if channels is None else _includes_whatsapp(channels)),
        Field(default=None, description="Where given, it must include whatsapp."),
    ]
    company_rep: Annotated[
        Any,
        AfterValidator(_object_or_text),
        Field(
            default=None,
            description="The person who speaks for the company, as an object or a text.",
            json_schema_extra={"anyOf": [{"type": "object"}, {"type": "string"}, {"type": "null"}]},
        ),
    ]
    channel_config: ChannelConfig
    ai_config: AiConfig


class ConversationData(_Section):
    conversation_id: Id
    thread_id: Annotated[
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")] | None,
        BeforeValidator(_none_if_empty),
        Field(default=None, description="Thread or conversation at OpenAI to go on in; empty for a new one."),
    ]


class ContextObject(_Section):
    """Everything needed to open one conversation."""

    metadata: Metadata
    frontend_payload: FrontendPayload
    company_data_payload: CompanyDataPayload
    conversation_data: ConversationData

    def stored_attributes(self) -> dict[str, str]:
        """Return what the record keeps of it, beside its keys; free-form data as JSON text.

        As text, nothing in it (the size of a number, nesting beyond DynamoDB's 32 levels) can make a write fail.
        """
        front, company = self.frontend_payload, self.company_data_payload
        recipient, request = front.recipient_data, front.request_data
        attributes = {
            "company_id": company.company_id,
            "project_id": company.project_id,
            "company_name": company.company_name,
            "project_name": company.project_name,
            "company_rep": company.company_rep and to_json(company.company_rep),
            "company_whatsapp_number": company.channel_config.whatsapp.company_whatsapp_number,
            "whatsapp_credentials_id": company.channel_config.whatsapp.whatsapp_credentials_id,
            "assistant_id": company.ai_config.openai_config.whatsapp.assistant_id_template_sender,
            "recipient_first_name": recipient.recipient_first_name,
            "recipient_last_name": recipient.recipient_last_name,
            "recipient_email": recipient.recipient_email,
            "request_id": request.request_id,
            "channel_method": request.channel_method,
            "initial_request_timestamp": request.initial_request_timestamp,
            "router_version": self.metadata.router_version,
            "project_data": front.project_data and to_json(front.project_data),
        }
        return {name: value for name, value in attributes.items() if value}


def parse_context(body: object) -> ContextObject:
    """Validate the body of one SQS message.

    Raises:
        InvalidContextError: With every fault of the message.
    """
    data = _parse_json(body)
    faults = list(_unreadable(data))
    if faults:
        raise InvalidContextError(faults)
    try:
        context = ContextObject.model_validate(data)
    except ValidationError as exc:
        faults = [f"{_path(error['loc'])}: {_reason(error)}" for error in exc.errors(include_url=False)]
    faults.extend(_disagreements(data))
    if faults:
        raise InvalidContextError(faults, _readable_key(data))
    if _stored_bytes(context) > MAX_RECORD_BYTES - RESERVED_BYTES:
        limit = f"{(MAX_RECORD_BYTES - RESERVED_BYTES) // 1024} KiB"
        raise InvalidContextError(
            [f"frontend_payload.project_data: what is stored of the object exceeds {limit}"],
            _readable_key(data),
        )
    return context


def to_json(value: object) -> str:
    """Write compact JSON, as UTF-8 text rather than escapes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _parse_json(body: object) -> dict[str, Any]:
    if not isinstance(body, str):
        raise InvalidContextError(["$: the message has no text body"])
    try:
        data = json.loads(body, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique_names)
    except _RefusedJsonError as exc:
        raise InvalidContextError([f"$: {exc}"]) from None
    except json.JSONDecodeError as exc:
        raise InvalidContextError([f"$: not JSON (line {exc.lineno}, column {exc.colno})"]) from None
    except (ValueError, RecursionError):
        raise InvalidContextError(["$: not JSON that can be read: a number or the nesting is too large"]) from None
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
    pending: list[tuple[Any, int]] = [(data, 1)]
    texts_checked = False
    while pending:
        value, depth = pending.pop()
        if depth > MAX_DEPTH:
            yield f"$: nested more than {MAX_DEPTH} levels deep"
            return
        if isinstance(value, dict):
            pending.extend((item, depth + 1) for item in value.values())
            pending.extend((name, depth + 1) for name in value)
        elif isinstance(value, list):
            pending.extend((item, depth + 1) for item in value)
        elif isinstance(value, str) and not texts_checked and not _encodable(value):
            texts_checked = True
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


def _readable_key(data: dict[str, Any]) -> tuple[str, str] | None:
    try:
        recipient = _KeyOnly.model_validate(
            {
                "recipient_tel": _at(data, "frontend_payload", "recipient_data", "recipient_tel"),
                "conversation_id": _at(data, "conversation_data", "conversation_id"),
            }
        )
    except ValidationError:
        return None
    return recipient.recipient_tel, recipient.conversation_id


class _KeyOnly(_Section):
    recipient_tel: E164
    conversation_id: Id


def _at(data: object, *path: str) -> object:
    for name in path:
        if not isinstance(data, dict):
            return None
        data = data.get(name)
    return data


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "$"


def _reason(error: Any) -> str:
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "string_pattern_mismatch":
        return f"must match {error['ctx']['pattern']}"
    message: str = error["msg"]
    return message[0].lower() + message[1:]


def _stored_bytes(context: ContextObject) -> int:
    return sum(len(name) + len(value.encode()) for name, value in context.stored_attributes().items())
