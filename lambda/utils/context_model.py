"""Context Object: what the Channel Router puts on the queue, as the model that validates it."""

import json
import re
from datetime import datetime
from typing import Annotated, Any, Never

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from utils.assistant_definition import AssistantDefinition, AssistantId


def _fail(reason: str) -> Never:
    raise PydanticCustomError("context", reason)


DATE_AND_TIME = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?$"
)


def _iso_8601(value: str) -> str:
    try:
        readable = re.fullmatch(DATE_AND_TIME, value) and datetime.fromisoformat(value)
    except ValueError:
        readable = None
    if not readable:
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


E164 = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:#/=-]{0,254}$")]
ShortText = Annotated[str, StringConstraints(max_length=1024)]
OptionalText = Annotated[ShortText | None, Field(default=None)]
CredentialsReference = Annotated[str, StringConstraints(pattern=r"^whatsapp-credentials/[A-Za-z0-9/_+=.@-]{1,480}$")]
KeyReference = Annotated[str, StringConstraints(pattern=r"^openai-api-key/[A-Za-z0-9/_+=.@-]{1,480}$")]


class Section(BaseModel):
    """A part of a Context Object: exact types, and unknown fields kept out of the way."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True, defer_build=True)


class Metadata(Section):
    router_version: ShortText = Field(description="Version of the Channel Router that made the object.")


class CompanyData(Section):
    company_id: Id = Field(description="The company, as in `company_data_payload`.")
    project_id: Id = Field(description="The company's project, as in `company_data_payload`.")


class RecipientData(Section):
    recipient_tel: E164 = Field(description="The recipient's number, E.164.")
    recipient_first_name: OptionalText = Field(default=None, description="First name; the model is told.")
    recipient_last_name: OptionalText = Field(default=None, description="Last name; the model is told.")
    recipient_email: OptionalText = Field(default=None, description="E-mail address; the model is told.")
    comms_consent: Annotated[bool, AfterValidator(_consents), Field(json_schema_extra={"const": True})] = Field(
        description="The recipient has agreed to be contacted."
    )


class RequestData(Section):
    request_id: Id = Field(description="The router's id of the request, for the log.")
    channel_method: Annotated[str, AfterValidator(_is_whatsapp), Field(json_schema_extra={"const": "whatsapp"})] = (
        Field(description="The channel the recipient asked for.")
    )
    initial_request_timestamp: Annotated[
        str, AfterValidator(_iso_8601), Field(json_schema_extra={"pattern": DATE_AND_TIME})
    ] = Field(description="When the request was made, ISO 8601.")


class FrontendPayload(Section):
    company_data: CompanyData
    recipient_data: RecipientData
    request_data: RequestData
    project_data: dict[str, Any] | None = Field(
        default=None, description="Free-form data of the project; the model is given it as it is."
    )


class WhatsAppChannel(Section):
    whatsapp_credentials_id: CredentialsReference = Field(
        description="Name of the Twilio secret: `whatsapp-credentials/...`."
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
        description="Name of the OpenAI secret: `openai-api-key/...`; `ai_api_key_reference` is accepted too.",
    )
    assistant_id_template_sender: AssistantId = Field(
        description="Name of the assistant definition in the zip, or the id at an Assistants server."
    )
    assistant_definition: AssistantDefinition | None = Field(
        default=None, description="The definition itself; it wins over the one in the zip."
    )


class OpenAIConfig(Section):
    whatsapp: OpenAIChannelConfig


class AiConfig(Section):
    openai_config: OpenAIConfig


class CompanyDataPayload(Section):
    company_id: Id = Field(description="The company, as in `frontend_payload.company_data`.")
    project_id: Id = Field(description="The company's project, as in `frontend_payload.company_data`.")
    company_name: OptionalText = Field(default=None, description="Name of the company; the model is told.")
    project_name: OptionalText = Field(default=None, description="Name of the project; the model is told.")
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
        list[ShortText] | None,
        AfterValidator(lambda channels: channels if channels is None else _includes_whatsapp(channels)),
        Field(
            default=None,
            description="Where given, it must include whatsapp.",
            json_schema_extra={"contains": {"const": "whatsapp"}},
        ),
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


class ConversationData(Section):
    conversation_id: Id = Field(description="The conversation; with the recipient's number the key of its record.")
    thread_id: Annotated[
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{0,128}$")] | None,
        AfterValidator(lambda thread_id: thread_id or None),
        Field(default=None, description="Thread or conversation at OpenAI to go on in; empty for a new one."),
    ]


class ContextObject(Section):
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


ContextObject.model_rebuild()  # one validator for the whole, rather than one for each section


def to_json(value: object) -> str:
    """Write compact JSON, as UTF-8 text rather than escapes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
