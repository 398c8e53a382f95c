"""Contract of `core.model.ModelGateway`."""

from collections.abc import Callable
from typing import Any, Protocol

import pytest

from core.conversation import Mode, Run, Usage
from core.errors import CredentialsRejectedError, PermanentError, RunFailedError, TransientError
from core.model import ModelGateway, ModelRequest, RunReport, RunState
from sandbox.stubs import Outcome
from utils.assistant_definition import AssistantDefinition
from utils.redaction import Secret

DEFINITION = AssistantDefinition(instructions="Open the conversation.")
WRONG_KEY = Secret("sk-wrong")
TEXT = "Hello Ana, this is Acme."
USAGE = Usage(120, 30)
TIMEOUT_SECONDS = 20.0


class ModelLab(Protocol):
    """A gateway and the OpenAI behind it.

    Attributes:
        key: Accepted.
        foreign_thread_id: A thread of the other API.
        unknown_run: A run that never was.
        incomplete_reason: What the API calls a reply that took too many tokens.
        assistant_id: An assistant that exists, where the API keeps them.
    """

    key: Secret
    foreign_thread_id: str
    unknown_run: Run
    incomplete_reason: str
    assistant_id: str

    @property
    def gateway(self) -> ModelGateway: ...

    def script(self, outcome: Outcome) -> None:
        """Let the next run go like this, and take a little time."""
        ...

    def wait_for_end(self, run: Run) -> RunReport:
        """Let the time pass that a run takes, and return how it ended."""
        ...


def completed(**changes: Any) -> Outcome:
    return Outcome(text=TEXT, input_tokens=USAGE.tokens_in, output_tokens=USAGE.tokens_out, **changes)


ENDS = [
    pytest.param(completed(), RunState.COMPLETED, {"text": TEXT, "usage": USAGE}, id="completed"),
    pytest.param(Outcome(silent=True), RunState.COMPLETED, {"text": ""}, id="completed without a word"),
    pytest.param(Outcome(refusal="I can't do that."), RunState.COMPLETED, {"refusal": True}, id="refused"),
    pytest.param(
        Outcome(state="failed", code="server_error"),
        RunState.FAILED,
        {"reason": "server_error", "retriable": True},
        id="failed for now",
    ),
    pytest.param(
        Outcome(state="failed", code="rate_limit_exceeded"),
        RunState.FAILED,
        {"reason": "rate_limit_exceeded", "retriable": True},
        id="failed for a rate limit",
    ),
    pytest.param(
        Outcome(state="failed", code="invalid_prompt"),
        RunState.FAILED,
        {"reason": "invalid_prompt", "retriable": False},
        id="failed for good",
    ),
    pytest.param(Outcome(state="incomplete"), RunState.INCOMPLETE, {"retriable": False}, id="incomplete"),
    pytest.param(Outcome(state="cancelled"), RunState.CANCELLED, {"retriable": False}, id="cancelled"),
]

RUNS_ONLY = [
    pytest.param(Outcome(state="expired"), RunState.EXPIRED, {}, id="expired"),
    pytest.param(Outcome(state="requires_action"), RunState.REQUIRES_ACTION, {}, id="wants a tool"),
]


class ModelGatewayContract:
    """What the core relies on."""

    @pytest.fixture
    def lab(self) -> ModelLab:
        raise NotImplementedError

    def start(self, lab: ModelLab, thread_id: str, **changes: Any) -> Run:
        report = lab.gateway.start_run(thread_id, self.request(lab, **changes), lab.key, TIMEOUT_SECONDS)
        assert report.state is RunState.PENDING
        return Run(thread_id, report.response_id)

    def open(self, lab: ModelLab) -> str:
        return lab.gateway.open_thread(lab.key, TIMEOUT_SECONDS)

    def request(self, lab: ModelLab, **changes: Any) -> ModelRequest:
        arguments: dict[str, Any] = {
            "assistant_id": lab.assistant_id,
            "definition": DEFINITION,
            "user_message": "Company:\n{}",
            "mode": Mode.FREE_FORM,
            "user_id": "0" * 64,
            "metadata": {"conversation_id": "conv-1"},
        }
        return ModelRequest(**(arguments | changes))

    def test_every_thread_is_a_new_one_that_can_be_named_from_outside(self, lab: ModelLab) -> None:
        first, second = self.open(lab), self.open(lab)

        assert first != second
        assert lab.gateway.accepts_thread(first)
        assert not lab.gateway.accepts_thread(lab.foreign_thread_id)

    def test_a_run_is_pending_until_it_answers(self, lab: ModelLab) -> None:
        lab.script(completed())

        run = self.start(lab, self.open(lab))
        at_first = lab.gateway.fetch_run(run, lab.key, TIMEOUT_SECONDS)
        at_last = lab.wait_for_end(run)

        assert (at_first.state, at_first.response_id, at_first.text) == (RunState.PENDING, run.response_id, "")
        assert (at_last.state, at_last.response_id, at_last.text) == (RunState.COMPLETED, run.response_id, TEXT)

    @pytest.mark.parametrize(("outcome", "state", "details"), ENDS)
    def test_a_run_ends_in_one_of_its_states(
        self, lab: ModelLab, outcome: Outcome, state: RunState, details: dict[str, Any]
    ) -> None:
        self.check_end(lab, outcome, state, details)

    def check_end(self, lab: ModelLab, outcome: Outcome, state: RunState, details: dict[str, Any]) -> None:
        lab.script(outcome)
        expected = {"refusal": False, **details}
        if state is RunState.INCOMPLETE:
            expected["reason"] = lab.incomplete_reason

        report = lab.wait_for_end(self.start(lab, self.open(lab)))

        assert report.state is state
        assert {name: getattr(report, name) for name in expected} == expected

    def test_a_run_that_ended_can_be_fetched_again_with_the_same_answer(self, lab: ModelLab) -> None:
        lab.script(completed())
        run = self.start(lab, self.open(lab))
        first = lab.wait_for_end(run)

        second = lab.gateway.fetch_run(run, lab.key, TIMEOUT_SECONDS)

        assert (second.state, second.text, second.usage) == (first.state, first.text, first.usage)

    def test_a_thread_has_one_run_at_a_time(self, lab: ModelLab) -> None:
        lab.script(completed())
        thread_id = self.open(lab)
        self.start(lab, thread_id)

        with pytest.raises(TransientError) as caught:
            self.start(lab, thread_id)

        assert caught.value.code == "openai_conversation_locked"
        assert caught.value.repeatable
        assert caught.value.retry_after_seconds == 5

    def test_a_thread_is_free_again_after_its_run(self, lab: ModelLab) -> None:
        lab.script(completed())
        thread_id = self.open(lab)
        first = self.start(lab, thread_id)
        lab.wait_for_end(first)
        lab.script(completed())

        second = self.start(lab, thread_id)

        assert second.response_id != first.response_id

    def test_a_run_that_is_not_known_is_asked_anew(self, lab: ModelLab) -> None:
        with pytest.raises(RunFailedError) as caught:
            lab.gateway.fetch_run(lab.unknown_run, lab.key, TIMEOUT_SECONDS)

        assert caught.value.code == "openai_run_gone"
        assert caught.value.ends_run

    def test_a_wrong_key_is_rejected_by_every_call_and_has_no_effect(self, lab: ModelLab) -> None:
        lab.script(completed())
        thread_id = self.open(lab)
        calls: list[Callable[[], object]] = [
            lambda: lab.gateway.open_thread(WRONG_KEY, TIMEOUT_SECONDS),
            lambda: lab.gateway.start_run(thread_id, self.request(lab), WRONG_KEY, TIMEOUT_SECONDS),
            lambda: lab.gateway.fetch_run(lab.unknown_run, WRONG_KEY, TIMEOUT_SECONDS),
        ]

        for call in calls:
            with pytest.raises(CredentialsRejectedError):
                call()

        assert self.start(lab, thread_id)

    def test_a_request_needs_a_definition_where_the_gateway_says_so(self, lab: ModelLab) -> None:
        lab.script(completed())
        thread_id = self.open(lab)

        if not lab.gateway.needs_definition:
            assert self.start(lab, thread_id, definition=None)
            return
        with pytest.raises(PermanentError) as caught:
            self.start(lab, thread_id, definition=None)

        assert caught.value.code == "assistant_definition_missing"


class AssistantsGatewayContract(ModelGatewayContract):
    """The same, with the ends that only runs of the Assistants API have."""

    @pytest.mark.parametrize(("outcome", "state", "details"), RUNS_ONLY)
    def test_a_run_may_also_end_otherwise(
        self, lab: ModelLab, outcome: Outcome, state: RunState, details: dict[str, Any]
    ) -> None:
        self.check_end(lab, outcome, state, details)
