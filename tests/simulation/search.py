"""Search: look for a schedule that breaks the promise, by chance and exhaustively, on all cores."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from tests.simulation.faults import MENU, ON_THE_WAY, ExactPlan, Fault, Planned
from tests.simulation.scenario import Scenario
from tests.simulation.schedule import Result, run_schedule

CHUNK = 100


@dataclass
class Found:
    """What a search came to; `violations` keeps the first of each chunk."""

    schedules: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)
    undecided: int = 0
    unseen: int = 0
    violations: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        self.schedules += 1
        self.faults.update(result.faults)
        self.undecided += result.undecided
        self.unseen += result.unseen
        if result.violation is not None:
            self.violations.append(result)

    def merge(self, other: "Found") -> None:
        self.schedules += other.schedules
        self.faults.update(other.faults)
        self.undecided += other.undecided
        self.unseen += other.unseen
        self.violations.extend(other.violations)


def search_random(first_seed: int, schedules: int, workers: int | None = None) -> Iterator[Found]:
    """Run random schedules; yield what is found so far, chunk by chunk."""
    starts = range(first_seed, first_seed + schedules, CHUNK)
    chunks = [range(start, min(start + CHUNK, first_seed + schedules)) for start in starts]
    yield from _spread(_run_seeds, chunks, workers)


def search_exhaustively(scenario: Scenario, seed: int = 0, workers: int | None = None) -> Iterator[Found]:
    """Run a scenario under every single fault and every pair of faults."""
    yield from _spread(partial(_run_pairs, scenario, seed), [None, *singles(scenario, seed)], workers)


def singles(scenario: Scenario, seed: int) -> list[Planned]:
    """Return every fault that can hit the scenario when nothing else goes wrong.

    Where there are two conversations, what happens between them is looked for: faults on the way are left to one.
    """
    return list(_possible(scenario, run_schedule(seed, scenario, ExactPlan()).calls))


def _possible(scenario: Scenario, calls: Iterable[str], after: int = -1) -> Iterator[Planned]:
    left_out = ON_THE_WAY if len(scenario.conversations) > 1 else frozenset()
    for index, name in enumerate(calls):
        if index > after:
            yield from (Planned(index, fault) for fault in MENU[name] if fault not in left_out)


def _run_seeds(seeds: range) -> Found:
    found = Found()
    for seed in seeds:
        found.add(run_schedule(seed))
    return found


def _run_pairs(scenario: Scenario, seed: int, first: Planned | None) -> Found:
    """Run a scenario without faults, or with one, and with that one and each that can follow it."""
    found = Found()
    alone = run_schedule(seed, scenario, ExactPlan(*([first] if first else [])))
    found.add(alone)
    if first is not None and alone.violation is None:
        for second in _possible(scenario, alone.calls, after=first.call):
            if {first.fault, second.fault} <= ON_THE_WAY:
                continue
            found.add(run_schedule(seed, scenario, ExactPlan(first, second)))
    return found


def _spread(job: object, chunks: Iterable[object], workers: int | None) -> Iterator[Found]:
    total = Found()
    workers = workers or os.cpu_count() or 1
    if workers == 1:
        for chunk in chunks:
            total.merge(job(chunk))  # type: ignore[operator]
            yield total
        return
    with ProcessPoolExecutor(workers) as pool:
        results: Iterator[Found] = pool.map(job, chunks)  # type: ignore[arg-type]
        for found in results:
            total.merge(found)
            yield total
