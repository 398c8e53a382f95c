"""The table behind docs/record.md has every attribute that the function writes, with its type, and no other."""

from collections.abc import Iterator
from typing import Any

import pytest

from core.conversation import Usage
from core.ports import ChatMessage, Closing
from sandbox.context_objects import make_body
from services.conversation_item import TableKey, serialize
from services.dynamodb_service import DynamoDBConversationStore
from tests.fakes.clock import START
from tests.unit.terraform.test_role import CALLS, Call, Recorder, lease
from tools.documents.record import ATTRIBUTES, MESSAGE, ROUTER, SECTIONS, US
from utils.context_processor import parse_context

OPENAI = "company_data_payload__ai_config__openai_config__whatsapp"

EVERYTHING = {
    "company_data_payload__auto_queue_reply_message": False,
    "company_data_payload__auto_queue_reply_message_from_number": ["+15550001111"],
    "company_data_payload__auto_queue_reply_message_from_email": ["a@example.com"],
    f"{OPENAI}__assistant_id_replies": "asst_r",
}

TYPES = {"M or S": {"M", "S"}}


@pytest.fixture(scope="module")
def written() -> dict[str, set[str]]:
    """Attribute to the DynamoDB types that it was written with, by every method of the store."""
    recorder = Recorder([])
    store = DynamoDBConversationStore(recorder.client("dynamodb"), "conversations-dev", 30)
    for make in CALLS[DynamoDBConversationStore].values():
        make(store)
    other = DynamoDBConversationStore(
        recorder.client("dynamodb"), "conversations-dev", table_key=TableKey("primary_channel")
    )
    CALLS[DynamoDBConversationStore]["create"](other)
    found: dict[str, set[str]] = {}
    for call in recorder.calls:
        for name, value in attributes_of(call):
            found.setdefault(name, set()).update(value)
    for name, value in serialize(parse_context(make_body(**EVERYTHING)).stored_attributes()).items():
        found.setdefault(name, set()).update(value)
    return found


def attributes_of(call: Call) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the attributes that a call writes, with their values."""
    yield from call.parameters.get("Item", {}).items()
    values = call.parameters.get("ExpressionAttributeValues", {})
    for name in call.parameters.get("ExpressionAttributeNames", {}).values():
        if f":{name}" in values:
            yield name, values[f":{name}"]
    if "list_append" in call.parameters.get("UpdateExpression", ""):
        yield "messages", values[":messages"]
    if "ADD attempts" in call.parameters.get("UpdateExpression", ""):
        yield "attempts", values[":one"]


def test_every_attribute_that_is_written_is_in_the_table_with_its_type(written: dict[str, set[str]]) -> None:
    unlisted = set(written) - set(ATTRIBUTES)
    wrong = {
        name: types for name, types in written.items() if name in ATTRIBUTES and types - allowed(ATTRIBUTES[name].type)
    }

    assert unlisted == set()
    assert wrong == {}


def test_every_attribute_of_the_table_is_written(written: dict[str, set[str]]) -> None:
    rare = {"undecided", "adopted_unseen", "openai_started_at"}  # only where there is something to say
    rare |= {"resolutions", "forgotten_at", "vendor_ids"}  # a person's

    assert set(ATTRIBUTES) - set(written) - rare == set()


def test_an_attribute_is_listed_once() -> None:
    names = [attribute.name for section in SECTIONS.values() for attribute in section]

    assert len(names) == len(set(names))


def test_what_comes_of_the_message_is_told_apart() -> None:
    context = set(parse_context(make_body(**EVERYTHING)).stored_attributes()) - {
        "gsi_company_whatsapp_number",
        "gsi_recipient_tel",
    }

    assert {name for name in context if ATTRIBUTES[name].writer != ROUTER} == set()
    assert {one.name for one in ATTRIBUTES.values() if one.writer == ROUTER} - context == {
        "recipient_tel",
        "primary_channel",
        "conversation_id",
    }
    assert ATTRIBUTES["closed_at"].writer == US


def test_an_entry_of_messages_has_the_members_that_are_listed() -> None:
    recorder = Recorder([])
    store = DynamoDBConversationStore(recorder.client("dynamodb"), "conversations-dev")

    store.close(lease(), Closing((ChatMessage("SM1", "Hello", START, Usage(420, 30)),), START, 8250))

    (call,) = recorder.calls
    (entry,) = call.parameters["ExpressionAttributeValues"][":messages"]["L"]
    assert {name: set(value) for name, value in entry["M"].items()} == {one.name: {one.type} for one in MESSAGE}


def allowed(kind: str) -> set[str]:
    return TYPES.get(kind, {kind})
