"""Redaction: what logs may show of a person, and a type for values they may never show."""

import hashlib
import hmac

_SHOWN_HEAD, _SHOWN_TAIL = 3, 4


def mask_phone(number: str) -> str:
    """Keep the first and last digits of an E.164 number: `+44******3814`.

    A number too short to keep anything from is all stars.
    """
    hidden = len(number) - _SHOWN_HEAD - _SHOWN_TAIL
    if hidden <= 0:
        return "*" * len(number)
    return number[:_SHOWN_HEAD] + "*" * hidden + number[-_SHOWN_TAIL:]


class Secret:
    """A string that no log line, traceback or f-string shows; `reveal` gives it to the one who needs it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


def pseudonym(key: Secret, *parts: str) -> str:
    """Return a stable identifier for `parts`, 64 hexadecimal characters, that only a holder of the key can make."""
    return hmac.new(key.reveal().encode(), "\x1f".join(parts).encode(), hashlib.sha256).hexdigest()
