"""Outgoing rules: what a company lets the model write to its customers, as data."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_CHARACTERS = 15_000
"""Most that can be sent at all: ten parts of 1,500 characters."""


class Links(StrEnum):
    """Which links may go out."""

    ANY = "any"
    LISTED = "listed"
    GIVEN = "given"


class PhoneNumbers(StrEnum):
    """Which phone numbers may go out."""

    ANY = "any"
    OWN = "own"


Host = Annotated[str, StringConstraints(max_length=253, pattern=r"^(\*\.)?[^\s/:@?#*.]+(\.[^\s/:@?#*.]+)+$")]
"""A host, or with `*.` before it all that are below one."""

Hosts = Annotated[tuple[Host, ...], Field(max_length=200)]
ContextPath = Annotated[
    str,
    StringConstraints(max_length=512, pattern=r"^(frontend_payload|company_data_payload)(\.[^.]+)+$"),
]


class OutgoingRules(BaseModel):
    """What may be sent: a definition's own rules; where it has none, the function's settings hold."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    links: Links | None = Field(
        default=None,
        strict=False,
        description="`any`; `listed`, those whose host stands in `link_hosts`; or `given`, those and each link that"
        " stands in the definition, in `company_data_payload`, or at one of `link_paths`.",
    )
    link_hosts: Hosts | None = Field(
        default=None, strict=False, description="Hosts that a link may lead to; `*.acme.com` for all below `acme.com`."
    )
    link_paths: Annotated[tuple[ContextPath, ...], Field(max_length=50)] = Field(
        default=(),
        strict=False,
        description="Paths in the Context Object whose links may be sent under `given`, such as"
        " `frontend_payload.project_data.booking_url`. Name none that a stranger fills in.",
    )
    max_characters: int | None = Field(
        default=None,
        ge=1,
        le=MAX_CHARACTERS,
        description="Most characters of a reply, all its parts or values together.",
    )
    phone_numbers: PhoneNumbers | None = Field(
        default=None,
        strict=False,
        description="`any`, or `own`: no phone number but the company's WhatsApp number.",
    )
    moderation: bool | None = Field(
        default=None, description="Whether OpenAI's moderation must find nothing in a reply before it is sent."
    )

    def or_else(self, defaults: Self) -> Self:
        """Return these rules, and the defaults where there is none."""
        return defaults.model_copy(update=self.model_dump(exclude_defaults=True))
