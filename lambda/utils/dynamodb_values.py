"""DynamoDB values: free-form JSON in a form that DynamoDB can hold, and how large an item becomes."""

import decimal
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

MAX_LEVELS = 30
"""DynamoDB takes 32 nested levels. Source: Amazon DynamoDB Developer Guide, "Constraints": nested attribute depth."""

MAX_MEMBER_NAME_BYTES = 255

MAX_VALUES = 10_000
"""Most values of a map; the SDK takes microseconds and a kilobyte for each."""

_NUMBERS = decimal.Context(
    prec=38,
    Emin=-128,
    Emax=126,
    traps=[decimal.Clamped, decimal.Overflow, decimal.Inexact, decimal.Rounded, decimal.Underflow],
)
"""The context that the SDK writes numbers with: what it would round or refuse can't be held."""


class _CanNotHoldError(Exception):
    """DynamoDB, or the SDK, would refuse or change the value."""


def free_form(value: object) -> Mapping[str, Any] | str | None:
    """Return any JSON as a record keeps it: an object as a map where DynamoDB can hold it, all else as JSON text.

    As text, nothing in it (the size of a number, nesting beyond 32 levels) can make a write fail, or slow.
    """
    if not is_given(value):
        return None
    if isinstance(value, dict) and _count(value) <= MAX_VALUES:
        try:
            held: dict[str, Any] = _held(value, 1)
        except _CanNotHoldError:
            pass
        else:
            return held
    return to_json(value)


def is_given(value: object) -> bool:
    """Whether there is something to keep or to tell: null and what is empty is not."""
    return value is not None and value not in ("", [], {}, ())


def to_json(value: object) -> str:
    """Write compact JSON, as UTF-8 text rather than escapes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def stored_bytes(attributes: Mapping[str, Any]) -> int:
    """Return the size of attributes in an item.

    Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats".
    """
    return sum(len(name.encode()) + _size(value) for name, value in attributes.items())


def _count(value: object) -> int:
    """Return how many values there are in a value, itself included."""
    if isinstance(value, dict):
        return 1 + sum(map(_count, value.values()))
    return 1 + sum(map(_count, value)) if isinstance(value, list) else 1


def _held(value: Any, level: int) -> Any:
    if level > MAX_LEVELS:
        raise _CanNotHoldError
    if isinstance(value, dict):
        if any(not name or len(name.encode()) > MAX_MEMBER_NAME_BYTES for name in value):
            raise _CanNotHoldError
        return {name: _held(member, level + 1) for name, member in value.items()}
    if isinstance(value, list):
        return [_held(member, level + 1) for member in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return _number(value)


def _number(value: float) -> Decimal:
    # Digits are counted first: to make a decimal of a number with thousands of them takes long.
    text = repr(value)
    if len(text.strip("-").rstrip("0")) > _NUMBERS.prec + len("1.e-100"):
        raise _CanNotHoldError
    try:
        return _NUMBERS.create_decimal(Decimal(text).normalize(decimal.Context(prec=len(text))))
    except decimal.DecimalException:
        raise _CanNotHoldError from None


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, Mapping):
        return 3 + sum(1 + len(name.encode()) + _size(member) for name, member in value.items())
    if isinstance(value, list):
        return 3 + sum(1 + _size(member) for member in value)
    if isinstance(value, Decimal):
        return 2 + (len(value.as_tuple().digits) + 1) // 2
    return 1
