"""Scripts: what to do with the next requests that match, first entry first."""

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Generic, TypeVar

Value = TypeVar("Value")


def as_match(match: str | Sequence[str]) -> tuple[str, ...]:
    """Return the substrings of a match; one string stands for itself."""
    return (match,) if isinstance(match, str) else tuple(match)


def is_match(match: Sequence[str], text: str) -> bool:
    """Tell whether every substring occurs; an empty match fits everything."""
    return all(part in text for part in match)


@dataclass(slots=True)
class Entry(Generic[Value]):
    """A value for the requests of `operation` (a glob) whose text holds every part of `match`.

    `times` is how often the entry still plays; None is without end.
    """

    number: int
    operation: str
    match: tuple[str, ...]
    times: int | None
    value: Value


class Script(Generic[Value]):
    """Entries in the order in which they were added; the first that fits wins."""

    def __init__(self) -> None:
        self._entries: list[Entry[Value]] = []
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def add(self, value: Value, *, operation: str = "*", match: str | Sequence[str] = (), times: int | None = 1) -> int:
        """Append an entry and return its number.

        Raises:
            ValueError: `times` is below 1.
        """
        if times is not None and times < 1:
            raise ValueError(f"times must be at least 1, or null for without end; it is {times}")
        with self._lock:
            entry = Entry(next(self._numbers), operation, as_match(match), times, value)
            self._entries.append(entry)
            return entry.number

    def take(self, operation: str, text: str) -> Value | None:
        """Return what the first fitting entry says, and use the entry up by one."""
        with self._lock:
            for entry in self._entries:
                if fnmatchcase(operation, entry.operation) and is_match(entry.match, text):
                    if entry.times is not None:
                        entry.times -= 1
                        if entry.times == 0:
                            self._entries.remove(entry)
                    return entry.value
        return None

    def pending(self) -> list[Entry[Value]]:
        """Return the entries that can still play."""
        with self._lock:
            return list(self._entries)

    def reset(self, match: Sequence[str] = ()) -> None:
        """Forget all entries, or those whose own match holds every part given."""
        with self._lock:
            self._entries = [entry for entry in self._entries if match and not is_match(match, "\n".join(entry.match))]
