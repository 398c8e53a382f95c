"""The promise, searched for a counter-example; `make simulate` searches longer."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation.__main__ import regressions
from tests.simulation.drawing import Hostility
from tests.simulation.faults import SURVIVABLE, ExactPlan, Planned
from tests.simulation.mutants import (
    BY_CHANCE,
    EXHAUSTIVELY,
    IN_A_HOSTILE_WORLD,
    IN_ONE_SCENARIO,
    Mutation,
    hunt_by_chance,
    hunt_exhaustively,
    patience_is_that_of_the_first_message_for_ever,
)
from tests.simulation.scenario import EXHAUSTIVE, TWICE_AWAY, plain
from tests.simulation.schedule import rerun_with, run_schedule, simplest
from tests.simulation.search import search_exhaustively, singles

FIRST_CALLS = 60


def test_without_faults_everything_is_sent() -> None:
    result = run_schedule(0, plain(parts=2, run_seconds=1.0), ExactPlan())

    assert result.violation is None
    assert [call for call in result.calls if call.startswith("store")] == [
        "store.create",
        "store.record_run",
        "store.intend",
        "store.intend",
        "store.close",
    ]


def test_what_usually_takes_long_costs_one_write_more() -> None:
    result = run_schedule(0, EXHAUSTIVE["parked"], ExactPlan())

    assert result.violation is None
    assert [call for call in result.calls if call.startswith("store")] == [
        "store.create",
        "store.record_run",
        "store.resume",
        "store.intend",
        "store.close",
    ]


def test_without_patience_a_conversation_costs_what_the_design_says() -> None:
    result = run_schedule(0, replace(plain(run_seconds=20.0), patience_seconds=0), ExactPlan())

    assert result.violation is None
    assert [call for call in result.calls if call.startswith(("store", "queue"))] == [
        "store.create",
        "store.record_run",
        "store.intend",
        "store.close",
    ]


def test_a_message_that_was_redriven_has_patience_again() -> None:
    assert run_schedule(0, TWICE_AWAY, ExactPlan()).violation is None

    with patience_is_that_of_the_first_message_for_ever():
        assert run_schedule(0, TWICE_AWAY, ExactPlan()).violation == "conv-1 did not survive no fault at all"


def test_the_same_seed_gives_the_same_schedule() -> None:
    assert run_schedule(4711) == run_schedule(4711)


@pytest.mark.parametrize("seed", regressions())
def test_a_seed_that_once_broke_the_promise_does_so_no_more(seed: int) -> None:
    assert run_schedule(seed).violation is None


@pytest.mark.parametrize("name", EXHAUSTIVE)
def test_every_single_fault_is_endured(name: str) -> None:
    for planned in singles(EXHAUSTIVE[name], 0):
        result = run_schedule(0, EXHAUSTIVE[name], ExactPlan(planned))
        assert result.violation is None, planned


def test_every_pair_of_faults_is_endured() -> None:
    *_, found = search_exhaustively(EXHAUSTIVE["free-form"], workers=1)

    assert found.violations == []
    assert found.schedules > 2000


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.lists(
        st.builds(Planned, st.integers(0, FIRST_CALLS), st.sampled_from(sorted(SURVIVABLE))), min_size=3, max_size=6
    ),
    st.sampled_from(sorted(EXHAUSTIVE)),
)
def test_more_faults_than_can_be_endured_never_send_twice_and_never_lose(faults: list[Planned], name: str) -> None:
    result = run_schedule(0, EXHAUSTIVE[name], ExactPlan(*faults))

    assert result.violation is None


@pytest.mark.parametrize("mutation", EXHAUSTIVELY, ids=lambda mutation: mutation.__name__)
def test_a_pair_of_faults_shows_a_mutant_up(mutation: Mutation) -> None:
    assert hunt_exhaustively(mutation, *EXHAUSTIVE.values()) is not None


@pytest.mark.parametrize(("mutation", "name"), IN_ONE_SCENARIO, ids=lambda value: getattr(value, "__name__", value))
def test_a_pair_of_faults_in_one_scenario_shows_a_mutant_up(mutation: Mutation, name: str) -> None:
    assert hunt_exhaustively(mutation, EXHAUSTIVE[name]) is not None


@pytest.mark.parametrize("mutation", BY_CHANCE, ids=lambda mutation: mutation.__name__)
def test_chance_shows_a_mutant_up(mutation: Mutation) -> None:
    assert hunt_by_chance(mutation) is not None


@pytest.mark.parametrize(
    ("mutation", "hostility"), IN_A_HOSTILE_WORLD, ids=lambda value: getattr(value, "__name__", value)
)
def test_a_hostile_world_shows_a_mutant_up(mutation: Mutation, hostility: Hostility) -> None:
    assert hunt_by_chance(mutation, hostility) is not None


def test_a_violation_is_shown_in_its_simplest_form() -> None:
    mutation = next(m for m in BY_CHANCE if m.__name__ == "nobody_leaves_word")
    found = hunt_by_chance(mutation)
    assert found is not None

    with mutation():
        simple = simplest(found)
        without = [
            rerun_with(simple.seed, tuple(other for other in simple.planned if other != fault))
            for fault in simple.planned
        ]

    assert simple.violation is not None
    assert set(simple.planned) <= set(found.planned)
    assert [one.violation for one in without] == [None] * len(simple.planned)
