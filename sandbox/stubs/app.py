"""The stubs without their sockets: authentication, scripts, chaos, vendors and journal."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sandbox.stubs import payloads
from sandbox.stubs.chaos import Chaos
from sandbox.stubs.faults import NO_FAULT, Action
from sandbox.stubs.journal import Ending, Exchange, Journal
from sandbox.stubs.keys import Keys, basic_credentials, bearer_key
from sandbox.stubs.openai_api import OpenAIApi
from sandbox.stubs.routes import Call, Vendor, find_call
from sandbox.stubs.script import Script
from sandbox.stubs.settings import Settings
from sandbox.stubs.twilio_api import TwilioApi
from sandbox.stubs.wire import Reply, Request

JOURNAL_LIMIT = 50_000

Pause = Callable[[float], None]
"""Waits for some seconds; given by the transport, so that tests need not wait."""


_HEADERS: dict[Vendor, Callable[[], dict[str, str]]] = {
    "openai": payloads.openai_headers,
    "twilio": payloads.twilio_headers,
    "unknown": dict,
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the transport is to do: send a reply, half of it, or nothing."""

    exchange: Exchange | None
    reply: Reply | None
    stall_seconds: float = 0.0


class StubApp:
    """Both vendors behind one door."""

    def __init__(self, clock: Callable[[], float] = time.time, *, journal_limit: int = JOURNAL_LIMIT) -> None:
        self._clock = clock
        self.settings = Settings()
        self.keys = Keys()
        self.actions = Script[Action]()
        self.chaos = Chaos()
        self.journal = Journal(journal_limit)
        self.openai = OpenAIApi(clock, self.settings)
        self.twilio = TwilioApi(clock, self.settings)

    def serve(self, request: Request, pause: Pause) -> Delivery:
        """Take one request through: who is asking, what goes wrong, what the vendor does and answers.

        A request with wrong credentials is refused before any script is looked at.
        """
        call = find_call(request.method, request.path)
        secret, refusal = self._authenticate(call, request)
        text = "\n".join(part for part in (request.text(), self._related_text(call, request)) if part)
        exchange = self.journal.open(
            request, call.operation, text, time=self._clock(), authorized=refusal is None, secret=secret
        )
        if refusal is not None:
            return self._deliver(exchange, call, refusal, NO_FAULT, secret)

        action = self.actions.take(call.operation, text) or self.chaos.take(call.operation, text) or NO_FAULT
        exchange.fault = None if action is NO_FAULT else action.name
        pause(action.wait_seconds)
        reply: Reply | None = None
        if action.effect:
            reply = self._handle(call, request, text)
            exchange.effect = reply.status < 400
            pause(reply.delay_seconds)
        if action.status is not None:
            reply = _scripted(action, call)
            exchange.scripted = action.body is not None or action.raw is not None
        pause(action.delay_seconds)
        return self._deliver(exchange, call, None if action.drop else reply, action, secret)

    def close(self, delivery: Delivery, ending: Ending) -> None:
        """Record how the connection ended."""
        if delivery.exchange:
            delivery.exchange.ending = ending
            delivery.exchange.duration_seconds = round(self._clock() - delivery.exchange.time, 6)

    def reset(self, match: Sequence[str] = ()) -> None:
        """Forget what is about `match`, or everything: then keys and settings are as at the start."""
        self.actions.reset(match)
        self.openai.reset(match)
        self.twilio.reset(match)
        self.journal.reset(match)
        if not match:
            self.chaos = Chaos()
            self.keys.reset()
            self.settings.change(Settings().view())

    def _authenticate(self, call: Call, request: Request) -> tuple[str | None, Reply | None]:
        """Return the secret that came with a request, and the refusal if it is not accepted."""
        if call.vendor == "openai":
            key = bearer_key(request.headers)
            if self.keys.accepts_openai(key):
                return key, None
            return key, Reply.of_json(payloads.openai_wrong_key(key), status=401)
        if call.vendor == "twilio":
            user, token = basic_credentials(request.headers)
            if self.keys.accepts_twilio(call.ids.get("account_sid", ""), user, token):
                return token, None
            headers = {"www-authenticate": 'Basic realm="Twilio API"'}
            return token, Reply.of_json(payloads.usual_twilio_error(401), status=401, headers=headers)
        return None, Reply.of_json({"error": f"the stubs serve no {request.path}"}, status=404)

    def _related_text(self, call: Call, request: Request) -> str:
        if call.vendor == "openai":
            return self.openai.related_text(call, request)
        return self.twilio.related_text(call)

    def _handle(self, call: Call, request: Request, text: str) -> Reply:
        vendor = self.openai if call.vendor == "openai" else self.twilio
        return vendor.handle(call, request, text)

    def _deliver(
        self, exchange: Exchange, call: Call, reply: Reply | None, action: Action, secret: str | None
    ) -> Delivery:
        if reply is not None:
            reply = replace(reply, headers={**_HEADERS[call.vendor](), **reply.headers}, delay_seconds=0.0)
            self.journal.record_answer(exchange, reply, secret)
        return Delivery(exchange, reply, action.stall_seconds)


def _scripted(action: Action, call: Call) -> Reply:
    status = action.status or 500
    if action.raw is not None:
        return Reply(status, action.raw.encode(), {"content-type": "text/html", **_lower(action)})
    body = action.body
    if body is None:
        usual = payloads.usual_openai_error if call.vendor == "openai" else payloads.usual_twilio_error
        body = usual(status)
    return Reply.of_json(body, status=status, headers=_lower(action))


def _lower(action: Action) -> dict[str, str]:
    return {name.lower(): value for name, value in action.headers.items()}
