"""Retry-After: how long a vendor wants to be left alone, as the headers of its answer say."""

import math
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

MAX_SECONDS = 86_400.0


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Read `Retry-After`, in seconds or as a date, or OpenAI's `retry-after-ms`: at most a day, None without any.

    Args:
        headers: Their names in any case, or a mapping that does not mind it.
    """
    named = {name.lower(): value for name, value in headers.items()}
    milliseconds = number_of(named.get("retry-after-ms"))
    if milliseconds is not None:
        return min(milliseconds / 1000, MAX_SECONDS)
    seconds = number_of(named.get("retry-after"))
    if seconds is not None:
        return seconds
    until, now = _moment(named.get("retry-after")), _moment(named.get("date"))
    if until is None or now is None:
        return None
    return min(max((until - now).total_seconds(), 0.0), MAX_SECONDS)


def number_of(header: str | None) -> float | None:
    """Read a number from 0 to the seconds of a day; None where it is absent or something else."""
    try:
        number = float(header or "")
    except ValueError:
        return None
    return min(max(number, 0.0), MAX_SECONDS) if math.isfinite(number) else None


def _moment(header: str | None) -> datetime | None:
    """Read a date of HTTP, which is always in GMT."""
    try:
        moment = parsedate_to_datetime(header or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else None
