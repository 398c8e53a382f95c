"""Twilio service: what it asks of Twilio, and what each answer means for a message that must go out once."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.conversation import Mode
from core.errors import (
    CredentialsRejectedError,
    DeliveryUnknownError,
    PermanentError,
    ProcessorError,
    SendTooLateError,
    TransientError,
)
from core.ports import OutboundPart, TwilioCredentials, TwilioMessage
from sandbox.context_objects import RECIPIENT, SENDER
from sandbox.stubs import TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, Fate, answer, delay, drop, stall, twilio_error
from services import twilio_http
from services.twilio_http import AnswerLostError, NotSentError
from services.twilio_service import MAX_PAGES, PAGE_SIZE, TwilioWhatsApp
from tests.fakes.clock import START, FakeClock
from tests.unit.stubbed.transports import StubTransports
from utils.redaction import Secret

TEMPLATE_SID = "HX" + "1" * 32
SERVICE_SID = "MG" + "2" * 32
CREDENTIALS = TwilioCredentials(TWILIO_ACCOUNT_SID, Secret(TWILIO_AUTH_TOKEN), TEMPLATE_SID)
FREE_FORM = OutboundPart(RECIPIENT, SENDER, Mode.FREE_FORM, "Hello Ana")
TEMPLATE = OutboundPart(RECIPIENT, SENDER, Mode.TEMPLATE, '{"1": "Zoë", "2": "Acme"}')
IN_TIME = START + timedelta(seconds=10)
CREATE, LIST, FETCH = "twilio.messages.create", "twilio.messages.list", "twilio.messages.fetch"


@pytest.fixture(autouse=True)
def transports(stubs: StubTransports, monkeypatch: pytest.MonkeyPatch) -> None:
    stubs.install_twilio(monkeypatch)


@pytest.fixture
def twilio(clock: FakeClock) -> TwilioWhatsApp:
    return TwilioWhatsApp(20, clock.now)


def messages(stubs: StubTransports) -> list[dict[str, Any]]:
    return stubs.app.twilio.messages(())


# Sending


def test_text_is_sent_as_a_body(twilio: TwilioWhatsApp, stubs: StubTransports) -> None:
    twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)

    (request,) = stubs.requests
    assert request.method == "POST"
    assert request.path == f"/2010-04-01/Accounts/{TWILIO_ACCOUNT_SID}/Messages.json"
    assert request.form == {"To": f"whatsapp:{RECIPIENT}", "From": f"whatsapp:{SENDER}", "Body": "Hello Ana"}


def test_variables_are_sent_with_their_template(twilio: TwilioWhatsApp, stubs: StubTransports) -> None:
    twilio.send(TEMPLATE, CREDENTIALS, IN_TIME)

    (request,) = stubs.requests
    assert request.form == {
        "To": f"whatsapp:{RECIPIENT}",
        "From": f"whatsapp:{SENDER}",
        "ContentSid": TEMPLATE_SID,
        "ContentVariables": '{"1": "Zoë", "2": "Acme"}',
    }


def test_an_api_key_logs_in_for_its_account(twilio: TwilioWhatsApp, stubs: StubTransports) -> None:
    key_sid = "SK" + "4" * 32
    credentials = TwilioCredentials(TWILIO_ACCOUNT_SID, api_key_sid=key_sid, api_key_secret=Secret("key-secret"))
    stubs.app.keys.change_twilio(TWILIO_ACCOUNT_SID, accept=[f"{key_sid}:key-secret"], revoke=[TWILIO_AUTH_TOKEN])

    sent = twilio.send(FREE_FORM, credentials, IN_TIME)

    assert twilio.list_messages(RECIPIENT, SENDER, credentials, START) == [sent]
    assert {request.path.split("/")[3] for request in stubs.requests} == {TWILIO_ACCOUNT_SID}


def test_a_template_without_variables_is_sent_without_any(twilio: TwilioWhatsApp, stubs: StubTransports) -> None:
    twilio.send(replace(TEMPLATE, content="{}"), CREDENTIALS, IN_TIME)

    (request,) = stubs.requests
    assert request.form["ContentSid"] == TEMPLATE_SID
    assert "ContentVariables" not in request.form


def test_a_messaging_service_and_a_status_callback_are_named(clock: FakeClock, stubs: StubTransports) -> None:
    twilio = TwilioWhatsApp(20, clock.now, status_callback_url="https://example.com/status")
    credentials = TwilioCredentials(TWILIO_ACCOUNT_SID, Secret(TWILIO_AUTH_TOKEN), None, SERVICE_SID)

    twilio.send(FREE_FORM, credentials, IN_TIME)

    assert stubs.requests[0].form["MessagingServiceSid"] == SERVICE_SID
    assert stubs.requests[0].form["StatusCallback"] == "https://example.com/status"
    assert stubs.requests[0].form["From"] == f"whatsapp:{SENDER}"


def test_what_twilio_accepted_is_returned(twilio: TwilioWhatsApp, stubs: StubTransports) -> None:
    sent = twilio.send(TEMPLATE, CREDENTIALS, IN_TIME)

    (message,) = messages(stubs)
    assert sent == TwilioMessage(message["sid"], "Hello Zoë, Acme", START, "queued", "outbound-api", updated_at=START)


@pytest.mark.parametrize(
    ("base_url", "host"), [(None, "https://api.twilio.com"), ("http://stub.test:8080", "http://stub.test:8080")]
)
def test_the_base_url_can_be_another(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, base_url: str | None, host: str
) -> None:
    asked: list[tuple[str, str]] = []

    def refuse(method: str, url: str, *_: Any) -> None:
        asked.append((method, url))
        raise NotSentError("ConnectionRefusedError")

    monkeypatch.setattr(twilio_http, "exchange", refuse)

    with pytest.raises(TransientError):
        TwilioWhatsApp(20, clock.now, base_url).send(FREE_FORM, CREDENTIALS, IN_TIME)

    assert asked == [("POST", f"{host}/2010-04-01/Accounts/{TWILIO_ACCOUNT_SID}/Messages.json")]


def test_a_call_has_a_timeout_and_its_own_connection(clock: FakeClock, stubs: StubTransports) -> None:
    twilio = TwilioWhatsApp(7, clock.now)

    twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)

    assert stubs.timeouts == [7]


def test_a_send_may_start_at_the_last_moment_and_not_later(
    twilio: TwilioWhatsApp, stubs: StubTransports, clock: FakeClock
) -> None:
    twilio.send(FREE_FORM, CREDENTIALS, clock.now())
    clock.advance(0.001)

    with pytest.raises(SendTooLateError):
        twilio.send(FREE_FORM, CREDENTIALS, START)

    assert len(stubs.requests) == 1


def test_nothing_of_the_environment_is_used(
    twilio: TwilioWhatsApp, stubs: StubTransports, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"SID": "AC9", "TOKEN": "x"}.items():
        monkeypatch.setenv(f"TWILIO_ACCOUNT_{name}" if name == "SID" else f"TWILIO_AUTH_{name}", value)
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    monkeypatch.setenv("TWILIO_EDGE", "dublin")

    twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)

    assert stubs.requests[0].path == f"/2010-04-01/Accounts/{TWILIO_ACCOUNT_SID}/Messages.json"


# What an answer to a send means


def refused(status: int, code: int | str | None = None, **headers: str) -> Any:
    body = twilio_error(status, 0, "the text of the vendor") | {"code": code}
    return answer(status, body, headers=headers)


PERMANENT_CODES = [
    21211, 21408, 21602, 21609, 21610, 21612, 21614, 21617, 21619, 21654, 21655, 21656, 21658, 21910,
    63003, 63005, 63006, 63013, 63014, 63015, 63016, 63021, 63024, 63027, 63028, 63030, 63031, 63032,
    63040, 63041, 63042, 63049, 20005, 21212, 21603, 21606, 21608, 21660, 21701, 21703, 21704, 21705,
    63001, 63002, 63007, 63008, 63020, 63051, 92007, 99999,
]  # fmt: skip


@pytest.mark.parametrize("code", PERMANENT_CODES)
def test_a_refusal_is_permanent_with_twilios_code(twilio: TwilioWhatsApp, stubs: StubTransports, code: int) -> None:
    stubs.app.actions.add(refused(400, code), operation=CREATE)

    with pytest.raises(PermanentError) as caught:
        twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)

    assert caught.value.code == f"twilio_{code}"
    assert "text of the vendor" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code", "name"),
    [
        pytest.param(401, 20003, "twilio_20003", id="wrong token"),
        pytest.param(403, 20403, "twilio_20403", id="forbidden"),
        pytest.param(403, 20008, "twilio_20008", id="test credentials"),
        pytest.param(401, None, "twilio_401", id="no code"),
    ],
)
def test_rejected_credentials_may_have_been_rotated(
    twilio: TwilioWhatsApp, stubs: StubTransports, status: int, code: int | None, name: str
) -> None:
    stubs.app.actions.add(refused(status, code), operation=CREATE)

    with pytest.raises(CredentialsRejectedError) as caught:
        twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)

    assert caught.value.code == name


@pytest.mark.parametrize(
    ("headers", "wait"), [pytest.param({}, None, id="no wish"), pytest.param({"Retry-After": "3"}, 3.0, id="a wish")]
)
def test_throttling_had_no_effect_and_may_be_repeated(
    twilio: TwilioWhatsApp, stubs: StubTransports, headers: dict[str, str], wait: float | None
) -> None:
    stubs.app.actions.add(refused(429, 20429, **headers), operation=CREATE)

    with pytest.raises(TransientError) as caught:
        twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)

    assert caught.value.code == "twilio_20429"
    assert caught.value.retry_after_seconds == wait
    assert caught.value.repeatable


@pytest.mark.parametrize(("code", "wait"), [(21611, 300.0), (63017, 60.0), (63018, 900.0)])
def test_a_refusal_that_passes_is_left_to_the_queue(
    twilio: TwilioWhatsApp, stubs: StubTransports, code: int, wait: float
) -> None:
    stubs.app.actions.add(refused(400, code), operation=CREATE)

    with pytest.raises(TransientError) as caught:
        twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)

    assert (caught.value.code, caught.value.retry_after_seconds) == (f"twilio_{code}", wait)
    assert not caught.value.repeatable


@pytest.mark.parametrize(
    "action",
    [
        pytest.param(refused(500, 20500), id="500"),
        pytest.param(refused(503, 20503), id="503"),
        pytest.param(answer(502, raw="<html>Bad Gateway</html>"), id="502 in HTML"),
        pytest.param(answer(504, raw=""), id="504 without a body"),
        pytest.param(refused(500, 21211), id="a 500 that claims to be a refusal"),
        pytest.param(refused(408, 21211), id="408"),
        pytest.param(answer(302, raw="", headers={"Location": "https://elsewhere.test/"}), id="a redirect"),
        pytest.param(answer(500, after_effect=True), id="500 after the effect"),
        pytest.param(drop(after_effect=True), id="reset after the effect"),
        pytest.param(drop(), id="reset before the effect"),
        pytest.param(delay(25), id="late"),
        pytest.param(delay(25, before_effect=True), id="late effect"),
        pytest.param(stall(1), id="half an answer"),
        pytest.param(answer(201, raw="<html>OK</html>", after_effect=True), id="201 in HTML"),
        pytest.param(answer(201, raw="{", after_effect=True), id="201, cut off"),
        pytest.param(answer(201, [], after_effect=True), id="201, another shape"),
        pytest.param(answer(201, {}, after_effect=True), id="201 without a message"),
        pytest.param(answer(201, {"sid": None}, after_effect=True), id="201 without an id"),
        pytest.param(answer(201, {"sid": 5}, after_effect=True), id="201 with a number for an id"),
        pytest.param(answer(200, "null", after_effect=True), id="200 with a text"),
    ],
)
def test_whatever_leaves_it_open_is_unknown(twilio: TwilioWhatsApp, stubs: StubTransports, action: Any) -> None:
    stubs.app.actions.add(action, operation=CREATE)

    with pytest.raises(DeliveryUnknownError):
        twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)


def test_without_a_connection_nothing_was_sent(twilio: TwilioWhatsApp, stubs: StubTransports) -> None:
    stubs.broken["twilio"].append(NotSentError("TimeoutError"))

    with pytest.raises(TransientError) as caught:
        twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)

    assert caught.value.code == "twilio_unreachable"
    assert caught.value.repeatable


def test_a_connection_that_broke_leaves_it_open(twilio: TwilioWhatsApp, stubs: StubTransports) -> None:
    stubs.broken["twilio"].append(AnswerLostError("ConnectionResetError"))

    with pytest.raises(DeliveryUnknownError):
        twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        pytest.param({"code": "21211", "message": "x"}, "twilio_21211", id="a code as text"),
        pytest.param({"code": "card_declined"}, "twilio_400", id="a code that is none"),
        pytest.param({"code": -5}, "twilio_400", id="a negative code"),
        pytest.param({"code": 10**9}, "twilio_400", id="a huge code"),
        pytest.param({"code": {"a": "text"}}, "twilio_400", id="a code of another shape"),
        pytest.param({"code": True}, "twilio_400", id="a truth"),
        pytest.param("not an object", "twilio_400", id="no object"),
        pytest.param(
            {"type": "https://www.twilio.com/docs/api/errors/21211", "title": "x", "status": 400, "code": 21211},
            "twilio_21211",
            id="RFC 9457",
        ),
        pytest.param({"code": 21211, "status": 503}, "twilio_21211", id="a body that claims another status"),
    ],
)
def test_an_odd_refusal_is_still_a_refusal(twilio: TwilioWhatsApp, stubs: StubTransports, body: Any, name: str) -> None:
    stubs.app.actions.add(answer(400, body), operation=CREATE)

    with pytest.raises(PermanentError) as caught:
        twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)

    assert caught.value.code == name


def test_a_wrong_token_is_not_in_the_error(twilio: TwilioWhatsApp) -> None:
    credentials = TwilioCredentials(TWILIO_ACCOUNT_SID, Secret("wrong-token"), TEMPLATE_SID)

    with pytest.raises(CredentialsRejectedError) as caught:
        twilio.send(FREE_FORM, credentials, IN_TIME)

    assert "wrong-token" not in str(caught.value)


# Listing


def test_the_list_asks_for_both_numbers_and_no_date(twilio: TwilioWhatsApp, stubs: StubTransports) -> None:
    twilio.list_messages(RECIPIENT, SENDER, CREDENTIALS, START)

    (request,) = stubs.requests
    assert request.method == "GET"
    assert request.query == {"To": f"whatsapp:{RECIPIENT}", "From": f"whatsapp:{SENDER}", "PageSize": "200"}


def test_the_list_shows_what_was_sent(twilio: TwilioWhatsApp, clock: FakeClock) -> None:
    first = twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)
    clock.advance(3)
    second = twilio.send(TEMPLATE, CREDENTIALS, IN_TIME)

    listed = twilio.list_messages(RECIPIENT, SENDER, CREDENTIALS, START)

    assert [(message.sid, message.body, message.created_at) for message in reversed(listed)] == [
        (message.sid, message.body, message.created_at) for message in (first, second)
    ]
    assert {message.direction for message in listed} == {"outbound-api"}


@pytest.mark.parametrize(
    ("since_seconds", "listed", "pages"),
    [
        pytest.param(0, 430, 3, id="to its end"),
        pytest.param(30, 430, 3, id="to a page that is partly older"),
        pytest.param(230, 400, 2, id="to a page that is older"),
        pytest.param(900, 200, 1, id="nothing is young enough"),
    ],
)
def test_a_long_list_is_read_page_by_page_until_rows_are_older(
    twilio: TwilioWhatsApp, stubs: StubTransports, clock: FakeClock, since_seconds: int, listed: int, pages: int
) -> None:
    for _ in range(430):
        twilio.send(FREE_FORM, CREDENTIALS, IN_TIME + timedelta(days=1))
        clock.advance(1)
    stubs.requests.clear()

    found = twilio.list_messages(RECIPIENT, SENDER, CREDENTIALS, START + timedelta(seconds=since_seconds))

    assert (len(found), len(stubs.requests)) == (listed, pages)


def test_a_list_that_is_not_read_to_its_end_is_no_list(twilio: TwilioWhatsApp, stubs: StubTransports) -> None:
    page = {
        "messages": [{"sid": "SM1", "body": "Hello", "date_created": None}],
        "next_page_uri": f"/2010-04-01/Accounts/{TWILIO_ACCOUNT_SID}/Messages.json?Page=1",
    }
    for _ in range(MAX_PAGES):
        stubs.app.actions.add(answer(200, page), operation=LIST)

    with pytest.raises(TransientError) as caught:
        twilio.list_messages(RECIPIENT, SENDER, CREDENTIALS, START)

    assert caught.value.code == "twilio_list_too_long"
    assert len(stubs.requests) == MAX_PAGES


def test_an_empty_list_is_one(twilio: TwilioWhatsApp) -> None:
    assert twilio.list_messages(RECIPIENT, SENDER, CREDENTIALS, START) == []


@pytest.mark.parametrize(
    ("action", "kind", "code"),
    [
        pytest.param(refused(401, 20003), CredentialsRejectedError, "twilio_20003", id="rejected"),
        pytest.param(refused(404, 20404), PermanentError, "twilio_20404", id="no such account"),
        pytest.param(refused(429, 20429), TransientError, "twilio_20429", id="throttled"),
        pytest.param(refused(500, 20500), TransientError, "twilio_list_unavailable", id="500"),
        pytest.param(answer(503, raw="<html>"), TransientError, "twilio_list_unavailable", id="503 in HTML"),
        pytest.param(drop(), TransientError, "twilio_list_unavailable", id="reset"),
        pytest.param(delay(25), TransientError, "twilio_list_unavailable", id="late"),
        pytest.param(answer(200, raw="<html>"), TransientError, "twilio_list_unreadable", id="200 in HTML"),
        pytest.param(answer(200, {}), TransientError, "twilio_list_unavailable", id="200, another shape"),
        pytest.param(answer(200, []), TransientError, "twilio_list_unreadable", id="200, a list"),
        pytest.param(answer(200, {"messages": 5}), TransientError, "twilio_list_unreadable", id="200, a number"),
        pytest.param(answer(200, {"messages": [5]}), TransientError, "twilio_list_unreadable", id="200, numbers"),
        pytest.param(
            answer(200, {"messages": [{"sid": "SM1", "body": 5, "date_created": None}]}),
            TransientError,
            "twilio_list_unreadable",
            id="200, a body that is no text",
        ),
        pytest.param(
            answer(200, {"messages": [{"sid": None}]}), TransientError, "twilio_list_unreadable", id="200, no id"
        ),
    ],
)
def test_a_list_that_can_not_be_had_is_no_list(
    twilio: TwilioWhatsApp, stubs: StubTransports, action: Any, kind: type[ProcessorError], code: str
) -> None:
    """Taken for an empty list, it would have the message sent again."""
    stubs.app.actions.add(action, operation=LIST)

    with pytest.raises(kind) as caught:
        twilio.list_messages(RECIPIENT, SENDER, CREDENTIALS, START)

    assert caught.value.code == code


def test_a_second_page_that_can_not_be_had_is_no_list_either(twilio: TwilioWhatsApp, stubs: StubTransports) -> None:
    for _ in range(PAGE_SIZE + 1):
        twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)
    stubs.app.actions.add(answer(500), operation=LIST, match="PageToken")

    with pytest.raises(TransientError):
        twilio.list_messages(RECIPIENT, SENDER, CREDENTIALS, START)


def test_a_list_without_a_connection_may_be_asked_for_again(twilio: TwilioWhatsApp, stubs: StubTransports) -> None:
    stubs.broken["twilio"].append(NotSentError("TimeoutError"))

    with pytest.raises(TransientError) as caught:
        twilio.list_messages(RECIPIENT, SENDER, CREDENTIALS, START)

    assert caught.value.repeatable


@pytest.mark.parametrize("created", [None, "", "yesterday"])
def test_a_message_without_a_date_has_none(twilio: TwilioWhatsApp, stubs: StubTransports, created: str | None) -> None:
    page = {"messages": [{"sid": "SM1", "body": None, "date_created": created}]}
    stubs.app.actions.add(answer(200, json.loads(json.dumps(page))), operation=LIST)

    listed = twilio.list_messages(RECIPIENT, SENDER, CREDENTIALS, START)

    assert listed == [TwilioMessage("SM1", "", None)]


# Looking back


def test_a_message_is_asked_for_by_its_sid(twilio: TwilioWhatsApp, stubs: StubTransports, clock: FakeClock) -> None:
    stubs.app.twilio.fates.add(Fate(error_code=63016, course=((0, "queued"), (5, "undelivered"))))
    sent = twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)
    clock.sleep(60)

    found = twilio.fetch(sent.sid, CREDENTIALS)

    assert found is not None
    assert (found.sid, found.status, found.error_code) == (sent.sid, "undelivered", 63016)
    assert found.updated_at == START + timedelta(seconds=5)
    assert stubs.requests[-1].path == f"/2010-04-01/Accounts/{TWILIO_ACCOUNT_SID}/Messages/{sent.sid}.json"


def test_a_message_that_twilio_does_not_know_is_none(twilio: TwilioWhatsApp) -> None:
    assert twilio.fetch("SM" + "0" * 32, CREDENTIALS) is None


@pytest.mark.parametrize("sid", ["", "../../Accounts", "SM1/Media", "SM1?x=y", "SM 1", "SM1" * 40, "\uff33" * 34])
def test_what_is_no_sid_becomes_no_address(twilio: TwilioWhatsApp, stubs: StubTransports, sid: str) -> None:
    assert twilio.fetch(sid, CREDENTIALS) is None

    assert stubs.requests == []


@pytest.mark.parametrize(
    ("action", "kind", "code"),
    [
        pytest.param(refused(401, 20003), CredentialsRejectedError, "twilio_20003", id="rejected"),
        pytest.param(refused(429, 20429), TransientError, "twilio_20429", id="throttled"),
        pytest.param(refused(500, 20500), TransientError, "twilio_list_unavailable", id="500"),
        pytest.param(answer(404, raw="<html>"), TransientError, "twilio_blocked", id="404 of a proxy"),
        pytest.param(drop(), TransientError, "twilio_list_unavailable", id="reset"),
        pytest.param(answer(200, raw="<html>"), TransientError, "twilio_answer_unreadable", id="200 in HTML"),
        pytest.param(answer(200, {"sid": None}), TransientError, "twilio_answer_unreadable", id="200, no id"),
    ],
)
def test_a_message_that_can_not_be_had_is_not_unknown(
    twilio: TwilioWhatsApp, stubs: StubTransports, action: Any, kind: type[ProcessorError], code: str
) -> None:
    sent = twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)
    stubs.app.actions.add(action, operation=FETCH)

    with pytest.raises(kind) as caught:
        twilio.fetch(sent.sid, CREDENTIALS)

    assert caught.value.code == code


# Whose fault a refusal is


@pytest.mark.parametrize(
    ("code", "counted"),
    [(21655, True), (63041, True), (21703, True), (20404, True), (21610, False), (21211, False), (63024, False)],
)
def test_a_refusal_says_whether_the_setup_is_at_fault(
    twilio: TwilioWhatsApp, stubs: StubTransports, code: int, counted: bool
) -> None:
    stubs.app.actions.add(refused(400, code), operation=CREATE)

    with pytest.raises(ProcessorError) as caught:
        twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)

    assert caught.value.configuration is counted


@pytest.mark.parametrize("code", [21212, 21606, 63007])
def test_a_sender_is_the_setups_fault_only_once_it_has_worked(
    twilio: TwilioWhatsApp, stubs: StubTransports, code: int
) -> None:
    found = []
    for is_known in (False, True):
        if is_known:
            twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)
        stubs.app.actions.add(refused(400, code), operation=CREATE)
        with pytest.raises(PermanentError) as caught:
            twilio.send(FREE_FORM, CREDENTIALS, IN_TIME)
        found.append(caught.value.configuration)

    assert found == [False, True]
