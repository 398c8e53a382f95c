"""Redelivery: when SQS shows a failed message again."""

import pytest

from core.errors import (
    AlreadyFailedError,
    CredentialsRejectedError,
    DeadlineError,
    DeliveryUnknownError,
    LeaseHeldError,
    LostLeaseError,
    PermanentError,
    ProcessorError,
    SecretError,
    StoreUnavailableError,
    TransientError,
    UnforeseenError,
)
from core.redelivery import redelivery_delay_seconds


def delay(error: ProcessorError, receive_count: int = 1, jitter: float = 0.5) -> int | None:
    return redelivery_delay_seconds(error, receive_count, lambda: jitter)


@pytest.mark.parametrize("kind", [PermanentError, SecretError, CredentialsRejectedError, AlreadyFailedError])
@pytest.mark.parametrize("receive_count", [1, 3])
def test_a_permanent_error_comes_back_at_once_on_its_way_to_the_dlq(
    kind: type[PermanentError], receive_count: int
) -> None:
    assert delay(kind("no"), receive_count) == 0


def test_a_message_that_is_anothers_is_not_touched() -> None:
    assert delay(LostLeaseError("no")) is None


@pytest.mark.parametrize(
    ("receive_count", "least", "most"),
    [
        pytest.param(1, 15, 30, id="first"),
        pytest.param(2, 60, 120, id="second"),
        pytest.param(3, 240, 480, id="third"),
        pytest.param(4, 450, 900, id="capped"),
        pytest.param(10_000_000, 450, 900, id="any later one"),
    ],
)
def test_a_transient_error_comes_back_later_and_later_up_to_a_quarter_of_an_hour(
    receive_count: int, least: int, most: int
) -> None:
    error = TransientError("no")

    assert (delay(error, receive_count, jitter=0.0), delay(error, receive_count, jitter=0.999_999)) == (least, most)


@pytest.mark.parametrize("kind", [StoreUnavailableError, UnforeseenError])
def test_every_other_error_that_may_pass_is_transient(kind: type[TransientError]) -> None:
    assert delay(kind("no")) == 23


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        pytest.param(120.0, 120, id="longer"),
        pytest.param(120.01, 121, id="never too early"),
        pytest.param(1.0, 23, id="shorter"),
        pytest.param(0.0, 23, id="at once"),
        pytest.param(-3.0, 23, id="in the past"),
        pytest.param(90_000.0, 900, id="so long that it is asked again before"),
    ],
)
def test_what_a_vendor_asks_for_is_the_least(asked: float, given: int) -> None:
    assert delay(TransientError("no", retry_after_seconds=asked)) == given


def test_a_short_wish_does_not_spend_the_receives() -> None:
    """With `retry-after: 1` taken for the whole pause, three receives were gone in nine seconds."""
    error = TransientError("no", retry_after_seconds=1.0)

    assert sum(delay(error, receive_count, jitter=0.0) or 0 for receive_count in (1, 2)) >= 75


def test_a_held_lease_comes_back_when_it_ends() -> None:
    assert delay(LeaseHeldError("no", retry_after_seconds=346.2)) == 347


def test_an_unknown_delivery_comes_back_at_the_end_of_its_window() -> None:
    assert delay(DeliveryUnknownError("no", retry_after_seconds=52.3), receive_count=3) == 53


def test_a_run_that_outlasts_the_invocation_is_polled_on_at_once() -> None:
    assert delay(DeadlineError("no")) == 0


def test_a_run_that_is_to_be_left_alone_is_polled_on_after_that() -> None:
    assert delay(DeadlineError("no", retry_after_seconds=400.0)) == 400
