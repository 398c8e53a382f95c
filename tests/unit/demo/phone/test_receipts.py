"""Ticks, and the same in words."""

import pytest

from demo.phone.receipts import REASONS, Receipt, Ticks, receipt_of


@pytest.mark.parametrize(
    ("word", "ticks", "words"),
    [
        ("queued", Ticks.ONE, "Accepted"),
        ("accepted", Ticks.ONE, "Accepted"),
        ("a word that Twilio may add", Ticks.ONE, "Accepted"),
        ("sent", Ticks.ONE, "Sent"),
        ("delivered", Ticks.TWO, "Delivered"),
        ("read", Ticks.READ, "Read"),
    ],
)
def test_ticks_say_how_far_a_message_is(word: str, ticks: Ticks, words: str) -> None:
    assert receipt_of(word) == Receipt(ticks, words)


@pytest.mark.parametrize("word", ["failed", "undelivered", "canceled"])
@pytest.mark.parametrize(
    ("error_code", "words"),
    [
        pytest.param(63016, "Not delivered: 63016, outside the 24-hour window", id="known"),
        pytest.param(63999, "Not delivered: error 63999", id="unknown"),
        pytest.param(None, "Not delivered: Twilio does not say why", id="none"),
    ],
)
def test_message_that_failed_says_why(word: str, error_code: int | None, words: str) -> None:
    assert receipt_of(word, error_code) == Receipt(Ticks.FAILED, words)


def test_code_of_a_message_that_arrived_is_no_reason() -> None:
    assert receipt_of("delivered", next(iter(REASONS))) == Receipt(Ticks.TWO, "Delivered")
