"""Retry-After: the wait that a vendor asks for in an answer's headers."""

import math

MAX_SECONDS = 86_400.0


def retry_after_seconds(header: str | None) -> float | None:
    """Read a `Retry-After` in seconds, at most a day; None where it is absent, a date or nonsense."""
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), MAX_SECONDS)
