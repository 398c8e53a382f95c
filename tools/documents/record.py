"""Record: every attribute of a conversation's record, its type, its meaning, who writes it and since which format."""

from dataclasses import dataclass
from typing import Literal

from tools.documents.markdown import code, table

Type = Literal["S", "N", "BOOL", "L", "M", "M or S"]

US, ROUTER, SHARED = "processor", "router, by the processor", "processor, replies service"

TYPES: dict[Type, str] = {
    "S": "String",
    "N": "Number",
    "BOOL": "Boolean",
    "L": "List",
    "M": "Map",
    "M or S": "Map, or JSON text",
}


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a record.

    Attributes:
        writer: Who gives it its value; what comes of the router's message is written by the processor as it was sent.
        since: Format of the record (`record_version`) in which it appeared; 1 is a record without that attribute.
    """

    name: str
    type: Type
    meaning: str
    writer: str = US
    since: int = 1


SECTIONS: dict[str, tuple[Attribute, ...]] = {
    "Key": (
        Attribute("recipient_tel", "S", "The recipient's number; the partition key, or beside it.", ROUTER),
        Attribute(
            "primary_channel", "S", "The same number, where it is the partition key (`table.partition_key`).", ROUTER, 2
        ),
        Attribute("conversation_id", "S", "The conversation; the sort key.", ROUTER),
    ),
    "Shared with the engine": (
        Attribute(
            "conversation_status",
            "S",
            "Where the conversation stands. A status that is not the processor's own is never overwritten.",
            "processor, replies service and others",
        ),
        Attribute("task_complete", "N", "1 once the first message is out, else 0.", SHARED),
        Attribute("messages", "L", "What was said, oldest first; see below.", SHARED),
        Attribute("thread_id", "S", "Thread or conversation at OpenAI, from the moment its run exists.", SHARED, 2),
        Attribute("created_at", "S", "When the record was made, ISO 8601, UTC.", "who makes it"),
        Attribute("updated_at", "S", "When it was last changed.", SHARED),
        Attribute(
            "initial_processing_time_ms", "N", "The same as `processing_time_ms`, under the engine's name.", US, 2
        ),
        Attribute("processor_version", "S", "Release of the processor that made the record.", US, 2),
        Attribute("gsi_company_whatsapp_number", "S", "The sender; partition key of the replies index.", US, 2),
        Attribute("gsi_recipient_tel", "S", "The recipient; sort key of the replies index.", US, 2),
        Attribute(
            "channel_config",
            "M",
            "WhatsApp's section alone: company_whatsapp_number, whatsapp_credentials_id.",
            ROUTER,
            2,
        ),
        Attribute(
            "ai_config",
            "M",
            "WhatsApp's section alone: api_key_reference, assistant_id_template_sender, assistant_id_replies,"
            " assistant_id_3 to 5; what is empty is left out.",
            ROUTER,
            2,
        ),
        Attribute("project_status", "S", "`active`, where the message says it.", ROUTER, 2),
        Attribute("allowed_channels", "L", "Channels of the project, where the message says them.", ROUTER, 2),
        Attribute("comms_consent", "BOOL", "true: without consent nothing is sent.", ROUTER, 2),
        Attribute("auto_queue_reply_message", "BOOL", "A person answers replies.", ROUTER, 2),
        Attribute("auto_queue_reply_message_from_number", "L", "Numbers whose replies a person answers.", ROUTER, 2),
        Attribute("auto_queue_reply_message_from_email", "L", "Addresses whose replies a person answers.", ROUTER, 2),
    ),
    "The request": (
        Attribute("company_id", "S", "The company.", ROUTER),
        Attribute("project_id", "S", "The company's project.", ROUTER),
        Attribute("company_name", "S", "Name of the company.", ROUTER),
        Attribute("project_name", "S", "Name of the project.", ROUTER),
        Attribute(
            "company_rep", "M or S", "Who speaks for the company; JSON text where DynamoDB can't hold it.", ROUTER
        ),
        Attribute("company_whatsapp_number", "S", "The sender.", ROUTER),
        Attribute("whatsapp_credentials_id", "S", "Name of the Twilio secret.", ROUTER),
        Attribute("assistant_id", "S", "Assistant definition of the first message.", ROUTER),
        Attribute("recipient_first_name", "S", "First name, cleaned; absent where there was a link in it.", ROUTER),
        Attribute("recipient_last_name", "S", "Last name, cleaned; absent where there was a link in it.", ROUTER),
        Attribute("recipient_email", "S", "E-mail address.", ROUTER),
        Attribute("request_id", "S", "The router's id of the request.", ROUTER),
        Attribute("channel_method", "S", "`whatsapp`.", ROUTER),
        Attribute("initial_request_timestamp", "S", "When the request was made.", ROUTER),
        Attribute("router_version", "S", "Version of the router.", ROUTER),
        Attribute("project_data", "M or S", "Data of the project; JSON text where DynamoDB can't hold it.", ROUTER),
    ),
    "The processor's own state": (
        Attribute(
            "record_version", "N", "Format of the record. Its decisions rest on the attributes of this table.", US, 2
        ),
        Attribute(
            "write_number", "N", "Grows with each write, so that a late repetition of one undoes nothing.", US, 2
        ),
        Attribute("attempts", "N", "Deliveries that worked on it."),
        Attribute("lease_owner", "S", "The delivery at work on it."),
        Attribute("lease_expires_at", "N", "When that right ends, seconds since 1970."),
        Attribute("last_owner", "S", "The delivery that gave it up."),
        Attribute("openai_thread_id", "S", "Thread or conversation of the run."),
        Attribute("openai_response_id", "S", "The run or response, polled on by a later attempt."),
        Attribute("openai_started_at", "S", "When that run was made.", US, 2),
        Attribute("paid_runs", "N", "Runs paid for; three at most.", US, 2),
        Attribute("reply", "M", "The reply that is being sent; gone once the record is closed."),
        Attribute("sent_parts", "L", "Its parts that Twilio has accepted; gone once the record is closed."),
        Attribute("send_started_at", "S", "The intent: when sending the next part was decided."),
        Attribute("outcome_unknown", "BOOL", "Nobody waits for Twilio's answer about that part any more."),
        Attribute("send_from", "S", "Sender of that intent.", US, 2),
        Attribute("send_account", "S", "Twilio account of that intent.", US, 2),
        Attribute("send_credentials", "S", "Name of the secret of that intent.", US, 2),
        Attribute("undecided", "L", "Messages at Twilio between which a person must decide.", US, 2),
        Attribute(
            "waiting",
            "M",
            "What it waits for in the queue: reason, since, until at the latest. Absent while it is worked on.",
            US,
            2,
        ),
        Attribute(
            "resolutions",
            "L",
            "What persons decided of it: at, choice (adopt, resend, seen), sid, between which messages.",
            "`ops resolve`",
            2,
        ),
        Attribute(
            "delivery_status",
            "S",
            "What became of the messages after Twilio accepted them, the worst of them: accepted, sent, unknown (Twilio"
            " knows it no longer), delivered, read, failed, undelivered.",
            US,
            2,
        ),
        Attribute(
            "deliveries",
            "M",
            "The same by SID: status, at (when Twilio says it changed), error_code. It only moves forward.",
            US,
            2,
        ),
        Attribute("delivery_writes", "N", "How often that was written; each write expects the number it saw.", US, 2),
        Attribute(
            "delivery_watch_until", "S", "Until when Twilio is asked. Absent once all is known, or nobody asks.", US, 2
        ),
        Attribute("adopted_unseen", "L", "SIDs adopted although Twilio did not show their text.", US, 2),
        Attribute(
            "closed_at", "S", "When the first message was recorded as out, whatever the status says later.", US, 2
        ),
        Attribute(
            "forgotten_at",
            "S",
            "The recipient was forgotten: nothing is left but the keys, so that no message opens it again.",
            "`ops forget`",
            2,
        ),
        Attribute(
            "vendor_ids",
            "L",
            "What OpenAI and Twilio have not deleted yet of a forgotten recipient; gone once they have.",
            "`ops forget`",
            2,
        ),
        Attribute("processing_time_ms", "N", "From the record's making to its close."),
        Attribute(
            "last_error",
            "M",
            "Why the last attempt failed: step, code, message, at, permanent, message_id, receive_count.",
        ),
        Attribute(
            "needs_attention", "S", "`yes` while a person should look; partition key of `needs-attention-index`."
        ),
        Attribute(
            "expires_at",
            "N",
            "When DynamoDB deletes it, seconds since 1970: a refusal after 30 days, others by RECORD_RETENTION_DAYS.",
        ),
    ),
}

MESSAGE: tuple[Attribute, ...] = (
    Attribute("message_id", "S", "Twilio's SID.", SHARED),
    Attribute("timestamp", "S", "When Twilio accepted it.", SHARED),
    Attribute("role", "S", "`assistant`; `user` for what the recipient wrote.", SHARED),
    Attribute("content", "S", "The text as Twilio shows it; the part of the reply where it shows none.", SHARED),
    Attribute("tokens", "N", "The same as `completion_tokens`."),
    Attribute("prompt_tokens", "N", "Tokens the model read; 0 for all parts but the first.", SHARED, 2),
    Attribute("completion_tokens", "N", "Tokens the model wrote.", SHARED, 2),
    Attribute("total_tokens", "N", "Both together.", SHARED, 2),
)
"""Members of an entry of `messages`."""

ATTRIBUTES = {attribute.name: attribute for section in SECTIONS.values() for attribute in section}


def reference() -> str:
    """Return a table for each part of the record, and one for an entry of `messages`."""
    sections = [f"### {title}\n\n{_table(attributes)}" for title, attributes in SECTIONS.items()]
    return "\n\n".join([*sections, f"### An entry of `messages`\n\n{_table(MESSAGE)}"])


def _table(attributes: tuple[Attribute, ...]) -> str:
    rows = [(code(one.name), TYPES[one.type], one.meaning, one.writer, str(one.since)) for one in attributes]
    return table(("Attribute", "Type", "Meaning", "Written by", "Since format"), rows)
