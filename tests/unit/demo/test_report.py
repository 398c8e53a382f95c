import io
import re
from typing import Any

import pytest
from rich.console import Console

from demo.examples import ANA
from demo.observation import Dead
from demo.report import report, shortened
from demo.scenes import Outcomes
from tests.unit.demo.samples import DEAD, MESSAGES, STORIES, make_outcomes, message


def printed(outcomes: Outcomes, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    for part in report(outcomes):
        console.print(part)
    text: Any = console.file
    return str(text.getvalue())


@pytest.mark.parametrize("width", [80, 100])
def test_everything_is_shown_and_fits(width: int) -> None:
    text = printed(make_outcomes(), width)

    assert max(map(len, text.splitlines())) <= width
    for expected in (
        "Ana again: the same Context Object  suppressed",
        "sent in 1.6 s, once: found in Twilio's list",
        "in the DLQ: invalid_context",
        "Found in Twilio's list  SM00000000… is adopted",
        "failed_validation",
        "messages[0].content",
        "comms_consent: is not true",
        "$: not JSON",
        "✓ The duplicate was suppressed",
    ):
        assert expected in text


def test_no_full_number_is_shown() -> None:
    assert re.search(r"\+[0-9]{7,}", printed(make_outcomes())) is None


def test_recipients_come_in_the_order_of_the_scenes() -> None:
    text = printed(make_outcomes())

    assert text.index("Ana  +44") < text.index("Ben  +44") < text.index("Cleo  +44")


def test_what_a_text_could_do_to_a_terminal_is_not_done() -> None:
    dead = (DEAD[0], Dead("m-2", "", None, None, "invalid_context", "\x1b[2J"))

    assert "\x1b" not in printed(make_outcomes(messages=[message(ANA, "\x1b]0;boo\x07Hi")], dead=dead))


@pytest.mark.parametrize(
    ("outcomes", "shown"),
    [
        ({"messages": [*MESSAGES, message(ANA)]}, "✗ BROKEN Ana, Ben and Cleo each got their message once"),
        ({"stories": STORIES[1:]}, "not suppressed"),
        ({"records": []}, "not sent"),
        ({"dead": DEAD[:1]}, "Something that is not JSON          lost"),
    ],
)
def test_what_went_wrong_is_not_hidden(outcomes: dict[str, Any], shown: str) -> None:
    assert shown in printed(make_outcomes(**outcomes))


def test_ids_are_shortened_and_words_are_not() -> None:
    text = f"resp_{'a1' * 24} and SM{'0f' * 16}, but not SMALL or conv_ or ana-template"

    assert shortened(text) == "resp_a1a1a1a1… and SM0f0f0f0f…, but not SMALL or conv_ or ana-template"
