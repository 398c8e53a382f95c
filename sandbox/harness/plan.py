"""Plan: what is to be deployed, as variables of our Terraform and as values of its secrets."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.stubs import OPENAI_KEY, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN

ENVIRONMENT = "dev"

TEMPLATE_REFERENCE = "whatsapp-credentials/acme/spring/twilio"
FREE_FORM_REFERENCE = "whatsapp-credentials/acme/winter/twilio"
OPENAI_REFERENCE = "openai-api-key/whatsapp"
MADE_BY_TESTS = (
    "openai-api-key/denied",
    "openai-api-key/rotated",
    "ai-multi-comms/openai-api-key/whatsapp-dev",
    "ai-multi-comms/whatsapp-credentials/acme/spring/twilio-dev",
    *(
        f"whatsapp-credentials/acme/{project}/twilio"
        for project in ("autumn", "denied", "late", "nowhere", "rejected", "rotated", "service")
    ),
    *(
        f"whatsapp-credentials/acme/{service}-{mode}/twilio"
        for service in ("hidden", "encoded", "stripped")
        for mode in (1, 2)
    ),
)
"""Secrets that whoever uses the stack makes, or leaves missing; the function may read them."""

TEMPLATE_SID = "HX" + "1" * 32

QUICK: Mapping[str, Any] = {
    "customer_managed_key": False,
    "keep_key": False,
    "queue": {"visibility_timeout_seconds": 15},
    "function": {"timeout_seconds": 13},
    "function_settings": {
        "heartbeat_interval_seconds": 2,
        "safety_margin_seconds": 5,
        "twilio_timeout_seconds": 3,
        "twilio_list_lag_seconds": 1,
        "reconcile_after_seconds": 9,
        "inline_definitions": True,
        "patience_seconds": 0,  # most stories are about receives; the others switch it on
    },
}
"""Every wait as short as the rules between them allow: nobody waits six minutes for a test."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One environment to deploy.

    Attributes:
        environment: Part of every name.
        variables: Variables of our root module; they come on top of what the harness must set, object by object.
    """

    environment: str = ENVIRONMENT
    variables: Mapping[str, Any] = field(default_factory=lambda: QUICK)


def twilio_secret(*, template_sid: str | None = None, auth_token: str = TWILIO_AUTH_TOKEN, **more: str) -> str:
    """Return the text of a Twilio secret for the stub's account."""
    secret = {"twilio_account_sid": TWILIO_ACCOUNT_SID, "twilio_auth_token": auth_token, **more}
    return json.dumps(secret if template_sid is None else secret | {"twilio_template_sid": template_sid})


def openai_secret(key: str = OPENAI_KEY) -> str:
    """Return the text of an OpenAI secret."""
    return json.dumps({"ai_api_key": key})


COMPANIES: Mapping[str, Sequence[str]] = {"acme": ["spring", "winter"]}

SECRETS: Mapping[str, str] = {
    OPENAI_REFERENCE: openai_secret(),
    TEMPLATE_REFERENCE: twilio_secret(template_sid=TEMPLATE_SID),
    FREE_FORM_REFERENCE: twilio_secret(),
}
"""What each secret that Terraform makes is given; the first project sends templates, the second free text."""


def merged(*variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return Terraform variables one over another; objects are merged, everything else is replaced."""
    result: dict[str, Any] = {}
    for layer in variables:
        for name, value in layer.items():
            below = result.get(name)
            if isinstance(below, Mapping) and isinstance(value, Mapping):
                result[name] = merged(below, value)
            else:
                result[name] = value
    return result
