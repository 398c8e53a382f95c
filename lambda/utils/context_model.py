"""Context Object: what the Channel Router puts on the queue, as the model that validates it.

Lenient where nothing is at stake (dates, ids, free-form data, names), strict where something is: consent, numbers,
secret references.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Never

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from utils.assistant_definition import AssistantDefinition, AssistantId
from utils.dynamodb_values import free_form, is_given
from utils.names import clean_name, has_link
from utils.secret_reference import MAX_REFERENCE_LENGTH, SecretKind, reference_fault, reference_pattern

HALF_A_CHARACTER = "holds half a character (a lone surrogate)"

MAX_ID_LENGTH = 512
MAX_KEY_BYTES = 1024
"""Source: Amazon DynamoDB Developer Guide, "Constraints": a sort key has at most 1,024 bytes."""

PRINTABLE = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0][^\u0000-\u001f\u007f-\u009f]*$"
DATE = r"^[0-9]{4}-?([0-9]{2}-?[0-9]{2}|W[0-9]{2})"
WHATSAPP = "^[Ww][Hh][Aa][Tt][Ss][Aa][Pp][Pp]$"


def _fail(reason: str) -> Never:
    raise PydanticCustomError("context", reason.replace("{", "{{").replace("}", "}}"))


def _iso_8601(value: str) -> str:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        _fail("must be an ISO 8601 date, with or without a time")
    return value


def _printable(value: str) -> str:
    if not value.isprintable() or not value.strip():
        _fail("must be printable text")
    return value


def _fits_a_key(value: str) -> str:
    if len(value.encode()) > MAX_KEY_BYTES:
        _fail(f"must have at most {MAX_KEY_BYTES} bytes")
    return value


def _reference(value: str, kind: SecretKind) -> str:
    if fault := reference_fault(value, kind):
        _fail(fault)
    return value


def _clean(name: str | None) -> str | None:
    if name is None:
        return None
    if any("\ud800" <= character <= "\udfff" for character in name):
        _fail(HALF_A_CHARACTER)
    return clean_name(name)


def _listed_text(value: object) -> object:
    """Take what is no text of ordinary length for not given."""
    return value if isinstance(value, str) and len(value) <= MAX_TEXT_LENGTH else None


def _includes_whatsapp(channels: list[str]) -> list[str]:
    if "whatsapp" not in channels:
        _fail("does not include whatsapp")
    return channels


def _is_active(status: str) -> str:
    if status != "active":
        _fail("is not active")
    return status


def _is_whatsapp(method: str) -> str:
    if method.lower() != "whatsapp":
        _fail("is not whatsapp")
    return "whatsapp"


def _consents(consent: bool) -> bool:  # noqa: FBT001 - a pydantic validator's signature
    if consent is not True:
        _fail("is not true: the recipient has not agreed to be contacted")
    return consent


MAX_TEXT_LENGTH = 1024

MAX_ENTRIES = 1000
"""Longest list; a fault can be found in each entry, and costs a kilobyte."""

E164 = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]
Id = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_ID_LENGTH),
    AfterValidator(_printable),
    Field(json_schema_extra={"pattern": PRINTABLE}),
]
KeyId = Annotated[Id, AfterValidator(_fits_a_key)]
ShortText = Annotated[str, StringConstraints(max_length=MAX_TEXT_LENGTH)]
Texts = Annotated[list[ShortText], Field(max_length=MAX_ENTRIES)]
OptionalText = Annotated[ShortText | None, Field(default=None)]
ListedText = Annotated[ShortText | None, BeforeValidator(_listed_text, json_schema_input_type=Any), Field(default=None)]
Name = Annotated[str | None, AfterValidator(_clean), Field(default=None)]
CredentialsReference = Annotated[
    str,
    StringConstraints(max_length=MAX_REFERENCE_LENGTH),
    AfterValidator(partial(_reference, kind=SecretKind.TWILIO)),
    Field(json_schema_extra={"pattern": reference_pattern(SecretKind.TWILIO)}),
]
KeyReference = Annotated[
    str,
    StringConstraints(max_length=MAX_REFERENCE_LENGTH),
    AfterValidator(partial(_reference, kind=SecretKind.OPENAI)),
    Field(json_schema_extra={"pattern": reference_pattern(SecretKind.OPENAI)}),
]


class Section(BaseModel):
    """A part of a Context Object: exact types, and unknown fields kept out of the way."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True, defer_build=True)


class Metadata(Section):
    router_version: ShortText = Field(description="Version of the Channel Router that made the object.")


class CompanyData(Section):
    company_id: Id = Field(description="The company, as in `company_data_payload`.")
    project_id: Id = Field(description="The company's project, as in `company_data_payload`.")


class RecipientData(Section):
    """The recipient; members that are not listed here are kept for an assistant definition that asks for them."""

    model_config = ConfigDict(extra="allow")

    recipient_tel: E164 = Field(description="The recipient's number, E.164.")
    given_first_name: Name = Field(
        default=None, validation_alias="recipient_first_name", description="First name; the model is told."
    )
    given_last_name: Name = Field(
        default=None, validation_alias="recipient_last_name", description="Last name; the model is told."
    )
    recipient_email: OptionalText = Field(
        default=None, description="E-mail address; the model is told where the assistant definition asks for it."
    )
    comms_consent: Annotated[bool, AfterValidator(_consents), Field(json_schema_extra={"const": True})] = Field(
        description="The recipient has agreed to be contacted."
    )

    @property
    def recipient_first_name(self) -> str | None:
        """The first name, unless there is a link in it."""
        return _without_link(self.given_first_name)

    @property
    def recipient_last_name(self) -> str | None:
        """The last name, unless there is a link in it."""
        return _without_link(self.given_last_name)

    @property
    def names_left_out(self) -> list[str]:
        """Names of the members that are left out for the link in them."""
        given = {"recipient_first_name": self.given_first_name, "recipient_last_name": self.given_last_name}
        return [name for name, value in given.items() if value and has_link(value)]

    def member(self, name: str) -> object:
        """Return what the router said of the recipient by a member's name; None where it said nothing, or a link."""
        if name in ("recipient_first_name", "recipient_last_name", "recipient_tel", "recipient_email", "comms_consent"):
            return getattr(self, name)
        return (self.model_extra or {}).get(name)


class RequestData(Section):
    request_id: Id = Field(description="The router's id of the request, for the log.")
    channel_method: Annotated[str, AfterValidator(_is_whatsapp), Field(json_schema_extra={"pattern": WHATSAPP})] = (
        Field(description="The channel the recipient asked for.")
    )
    initial_request_timestamp: Annotated[
        ShortText, AfterValidator(_iso_8601), Field(json_schema_extra={"pattern": DATE})
    ] = Field(description="When the request was made, ISO 8601.")


class FrontendPayload(Section):
    company_data: CompanyData
    recipient_data: RecipientData
    request_data: RequestData
    project_data: Any = Field(
        default=None, description="Free-form data of the project, any JSON; the model is given it as it is."
    )


class WhatsAppChannel(Section):
    whatsapp_credentials_id: CredentialsReference = Field(
        description="Name of the Twilio secret: a path with the segment `whatsapp-credentials`."
    )
    company_whatsapp_number: E164 = Field(description="The sender, E.164.")


class ChannelConfig(Section):
    whatsapp: WhatsAppChannel


def _either_name(schema: dict[str, Any]) -> None:
    """Let the schema know the other name of `api_key_reference`, which counts only where the first is not given."""
    other = "ai_api_key_reference"
    schema["required"].remove("api_key_reference")
    schema["properties"][other] = True
    schema["anyOf"] = [
        {"required": ["api_key_reference"]},
        {"required": [other], "properties": {other: schema["properties"]["api_key_reference"]}},
    ]


class OpenAIChannelConfig(Section):
    model_config = ConfigDict(json_schema_extra=_either_name)

    api_key_reference: KeyReference = Field(
        validation_alias=AliasChoices("api_key_reference", "ai_api_key_reference"),
        description="Name of the OpenAI secret: a path with the segment `openai-api-key`;"
        " `ai_api_key_reference` is accepted too.",
    )
    assistant_id_template_sender: AssistantId = Field(
        description="Name of the assistant definition in the zip, or the id at an Assistants server."
    )
    assistant_id_replies: ListedText = Field(
        default=None, description="Kept for the service that continues the conversation."
    )
    assistant_id_3: ListedText = Field(default=None, description="Kept as well.")
    assistant_id_4: ListedText = Field(default=None, description="Kept as well.")
    assistant_id_5: ListedText = Field(default=None, description="Kept as well.")
    assistant_definition: AssistantDefinition | None = Field(
        default=None,
        description="The definition itself, which wins over the one in the zip; refused unless `INLINE_DEFINITIONS`"
        " is true.",
        json_schema_extra={"not": {"type": "object", "required": ["outgoing"]}},
    )


class OpenAIConfig(Section):
    whatsapp: OpenAIChannelConfig


class AiConfig(Section):
    openai_config: OpenAIConfig


class CompanyDataPayload(Section):
    company_id: Id = Field(description="The company, as in `frontend_payload.company_data`.")
    project_id: Id = Field(description="The company's project, as in `frontend_payload.company_data`.")
    company_name: Name = Field(default=None, description="Name of the company; the model is told.")
    project_name: Name = Field(default=None, description="Name of the project; the model is told.")
    project_status: Annotated[
        ShortText | None,
        AfterValidator(lambda status: status if status is None else _is_active(status)),
        Field(
            default=None,
            description="Where given, it must be active.",
            json_schema_extra={"enum": ["active", None]},
        ),
    ]
    allowed_channels: Annotated[
        Texts | None,
        AfterValidator(lambda channels: channels if channels is None else _includes_whatsapp(channels)),
        Field(
            default=None,
            description="Where given, it must include whatsapp.",
            json_schema_extra={"contains": {"const": "whatsapp"}},
        ),
    ]
    company_rep: Any = Field(
        default=None, description="The person who speaks for the company, any JSON; the model is told."
    )
    auto_queue_reply_message: bool | None = Field(
        default=None, description="Kept for the service that continues the conversation: a person answers."
    )
    auto_queue_reply_message_from_number: Texts | None = Field(
        default=None, description="Kept as well: numbers whose messages a person answers."
    )
    auto_queue_reply_message_from_email: Texts | None = Field(
        default=None, description="Kept as well: addresses whose messages a person answers."
    )
    channel_config: ChannelConfig
    ai_config: AiConfig


class ConversationData(Section):
    conversation_id: KeyId = Field(description="The conversation; with the recipient's number the key of its record.")
    thread_id: Annotated[
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{0,128}$")] | None,
        AfterValidator(lambda thread_id: thread_id or None),
        Field(
            default=None,
            description="Thread or conversation at OpenAI to go on in, which a record of the same company and recipient"
            " names; empty for a new one.",
        ),
    ]


class ContextObject(Section):
    """Everything needed to open one conversation."""

    metadata: Metadata
    frontend_payload: FrontendPayload
    company_data_payload: CompanyDataPayload
    conversation_data: ConversationData

    def stored_attributes(self) -> dict[str, Any]:
        """Return what the record keeps of it beside its keys, under the engine's names and types.

        Nothing in it can make a write fail: free-form data that DynamoDB could not hold is JSON text, and all else is
        text, yes or no, or a list or map of listed texts.
        """
        front, company = self.frontend_payload, self.company_data_payload
        recipient, request = front.recipient_data, front.request_data
        whatsapp, openai = company.channel_config.whatsapp, company.ai_config.openai_config.whatsapp
        attributes = {
            "company_id": company.company_id,
            "project_id": company.project_id,
            "company_name": company.company_name,
            "project_name": company.project_name,
            "project_status": company.project_status,
            "allowed_channels": company.allowed_channels,
            "company_rep": free_form(company.company_rep),
            "company_whatsapp_number": whatsapp.company_whatsapp_number,
            "whatsapp_credentials_id": whatsapp.whatsapp_credentials_id,
            "channel_config": _given(whatsapp.model_dump()),
            "ai_config": _given(openai.model_dump(exclude={"assistant_definition"})),
            "assistant_id": openai.assistant_id_template_sender,
            "auto_queue_reply_message": company.auto_queue_reply_message,
            "auto_queue_reply_message_from_number": company.auto_queue_reply_message_from_number,
            "auto_queue_reply_message_from_email": company.auto_queue_reply_message_from_email,
            "gsi_company_whatsapp_number": whatsapp.company_whatsapp_number,
            "gsi_recipient_tel": recipient.recipient_tel,
            "recipient_first_name": recipient.recipient_first_name,
            "recipient_last_name": recipient.recipient_last_name,
            "recipient_email": recipient.recipient_email,
            "comms_consent": recipient.comms_consent,
            "request_id": request.request_id,
            "channel_method": request.channel_method,
            "initial_request_timestamp": request.initial_request_timestamp,
            "router_version": self.metadata.router_version,
            "project_data": free_form(front.project_data),
        }
        return _given(attributes)


ContextObject.model_rebuild()  # one validator for the whole, rather than one for each section


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if is_given(value)}


def _without_link(name: str | None) -> str | None:
    return None if name and has_link(name) else name
