"""Phone numbers in a text: what a phone would offer to dial."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import permutations

MIN_DIGITS = 7
"""Fewer are a service's number, a price, a time."""

MAX_REACH = 100
"""Characters on each side of a seam that can belong to one number."""

_NUMBER = re.compile(
    r"(?<![0-9A-Za-z])[+(]{0,2}[0-9](?:[\s().,/_\-\u00b7\u2010-\u2015\u2022\u2212~*]{0,4}[0-9]){6,}(?![0-9])"
)
_DAY, _MONTH, _YEAR = "(?:0?[1-9]|[12][0-9]|3[01])", "(?:0?[1-9]|1[0-2])", "(?:19|20)[0-9]{2}"
_TIME, _TO = r"[0-2]?[0-9][.:][0-5][0-9]", r"\s?[-/\u2010-\u2015]\s?"
_NOT_DIALLED = re.compile(
    r"(?<![0-9+])(?<![0-9][-/.])(?:"
    rf"{_YEAR}([-/.]){_MONTH}\1{_DAY}|{_DAY}([-/. ]){_MONTH}\2{_YEAR}|{_MONTH}/{_DAY}/{_YEAR}"
    rf"|{_YEAR}{_TO}{_YEAR}|{_TIME}{_TO}{_TIME}"
    r")(?![0-9])(?![-/.][0-9])"
)
"""Dates, from one year to another, and from one time of day to another."""


def find_numbers(text: str) -> Iterator[str]:
    """Return the digits of every number in a text. A longer row of digits is one too: part of it can be dialled."""
    for _, _, digits in _numbers_in(_plain(text)):
        yield digits


def find_numbers_across(texts: Sequence[str]) -> Iterator[str]:
    """Return the digits of numbers that two of some texts make together where one stands right behind the other."""
    for left, right in permutations(map(_plain, texts), 2):
        tail = left[-MAX_REACH:]
        for start, end, digits in _numbers_in(tail + right[:MAX_REACH]):
            if start < len(tail) < end:
                yield digits


def is_same_number(digits: str, number: str) -> bool:
    """Whether digits, written with or without country code, dial an E.164 number."""
    national = digits.lstrip("0")
    return len(national) >= MIN_DIGITS and number.removeprefix("+").endswith(national)


def _numbers_in(text: str) -> Iterator[tuple[int, int, str]]:
    for found in _NUMBER.finditer(_NOT_DIALLED.sub(lambda date: "x" * len(date[0]), text)):
        yield found.start(), found.end(), "".join(filter(str.isdigit, found[0]))


def _plain(text: str) -> str:
    """Return a text with the digits of every script as ASCII, and without what is invisible."""
    folded = unicodedata.normalize("NFKC", text)
    return "".join(
        str(unicodedata.digit(character)) if character.isdecimal() else character
        for character in folded
        if unicodedata.category(character) != "Cf"
    )
