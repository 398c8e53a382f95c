"""Deliveries: what Twilio's words mean, and that a message's fate only moves forward."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from core.deliveries import DeliveryStatus, MessageDelivery, advanced, moves, open_sids, overall, status_of
from core.deliveries import DeliveryStatus as S

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def of(*statuses: DeliveryStatus) -> dict[str, MessageDelivery]:
    return {f"SM{number}": MessageDelivery(status, NOW) for number, status in enumerate(statuses)}


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("queued", S.ACCEPTED),
        ("accepted", S.ACCEPTED),
        ("scheduled", S.ACCEPTED),
        ("sending", S.ACCEPTED),
        ("sent", S.SENT),
        ("delivered", S.DELIVERED),
        ("Read", S.READ),
        ("failed", S.FAILED),
        ("canceled", S.FAILED),
        ("undelivered", S.UNDELIVERED),
        ("a word of next year", S.ACCEPTED),
        ("", S.ACCEPTED),
    ],
)
def test_words_of_twilio(word: str, status: DeliveryStatus) -> None:
    assert status_of(word) is status


def test_a_message_moves_forward_alone() -> None:
    for earlier, later in pairwise([S.ACCEPTED, S.SENT, S.DELIVERED, S.READ]):
        assert moves(earlier, later)
        assert not moves(later, earlier)


@pytest.mark.parametrize("end", [S.FAILED, S.UNDELIVERED, S.READ])
def test_an_end_is_an_end(end: DeliveryStatus) -> None:
    assert [status for status in S if moves(end, status)] == []


def test_what_was_delivered_can_only_be_read() -> None:
    assert [status for status in S if moves(S.DELIVERED, status)] == [S.READ]


def test_a_message_that_twilio_did_not_know_may_turn_up() -> None:
    assert moves(S.ACCEPTED, S.UNKNOWN)
    assert moves(S.UNKNOWN, S.ACCEPTED)
    assert moves(S.UNKNOWN, S.DELIVERED)


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ((S.DELIVERED, S.UNDELIVERED, S.READ), S.UNDELIVERED),
        ((S.READ, S.FAILED), S.FAILED),
        ((S.READ, S.UNKNOWN), S.UNKNOWN),
        ((S.READ, S.SENT, S.ACCEPTED), S.ACCEPTED),
        ((S.READ, S.DELIVERED), S.DELIVERED),
        ((S.READ,), S.READ),
        ((), S.UNKNOWN),
    ],
)
def test_a_conversation_is_as_far_as_its_worst_message(
    statuses: tuple[DeliveryStatus, ...], status: DeliveryStatus
) -> None:
    assert overall(of(*statuses)) is status


def test_only_messages_without_an_end_are_looked_at() -> None:
    assert open_sids(of(S.ACCEPTED, S.DELIVERED, S.UNKNOWN, S.FAILED, S.SENT)) == ["SM0", "SM2", "SM4"]


def test_what_is_found_counts_where_it_moves_a_known_message_forward() -> None:
    known, found = of(S.SENT, S.DELIVERED), of(S.DELIVERED, S.SENT, S.READ)

    assert advanced(known, found) == of(S.DELIVERED, S.DELIVERED)
