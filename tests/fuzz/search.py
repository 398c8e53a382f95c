"""Search: throw cases at the function, on all cores, and keep those that break a property."""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from random import Random

from tests.fuzz.events import Case, make_case
from tests.fuzz.properties import judge

CHUNK = 250


@dataclass(frozen=True)
class Violation:
    seed: int
    number: int
    kind: str
    what: str


@dataclass
class Found:
    """What a search came to."""

    kinds: Counter[str] = field(default_factory=Counter)
    fates: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)

    @property
    def cases(self) -> int:
        return sum(self.kinds.values())

    def merge(self, other: "Found") -> None:
        self.kinds.update(other.kinds)
        self.fates.update(other.fates)
        self.violations.extend(other.violations)


def case_of(seed: int, number: int) -> Case:
    """Return the case of that number: always the same one."""
    return make_case(Random(f"{seed}/{number}"))


def search(seed: int, cases: int, workers: int | None = None) -> Iterator[Found]:
    """Run the cases of a seed; yield what is found so far, chunk by chunk."""
    chunks = [range(start, min(start + CHUNK, cases)) for start in range(0, cases, CHUNK)]
    workers = workers or os.cpu_count() or 1
    total = Found()
    if workers == 1:
        for chunk in chunks:
            total.merge(run(seed, chunk))
            yield total
        return
    with ProcessPoolExecutor(workers) as pool:
        for found in pool.map(partial(run, seed), chunks):
            total.merge(found)
            yield total


def run(seed: int, numbers: range) -> Found:
    found = Found()
    for number in numbers:
        case = case_of(seed, number)
        found.kinds[case.kind] += 1
        verdict = judge(case)
        found.fates.update(verdict.fates)
        found.violations.extend(Violation(seed, number, case.kind, what) for what in verdict.violations)
    return found
