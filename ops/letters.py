"""Letters: the messages of the DLQ as they were received, read as far as each of them can be."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from core.conversation import ConversationKey
from ops.masking import HIDDEN
from utils.context_processor import InvalidContextError, parse_context

CONTINUATION = "continuation"
"""Attribute with which the function postpones a delivery; a message that a person moves begins afresh."""

SHOWN = frozenset(
    {
        "allowed_channels",
        "ai_api_key_reference",
        "api_key_reference",
        "assistant_id_replies",
        "assistant_id_template_sender",
        "channel_method",
        "comms_consent",
        "company_id",
        "company_name",
        "company_whatsapp_number",
        "conversation_id",
        "initial_request_timestamp",
        "project_id",
        "project_name",
        "project_status",
        "recipient_tel",
        "request_id",
        "router_version",
        "thread_id",
        "whatsapp_credentials_id",
    }
)
"""Members of a Context Object that say nothing about a person; numbers among them are masked."""

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Letter:
    """A message of the DLQ.

    Attributes:
        key: Primary key of its conversation, where the body has one.
        faults: What is wrong with the Context Object.
        group_id: The message group that the router gave it.
        receive_count: How often it was received, by whoever.
        conversation_id, recipient, company_id, project_id, request_id: Each where it can be read, whatever else can't.
    """

    message_id: str
    body: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    sent_at: datetime | None = None
    key: ConversationKey | None = None
    faults: Sequence[str] = ()
    group_id: str | None = None
    receive_count: int = 0
    conversation_id: str | None = None
    recipient: str | None = None
    company_id: str | None = None
    project_id: str | None = None
    request_id: str | None = None

    def recipient_to_show(self, *, unmask: bool) -> str | None:
        """Return the recipient; what is no number can't be masked as one, so it is hidden."""
        if self.recipient is None or unmask or _E164.fullmatch(self.recipient):
            return self.recipient
        return HIDDEN

    def known_as(self, wanted: str) -> bool:
        """Whether it is the message, or a message of the conversation or of the recipient, of that id."""
        return wanted in (self.message_id, self.conversation_id, self.recipient)

    @property
    def waited_for(self) -> str | None:
        """What its continuation says that it waited for; anybody may have written it."""
        attribute = self.attributes.get(CONTINUATION)
        text = attribute.get("StringValue") if isinstance(attribute, Mapping) else None
        return _text(_json(text), "reason") if isinstance(text, str) else None

    def attributes_to_keep(self) -> dict[str, Any]:
        """Return the attributes that go along when a person moves it."""
        return {name: value for name, value in self.attributes.items() if name != CONTINUATION}


def read_letter(message: Any) -> Letter:
    """Read a message as SQS hands it over."""
    system = message.get("Attributes", {})
    sent = system.get("SentTimestamp")
    return read_body(
        message["Body"],
        message_id=message["MessageId"],
        attributes=message.get("MessageAttributes", {}),
        sent_at=datetime.fromtimestamp(int(sent) / 1000, tz=UTC) if sent else None,
        group_id=system.get("MessageGroupId"),
        receive_count=int(system.get("ApproximateReceiveCount", 0)),
    )


def read_body(body: str, **envelope: Any) -> Letter:
    """Return the letter with that body, and in that envelope."""
    key, faults = _judge(body)
    data = _json(body)
    company = ("frontend_payload", "company_data"), ("company_data_payload",)
    return Letter(
        body=body,
        key=key,
        faults=faults,
        conversation_id=_text(data, "conversation_data", "conversation_id"),
        recipient=_text(data, "frontend_payload", "recipient_data", "recipient_tel"),
        company_id=next(filter(None, (_text(data, *place, "company_id") for place in company)), None),
        project_id=next(filter(None, (_text(data, *place, "project_id") for place in company)), None),
        request_id=_text(data, "frontend_payload", "request_data", "request_id"),
        **envelope,
    )


def body_to_show(letter: Letter, *, unmask: bool) -> Any:
    """Return the body as JSON, else as it is; without `unmask` only what says nothing about a person."""
    data = _json(letter.body)
    if data is None:
        return letter.body if unmask else f"{HIDDEN} ({len(letter.body)} characters that are not JSON)"
    return data if unmask else _without_personal_data(data, "")


def _judge(body: str) -> tuple[ConversationKey | None, Sequence[str]]:
    """Return the conversation's key, where it can be read, and the faults of a Context Object."""
    try:
        context = parse_context(body)
    except InvalidContextError as error:
        return (ConversationKey(*error.key) if error.key else None), error.faults
    return ConversationKey(
        context.frontend_payload.recipient_data.recipient_tel, context.conversation_data.conversation_id
    ), ()


def _json(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text(data: Any, *path: str) -> str | None:
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data if isinstance(data, str) and data.strip() else None


def _without_personal_data(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {
            member if _NAME.fullmatch(member) else HIDDEN: _without_personal_data(item, member)
            for member, item in value.items()
        }
    if isinstance(value, list):
        return [_without_personal_data(item, name) for item in value]
    if value is None or isinstance(value, bool):
        return value
    is_number = isinstance(value, str) and _E164.fullmatch(value)
    return value if name in SHOWN and isinstance(value, str) and (is_number or name != "recipient_tel") else HIDDEN
