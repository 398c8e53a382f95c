"""Characters: what can be seen, and what no text may hold, held against Unicode itself."""

from sys import maxunicode
from unicodedata import category

import pytest
import regex

from core.characters import is_broken, is_visible, visible_count

NONCHARACTERS = {*range(0xFDD0, 0xFDF0), *(plane << 16 | last for plane in range(17) for last in (0xFFFE, 0xFFFF))}


def test_nothing_that_unicode_lets_be_ignored_can_be_seen() -> None:
    ignorable = regex.compile(r"\p{Default_Ignorable_Code_Point}|\p{White_Space}")
    every = (chr(code) for code in range(maxunicode + 1) if not 0xD800 <= code < 0xE000)

    assert [ascii(character) for character in every if ignorable.match(character) and is_visible(character)] == []


def test_broken_are_controls_halves_and_noncharacters() -> None:
    for code in range(maxunicode + 1):
        character = chr(code)
        is_control = category(character) == "Cc" and character not in "\t\n\r"
        expected = is_control or 0xD800 <= code < 0xE000 or code in NONCHARACTERS
        assert is_broken(character) == expected, ascii(character)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" \u200b", 0),
        ("Ana", 3),
        ("Zoe\u0308", 3),
        ("\U0001f469\u200d\U0001f467", 2),
        ("1\ufe0f\u20e3", 1),
        ("a b", 2),
    ],
)
def test_marks_joiners_and_spaces_do_not_count(text: str, count: int) -> None:
    assert visible_count(text) == count
    assert is_visible(text) == (count > 0)
