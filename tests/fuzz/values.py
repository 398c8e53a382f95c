"""Values: JSON of every shape, each text and number marked so that it would be recognised in a log."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

ODD_TEXTS = [
    "", " ", "\n", "\t\r\n", "\x00", "\x1b[31m", "\x7f", "\u0085", "\u2028", "\u202e", "\ufeff", "\ufffd", "\uffff",
    "é", "e\u0301", "ß", "İ", "漢字", "नमस्ते", "مرحبا", "👩‍👩‍👧‍👦", "🏳️‍🌈", "\U0010ffff", "\u200d" * 40, "a\u0300" * 40,
    "'; DROP TABLE conversations; --", "${jndi:ldap://x}", "{{7*7}}", "%s%n%d", "../../etc/passwd", "<script>",
    '"', "\\", "\\u0000", "{}", "[]", "null", "true", "NaN", "1e999", "+447700900123", "None", "undefined",
]  # fmt: skip

HALVES = ["\ud83d", "\udc00", "\ud800\ud800", "\udfff\ud800"]
"""Halves of characters: JSON can write them, UTF-8 can't."""

ODD_NUMBERS = [0, -0.0, -1, 1, 5, 0.1, 1e-320, 1e308, -1e308, 2**31, 2**53 + 1, 2**63, -(2**64), 10**38, 10**400]


@dataclass(frozen=True)
class Mark:
    """What is in every value of one case, and may be in no line of its log.

    Attributes:
        text: Part of texts; its invisible character makes it a wrong id, for a valid one may be in the log.
        name: Part of what must be a valid id and is not for the log.
    """

    text: str
    name: str
    number: int

    @classmethod
    def draw(cls, random: Random) -> "Mark":
        bits = f"{random.getrandbits(48):012x}"
        return cls(f"canary\u2060{bits}", f"canary{bits}", 70_000_000_000 + random.getrandbits(32))


class Values:
    """Draws values for one case."""

    def __init__(self, random: Random, mark: Mark) -> None:
        self.random = random
        self.mark = mark

    def one_of(self, options: Sequence[T]) -> T:
        return options[self.random.randrange(len(options))]

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def text(self) -> str:
        return self.one_of(["", self.one_of(ODD_TEXTS)]) + self.mark.text + self.one_of(["", self.one_of(ODD_TEXTS)])

    def number(self) -> int | float:
        return self.one_of([self.mark.number, self.mark.number + 0.5, -self.mark.number, self.one_of(ODD_NUMBERS)])

    def scalar(self) -> Any:
        draw: Callable[[], Any] = self.one_of(
            [self.text, self.text, self.number, lambda: self.one_of([None, True, False])]
        )
        return draw()

    def json(self, depth: int = 3) -> Any:
        """Return any JSON value, at most so deep."""
        kind = self.random.randrange(10) if depth else 0
        if kind < 6:
            return self.scalar()
        if kind < 8:
            return [self.json(depth - 1) for _ in range(self.random.randrange(4))]
        return self.object(depth - 1)

    def object(self, depth: int = 2) -> dict[str, Any]:
        return {self.text(): self.json(depth) for _ in range(self.random.randrange(4))}

    def nested(self, levels: int) -> Any:
        """Return something so many levels deep."""
        value: Any = self.text()
        for _ in range(levels):
            value = self.one_of([[value], {self.mark.text: value}])
        return value

    def dumps(self, value: Any) -> str:
        """Write JSON in one of the ways in which it may be written."""
        indent = 2 if self.chance(10) else None
        return json.dumps(value, ensure_ascii=self.chance(50), indent=indent)
