import pytest

from ops.masking import make_printable, mask_numbers, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("+447700900123", "+44******0123", id="alone"),
        pytest.param("call +447700900123, please", "call +44******0123, please", id="in-a-sentence"),
        pytest.param("whatsapp:+447700900123", "whatsapp:+44******0123", id="with-channel"),
        pytest.param("+44 7700 900123", "+44******0123", id="spaces"),
        pytest.param("+44 (7700) 900-123.", "+44******0123.", id="signs"),
        pytest.param("+44\u00a07700\u00a0900123", "+44******0123", id="no-break-spaces"),
        pytest.param("00447700900123", "+44******0123", id="00"),
        pytest.param("tel: 00 44 7700 900123", "tel: +44******0123", id="00-and-spaces"),
        pytest.param("To=whatsapp%3A%2B447700900123&x=1", "To=whatsapp%3A+44******0123&x=1", id="encoded"),
        pytest.param("%2b447700900123", "+44******0123", id="encoded-in-small-letters"),
        pytest.param("2026-11-22 09:00:00 2026-11-23", "2026-11-22 09:00:00 2026-11-23", id="two-dates"),
        pytest.param("00123456-7890-4123-8abc-001234567890", "00123456-7890-4123-8abc-001234567890", id="uuid"),
        pytest.param("SM00123456789012345678901234567890", "SM00123456789012345678901234567890", id="sid"),
        pytest.param("2026-11-22T09:00:00+00:00", "2026-11-22T09:00:00+00:00", id="time-with-offset"),
        pytest.param("2026-11-22 09:00:00,000+0000", "2026-11-22 09:00:00,000+0000", id="time-of-a-log-line"),
        pytest.param("+1234567890123456", "+1234567890123456", id="too-long-for-a-number"),
    ],
)
def test_numbers_are_masked_wherever_they_stand(text: str, shown: str) -> None:
    assert mask_numbers({"a": [text, {"b": text}], "n": 1}) == {"a": [shown, {"b": shown}], "n": 1}


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param("\x1b[2J", id="escape-sequence"),
        pytest.param("\x9b31m", id="one-byte-escape"),
        pytest.param("\r", id="carriage-return"),
        pytest.param("\b", id="backspace"),
        pytest.param("\N{RIGHT-TO-LEFT OVERRIDE}", id="direction"),
        pytest.param("\N{LINE SEPARATOR}", id="line-separator"),
    ],
)
def test_what_moves_a_terminal_is_replaced(hostile: str) -> None:
    shown = printable(f"a{hostile}b")

    assert hostile[0] not in shown
    assert shown.startswith("a\N{REPLACEMENT CHARACTER}")


def test_text_in_any_language_stays_as_it_is() -> None:
    text = "Olá Ana 👩‍💻 你好\n\tสวัสดี"

    assert make_printable([text]) == [text]
