"""Eraser: what the vendors keep is deleted by their own rules; what is gone already is no failure."""

from collections.abc import Iterator

import pytest

from core.errors import CredentialsRejectedError, TransientError
from core.ports import TwilioCredentials
from ops.eraser import Eraser
from sandbox.stubs import answer
from sandbox.stubs.app import StubApp
from sandbox.stubs.keys import OPENAI_KEY, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN
from sandbox.stubs.openapi_check import validate_journal
from tests.fakes.clock import FakeClock
from tests.unit.ops.test_vendors import make_settings
from tests.unit.stubbed.transports import StubTransports
from utils.redaction import Secret

KEY = Secret(OPENAI_KEY)
CREDENTIALS = TwilioCredentials(TWILIO_ACCOUNT_SID, Secret(TWILIO_AUTH_TOKEN))
SETTINGS = make_settings()


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> StubTransports:
    wire = StubTransports(FakeClock())
    wire.install_twilio(monkeypatch)
    return wire


@pytest.fixture
def stubs(wire: StubTransports) -> Iterator[StubApp]:
    """Return the stubs, which hold what was asked of them to the vendors' own documents at the end."""
    yield wire.app
    assert validate_journal(wire.app.journal.find()) == []


@pytest.fixture
def eraser(wire: StubTransports) -> Eraser:
    return Eraser(wire.openai(), FakeClock().now)


def converse(wire: StubTransports, responses: int = 1) -> tuple[str, list[str]]:
    """Open a conversation with responses in it and return their ids."""
    from services.openai_client import OpenAIClients  # noqa: PLC0415 - the SDK takes long to import

    clients = OpenAIClients(None, wire.openai())
    conversation_id = str(clients.post(KEY, ("conversations",), {}, 5).body["id"])
    ids = []
    for _ in range(responses):
        body = {"model": "gpt-6-luna", "input": [{"role": "user", "content": "Hi"}], "conversation": conversation_id}
        ids.append(str(clients.post(KEY, ("responses",), body, 30).body["id"]))
    return conversation_id, ids


def test_conversation_goes_with_its_items(
    wire: StubTransports, stubs: StubApp, eraser: Eraser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleting a conversation leaves its items, so these go first; here they fill more than one page."""
    monkeypatch.setattr("ops.eraser.PAGE", 4)
    conversation_id, (response_id, *_) = converse(wire, 3)
    assert len(stubs.openai.views("conversations", ())[0]["items"]) == 6

    eraser.conversation(conversation_id, KEY, SETTINGS)
    eraser.response(response_id, KEY, SETTINGS)

    items = [request for request in wire.requests if request.method == "DELETE" and "/items/" in request.path]
    assert len(items) == 6
    assert stubs.openai.views("conversations", ()) == []
    assert response_id not in {response["id"] for response in stubs.openai.views("responses", ())}


def test_message_goes(stubs: StubApp, eraser: Eraser) -> None:
    form = {"To": "whatsapp:+447700900123", "From": "whatsapp:+442079460000", "Body": "Hello"}
    sid = stubs.twilio.accept(TWILIO_ACCOUNT_SID, form).sid

    eraser.message(sid, CREDENTIALS, SETTINGS)

    assert stubs.twilio.messages(()) == []


@pytest.mark.usefixtures("stubs")
def test_what_is_gone_is_no_failure(eraser: Eraser) -> None:
    eraser.conversation("conv_" + "0" * 48, KEY, SETTINGS)
    eraser.response("resp_" + "0" * 48, KEY, SETTINGS)
    eraser.thread("thread_" + "0" * 24, KEY, SETTINGS)
    eraser.message("SM" + "0" * 32, CREDENTIALS, SETTINGS)


def test_page_of_a_proxy_is_no_proof_that_it_is_gone(stubs: StubApp, eraser: Eraser) -> None:
    stubs.actions.add(answer(404, raw="<html>"), operation="*", times=None)

    with pytest.raises(TransientError):
        eraser.response("resp_" + "0" * 48, KEY, SETTINGS)
    with pytest.raises(TransientError):
        eraser.conversation("conv_" + "0" * 48, KEY, SETTINGS)
    with pytest.raises(TransientError):
        eraser.message("SM" + "0" * 32, CREDENTIALS, SETTINGS)


def test_key_that_is_rejected_is_said(eraser: Eraser) -> None:
    with pytest.raises(CredentialsRejectedError):
        eraser.response("resp_1", Secret("sk-wrong"), SETTINGS)
    with pytest.raises(CredentialsRejectedError):
        eraser.message("SM" + "0" * 32, TwilioCredentials(TWILIO_ACCOUNT_SID, Secret("wrong")), SETTINGS)
