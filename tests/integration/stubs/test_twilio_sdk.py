"""The real Twilio SDK against the stub."""

from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from sandbox.stubs import (
    TWILIO_ACCOUNT_SID,
    TWILIO_AUTH_TOKEN,
    Fate,
    StubClient,
    StubServer,
    answer,
    delay,
    drop,
    stall,
    twilio_error,
)
from tests.integration.stubs.conftest import twilio_client

pytestmark = pytest.mark.integration

SENDER = "whatsapp:+447700900999"
TEMPLATE = "HX0123456789abcdef0123456789abcdef"
CREATE = "twilio.messages.create"


def send(twilio: Client, phone: str, **changes: Any) -> Any:
    return twilio.messages.create(**{"to": f"whatsapp:{phone}", "from_": SENDER, "body": "Hello", **changes})


def test_message_is_created_fetched_and_listed(twilio: Client, stubs: StubClient, phone: str) -> None:
    stubs.configure(sent_after_seconds=0, delivered_after_seconds=0)

    created = send(twilio, phone)
    fetched = twilio.messages(created.sid).fetch()
    listed = twilio.messages.list(to=f"whatsapp:{phone}", from_=SENDER, limit=20)

    assert (created.status, fetched.status) == ("queued", "delivered")
    assert [message.sid for message in listed] == [created.sid]
    assert created.date_created is not None
    assert [m["sid"] for m in stubs.messages(phone)] == [created.sid]


def test_template_is_rendered_and_recorded(twilio: Client, stubs: StubClient, phone: str) -> None:
    stubs.set_template(TEMPLATE, "Dear {{1}} of {{2}}", {"2": "Acme"})

    created = twilio.messages.create(
        to=f"whatsapp:{phone}",
        from_=SENDER,
        messaging_service_sid="MG0123456789abcdef0123456789abcdef",
        content_sid=TEMPLATE,
        content_variables='{"1": "Ana"}',
        status_callback="https://example.com/status",
    )

    (message,) = stubs.messages(phone)
    assert (created.status, created.body) == ("accepted", "Dear Ana of Acme")
    assert (message["content_variables"], message["status_callback"]) == ('{"1": "Ana"}', "https://example.com/status")


def test_list_follows_pages(twilio: Client, phone: str) -> None:
    sids = [send(twilio, phone).sid for _ in range(5)]

    listed = twilio.messages.list(to=f"whatsapp:{phone}", page_size=2)

    assert [message.sid for message in listed] == sids[::-1]


def test_list_lags_behind_for_one_recipient(twilio: Client, stubs: StubClient, phone: str) -> None:
    stubs.fate(Fate(list_lag_seconds=60), match=phone)

    created = send(twilio, phone)

    assert twilio.messages.list(to=f"whatsapp:{phone}") == []
    assert twilio.messages(created.sid).fetch().sid == created.sid


def test_refusal_carries_twilios_code(twilio: Client, phone: str) -> None:
    with pytest.raises(TwilioRestException) as refused:
        send(twilio, phone, body="x" * 1601)

    assert (refused.value.status, refused.value.code) == (400, 21617)


def test_wrong_token_is_refused_and_rotation_is_seen_at_once(twilio: Client, stubs: StubClient, phone: str) -> None:
    stubs.change_twilio_tokens(TWILIO_ACCOUNT_SID, accept=["rotated"], revoke=[TWILIO_AUTH_TOKEN])

    with pytest.raises(TwilioRestException) as refused:
        send(twilio, phone)
    stubs.change_twilio_tokens(TWILIO_ACCOUNT_SID, accept=[TWILIO_AUTH_TOKEN], revoke=["rotated"])

    assert (refused.value.status, refused.value.code) == (401, 20003)
    assert send(twilio, phone).sid


@pytest.mark.parametrize(
    ("action", "status", "code"),
    [
        pytest.param(answer(429, headers={"Retry-After": "1"}), 429, 20429, id="throttled"),
        pytest.param(answer(400, twilio_error(400, 63016, "window")), 400, 63016, id="scripted code"),
        pytest.param(answer(500, after_effect=True), 500, 20500, id="500 after the effect"),
        pytest.param(answer(503, raw="<html></html>"), 503, 503, id="HTML"),
    ],
)
def test_scripted_answers_reach_the_sdk(
    twilio: Client, stubs: StubClient, phone: str, action: Any, status: int, code: int
) -> None:
    stubs.script(CREATE, action, match=phone)

    with pytest.raises(TwilioRestException) as raised:
        send(twilio, phone)

    assert (raised.value.status, raised.value.code) == (status, code)
    assert len(stubs.messages(phone)) == (1 if action.effect else 0)


@pytest.mark.parametrize(
    ("action", "error", "messages"),
    [
        pytest.param(drop(), requests.ConnectionError, 0, id="dropped before the effect"),
        pytest.param(drop(after_effect=True), requests.ConnectionError, 1, id="dropped after the effect"),
        pytest.param(delay(2), requests.ReadTimeout, 1, id="slow"),
        pytest.param(delay(0.6, before_effect=True), requests.ReadTimeout, 0, id="slow before the effect"),
        pytest.param(stall(2), requests.ConnectionError, 1, id="stalled"),
    ],
)
def test_unknown_outcomes_reach_the_sdk_as_transport_errors(
    server: StubServer, stubs: StubClient, phone: str, action: Any, error: type[Exception], messages: int
) -> None:
    http_client = TwilioHttpClient(timeout=0.3)
    stubs.script(CREATE, action, match=phone)

    with pytest.raises(error):
        send(twilio_client(server, http_client), phone)
    found = len(stubs.messages(phone))
    assert http_client.session is not None
    http_client.session.close()

    assert found == messages


def test_failed_list_is_the_sdks_plain_exception(twilio: Client, stubs: StubClient, phone: str) -> None:
    stubs.script("twilio.messages.list", answer(503), match=phone)

    with pytest.raises(TwilioException) as raised:
        twilio.messages.list(to=f"whatsapp:{phone}")

    assert not isinstance(raised.value, TwilioRestException)
    assert raised.value.args[1].status_code == 503
