"""Masking: what may be shown of a person, and what a terminal may be given."""

import re
import unicodedata
from typing import Any

from utils.redaction import mask_phone

HIDDEN = "***"
"""Stands for a personal value that was not asked for."""

_NUMBER = re.compile(
    r"(?:\+|%2[Bb])([1-9](?:[ \u00a0().\-/]{0,2}[0-9]){6,14})(?![0-9])"
    r"|(?<![0-9A-Za-z:.,_-])00[ \u00a0]?([1-9](?:[ \u00a0]?[0-9]){6,14})(?![0-9A-Za-z])"
)
"""A number with its country code: after a plus, one that is encoded for a URL, or 00; with signs between its digits."""
_UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_HARMLESS = "\n\t\N{ZERO WIDTH JOINER}"


def mask_numbers(value: Any) -> Any:
    """Mask every international number in a text, or in all texts of a JSON value, however it is written."""
    return _map_texts(
        value, lambda text: _NUMBER.sub(lambda found: mask_phone(f"+{_digits(found[1] or found[2])}"), text)
    )


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def printable(text: str) -> str:
    """Replace what could move a terminal's cursor, turn its text around or hide it: stored text is anybody's."""
    return "".join(
        c if c in _HARMLESS or unicodedata.category(c) not in _UNSAFE_CATEGORIES else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )


def make_printable(value: Any) -> Any:
    """Apply `printable` to all texts of a JSON value."""
    return _map_texts(value, printable)


def _map_texts(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _map_texts(item, change) for name, item in value.items()}
    if isinstance(value, list):
        return [_map_texts(item, change) for item in value]
    return value
