"""Fair use: a company whose model is slow holds an invocation for a moment, not for as long as its model takes."""

from dataclasses import replace
from typing import Any

import pytest

from sandbox.context_objects import make_body
from tests.fakes.function import PATIENT, InMemoryFunction
from tests.fakes.model import InMemoryModel, Outcome
from tests.samples.sqs_events import make_event, make_record

SLOW, QUICK = "slow-company", "quick-company"
MODEL_SECONDS = 240.0


class ModelOfTwo(InMemoryModel):
    """Answers one company at once, and the other after minutes."""

    def start_run(self, thread_id: str, request: Any, key: Any, timeout_seconds: float) -> Any:
        seconds = MODEL_SECONDS if request.metadata["company_id"] == SLOW else 0.0
        self.outcome = replace(self.outcome, duration_seconds=seconds)
        return super().start_run(thread_id, request, key, timeout_seconds)


def message(number: int, company: str) -> dict[str, Any]:
    body = make_body(
        conversation_id=f"{company}-{number}",
        frontend_payload__company_data__company_id=company,
        company_data_payload__company_id=company,
        frontend_payload__recipient_data__recipient_tel=f"+4477009{number:05}",
    )
    record = make_record(message_id=f"m-{number}", body=body)
    record["attributes"]["MessageGroupId"] = company
    return record


@pytest.fixture
def function() -> InMemoryFunction:
    function = InMemoryFunction(settings=PATIENT)
    function.model = ModelOfTwo(function.clock)
    function.model.outcome = Outcome()
    return function


def test_nine_slow_messages_hold_up_the_tenth_by_less_than_one_of_them_takes(function: InMemoryFunction) -> None:
    """One after the other, which is the worst case; a batch runs them side by side."""
    event = make_event(*(message(number, SLOW) for number in range(9)), message(9, QUICK))
    started = function.clock.monotonic()

    again = function.process(event)

    assert again == []
    assert function.clock.monotonic() - started < MODEL_SECONDS / 4
    assert [delivered.part.to for delivered in function.whatsapp.delivered] == ["+447700900009"]


def test_what_waits_stays_in_its_companys_group(function: InMemoryFunction) -> None:
    """SQS's fair queues go by the group; a continuation without one would jump its own company's queue."""
    function.process(make_event(*(message(number, SLOW) for number in range(5))))

    assert [put.envelope.group_id for put in function.queue.puts] == [SLOW] * 5
