"""Twilio in simulated time: the stub of its Messages API, what it does with each message, and who else writes to it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from sandbox.stubs import Fate
from sandbox.stubs.routes import find_call
from sandbox.stubs.settings import Settings
from sandbox.stubs.twilio_api import TwilioApi
from sandbox.stubs.twilio_messages import Message
from sandbox.stubs.twilio_rules import TwilioRefusal
from sandbox.stubs.twilio_views import Views
from sandbox.stubs.wire import Reply, Request
from tests.fakes.clock import START
from tests.simulation.kernel import Kernel

CHANNEL = "whatsapp:"


@dataclass(frozen=True)
class Accepted:
    """A message that the function sent, and the one that the recipient got.

    Attributes:
        content: What was asked for: text, or content variables.
    """

    message: Message
    content: str
    at: float

    @property
    def recipient_tel(self) -> str:
        return self.message.to.removeprefix(CHANNEL)

    @property
    def sender(self) -> str:
        return (self.message.from_ or "").removeprefix(CHANNEL)


class SimulatedTwilio:
    """All accounts.

    Attributes:
        tokens: Accepted auth tokens by account.
        sent: Messages of the function, in order.
        foreign: Messages of other programs.
        on_send: Told of each message of the function.
    """

    def __init__(self, kernel: Kernel, random: Random, list_lag_seconds: float, fates: tuple[Fate, ...]) -> None:
        self._kernel = kernel
        self._random = random
        self._list_lag_seconds = list_lag_seconds
        self._fates = fates
        self._api = TwilioApi(lambda: START.timestamp() + kernel.now, Settings(), self._new_sid)
        self.tokens: dict[str, set[str]] = {}
        self.sent: list[Accepted] = []
        self.foreign: list[Message] = []
        self.on_send: list[Callable[[Accepted], None]] = []

    @property
    def views(self) -> Views:
        return self._api.views

    def handle(
        self, method: str, path: str, query: Mapping[str, str], form: Mapping[str, str], auth: tuple[str, str]
    ) -> Reply:
        """Answer one request."""
        call = find_call(method, path)
        account_sid = call.ids.get("account_sid", "")
        if auth[0] != account_sid or auth[1] not in self.tokens.get(account_sid, ()):
            return Reply.of_json({"code": 20003, "message": "Authenticate", "status": 401}, status=401)
        if method == "POST":
            return self._create(account_sid, form)
        return self._api.handle(call, Request(method, path, query), "")

    def write(
        self, account_sid: str, form: Mapping[str, str], fate: Fate | None = None, *, ago_seconds: float = 0.0
    ) -> Message:
        """Let another program have sent a message."""
        message = self._api.accept(account_sid, form, fate or Fate(), ago_seconds=ago_seconds)
        self.foreign.append(message)
        return message

    def shown(self, message: Message) -> str:
        """Return the text that Twilio shows of a message."""
        text = self.views.of(message.account_sid, message.service_sid).of(message.body)
        return str(message.fate.row.get("body", text) or "")

    def _create(self, account_sid: str, form: Mapping[str, str]) -> Reply:
        fate = self._random.choice(self._fates)
        fate = Fate(
            status=fate.status,
            error_code=fate.error_code,
            row=fate.row,
            course=fate.course,
            list_lag_seconds=self._random.random() * self._list_lag_seconds,
        )
        try:
            message = self._api.accept(account_sid, form, fate)
        except TwilioRefusal as refusal:
            body = {"code": refusal.code, "message": refusal.message, "status": refusal.status}
            return Reply.of_json(body, status=refusal.status)
        accepted = Accepted(message, form.get("ContentVariables") or form.get("Body", ""), self._kernel.now)
        self.sent.append(accepted)
        self._kernel.log(f"twilio: accepts {message.sid[-4:]} for {message.to}")
        for told in self.on_send:
            told(accepted)
        return Reply.of_json(self._api.shown(message, message.created_at), status=201)

    def _new_sid(self) -> str:
        return f"SM{self._random.getrandbits(128):032x}"


def canonical(content: str) -> str:
    """Return what two contents have in common that are the same part of a reply."""
    try:
        return json.dumps(json.loads(content), sort_keys=True)
    except ValueError:
        return " ".join(content.split())
