"""What a policy grants or forbids, and what the next one leaves out of it.

Source: AWS IAM User Guide, "IAM JSON policy element reference".
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

Values = frozenset[str]
Conditions = Mapping[tuple[str, str], Values]

ANYONE = "AWS:*"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, each element as a set; an element that is not there is empty."""

    name: str
    effect: str
    elements: Mapping[str, Values]
    conditions: Conditions

    def rights(self) -> Iterator[tuple[str, ...]]:
        """Yield each combination of what the statement names: one principal, one action, one resource."""
        return product(*(sorted(self.elements[name]) or [""] for name in _ELEMENTS))

    def covers(self, other: "Statement", right: tuple[str, ...]) -> bool:
        """Whether a right of the other statement follows from this one too."""
        return (
            self.effect == other.effect
            and all(_matches(name, self.elements[name], value) for name, value in zip(_ELEMENTS, right, strict=True))
            and _no_narrower(self.conditions, other.conditions)
        )


_ELEMENTS = ("Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource")


def lost_statements(before: str, after: str | None) -> list[str]:
    """Return the names of the statements of a policy that the next one lacks, wholly or in part.

    A statement that says the same under another name, or more, is no loss. A Deny protects, so losing one counts.
    """
    old, new = _statements(before), _statements(after)
    return [
        statement.name
        for statement in old
        if not all(any(kept.covers(statement, right) for kept in new) for right in statement.rights())
    ]


def _statements(policy: str | None) -> list[Statement]:
    if not policy:
        return []
    listed = _listed(json.loads(policy).get("Statement"))
    return [
        Statement(
            name=statement.get("Sid") or f"{statement['Effect']} {', '.join(_flat(statement.get('Action', '')))}",
            effect=statement["Effect"],
            elements={name: _values(name, statement.get(name)) for name in _ELEMENTS},
            conditions={
                (operator.lower(), key.lower()): frozenset(str(value).lower() for value in _listed(values))
                for operator, keys in (statement.get("Condition") or {}).items()
                for key, values in keys.items()
            },
        )
        for statement in listed
    ]


def _values(name: str, said: Any) -> Values:
    if said is None:
        return frozenset()
    if name in ("Principal", "NotPrincipal"):
        if said == "*":
            return frozenset({ANYONE})
        return frozenset(f"{kind}:{_principal(value)}" for kind, values in said.items() for value in _flat(values))
    if name in ("Action", "NotAction"):
        return frozenset(value.lower() for value in _flat(said))
    return frozenset(_flat(said))


def _principal(value: str) -> str:
    """Return an account the same way, however it is written."""
    parts = value.split(":")
    return parts[4] if value.startswith("arn:") and parts[-1] == "root" else value


def _matches(name: str, mine: Values, value: str) -> bool:
    if not value:
        return not mine
    if value in mine:
        return True
    if name == "Principal":
        return ANYONE in mine
    # What a Not element names is an exception, so it must be the same; elsewhere a pattern stands for what it matches.
    return not name.startswith("Not") and any(fnmatchcase(value, pattern) for pattern in mine)


def _no_narrower(mine: Conditions, others: Conditions) -> bool:
    """Whether whatever meets the other's conditions meets these too."""
    return all(
        condition in others
        and (values == others[condition] or (_lists_what_passes(condition[0]) and values > others[condition]))
        for condition, values in mine.items()
    )


def _lists_what_passes(operator: str) -> bool:
    return "not" not in operator and operator != "null" and not operator.startswith("forall")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _flat(value: Any) -> Iterable[str]:
    return (str(item) for item in _listed(value))
