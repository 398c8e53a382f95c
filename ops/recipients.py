"""Recipients: a person on the command line, by the number as people write it."""

import re

from ops.errors import UsageError

_LOOKS_LIKE_ONE = re.compile(r"(?:\+|00)[0-9 ()./-]+")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def number_in(text: str) -> str | None:
    """Return the E.164 number that a text is, spaces and dashes allowed, or None where it is an id."""
    if not _LOOKS_LIKE_ONE.fullmatch(text.strip()):
        return None
    digits = re.sub(r"[^0-9+]", "", text)
    number = f"+{digits[2:]}" if digits.startswith("00") else digits
    return number if _E164.fullmatch(number) else None


def require_number(text: str) -> str:
    """Return the number.

    Raises:
        UsageError: It is none.
    """
    number = number_in(text)
    if number is None:
        raise UsageError(f"{text!r} is not a phone number", "Write it with its country code, such as +447700900123.")
    return number
