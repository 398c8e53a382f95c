"""Every message that the engine's router can build is accepted and can be stored; the wrong ones say why."""

import inspect
import json
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from sandbox.neighbours.router import Style, company_record, frontend_request, message
from utils import assistant_definition, context_model, outgoing_rules
from utils.context_model import ContextObject
from utils.context_processor import PATTERNS_IN_WORDS, InvalidContextError, parse_context

SENDER, RECIPIENT = "+15550002222", "+447700900123"

Company = dict[str, Any]
Request = dict[str, Any]
Change = Callable[[Company, Request], object]


def whatsapp(company: Company) -> dict[str, Any]:
    return company["ai_config"]["openai_config"]["whatsapp"]  # type: ignore[no-any-return]


def both_ids(company_id: str, project_id: str) -> Change:
    def change(company: Company, request: Request) -> None:
        for half in (company, request["company_data"]):
            half |= {"company_id": company_id, "project_id": project_id}

    return change


def timestamp(text: str) -> Change:
    return lambda _, request: request["request_data"].update(initial_request_timestamp=text)


def channel(text: str) -> Change:
    return lambda _, request: request["request_data"].update(channel_method=text)


def company(**members: Any) -> Change:
    return lambda record, _: record.update(members)


def recipient(**members: Any) -> Change:
    return lambda _, request: request["recipient_data"].update(members)


def project_data(value: Any) -> Change:
    return lambda _, request: request.update(project_data=value)


def assistants(**members: Any) -> Change:
    return lambda record, _: whatsapp(record).update(members)


def other_channels(channels: Any, models: Any) -> Change:
    def change(record: Company, _: Request) -> None:
        record["channel_config"] |= channels
        record["ai_config"]["openai_config"] |= models

    return change


BY_CONTRACT: dict[str, Change] = {
    "as it is": lambda *_: None,
    "channel in capitals": channel("WHATSAPP"),
    "channel in mixed case": channel("WhatsApp"),
    "timestamp with Z": timestamp("2026-11-27T10:00:00Z"),
    "timestamp with microseconds": timestamp("2026-11-27T10:00:00.123456"),
    "timestamp with an offset": timestamp("2026-11-27T10:00:00+05:30"),
    "timestamp without a time": timestamp("2026-11-27"),
    "timestamp in basic form": timestamp("20261127T100000Z"),
    "timestamp in basic form with an offset": timestamp("20261127T100000.5+0100"),
    "timestamp with a space": timestamp("2026-11-27 10:00"),
    "timestamp of a week": timestamp("2026-W48-5"),
    "ids with spaces and accents": both_ids("Café Ömür & Co", "Frühling 2027 / 1"),
    "ids of one character": both_ids("a", "1"),
    "ids with a hash": both_ids("acme#eu", "spring#2"),
    "ids in another script": both_ids("株式会社", "春"),
    "long ids": both_ids("c" * 300, "p" * 100),
    "no project data": lambda _, request: request.pop("project_data"),
    "null as project data": project_data(None),
    "empty project data": project_data({}),
    "a list as project data": project_data([{"job": 1}, None]),
    "text as project data": project_data("call after six"),
    "a number as project data": project_data(7),
    "project data with huge numbers": project_data({"n": 10**50, "f": 1e-200, "deep": [[[[1.5]]]]}),
    "project data with an empty name": project_data({"": "x", "a": ""}),
    "deep project data": project_data({"a": json.loads("[" * 40 + "]" * 40)}),
    "no representatives": company(company_rep={f"company_rep_{n}": None for n in range(1, 6)}),
    "empty representatives": company(company_rep={}),
    "null as representatives": company(company_rep=None),
    "representatives as text": company(company_rep="Carol"),
    "no automation": lambda record, _: [record.pop(name) for name in list(record) if name.startswith("auto_queue")],
    "null for automation": company(
        auto_queue_reply_message=None,
        auto_queue_reply_message_from_number=None,
        auto_queue_reply_message_from_email=None,
    ),
    "a person answers": company(auto_queue_reply_message=True, auto_queue_reply_message_from_number=["+1555", ""]),
    "automation of the first message": company(auto_queue_initial_message=True, rate_limits={}),
    "only whatsapp allowed": company(allowed_channels=["whatsapp"]),
    "empty names": company(company_name="", project_name=None),
    "names with control characters": company(company_name="Acme\x00\n\tCoffee"),
    "no names of the recipient": recipient(recipient_first_name=None, recipient_last_name=None),
    "empty names of the recipient": recipient(recipient_first_name="", recipient_last_name=""),
    "a very long name": recipient(recipient_first_name="x" * 5000),
    "a name with a link": recipient(recipient_first_name="https://evil.example/win"),
    "no e-mail address": lambda _, request: request["recipient_data"].pop("recipient_email"),
    "an empty e-mail address": recipient(recipient_email=""),
    "more of the recipient": recipient(recipient_city="Porto", tags=[1, {"a": None}], recipient_birthday=None),
    "more of the company": lambda _, request: request["company_data"].update(campaign="x", n=[1]),
    "other assistants missing": lambda record, _: [
        whatsapp(record).pop(name) for name in list(whatsapp(record)) if name not in ("api_key_reference", TEMPLATE)
    ],
    "other assistants null": assistants(assistant_id_replies=None, assistant_id_3=None),
    "other assistants of another type": assistants(assistant_id_3=3, assistant_id_4=[], assistant_id_5={}),
    "other channels empty": other_channels({"email": {}, "sms": {}}, {"email": {}, "sms": {}}),
    "other channels null": other_channels({"email": None, "sms": None}, {"email": None, "sms": None}),
    "other channels half filled": other_channels(
        {"email": {"company_email": "a@b.example"}, "sms": {"company_sms_number": ""}},
        {"sms": {"assistant_id_replies": ""}, "email": {"api_key_reference": None}},
    ),
    "other channels with wrong references": other_channels({"sms": {"sms_credentials_id": "../x"}}, {"sms": []}),
    "other channels missing": lambda record, _: [
        section.pop(name)
        for section in (record["channel_config"], record["ai_config"]["openai_config"])
        for name in ("email", "sms")
    ],
    "times of the record missing": lambda record, _: [record.pop(name) for name in ("created_at", "updated_at")],
    "other models": lambda record, _: record["ai_config"].update(anthropic_config={"whatsapp": {}}),
}
TEMPLATE = "assistant_id_template_sender"

WRONG: dict[str, tuple[Change, str]] = {
    "no consent": (recipient(comms_consent=False), "recipient_data.comms_consent: is not true"),
    "consent as text": (recipient(comms_consent="true"), "recipient_data.comms_consent: must be true or false"),
    "another channel": (channel("sms"), "request_data.channel_method: is not whatsapp"),
    "a paused project": (company(project_status="paused"), "company_data_payload.project_status: is not active"),
    "whatsapp not allowed": (company(allowed_channels=["sms"]), "allowed_channels: does not include whatsapp"),
    "half a whatsapp section": (
        lambda record, _: record["channel_config"]["whatsapp"].pop("whatsapp_credentials_id"),
        "channel_config.whatsapp.whatsapp_credentials_id: is missing",
    ),
    "no model": (lambda record, _: record["ai_config"]["openai_config"].pop("whatsapp"), "whatsapp: is missing"),
    "no template assistant": (assistants(assistant_id_template_sender=""), f"{TEMPLATE}: must have 1 to 64 letters"),
    "a number that is none": (
        recipient(recipient_tel="0770 0900123"),
        "recipient_tel: must be a number",
    ),
    "no date": (timestamp("tomorrow"), "initial_request_timestamp: must be an ISO 8601 date"),
    "the other secret as key": (
        assistants(api_key_reference="x/whatsapp-credentials/acme/spring/twilio"),
        "api_key_reference: must have the path segment openai-api-key",
    ),
    "an ARN as key": (
        assistants(api_key_reference="arn:aws:secretsmanager:eu-west-1:1:secret:openai-api-key/whatsapp"),
        "api_key_reference: must be a secret's name",
    ),
    "a key that is in both kinds": (
        assistants(api_key_reference="whatsapp-credentials/openai-api-key/x"),
        "api_key_reference: must not have the path segments of two kinds",
    ),
    "a project of somebody else": (company(project_id="pi-other"), "project_id: differs from"),
}


def made(change: Change, style: Style) -> str:
    record, request = company_record(SENDER, style=style), frontend_request(RECIPIENT)
    change(record, request)
    return message(record, request).body


@pytest.mark.parametrize("style", Style, ids=lambda style: style.name)
@pytest.mark.parametrize("change", BY_CONTRACT.values(), ids=BY_CONTRACT.keys())
def test_what_the_router_can_build_is_accepted_and_can_be_stored(change: Change, style: Style) -> None:
    context = parse_context(made(change, style))

    stored = context.stored_attributes()
    write, read = TypeSerializer().serialize, TypeDeserializer().deserialize
    assert {name: read(write(value)) for name, value in stored.items()} == stored
    assert isinstance(stored["channel_config"], dict)
    assert isinstance(stored["ai_config"], dict)
    assert isinstance(context, ContextObject)


def test_there_are_sixty_messages_of_both_styles() -> None:
    assert len({made(change, style) for change in BY_CONTRACT.values() for style in Style}) >= 60


@pytest.mark.parametrize("style", Style, ids=lambda style: style.name)
@pytest.mark.parametrize(("change", "fault"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_refused_with_its_reason(change: Change, fault: str, style: Style) -> None:
    with pytest.raises(InvalidContextError) as caught:
        parse_context(made(change, style))

    assert [True for found in caught.value.faults if fault in found] == [True]


@pytest.mark.parametrize("module", [context_model, assistant_definition, outgoing_rules], ids=lambda m: m.__name__)
def test_every_pattern_is_said_in_words(module: ModuleType) -> None:
    """A regular expression is no answer to people at the router."""
    patterns = re.findall(r'pattern=r"(.*?)"', inspect.getsource(module))

    assert patterns
    assert set(patterns) - set(PATTERNS_IN_WORDS) == set()
