"""Postponement: what is waited for in the queue, how long, how often, and until when."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from core.continuation import MAX_NUMBER, Continuation
from core.conversation import Run, WaitReason
from core.errors import (
    AccountFaultError,
    ConversationConflictError,
    CredentialsRejectedError,
    DeadlineError,
    DeliveryUndecidedError,
    DeliveryUnknownError,
    FinalUpdateError,
    LeaseHeldError,
    LostLeaseError,
    ModelAtWorkError,
    PermanentError,
    ProcessorError,
    ReplyRefusedError,
    RunFailedError,
    SecretError,
    StoreUnavailableError,
    TransientError,
    UnforeseenError,
)
from core.postponement import Postponement, Spent, Wait, look_seconds, reason_of
from tests.fakes.clock import START
from tests.fakes.function import InMemoryFunction

POLICY = Postponement(patience=timedelta(hours=6), run_deadline=timedelta(hours=1))
UNAVAILABLE = TransientError("down")


def plan(
    error: ProcessorError,
    *,
    waited: float = 0.0,
    jitter: float = 0.0,
    reason: WaitReason | None = None,
    first_sent_ago: float = 0.0,
    number: int = 1,
    policy: Postponement = POLICY,
) -> Wait | Spent | None:
    """Plan for a delivery that waits since `waited` seconds for a reason, if it does."""
    delivery = InMemoryFunction().delivery()
    delivery.sent_at = START - timedelta(seconds=first_sent_ago)
    if reason is not None:
        since = START - timedelta(seconds=waited)
        delivery.continuation = Continuation(
            number, "m-1", START - timedelta(seconds=max(first_sent_ago, waited)), START, reason, since
        )
    return policy.plan(error, delivery, START, lambda: jitter)


def seconds(planned: Wait | Spent | None) -> int:
    assert isinstance(planned, Wait)
    return planned.seconds


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModelAtWorkError(Run("t", "r"), usual_seconds=None), WaitReason.MODEL),
        (TransientError("429"), WaitReason.UNAVAILABLE),
        (StoreUnavailableError("throttled"), WaitReason.UNAVAILABLE),
        (RunFailedError("server_error"), WaitReason.UNAVAILABLE),
        (AccountFaultError("billing"), WaitReason.ACCOUNT),
        (CredentialsRejectedError("401"), WaitReason.ACCOUNT),
        (DeliveryUnknownError("lost"), WaitReason.RECONCILE),
        (LeaseHeldError("held"), WaitReason.LEASE),
        (DeadlineError("time"), WaitReason.TIME),
        (PermanentError("refused"), None),
        (ReplyRefusedError("content"), None),
        (SecretError("missing"), None),
        (ConversationConflictError("another's"), None),
        (DeliveryUndecidedError("who knows"), None),
        (LostLeaseError("lost"), None),
        (FinalUpdateError("not closed"), None),
        (UnforeseenError("KeyError"), None),
    ],
)
def test_what_is_waited_for(error: ProcessorError, reason: WaitReason | None) -> None:
    assert reason_of(error) is reason


@pytest.mark.parametrize(
    ("waited", "jitter", "expected"),
    [
        pytest.param(0, 0.0, 30, id="at first"),
        pytest.param(0, 0.99, 16, id="at first, jittered downwards"),
        pytest.param(200, 0.0, 100, id="half the time waited so far"),
        pytest.param(200, 0.99, 51, id="half the time waited so far, jittered downwards"),
        pytest.param(7200, 0.0, 900, id="at most what SQS takes"),
    ],
)
def test_an_outage_is_outlasted_by_half_at_most(waited: float, jitter: float, expected: int) -> None:
    assert seconds(plan(UNAVAILABLE, waited=waited, jitter=jitter, reason=WaitReason.UNAVAILABLE)) == expected


def test_the_time_waited_for_something_else_does_not_count() -> None:
    assert seconds(plan(UNAVAILABLE, waited=2000, reason=WaitReason.MODEL)) == 30


@pytest.mark.parametrize(("wish", "expected"), [(10, 30), (120, 120), (5000, 900)])
def test_a_vendors_wish_is_the_least_up_to_what_sqs_takes(wish: float, expected: int) -> None:
    assert seconds(plan(TransientError("429", retry_after_seconds=wish))) == expected


def test_patience_ends_when_it_is_over_and_not_later() -> None:
    last = plan(UNAVAILABLE, waited=21_500, reason=WaitReason.UNAVAILABLE)
    over = plan(UNAVAILABLE, waited=21_600, reason=WaitReason.UNAVAILABLE)

    assert seconds(last) == 100
    assert isinstance(last, Wait)
    assert last.until == START + timedelta(seconds=100)
    assert over == Spent()


def test_without_patience_nothing_waits_in_the_queue() -> None:
    impatient = replace(POLICY, patience=timedelta(0))

    for error in (UNAVAILABLE, LeaseHeldError("held"), ModelAtWorkError(Run("t", "r"), usual_seconds=None)):
        assert plan(error, policy=impatient) is None


@pytest.mark.parametrize(
    "error", [UNAVAILABLE, LeaseHeldError("held"), ModelAtWorkError(Run("t", "r", START), usual_seconds=5.0)]
)
def test_continuations_are_bounded(error: ProcessorError) -> None:
    assert isinstance(plan(error, reason=WaitReason.LEASE, number=MAX_NUMBER - 1), Wait)
    assert plan(error, reason=WaitReason.LEASE, number=MAX_NUMBER) == Spent()


@pytest.mark.parametrize(
    "error", [LeaseHeldError("held", retry_after_seconds=87.2), DeadlineError("", retry_after_seconds=87.2)]
)
def test_a_lease_is_waited_for_until_it_ends(error: ProcessorError) -> None:
    assert seconds(plan(error, jitter=0.9)) == 88


def test_a_reconcile_window_is_waited_for_until_it_settles() -> None:
    assert seconds(plan(DeliveryUnknownError("lost", retry_after_seconds=53.0), jitter=0.9)) == 53


def test_a_list_that_can_not_be_read_for_long_is_read_less_and_less_often() -> None:
    unreadable = DeliveryUnknownError("lost", retry_after_seconds=30.0)

    assert seconds(plan(unreadable, waited=600, reason=WaitReason.RECONCILE)) == 300


# The model


@pytest.mark.parametrize(
    ("waited", "usual", "expected"),
    [
        pytest.param(0.0, 20.0, 13.0, id="first look"),
        pytest.param(13.0, 20.0, 1.95, id="next look"),
        pytest.param(400.0, 20.0, 60.0, id="much longer than usual"),
        pytest.param(2.0, None, 1.0, id="nothing is known"),
    ],
)
def test_looks_follow_what_runs_usually_take_and_widen(waited: float, usual: float | None, expected: float) -> None:
    assert look_seconds(waited, usual) == pytest.approx(expected)


def at_work(started_at: datetime | None, usual: float | None = 20.0, wish: float = 0.0) -> ModelAtWorkError:
    return ModelAtWorkError(Run("t", "r", started_at), usual_seconds=usual, retry_after_seconds=wish)


def test_a_run_is_waited_for_until_its_deadline_whatever_the_patience() -> None:
    started_at = START - timedelta(seconds=13)

    planned = plan(at_work(started_at), first_sent_ago=50_000)

    assert planned == Wait(WaitReason.MODEL, 2, started_at, started_at + timedelta(hours=1))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(at_work(START), 13, id="parked at once"),
        pytest.param(at_work(START, usual=0.5), 1, id="at least one second"),
        pytest.param(at_work(START, usual=9000.0), 900, id="at most what SQS takes"),
        pytest.param(at_work(START, wish=40.0), 40, id="the vendor's wish"),
        pytest.param(at_work(None), 13, id="age unknown"),
    ],
)
def test_whole_seconds_that_sqs_takes(error: ModelAtWorkError, expected: int) -> None:
    assert seconds(plan(error)) == expected


def test_spread_runs_are_found_with_little_added_and_few_looks() -> None:
    """Runs around the usual time, half to double: what the looks add, and how many there are."""
    usual, added, looks = 20.0, [], []
    for tenth in range(5, 21):
        run, elapsed, count = usual * tenth / 10, 0.0, 0
        while elapsed < run:
            elapsed += max(-int(-look_seconds(elapsed, usual) // 1), 1)
            count += 1
        added.append(elapsed / run - 1)
        looks.append(count)

    assert sum(added) / len(added) < 0.12
    assert sum(looks) / len(looks) < 6
