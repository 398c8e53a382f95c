import pytest

from benchmarks.figure import Figure, Limit


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        pytest.param(Figure("k", "a", 1.2, 10, limit=Limit(1.2)), "held", id="just"),
        pytest.param(Figure("k", "a", 1.21, 10, limit=Limit(1.2)), "broken", id="just-not"),
        pytest.param(Figure("k", "a", 6, 10, limit=Limit(0.6, on="ratio")), "held", id="ratio"),
        pytest.param(Figure("k", "a", 7, 10, limit=Limit(0.6, on="ratio")), "broken", id="ratio-not"),
        pytest.param(Figure("k", "a", 0.1, limit=Limit(0.6, on="ratio")), "broken", id="ratio-to-nothing"),
        pytest.param(Figure("k", "a", 3.1, limit=Limit(3, at_least=True)), "held", id="at-least"),
        pytest.param(Figure("k", "a", 2.9, limit=Limit(3, at_least=True)), "broken", id="at-least-not"),
        pytest.param(Figure("k", "a", 0, 2, limit=Limit(0)), "held", id="none-allowed"),
        pytest.param(Figure("k", "a", 1e9), "", id="no-limit"),
    ],
)
def test_limit_on_ours_or_on_the_ratio_is_held_or_broken(figure: Figure, verdict: str) -> None:
    assert figure.verdict == verdict


def test_row_shows_units_ratio_and_what_the_limit_is_on() -> None:
    figure = Figure("start", "Cold start", 0.5, 2.0, unit="s", limit=Limit(0.6, on="ratio"))

    assert figure.cells() == ("Cold start", "0.50 s", "2.00 s", "0.25", "ratio ≤ 0.6", "held")


def test_row_without_baseline_and_limit_leaves_them_empty() -> None:
    assert Figure("k", "Log", 2651.36, unit="bytes", digits=0).cells() == ("Log", "2,651 bytes", "", "", "", "")
