"""Guard settings: what the model may be asked for and what it may send, where an assistant definition says nothing."""

from typing import Literal

from pydantic import BaseModel, Field

from utils.outgoing_rules import MAX_CHARACTERS, Links, OutgoingRules, PhoneNumbers

_HOST = r"(\*\.)?[^\s,/:@?#*.]+(\.[^\s,/:@?#*.]+)+"
MODEL_NAME = r"[A-Za-z0-9_.:/-]{1,128}"


class GuardSettings(BaseModel):
    """The part of `Settings` that bounds the model."""

    inline_definitions: bool = Field(
        default=False,
        validation_alias="INLINE_DEFINITIONS",
        description="Whether a Context Object may bring its own `assistant_definition`. Then whoever may put a message"
        " on the queue chooses instructions, model and budget.",
    )
    openai_models: str = Field(
        default="",
        validation_alias="OPENAI_MODELS",
        max_length=2048,
        pattern=rf"^({MODEL_NAME}(,{MODEL_NAME})*)?$",
        description="Models that a definition may name, with commas between them; empty for any.",
    )
    openai_max_output_tokens: int = Field(
        default=32_000,
        ge=16,
        le=128_000,
        validation_alias="OPENAI_MAX_OUTPUT_TOKENS",
        description="Most output tokens that a definition may ask for; one that names no number gets this one.",
    )
    outgoing_links: Literal["any", "listed", "given"] = Field(
        default="any",
        validation_alias="OUTGOING_LINKS",
        description="Links that may be sent: `any`; `listed`, whose host is in `OUTGOING_LINK_HOSTS`; or `given`, which"
        " also stand in the definition, in `company_data_payload` or at paths that the definition names.",
    )
    outgoing_link_hosts: str = Field(
        default="",
        validation_alias="OUTGOING_LINK_HOSTS",
        max_length=2048,
        pattern=rf"^({_HOST}(,{_HOST})*)?$",
        description="Hosts that links may lead to, with commas between them; `*.acme.com` for all below `acme.com`.",
    )
    outgoing_max_characters: int = Field(
        default=MAX_CHARACTERS,
        ge=1,
        le=MAX_CHARACTERS,
        validation_alias="OUTGOING_MAX_CHARACTERS",
        description="Most characters of a reply, all its parts or values together.",
    )
    outgoing_phone_numbers: Literal["any", "own"] = Field(
        default="any",
        validation_alias="OUTGOING_PHONE_NUMBERS",
        description="Phone numbers that may be sent: `any`, or `own`, the company's WhatsApp number alone.",
    )
    outgoing_moderation: bool = Field(
        default=False,
        validation_alias="OUTGOING_MODERATION",
        description="OpenAI's moderation looks at each reply; nothing is sent that it flags, or while it is silent.",
    )

    @property
    def outgoing_rules(self) -> OutgoingRules:
        return OutgoingRules(
            links=Links(self.outgoing_links),
            link_hosts=tuple(filter(None, self.outgoing_link_hosts.split(","))),
            max_characters=self.outgoing_max_characters,
            phone_numbers=PhoneNumbers(self.outgoing_phone_numbers),
            moderation=self.outgoing_moderation,
        )

    @property
    def allowed_models(self) -> frozenset[str]:
        """The models that a definition may name; empty for any."""
        return frozenset(filter(None, self.openai_models.split(",")))
