"""The function with the real adapters of both vendors, on stubs without sockets; AWS is in memory."""

from dataclasses import dataclass
from typing import Any

import pytest

from core.ports import TwilioCredentials
from sandbox.context_objects import OPENAI_REFERENCE, TWILIO_REFERENCE
from sandbox.stubs import OPENAI_KEY, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN
from services.openai_assistants_service import AssistantsGateway
from services.openai_client import OpenAIClients
from services.openai_responses_service import ResponsesGateway
from services.twilio_service import TwilioWhatsApp
from tests.fakes.clock import FakeClock
from tests.fakes.function import SETTINGS, InMemoryFunction
from tests.fakes.secrets import InMemorySecrets
from tests.samples.sqs_events import make_event, make_record
from tests.unit.stubbed.transports import StubTransports
from utils.redaction import Secret


@dataclass
class StubbedFunction:
    """One execution environment and the stubs it talks to."""

    function: InMemoryFunction
    stubs: StubTransports

    def script(self, operation: str, action: Any) -> None:
        """Let every call of an operation go wrong like this."""
        self.stubs.app.actions.add(action, operation=operation, times=None)

    def receive(self, **record: Any) -> list[str]:
        return self.function.process(make_event(make_record(**record)))

    def messages(self) -> list[Any]:
        """Return what Twilio accepted."""
        return self.stubs.app.twilio.messages(())


def make_stubbed_function(monkeypatch: pytest.MonkeyPatch, *, api: str = "responses") -> StubbedFunction:
    clock = FakeClock()
    stubs = StubTransports(clock)
    stubs.install_twilio(monkeypatch)
    secrets = InMemorySecrets()
    credentials = TwilioCredentials(TWILIO_ACCOUNT_SID, Secret(TWILIO_AUTH_TOKEN), "HX" + "1" * 32)
    secrets.twilio_secrets[TWILIO_REFERENCE] = credentials
    secrets.openai_secrets[OPENAI_REFERENCE] = Secret(OPENAI_KEY)
    clients = OpenAIClients(None, stubs.openai())
    model = AssistantsGateway(clients) if api == "assistants" else ResponsesGateway(clients, "gpt", background=True)
    return StubbedFunction(
        InMemoryFunction(
            clock=clock,
            secrets=secrets,
            model=model,
            whatsapp=TwilioWhatsApp(SETTINGS.twilio_timeout_seconds, clock.now),
        ),
        stubs,
    )
