"""The fake model and both gateways pass one contract; the gateways on stubs without sockets."""

from dataclasses import replace

import pytest

from core.conversation import Run, Usage
from core.model import ModelGateway, RunReport, RunState
from sandbox.stubs import OPENAI_KEY, Outcome
from services.openai_assistants_service import AssistantsGateway
from services.openai_client import OpenAIClients
from services.openai_responses_service import ResponsesGateway
from tests.contracts.model_gateway import TIMEOUT_SECONDS, AssistantsGatewayContract, ModelGatewayContract, ModelLab
from tests.fakes.clock import FakeClock
from tests.fakes.model import InMemoryModel
from tests.fakes.secrets import OPENAI
from tests.unit.stubbed.transports import StubTransports
from utils.redaction import Secret

RUN_SECONDS = 3.0


class FakeLab:
    key = OPENAI
    foreign_thread_id = "thread_1"
    unknown_run = Run("conv_1", "resp_unknown")
    incomplete_reason = "max_output_tokens"
    assistant_id = "first-contact"

    def __init__(self) -> None:
        self._clock = FakeClock()
        self.gateway = InMemoryModel(self._clock)

    def script(self, outcome: Outcome) -> None:
        self.gateway.outcome.duration_seconds = RUN_SECONDS
        state = RunState(outcome.state)
        report = RunReport("", state, refusal=outcome.refusal is not None)
        if state is RunState.FAILED:
            retriable = outcome.code in {"server_error", "rate_limit_exceeded"}
            report = replace(report, reason=outcome.code, retriable=retriable)
        if state is RunState.INCOMPLETE:
            report = replace(report, reason=self.incomplete_reason)
        if outcome.text is not None:
            usage = Usage(outcome.input_tokens or 0, outcome.output_tokens or 0)
            report = replace(report, text=outcome.text, usage=usage)
        self.gateway.outcome.report = report

    def wait_for_end(self, run: Run) -> RunReport:
        self._clock.advance(RUN_SECONDS)
        return self.gateway.fetch_run(run, self.key, TIMEOUT_SECONDS)


class StubLab:
    """A gateway on the stub of OpenAI, without sockets."""

    key = Secret(OPENAI_KEY)
    assistant_id = "asst_1"

    def __init__(self, clock: FakeClock, stubs: StubTransports, gateway: ModelGateway) -> None:
        self._clock = clock
        self._stubs = stubs
        self.gateway = gateway

    def script(self, outcome: Outcome) -> None:
        self._stubs.app.openai.outcomes.add(replace(outcome, duration_seconds=RUN_SECONDS))

    def wait_for_end(self, run: Run) -> RunReport:
        self._clock.advance(RUN_SECONDS)
        return self.gateway.fetch_run(run, self.key, TIMEOUT_SECONDS)


class ResponsesLab(StubLab):
    foreign_thread_id = "thread_1"
    unknown_run = Run("conv_1", "resp_unknown")
    incomplete_reason = "max_output_tokens"


class AssistantsLab(StubLab):
    foreign_thread_id = "conv_1"
    unknown_run = Run("thread_1", "run_unknown")
    incomplete_reason = "max_completion_tokens"


class TestInMemoryModel(AssistantsGatewayContract):
    @pytest.fixture
    def lab(self) -> ModelLab:
        return FakeLab()


class TestResponsesGateway(ModelGatewayContract):
    @pytest.fixture
    def lab(self) -> ModelLab:
        clock = FakeClock()
        stubs = StubTransports(clock)
        clients = OpenAIClients(None, stubs.openai())
        return ResponsesLab(clock, stubs, ResponsesGateway(clients, "gpt-6-luna", background=True))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the SDK warns on each Assistants call
class TestAssistantsGateway(AssistantsGatewayContract):
    @pytest.fixture
    def lab(self) -> ModelLab:
        clock = FakeClock()
        stubs = StubTransports(clock)
        return AssistantsLab(clock, stubs, AssistantsGateway(OpenAIClients(None, stubs.openai())))
