"""Characters: what a reader can see, and what no text may hold."""

import re
from unicodedata import category

SHAPELESS = "\u115f\u1160\u2800\u3164\uffa0\U0001d159"
"""Letters and symbols that show nothing: Hangul fillers, the Braille blank, the null notehead.

Source: The Unicode Standard, property Default_Ignorable_Code_Point, and the names of the characters.
"""

_PLANES = "".join(f"{chr(plane << 16)}-{chr((plane << 16) + 0xFFFD)}" for plane in range(1, 17))
_BROKEN = re.compile(f"[^\\t\\n\\r -~\u00a0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd{_PLANES}]")


def is_visible(text: str) -> bool:
    """Whether a reader would see anything: a letter, digit, sign or symbol that has a shape."""
    return any(map(_has_shape, text))


def visible_count(text: str) -> int:
    """Return how many characters a reader would see; a mark counts with the character that carries it."""
    return sum(map(_has_shape, text))


def is_broken(text: str) -> bool:
    """Whether a text holds a control character (tab and line ends are fine), half a character or a noncharacter."""
    return _BROKEN.search(text) is not None


def _has_shape(character: str) -> bool:
    return category(character)[0] in "LNPS" and character not in SHAPELESS
