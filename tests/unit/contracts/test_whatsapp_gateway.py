"""Twilio in memory and the real gateway pass one contract; the gateway on a stub without sockets."""

from datetime import datetime
from typing import Any

import pytest

from core.errors import DeliveryUnknownError, TransientError
from core.ports import TwilioCredentials
from sandbox.stubs import TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, answer, drop
from services.twilio_service import TwilioWhatsApp
from tests.contracts.whatsapp_gateway import WhatsAppGatewayContract, WhatsAppLab
from tests.fakes.clock import FakeClock
from tests.fakes.faulty import Faulty
from tests.fakes.secrets import TWILIO
from tests.fakes.whatsapp import InMemoryWhatsApp
from tests.unit.stubbed.transports import StubTransports
from utils.redaction import Secret


class FakeLab:
    credentials = TWILIO

    def __init__(self) -> None:
        self._clock = FakeClock()
        self._lag_seconds = 0.0
        self._fake = InMemoryWhatsApp(self._clock, lambda: self._lag_seconds)
        self.gateway: Any = Faulty(self._fake)

    def now(self) -> datetime:
        return self._clock.now()

    def wait(self, seconds: float) -> None:
        self._clock.advance(seconds)

    def list_late(self, seconds: float) -> None:
        self._lag_seconds = seconds

    def lose_answer(self, *, after_effect: bool) -> None:
        self.gateway.plan("send", DeliveryUnknownError("lost"), after_effect=after_effect)

    def throttle(self) -> None:
        self.gateway.plan("send", TransientError("429", repeatable=True))

    def fail_list(self) -> None:
        self.gateway.plan("list_messages", TransientError("503"))

    def accepted(self) -> list[str]:
        return [delivered.message.sid for delivered in self._fake.delivered]


class StubLab:
    credentials = TwilioCredentials(TWILIO_ACCOUNT_SID, Secret(TWILIO_AUTH_TOKEN), "HX" + "1" * 32)

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._clock = FakeClock()
        stubs = StubTransports(self._clock)
        stubs.install_twilio(monkeypatch)
        self._app = stubs.app
        self.gateway = TwilioWhatsApp(20, self._clock.now)

    def now(self) -> datetime:
        return self._clock.now()

    def wait(self, seconds: float) -> None:
        self._clock.advance(seconds)

    def list_late(self, seconds: float) -> None:
        self._app.settings.change({"list_lag_seconds": seconds})

    def lose_answer(self, *, after_effect: bool) -> None:
        self._app.actions.add(drop(after_effect=after_effect), operation="twilio.messages.create")

    def throttle(self) -> None:
        self._app.actions.add(answer(429), operation="twilio.messages.create")

    def fail_list(self) -> None:
        self._app.actions.add(answer(503), operation="twilio.messages.list")

    def accepted(self) -> list[str]:
        return [str(message["sid"]) for message in self._app.twilio.messages(())]


class TestInMemoryWhatsApp(WhatsAppGatewayContract):
    @pytest.fixture
    def lab(self) -> WhatsAppLab:
        return FakeLab()


class TestTwilioWhatsApp(WhatsAppGatewayContract):
    @pytest.fixture
    def lab(self, monkeypatch: pytest.MonkeyPatch) -> WhatsAppLab:
        return StubLab(monkeypatch)
