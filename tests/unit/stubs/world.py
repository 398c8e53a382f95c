"""A stub app without sockets and without waiting: time passes when the test or a pause says so."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from sandbox.stubs.app import Delivery, StubApp
from sandbox.stubs.keys import OPENAI_KEY, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN
from sandbox.stubs.wire import Reply, Request

MESSAGES = f"/2010-04-01/Accounts/{TWILIO_ACCOUNT_SID}/Messages"
RECIPIENT = "whatsapp:+447700900123"
SENDER = "whatsapp:+447700900999"
TEMPLATE = "HX0123456789abcdef0123456789abcdef"
USER_MESSAGE = (
    'Company:\n{"company_id": "c-1", "company_name": "Acme Ltd"}\n\n'
    'Recipient:\n{"first_name": "Ana", "last_name": "Silva"}\n\n'
    'Contact numbers:\n{"recipient_tel": "+447700900123"}'
)


class World:
    """The app, its clock, and one caller with the right keys."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.app = StubApp(lambda: self.now, journal_limit=1000)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def send(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Delivery:
        return self.app.serve(Request.parse(method, target, headers or {}, body), self.pass_time)

    def openai(self, method: str, path: str, body: Any = None, *, key: str = OPENAI_KEY) -> "Answer":
        headers = {
            "authorization": f"Bearer {key}",
            "openai-beta": "assistants=v2",
            "content-type": "application/json",
        }
        encoded = b"" if body is None else json.dumps(body).encode()
        return Answer(self.send(method, f"/v1{path}", encoded, headers))

    def twilio(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        *,
        account_sid: str = TWILIO_ACCOUNT_SID,
        token: str = TWILIO_AUTH_TOKEN,
    ) -> "Answer":
        encoded = base64.b64encode(f"{account_sid}:{token}".encode()).decode()
        headers = {"authorization": f"Basic {encoded}", "content-type": "application/x-www-form-urlencoded"}
        return Answer(self.send(method, path, urlencode(form or {}).encode() if form else b"", headers))

    def send_whatsapp(self, **changes: str | None) -> "Answer":
        """Create a message; a change to None leaves the field out."""
        form = {"To": RECIPIENT, "From": SENDER, "Body": "Hello", **changes}
        return self.twilio(
            "POST", f"{MESSAGES}.json", {name: value for name, value in form.items() if value is not None}
        )

    def list_messages(self, **query: str) -> list[str]:
        """Return the SIDs that the list shows."""
        answer = self.twilio("GET", f"{MESSAGES}.json?{urlencode(query)}")
        return [message["sid"] for message in answer.json["messages"]]

    def ask(self, **changes: Any) -> "Answer":
        """Create a response."""
        return self.openai("POST", "/responses", {"model": "gpt-6-luna", "input": USER_MESSAGE, **changes})

    def get(self, path: str) -> Any:
        return self.openai("GET", path).json

    def new_id(self, path: str, body: Any = None) -> str:
        """Create something and return its id."""
        return str(self.openai("POST", path, body or {}).json["id"])


class Answer:
    """What came back."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery

    @property
    def reply(self) -> Reply:
        assert self.delivery.reply is not None, "the connection was dropped"
        return self.delivery.reply

    @property
    def status(self) -> int:
        return self.reply.status

    @property
    def json(self) -> Any:
        return json.loads(self.reply.body)


def output_text(response: Mapping[str, Any]) -> str:
    """Join the text of a response as the SDK's `output_text` does."""
    return "".join(
        part["text"]
        for item in response["output"]
        if item["type"] == "message"
        for part in item["content"]
        if part["type"] == "output_text"
    )
