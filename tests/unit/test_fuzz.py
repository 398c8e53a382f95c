"""The fuzzing itself: it finds nothing in the function as it is, and something in every one that is broken."""

from collections.abc import Iterator
from itertools import count
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.fuzz.__main__ import app
from tests.fuzz.bodies import KINDS, MAX_BYTES, OPTIONAL, large
from tests.fuzz.events import WEIGHTED, make_case
from tests.fuzz.mutants import MUTANTS, Mutation, numbers_are_not_masked
from tests.fuzz.properties import judge
from tests.fuzz.search import Violation, case_of, run, search
from tests.fuzz.values import Mark, Values

FEW = 600
MANY = 3000
"""Cases among which each mutant must be found."""


def test_the_function_endures_some_hundred_cases() -> None:
    found = run(0, range(FEW))

    assert found.violations == []
    assert found.cases == FEW
    assert set(found.kinds) == {*KINDS, "event", "reply"}
    assert min(found.fates.values()) > FEW / 4


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False), kind=st.sampled_from(sorted(set(WEIGHTED) - {"large"})))
@example(random=Random(1), kind="large")
def test_the_function_endures_what_hypothesis_draws(random: Random, kind: str) -> None:
    """Hypothesis shrinks what breaks a property to its simplest form."""
    assert judge(make_case(random, kind)).violations == []


@pytest.mark.parametrize("mutation", MUTANTS, ids=lambda mutation: mutation.__name__)
def test_a_broken_function_is_found_out(mutation: Mutation) -> None:
    with mutation():
        assert any(judge(case_of(0, number)).violations for number in range(MANY))


# The cases


def test_a_case_is_always_the_same() -> None:
    assert [case_of(3, number) for number in range(50)] == [case_of(3, number) for number in range(50)]
    assert case_of(3, 1) != case_of(4, 1)


def drawn() -> Iterator[Values]:
    for number in count():
        random = Random(number)
        yield Values(random, Mark.draw(random))


def test_large_bodies_reach_the_limit_of_sqs_and_do_not_pass_it() -> None:
    sizes = [len(large(values).text) for values, _ in zip(drawn(), range(300), strict=False)]

    assert MAX_BYTES * 0.95 < max(sizes) <= MAX_BYTES
    assert min(sizes) < 20_000


def test_every_member_that_need_not_be_there_is_there_and_is_not() -> None:
    texts = [KINDS["valid"](values).text for values, _ in zip(drawn(), range(100), strict=False)]

    for path in OPTIONAL:
        present = sum(f'"{path.split("__")[-1]}"' in text for text in texts)
        assert 0 < present < len(texts), path


# The command


def test_the_command_says_in_one_line_what_it_tried() -> None:
    result = CliRunner().invoke(app, ["--cases", "20", "--seed", "5"])

    summary = result.stdout.splitlines()[-1]
    assert result.exit_code == 0
    assert summary.startswith("20 cases in ")
    assert summary.endswith(": 0 violations")
    assert all(kind in summary for kind in ("scrambled", "faults", "writing"))


def test_the_command_fails_and_says_how_to_see_a_violation_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.search.os.cpu_count", lambda: 1)
    with numbers_are_not_masked():
        result = CliRunner().invoke(app, ["--cases", "40", "--seed", "5"])
        found = [violation for found in search(5, 40, workers=1) for violation in found.violations]
        again = CliRunner().invoke(app, ["--seed", "5", "--only", str(found[0].number)])

    assert result.exit_code == 1
    assert f"again: PYTHONPATH=lambda python -m tests.fuzz --seed 5 --only {found[0].number}\n" in result.stdout
    assert again.exit_code == 1
    assert found[0].what in again.stdout
    assert isinstance(found[0], Violation)
