"""Channel Router: from a frontend's request and a company's record to the message on the queue."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

ROUTER_VERSION = "router-0.9.3"


class Style(Enum):
    """How a deployment names its secrets: prefix of the path, and what stands behind its last part."""

    PLAIN = ("", "")
    PREFIXED = ("ai-multi-comms/", "-dev")

    @property
    def openai(self) -> str:
        prefix, suffix = self.value
        return f"{prefix}openai-api-key/whatsapp{suffix}"

    def twilio(self, company: str, project: str) -> str:
        prefix, suffix = self.value
        return f"{prefix}whatsapp-credentials/{company}/{project}/twilio{suffix}"


@dataclass(frozen=True, slots=True)
class Routed:
    """A message as it is put on the queue.

    Attributes:
        attributes: SQS message attributes, all of them strings.
    """

    conversation_id: str
    body: str
    attributes: Mapping[str, str]


class ChannelRouter:
    """Puts requests on the queue of their channel."""

    def __init__(self, sqs: Any, queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url

    def route(self, company: Mapping[str, Any], request: Mapping[str, Any]) -> Routed:
        """Send a request to the queue and return what was sent."""
        routed = message(company, request)
        self._sqs.send_message(
            QueueUrl=self._queue_url,
            MessageBody=routed.body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in routed.attributes.items()
            },
        )
        return routed


def message(company: Mapping[str, Any], request: Mapping[str, Any]) -> Routed:
    """Return the message of a request: the company's whole record beside what the frontend posted, both as they are."""
    request_data, recipient = request["request_data"], request["recipient_data"]
    sender = company["channel_config"]["whatsapp"]["company_whatsapp_number"]
    ids = (company["company_id"], company["project_id"], request_data["request_id"], sender.lstrip("+"))
    conversation_id = "#".join(ids)
    now = datetime.now(UTC).isoformat()
    body = {
        "frontend_payload": request,
        "company_data_payload": company,
        "conversation_data": {"conversation_id": conversation_id, "conversation_status": "received"},
        "metadata": {"router_version": ROUTER_VERSION, "routed_at": now},
    }
    attributes = {
        "channelMethod": request_data["channel_method"].lower(),
        "conversationId": conversation_id,
        "routerTimestamp": now,
        "recipientTel": recipient["recipient_tel"],
    }
    return Routed(conversation_id, json.dumps(body), attributes)


def company_record(
    sender: str,
    *,
    company: str = "ci-aaa-000",
    project: str = "pi-aaa-000",
    references: tuple[str, str] | None = None,
    style: Style = Style.PLAIN,
) -> dict[str, Any]:
    """Return a company's whole record, with what the router knows of every channel.

    Args:
        references: Names of the OpenAI and the Twilio secret; else as the style has them.
    """
    openai, twilio = references or (style.openai, style.twilio("acme", "spring"))
    assistants = {
        "assistant_id_template_sender": "first-contact",
        "assistant_id_replies": "asst_replies",
        "assistant_id_3": "",
        "assistant_id_4": "",
        "assistant_id_5": "",
    }
    return {
        "company_id": company,
        "project_id": project,
        "company_name": "Acme Coffee",
        "project_name": "Spring hiring",
        "project_status": "active",
        "allowed_channels": ["whatsapp", "email", "sms"],
        "auto_queue_initial_message": True,
        "auto_queue_initial_message_from_number": [],
        "auto_queue_initial_message_from_email": [],
        "auto_queue_reply_message": False,
        "auto_queue_reply_message_from_number": ["+15550001111"],
        "auto_queue_reply_message_from_email": [],
        "rate_limits": {"requests_per_minute": 60, "requests_per_day": 1000},
        "company_rep": {"company_rep_1": "Carol", "company_rep_2": None, "company_rep_3": None},
        "ai_config": {
            "openai_config": {
                "whatsapp": {"api_key_reference": openai, **assistants},
                "sms": {"api_key_reference": openai.replace("whatsapp", "sms"), **assistants},
                "email": {"api_key_reference": "", "assistant_id_template_sender": ""},
            }
        },
        "channel_config": {
            "whatsapp": {"company_whatsapp_number": sender, "whatsapp_credentials_id": twilio},
            "email": {"company_email": "", "email_credentials_id": None},
            "sms": {},
        },
        "created_at": "2026-03-01T09:00:00+00:00Z",
        "updated_at": "2026-10-01T09:00:00.123456",
    }


def frontend_request(
    recipient_tel: str, first_name: str = "Ana", *, request_id: str | None = None, **changes: Any
) -> dict[str, Any]:
    """Return what a frontend posts; `changes` replace members of `request_data`."""
    return {
        "company_data": {"company_id": "ci-aaa-000", "project_id": "pi-aaa-000"},
        "recipient_data": {
            "recipient_last_name": "Silva",
            "recipient_first_name": first_name,
            "recipient_tel": recipient_tel,
            "recipient_email": "ana@example.com",
            "comms_consent": True,
        },
        "project_data": {"position": "Barista", "callback": recipient_tel, "hours": 32.5},
        "request_data": {
            "request_id": request_id or str(uuid.uuid4()),
            "channel_method": "whatsapp",
            "initial_request_timestamp": datetime.now(UTC).isoformat(),
            **changes,
        },
    }
