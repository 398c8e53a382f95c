"""Run times: what is usual, of the assistants used lately."""

import pytest

from core.run_times import MAX_ASSISTANTS, MAX_RUNS, RunTimes


def test_nothing_is_known_of_an_assistant_that_was_never_used() -> None:
    assert RunTimes().usual("first-contact") is None


@pytest.mark.parametrize(("seconds", "usual"), [([5.0], 5.0), ([4.0, 6.0], 5.0), ([1.0, 20.0, 900.0], 20.0)])
def test_the_usual_is_what_half_of_the_runs_take(seconds: list[float], usual: float) -> None:
    times = RunTimes()
    for each in seconds:
        times.note("first-contact", each)

    assert times.usual("first-contact") == usual
    assert times.usual("another") is None


def test_only_the_latest_runs_count() -> None:
    times = RunTimes()
    for _ in range(100):
        times.note("first-contact", 600.0)
    for _ in range(MAX_RUNS):
        times.note("first-contact", 3.0)

    assert times.usual("first-contact") == 3.0


def test_assistants_that_are_used_are_remembered_and_their_number_is_bounded() -> None:
    """With Assistants, the id is whatever the message says."""
    times = RunTimes()
    for number in range(10 * MAX_ASSISTANTS):
        times.note("first-contact", 3.0)
        times.note(f"other-{number}", 3.0)

    assert times.usual("first-contact") == 3.0
    assert times.usual("other-0") is None
    assert len(times._seconds) == MAX_ASSISTANTS
