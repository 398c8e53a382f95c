"""The adapters of OpenAI and Twilio pass the contracts of their ports, on the stubs over HTTP."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.conversation import Run
from core.model import ModelGateway, RunReport, RunState
from core.ports import TwilioCredentials
from sandbox.eventually import eventually
from sandbox.stubs import (
    OPENAI_KEY,
    TWILIO_ACCOUNT_SID,
    TWILIO_AUTH_TOKEN,
    Outcome,
    StubClient,
    StubServer,
    answer,
    drop,
)
from services.openai_assistants_service import AssistantsGateway
from services.openai_client import OpenAIClients
from services.openai_responses_service import ResponsesGateway
from services.twilio_service import TwilioWhatsApp
from tests.contracts.model_gateway import TIMEOUT_SECONDS, AssistantsGatewayContract, ModelGatewayContract, ModelLab
from tests.contracts.whatsapp_gateway import WhatsAppGatewayContract, WhatsAppLab
from utils.redaction import Secret

pytestmark = pytest.mark.integration

RUN_SECONDS = 0.3


class OpenAILab:
    key = Secret(OPENAI_KEY)
    assistant_id = "asst_1"

    def __init__(self, gateway: ModelGateway, client: StubClient) -> None:
        self.gateway = gateway
        self._client = client

    def script(self, outcome: Outcome) -> None:
        self._client.outcome(replace(outcome, duration_seconds=RUN_SECONDS))

    def wait_for_end(self, run: Run) -> RunReport:
        def ended() -> RunReport | None:
            report = self.gateway.fetch_run(run, self.key, TIMEOUT_SECONDS)
            return None if report.state is RunState.PENDING else report

        report = eventually(ended)
        assert report is not None
        return report


class ResponsesLab(OpenAILab):
    foreign_thread_id = "thread_1"
    unknown_run = Run("conv_1", "resp_unknown")
    incomplete_reason = "max_output_tokens"


class AssistantsLab(OpenAILab):
    foreign_thread_id = "conv_1"
    unknown_run = Run("thread_1", "run_unknown")
    incomplete_reason = "max_completion_tokens"


class TestResponsesGateway(ModelGatewayContract):
    @pytest.fixture
    def lab(self, stubs: StubServer) -> ModelLab:
        gateway = ResponsesGateway(OpenAIClients(stubs.urls.openai), "gpt-6-luna", background=True)
        return ResponsesLab(gateway, stubs.client)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK warns on each Assistants call
class TestAssistantsGateway(AssistantsGatewayContract):
    @pytest.fixture
    def lab(self, stubs: StubServer) -> ModelLab:
        return AssistantsLab(AssistantsGateway(OpenAIClients(stubs.urls.openai)), stubs.client)


class TwilioLab:
    credentials = TwilioCredentials(TWILIO_ACCOUNT_SID, Secret(TWILIO_AUTH_TOKEN), "HX" + "1" * 32)

    def __init__(self, stubs: StubServer) -> None:
        self._client = stubs.client
        self.gateway = TwilioWhatsApp(5, self.now, stubs.urls.twilio)

    def now(self) -> datetime:
        return datetime.now(tz=UTC)

    def wait(self, seconds: float) -> None:
        end = self.now().timestamp() + seconds
        eventually(lambda: self.now().timestamp() > end)

    def list_late(self, seconds: float) -> None:
        self._client.configure(list_lag_seconds=seconds)

    def lose_answer(self, *, after_effect: bool) -> None:
        self._client.script("twilio.messages.create", drop(after_effect=after_effect))

    def throttle(self) -> None:
        self._client.script("twilio.messages.create", answer(429))

    def fail_list(self) -> None:
        self._client.script("twilio.messages.list", answer(503))

    def accepted(self) -> list[str]:
        return [str(message["sid"]) for message in self._client.messages()]


class TestTwilioWhatsApp(WhatsAppGatewayContract):
    @pytest.fixture
    def lab(self, stubs: StubServer) -> WhatsAppLab:
        return TwilioLab(stubs)
