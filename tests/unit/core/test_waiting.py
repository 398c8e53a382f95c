"""Waiting in the queue: what waits, what it leaves behind, and how it comes back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.continuation import MAX_NUMBER, Continuation
from core.conversation import Run, Status, WaitReason
from core.errors import (
    AccountFaultError,
    DeliveryUnknownError,
    StoreUnavailableError,
    TransientError,
)
from core.outcome import Done, GivenBack, Outcome, Postponed
from core.pipeline import MessagePipeline
from sandbox.context_objects import TWILIO_REFERENCE, make_body
from tests.fakes.clock import START
from tests.fakes.faulty import Faulty, ProcessDied
from tests.fakes.function import PATIENT, SETTLE_SECONDS, VISIBILITY_SECONDS
from tests.fakes.function import InMemoryFunction as Core
from tests.fakes.secrets import TWILIO_FREE_FORM
from utils.redaction import Secret

ASSISTANT = "first-contact"
UNAVAILABLE = StoreUnavailableError("DynamoDB: ProvisionedThroughputExceededException")
HOLD_SECONDS = PATIENT.openai_hold_seconds


@pytest.fixture
def core() -> Core:
    core = Core(settings=PATIENT)
    core.model.outcome.duration_seconds = 1.0
    return core


def pipeline_that_knows(core: Core, usual_seconds: float) -> MessagePipeline:
    """Return a pipeline that has seen what runs of the assistant take."""
    pipeline = core.pipeline()
    pipeline._processor._times.note(ASSISTANT, usual_seconds)
    return pipeline


def postponed(outcome: Outcome) -> Postponed:
    assert isinstance(outcome, Postponed), outcome
    return outcome


def follow(core: Core, outcome: Outcome, *, at_most: int = 100, pipeline: MessagePipeline | None = None) -> int:
    """Let each continuation come at its time until the message is done; return how many there were."""
    for count in range(at_most):
        if outcome == Done():
            return count
        waits = postponed(outcome)
        core.clock.advance(waits.delay_seconds)
        delivery = core.delivery(message_id=f"c-{count}", continuation=waits.continuation)
        outcome = (pipeline or core.pipeline()).process(delivery, core.deadline())
    raise AssertionError("it goes on for ever")


# The model


def test_a_run_that_ends_within_the_hold_is_waited_for_in_the_function(core: Core) -> None:
    core.model.outcome.duration_seconds = HOLD_SECONDS - 0.5

    outcome = core.receive()

    assert outcome == Done()
    assert core.store.writes == ["create", "record_run", "intend", "close"]


def test_a_longer_run_is_left_to_the_queue_after_the_hold(core: Core) -> None:
    core.model.outcome.duration_seconds = 20.0

    outcome = postponed(core.receive())

    assert sum(core.clock.sleeps) <= HOLD_SECONDS
    assert outcome.continuation.reason is WaitReason.MODEL
    assert outcome.continuation.run == Run("conv_1", "resp_1")
    record = core.record()
    assert record.conversation.status is Status.PROCESSING
    assert record.conversation.lease_owner is None
    assert not record.needs_attention
    assert record.waiting is not None
    assert (record.waiting.reason, record.waiting.since) == (WaitReason.MODEL, START)
    assert record.waiting.until == START + timedelta(seconds=PATIENT.openai_run_deadline_seconds)


def test_after_a_hold_a_message_costs_six_writes_and_no_read(core: Core) -> None:
    core.model.outcome.duration_seconds = 20.0

    follow(core, core.receive())

    assert core.store.writes == ["create", "record_run", "postpone", "resume", "intend", "close"]
    assert core.store.reads == []
    assert len(core.sent()) == 1
    assert core.record().waiting is None


def test_what_usually_takes_longer_is_parked_at_once_in_five_writes(core: Core) -> None:
    core.model.outcome.duration_seconds = 20.0
    pipeline = pipeline_that_knows(core, 20.0)

    first = postponed(pipeline.process(core.delivery(), core.deadline()))
    held = sum(core.clock.sleeps)
    hops = follow(core, first, pipeline=pipeline)

    assert held == 0
    assert first.delay_seconds == 13
    assert hops <= 6
    assert core.store.writes == ["create", "record_run", "resume", "intend", "close"]
    assert core.store.reads == []
    assert core.clock.elapsed_seconds < 20.0 * 1.12
    assert len(core.sent()) == 1


def test_what_usually_ends_within_the_hold_is_never_parked(core: Core) -> None:
    core.model.outcome.duration_seconds = 1.5

    outcome = pipeline_that_knows(core, HOLD_SECONDS).process(core.delivery(), core.deadline())

    assert outcome == Done()
    assert core.store.writes == ["create", "record_run", "intend", "close"]


def test_what_runs_take_is_learned_from_those_that_waited(core: Core) -> None:
    core.model.outcome.duration_seconds = 20.0
    pipeline = core.pipeline()

    follow(core, pipeline.process(core.delivery(), core.deadline()), pipeline=pipeline)

    assert pipeline._processor._times.usual(ASSISTANT) == pytest.approx(20.0, rel=0.35)


def test_a_run_of_an_hour_costs_a_few_looks(core: Core) -> None:
    core.model.outcome.duration_seconds = 3300.0

    hops = follow(core, core.receive())

    assert len(core.sent()) == 1
    assert list(core.model.runs) == ["resp_1"]
    assert hops < 30


def test_a_run_that_never_ends_is_given_up_and_a_third_is_the_last(core: Core) -> None:
    core.model.outcome.duration_seconds = 1e9

    outcome: Outcome = core.receive()
    for count in range(200):
        if isinstance(outcome, GivenBack):
            break
        waits = postponed(outcome)
        core.clock.advance(waits.delay_seconds)
        outcome = core.receive(message_id=f"c-{count}", continuation=waits.continuation)

    assert outcome == GivenBack(0)
    assert len(core.model.runs) == 3
    error = core.record().conversation.last_error
    assert error is not None
    assert error.code == "openai_runs_exhausted"
    assert core.record().needs_attention


def test_a_look_at_a_pending_run_leaves_the_record_alone(core: Core) -> None:
    core.model.outcome.duration_seconds = 600.0
    first = postponed(core.receive())
    writes, before = list(core.store.writes), core.record().conversation
    core.clock.advance(first.delay_seconds)

    second = postponed(core.receive(message_id="c-1", continuation=first.continuation))

    assert core.store.writes == writes
    assert core.record().conversation == before
    assert (first.continuation.number, second.continuation.number) == (1, 2)
    assert second.continuation.write_number == first.continuation.write_number
    assert second.continuation.origin == "m-1"


def test_from_the_second_receive_on_a_continuation_claims_first(core: Core) -> None:
    """Whoever died on the first has left no word of it in the record."""
    core.model.outcome.duration_seconds = 600.0
    first = postponed(core.receive())

    core.receive(message_id="c-1", receive_count=2, continuation=first.continuation)

    assert core.store.writes[-2:] == ["resume", "postpone"]


def test_on_the_last_receive_the_model_is_waited_for_in_the_function(core: Core) -> None:
    """Should the queue not take it, there would be no receive left."""
    core.model.outcome.duration_seconds = 20.0

    outcome = pipeline_that_knows(core, 20.0).process(core.delivery(receive_count=3), core.deadline())

    assert outcome == Done()


def test_a_run_that_was_just_created_and_is_not_known_yet_is_not_asked_for_again(core: Core) -> None:
    core.model.outcome.duration_seconds = 20.0
    core.model.unknown_for_seconds = 10.0

    follow(core, core.receive())

    assert list(core.model.runs) == ["resp_1"]
    assert len(core.sent()) == 1


def test_no_runs_result_is_used_but_the_records(core: Core) -> None:
    """Whoever may put messages on the queue may name any run of the company."""
    core.model.outcome.duration_seconds = 0.0
    core.receive(body=make_body(conversation_id="conv-other"))
    core.model.outcome.report = replace(core.model.outcome.report, text='{"1": "Ben", "2": "Acme"}')
    forged = Continuation(1, "m-0", START, START, WaitReason.MODEL, START, Run("conv_1", "resp_1", START), 2)

    outcome = core.receive(message_id="m-2", continuation=forged)

    assert outcome == Done()
    assert core.sent()[1] == "Hello! Ben - Acme"
    assert len(core.model.runs) == 2


def test_a_record_that_changed_meanwhile_is_claimed_like_any_other(core: Core) -> None:
    core.model.outcome.duration_seconds = 20.0
    first = postponed(core.receive())
    record = core.record()
    record.conversation = replace(record.conversation, write_number=record.conversation.write_number + 5)

    follow(core, first)

    assert core.store.writes[-5:] == ["resume", "create", "take_over", "intend", "close"]
    assert len(core.sent()) == 1


def test_another_companys_continuation_takes_nothing(core: Core) -> None:
    core.model.outcome.duration_seconds = 20.0
    first = postponed(core.receive())
    core.clock.advance(30)
    before = core.record().conversation
    foreign = make_body(
        company_data_payload__company_id="umbrella", frontend_payload__company_data__company_id="umbrella"
    )

    outcome = core.receive(message_id="m-2", body=foreign, continuation=first.continuation)

    assert outcome == GivenBack(0)
    assert core.record().conversation == before
    assert core.sent() == []


def test_two_continuations_of_one_conversation_send_once(core: Core) -> None:
    core.model.outcome.duration_seconds = 20.0
    first = postponed(core.receive())
    core.clock.advance(30)

    one = core.receive(message_id="c-1", continuation=first.continuation)
    other = core.receive(message_id="c-2", continuation=first.continuation)

    assert (one, other) == (Done(), Done())
    assert len(core.sent()) == 1


# Vendors and AWS


@pytest.mark.parametrize(
    ("port", "method"),
    [
        ("secrets", "twilio"),
        ("model", "open_thread"),
        ("model", "start_run"),
        ("whatsapp", "send"),
        ("store", "intend"),
    ],
)
def test_an_outage_waits_in_the_queue_and_costs_no_receive(core: Core, port: str, method: str) -> None:
    faulty = Faulty(getattr(core, port))
    faulty.plan(method, TransientError("down", code="down"), times=12)
    setattr(core, port, faulty)

    outcome = postponed(core.receive())
    hops = follow(core, outcome)

    assert outcome.code == "down"
    assert outcome.continuation.reason is WaitReason.UNAVAILABLE
    assert hops >= 4
    assert len(core.sent()) == 1
    assert core.telemetry.metrics["MessagesFailed"] == 0


def test_a_conversation_that_waits_keeps_its_status_and_says_why(core: Core) -> None:
    core.model = Faulty(core.model)
    core.model.plan("start_run", TransientError("overloaded", code="openai_overloaded"))

    core.receive()

    record = core.record()
    assert record.conversation.status is Status.PROCESSING
    assert record.conversation.last_error is not None
    assert record.conversation.last_error.code == "openai_overloaded"
    assert not record.conversation.last_error.permanent
    assert not record.needs_attention
    assert record.waiting is not None
    assert record.waiting.until == START + timedelta(seconds=PATIENT.patience_seconds)


@pytest.mark.parametrize("outage_seconds", [200.0, 7200.0, 20_000.0])
def test_an_outage_within_patience_needs_no_person(core: Core, outage_seconds: float) -> None:
    core.model = Faulty(core.model)
    core.model.plan("open_thread", TransientError("down"), times=1000)
    core.clock.at(outage_seconds, core.model._faults["open_thread"].clear)

    follow(core, core.receive())

    late = core.clock.elapsed_seconds - outage_seconds
    assert len(core.sent()) == 1
    assert 0 < late < min(max(outage_seconds / 2, 30), 900) + 10


def test_at_the_end_of_patience_it_fails_for_good_and_a_person_is_told(core: Core) -> None:
    core.model = Faulty(core.model)
    core.model.plan("open_thread", TransientError("down", code="openai_down"), times=1000)

    outcome: Outcome = core.receive()
    count = 0
    while isinstance(outcome, Postponed):
        count += 1
        core.clock.advance(outcome.delay_seconds)
        outcome = core.receive(message_id=f"c-{count}", continuation=outcome.continuation)
    again = core.receive(message_id=f"c-{count}", receive_count=2)

    assert (outcome, again) == (GivenBack(0), GivenBack(0))
    assert core.clock.elapsed_seconds == pytest.approx(PATIENT.patience_seconds, abs=5)
    assert count < 60
    record = core.record()
    assert record.needs_attention
    assert record.waiting is None
    assert record.conversation.status is Status.FAILED_AI
    assert record.conversation.last_error is not None
    assert (record.conversation.last_error.code, record.conversation.last_error.permanent) == ("openai_down", True)


def test_a_message_that_came_late_to_its_first_receive_has_its_three_receives(core: Core) -> None:
    """A backlog older than patience must not go to the DLQ because OpenAI throttles for a moment."""
    core.model = Faulty(core.model)
    core.model.plan("open_thread", TransientError("429"))
    delivery = core.delivery()
    delivery.sent_at = START - timedelta(seconds=PATIENT.patience_seconds + 1)

    outcome = core.pipeline().process(delivery, core.deadline())

    assert outcome == GivenBack(23)


def test_continuations_end_at_their_bound(core: Core) -> None:
    core.model = Faulty(core.model)
    core.model.plan("open_thread", TransientError("down"), times=2)
    last = Continuation(MAX_NUMBER, "m-1", START, START, WaitReason.UNAVAILABLE, START)

    outcome = core.receive(message_id="c-1", continuation=last)

    assert outcome == GivenBack(0)
    assert core.record().needs_attention


def test_a_fault_of_the_whole_account_rings_at_once_and_does_not_empty_the_queue(core: Core) -> None:
    core.model.accepted_keys = {Secret("sk-other")}

    outcome = postponed(core.receive())

    assert outcome.continuation.reason is WaitReason.ACCOUNT
    assert core.telemetry.metrics["ConfigurationFaults"] == 1
    error = core.record().conversation.last_error
    assert error is not None
    assert not error.permanent
    assert not core.record().needs_attention


def test_without_patience_a_fault_of_the_whole_account_is_permanent() -> None:
    core = Core()
    core.model = Faulty(core.model)
    core.model.plan("open_thread", AccountFaultError("billing", code="openai_insufficient_quota"))

    outcome = core.receive()

    assert outcome == GivenBack(0)
    assert core.telemetry.metrics["ConfigurationFaults"] == 1


def test_a_part_that_was_sent_is_kept_while_the_next_one_waits(core: Core) -> None:
    core.secrets.twilio_secrets[TWILIO_REFERENCE] = TWILIO_FREE_FORM
    core.model.outcome.report = replace(core.model.outcome.report, text="\n\n".join(f"{c} " * 600 for c in "ab"))
    core.whatsapp = Faulty(core.whatsapp)
    core.whatsapp.plan("send", TransientError("queue full", retry_after_seconds=300), skip=1)

    follow(core, core.receive())

    assert [body[0] for body in core.sent()] == ["a", "b"]


# Reconciliation and leases


@pytest.mark.parametrize("after_effect", [True, False])
def test_the_rest_of_a_reconcile_window_is_waited_for_in_the_queue(core: Core, *, after_effect: bool) -> None:
    core.whatsapp._list_lag_seconds = lambda: 30.0
    core.whatsapp = Faulty(core.whatsapp)
    core.whatsapp.plan("send", DeliveryUnknownError("Twilio's answer was lost"), after_effect=after_effect)

    outcome = postponed(core.receive())
    record = core.record()
    follow(core, outcome)

    assert SETTLE_SECONDS - 10 < outcome.delay_seconds <= SETTLE_SECONDS
    assert outcome.continuation.reason is WaitReason.RECONCILE
    assert record.conversation.status is not Status.FAILED_SEND
    assert len(core.sent()) == 1


def test_a_lease_held_by_another_is_waited_for_in_the_queue(core: Core) -> None:
    core.model = Faulty(core.model)
    core.model.plan("start_run", ProcessDied())
    with pytest.raises(ProcessDied):
        core.receive()
    before = core.record().conversation

    outcome = postponed(core.receive(message_id="m-2"))

    assert outcome.delay_seconds == VISIBILITY_SECONDS - 15 + 2
    assert outcome.continuation.reason is WaitReason.LEASE
    assert core.record().conversation == before


def test_no_time_left_costs_no_receive(core: Core) -> None:
    outcome = core.pipeline().process(core.delivery(), core.deadline(timeout_seconds=15.5))

    assert postponed(outcome).delay_seconds == 1
    assert core.store.records == {}


# The record can't be written


def test_a_record_that_can_not_be_written_is_waited_for_until_its_lease_is_over(core: Core) -> None:
    core.store = Faulty(core.store)
    core.store.plan("create", UNAVAILABLE, after_effect=True)
    core.store.plan("postpone", UNAVAILABLE)

    outcome = postponed(core.receive())

    assert outcome.delay_seconds == VISIBILITY_SECONDS - 15 + 2
    assert core.record().conversation.lease_owner == "owner of m-1/1"
    assert follow(core, outcome) == 1


def test_a_claim_that_had_no_effect_leaves_no_lease_to_wait_for(core: Core) -> None:
    core.store = Faulty(core.store)
    core.store.plan("create", UNAVAILABLE)

    outcome = postponed(core.receive())

    assert outcome.delay_seconds <= 30


def test_a_run_that_could_not_be_recorded_is_carried_by_the_write_that_postpones(core: Core) -> None:
    core.store = Faulty(core.store)
    core.store.plan("record_run", UNAVAILABLE, times=5)
    core.store.plan("postpone", UNAVAILABLE, times=4)

    follow(core, core.receive())

    assert list(core.model.runs) == ["resp_1"]
    assert len(core.sent()) == 1


# What does not wait


def test_a_failed_final_update_is_given_back(core: Core) -> None:
    core.store = Faulty(core.store)
    core.store.plan("close", UNAVAILABLE, times=9)

    outcome = core.receive()

    assert isinstance(outcome, GivenBack)
    assert core.telemetry.failed_codes == {"final_db_update_failed": 1}


def test_an_unforeseen_exception_is_given_back(core: Core) -> None:
    core.model = Faulty(core.model)
    core.model.plan("open_thread", KeyError("x"))

    assert core.receive() == GivenBack(23)


def test_on_the_last_receive_people_are_told_in_case_sqs_does_not_take_it(core: Core) -> None:
    core.model = Faulty(core.model)
    core.model.plan("open_thread", TransientError("down"))

    postponed(core.receive(receive_count=3))

    assert core.record().needs_attention
    assert core.record().waiting is not None


def test_a_function_that_may_not_put_messages_waits_as_it_would_without_patience(core: Core) -> None:
    core.model.outcome.duration_seconds = 20.0
    pipeline = pipeline_that_knows(core, 20.0)

    pipeline.stop_postponing()
    outcome = pipeline.process(core.delivery(), core.deadline())

    assert outcome == Done()
    assert core.store.writes == ["create", "record_run", "intend", "close"]
