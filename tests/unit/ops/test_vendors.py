"""Vendors: whether a key is good, asked by the real SDKs."""

import json
from typing import Any

import httpx2
import pytest

from core.ports import TwilioCredentials
from ops.answers import Finding
from ops.template_variables import judge_variables
from ops.vendors import Vendors
from services import twilio_http
from tests.fakes.clock import FakeClock
from utils.redaction import Secret
from utils.settings import Settings

KEY = Secret("sk-the-key")
TEMPLATE = "HX" + "1" * 32
CREDENTIALS = TwilioCredentials("AC" + "0" * 32, Secret("the-token"), TEMPLATE, None)


def make_settings(**variables: str) -> Settings:
    return Settings.from_environ(
        {
            "CONVERSATIONS_TABLE_NAME_DEV": "conversations-dev",
            "WHATSAPP_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/queue",
            **variables,
        }
    )


def ask_openai(status: int, body: Any, **variables: str) -> Finding:
    requests: list[httpx2.Request] = []

    def reply(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        if isinstance(body, Exception):
            raise body
        return httpx2.Response(status, **({"text": body} if isinstance(body, str) else {"json": body}))

    http = httpx2.MockTransport(reply)
    finding = Vendors(http, FakeClock().now).openai(KEY, make_settings(**variables))
    assert [(request.method, request.url.path) for request in requests] == [("GET", "/v1/models")]
    assert requests[0].headers["authorization"] == "Bearer sk-the-key"
    assert "sk-the-key" not in finding.model_dump_json()
    return finding


def models(*names: str) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": n, "object": "model", "created": 1, "owned_by": "o"} for n in names]}


@pytest.mark.parametrize(
    ("status", "body", "verdict", "detail"),
    [
        pytest.param(200, models("gpt-6-luna"), "ok", "accepted, gpt-6-luna is available", id="accepted"),
        pytest.param(200, models("gpt-6-sol"), "warn", "gpt-6-luna is not among its 1 models", id="model not allowed"),
        pytest.param(200, "<html>", "warn", "list of models can't be read", id="another server"),
        pytest.param(401, {"error": {"code": "invalid_api_key"}}, "fail", "rejected", id="rejected"),
        pytest.param(403, {"error": {"code": "missing_scope"}}, "warn", "may not list models", id="restricted"),
        pytest.param(404, {"error": {}}, "warn", "the server has no list of models", id="no list"),
        pytest.param(500, {"error": {}}, "fail", "OpenAI", id="down"),
        pytest.param(0, httpx2.ConnectError("refused"), "fail", "OpenAI", id="not reached"),
    ],
)
def test_openai_key_is_judged_by_the_list_of_models(status: int, body: Any, verdict: str, detail: str) -> None:
    finding = ask_openai(status, body)

    assert (finding.check, finding.verdict) == ("OpenAI key", verdict)
    assert detail in finding.detail
    assert finding.advice or verdict == "ok"


class TwilioWire:
    """Answers every request alike, in place of `services.twilio_http.exchange`."""

    def __init__(self, status: int, body: Any) -> None:
        self._status = status
        self._body = body
        self.requests: list[tuple[str, str]] = []

    def __call__(self, method: str, url: str, *_: Any) -> twilio_http.Answer:
        self.requests.append((method, url.partition("?")[0]))
        if isinstance(self._body, Exception):
            raise self._body
        return twilio_http.Answer(self._status, {}, json.dumps(self._body).encode())


REFUSED = {"code": 20003, "message": "Authenticate", "status": 401}
NO_CONNECTION = twilio_http.NotSentError("ConnectionRefusedError")
NO_MESSAGES = {"messages": [], "page": 0, "page_size": 50, "next_page_uri": None, "uri": "/"}


@pytest.mark.parametrize(
    ("status", "body", "verdict", "detail"),
    [
        pytest.param(200, NO_MESSAGES, "ok", "accepted, may list messages", id="accepted"),
        pytest.param(401, REFUSED, "fail", "Twilio rejected the credentials (HTTP 401, code 20003)", id="rejected"),
        pytest.param(503, {}, "fail", "Twilio's list is not available", id="down"),
        pytest.param(0, NO_CONNECTION, "fail", "no connection to Twilio", id="not reached"),
    ],
)
def test_twilio_key_is_judged_by_the_list_of_messages(
    monkeypatch: pytest.MonkeyPatch, status: int, body: Any, verdict: str, detail: str
) -> None:
    wire = TwilioWire(status, body)
    monkeypatch.setattr(twilio_http, "exchange", wire)

    finding = Vendors(now=FakeClock().now).twilio(CREDENTIALS, make_settings())

    assert (finding.check, finding.verdict, finding.detail) == ("Twilio key", verdict, detail)
    assert {method for method, _ in wire.requests} == {"GET"}
    assert "the-token" not in finding.model_dump_json()


def approval(status: str, **details: str) -> dict[str, Any]:
    return {"sid": TEMPLATE, "account_sid": "AC1", "url": "u", "whatsapp": {"status": status, **details}}


@pytest.mark.parametrize(
    ("status", "body", "verdict", "detail"),
    [
        pytest.param(
            200, approval("approved", category="UTILITY"), "ok", "approved by WhatsApp, utility", id="approved"
        ),
        pytest.param(200, approval("pending"), "warn", "pending: WhatsApp has not approved it", id="pending"),
        pytest.param(
            200,
            approval("rejected", rejection_reason="promotional"),
            "fail",
            "rejected by WhatsApp: promotional",
            id="rejected",
        ),
        pytest.param(200, {"sid": TEMPLATE, "whatsapp": None}, "fail", "unknown by WhatsApp", id="unreadable"),
        pytest.param(404, {"code": 20404}, "fail", "Twilio does not know the template", id="unknown"),
        pytest.param(401, REFUSED, "fail", "Twilio rejected the credentials (HTTP 401, code 20003)", id="refused"),
        pytest.param(0, NO_CONNECTION, "fail", "no connection to Twilio", id="not reached"),
    ],
)
def test_template_is_judged_by_its_approval(
    monkeypatch: pytest.MonkeyPatch, status: int, body: Any, verdict: str, detail: str
) -> None:
    wire = TwilioWire(status, body)
    monkeypatch.setattr(twilio_http, "exchange", wire)

    finding = Vendors(now=FakeClock().now).template(CREDENTIALS, make_settings())

    assert (finding.check, finding.verdict, finding.detail) == ("template", verdict, detail)
    assert wire.requests == [("GET", f"https://content.twilio.com/v1/Content/{TEMPLATE}/ApprovalRequests")]


def content(text: str, **samples: str) -> dict[str, Any]:
    return {"sid": TEMPLATE, "types": {"twilio/text": {"body": text}}, "variables": samples}


@pytest.mark.parametrize(
    ("status", "body", "verdict", "detail"),
    [
        pytest.param(
            200,
            content("{{1}} of {{2}}: {{ 3 }}", **{"1": "a", "2": "b", "3": "c"}),
            "ok",
            "1, 2, 3, as first-contact writes them",
            id="fits",
        ),
        pytest.param(
            200,
            content("{{1}} {{2}} {{3}} {{4}} {{5}}", **{str(n): "a" for n in range(1, 6)}),
            "fail",
            "the template asks for 1, 2, 3, 4, 5; first-contact writes 1, 2, 3",
            id="more",
        ),
        pytest.param(200, content("{{1}}"), "warn", "no sample value for 1", id="no sample"),
        pytest.param(200, content("Hello"), "ok", "the template has none", id="none"),
        pytest.param(404, {"code": 20404}, "skip", "404", id="unknown"),
    ],
)
def test_variables_are_held_to_the_definitions(
    monkeypatch: pytest.MonkeyPatch, status: int, body: Any, verdict: str, detail: str
) -> None:
    wire = TwilioWire(status, body)
    monkeypatch.setattr(twilio_http, "exchange", wire)

    finding = Vendors(now=FakeClock().now).variables(CREDENTIALS, make_settings())

    assert (finding.check, finding.verdict) == ("variables", verdict)
    assert detail in finding.detail
    assert wire.requests == [("GET", f"https://content.twilio.com/v1/Content/{TEMPLATE}")]


@pytest.mark.parametrize(
    ("schemas", "verdict"),
    [({}, "skip"), ({"plain": None}, "warn"), ({"other": {"1"}, "fits": {"1", "2"}}, "ok")],
    ids=["no definition", "no schema", "one of several"],
)
def test_definition_that_says_nothing_is_no_proof(schemas: dict[str, set[str] | None], verdict: str) -> None:
    finding = judge_variables({"twilio/text": {"body": "{{1}} {{2}}"}}, {"1": "a", "2": "b"}, schemas)

    assert finding.verdict == verdict


def test_template_is_not_asked_for_where_twilio_is_somebody_else() -> None:
    settings = make_settings(TWILIO_API_BASE_URL="http://127.0.0.1:1234")

    assert Vendors().template(CREDENTIALS, settings).verdict == "skip"
