"""Resemblance: whether a text that Twilio shows is one that was sent.

Twilio shows texts altered: Smart Encoding replaces typographic characters, pages escape them, white space and what
nobody sees get lost. Both sides are folded in the same way before they are compared, and in no other way: texts that a
reader can tell apart stay different. Sources: Twilio, "Smart Encoding"; github.com/twilio/twilio-node/issues/1081.
"""

import html
import json
import re
from functools import cache
from unicodedata import category, normalize

from core.characters import is_visible, visible_count
from core.conversation import Mode

MIN_PROVING_CHARACTERS = 12
"""A template's wording is Twilio's; values that are shorter in all may well occur in any other message."""

_ALIKE = {
    '"': "\u00ab\u00bb\u201c\u201d\u201e\u201f\u02ee\u02ba\u2033\u2036\u3003\u301d\u301e\u275d\u275e",
    "'": "`\u2018\u2019\u201a\u201b\u02b9\u02bb\u02bc\u02bd\u02c8\u02ca\u2032\u2035\u00b4\u275b\u275c\u2039\u203a",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\u02d7",
    "*": "\u2022\u2023\u2219\u25cf\u25aa\u25e6\u204e\u2217",
    "/": "\u2044\u2215",
    "~": "\u02dc\u223c",
    "^": "\u02c6",
    "...": "\u2026",
    "..": "\u2025",
    "1/4": "\u00bc",
    "1/2": "\u00bd",
    "3/4": "\u00be",
}
"""What is shown instead of typographic characters."""

_WIDE = [*range(0xFF01, 0xFF5F), *range(0xFE50, 0xFE6C)]
_INVISIBLE = re.compile("[\u034f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_FOLDINGS = 4
"""Entities may be escaped more than once."""


def fold(text: str) -> str:
    """Return a text without what vendors change."""
    for _ in range(_FOLDINGS):
        folded = _fold_once(text)
        if folded == text:
            break
        text = folded
    return text


def plain(text: str) -> str:
    """Return a text with its white space collapsed, and nothing else."""
    return " ".join(text.split())


def is_shown(body: str) -> bool:
    """Whether Twilio shows the text of a message."""
    return is_visible(body)


def proves(mode: Mode, content: str) -> bool:
    """Whether a content is long enough to be known by its text."""
    return mode is Mode.FREE_FORM or visible_count("".join(_values(content))) >= MIN_PROVING_CHARACTERS


def matches(mode: Mode, content: str, body: str) -> bool:
    """Whether a listed message's body is what `content` was rendered to.

    Text must be equal; of a template, whose wording Twilio keeps, every variable's value must occur.
    """
    shown = fold(body)
    if mode is Mode.FREE_FORM:
        return shown == fold(content)
    return is_shown(body) and all(fold(value) in shown for value in _values(content))


def _fold_once(text: str) -> str:
    text = normalize("NFC", html.unescape(text)).translate(_table())
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
        text = "".join(character for character in text if category(character) != "Cf")
    return plain(text)


def _values(content: str) -> list[str]:
    return [str(value) for value in json.loads(content).values()]


@cache
def _table() -> dict[int, str]:
    alike = {ord(character): shown for shown, characters in _ALIKE.items() for character in characters}
    return {code: normalize("NFKC", chr(code)) for code in _WIDE} | alike
