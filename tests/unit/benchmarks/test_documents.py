"""What the benchmarks write: the results and the tables of the documents."""

from pathlib import Path

import pytest

from benchmarks.figure import Figure, Limit
from benchmarks.report import report
from benchmarks.results import Results, markdown
from benchmarks.scaling import WAITS, alone, blocks, costs, journey, update, usages, waits
from tools.packaging.manifest import Manifest, Share

ROOT = Path(__file__).parents[3]
RECORDED = Results.read(ROOT / "benchmarks" / "results.json")

TAKEN = {
    "seconds": 0.8,
    "look_seconds": 0.2,
    "invocations": 4,
    "look_invocations": 1,
    "puts": 3,
    "looks": 1,
    "writes": 6,
    "reads": 1,
    "log_bytes": 4000,
    "added": 7.4,
}
"""What a conversation takes that waits in the queue."""

FIGURES = (
    Figure("writes", "Writes", 4, 2, digits=1, limit=Limit(4)),
    Figure("item_bytes", "Record", 1500, 900, unit="bytes", digits=0),
    Figure("secret_reads", "Reads of a secret", 0, 2, limit=Limit(0)),
    Figure("log_bytes", "Logs", 2600, 225, unit="bytes", digits=0),
    *(Figure(f"batch_{latency}", f"Batch, {latency} s", latency + 0.5, 10 * latency) for latency in (5, 20, 60)),
    *(Figure(f"polls_{latency}", f"Polls, {latency} s", latency, latency) for latency in (5, 20, 60)),
    *(
        Figure(f"wait_{latency}_{batch}_{what}", what, value)
        for latency in WAITS
        for batch in (1, 10)
        for what, value in TAKEN.items()
    ),
)
RESULTS = Results("2026-11-22 12:00 UTC", "2 shared x86_64 cores", FIGURES)
MANIFEST = Manifest(
    "", "python3.13 on arm64", "3.13.0", "", (Share("openai", 9_000_000, 5_000_000, 1_000_000), Share("six", 9, 8, 7))
)


def test_results_that_were_written_are_read_as_they_were(tmp_path: Path) -> None:
    RESULTS.write(tmp_path / "results.json")

    assert Results.read(tmp_path / "results.json") == RESULTS


def test_rows_of_a_later_run_replace_those_of_the_same_measure() -> None:
    later = Results("2026-11-23 12:00 UTC", "another", (Figure("item_bytes", "Record", 1400),))

    both = RESULTS.with_rows_of(later)

    assert [figure.key for figure in both.figures] == [figure.key for figure in RESULTS.figures]
    assert both["item_bytes"].ours == 1400
    assert both["writes"] == RESULTS["writes"]
    assert both.at == later.at


def test_broken_limits_are_named() -> None:
    worse = Results("", "", (Figure("writes", "Writes", 5, 2, limit=Limit(4)), *FIGURES[1:]))

    assert [figure.key for figure in worse.broken] == ["writes"]
    assert RESULTS.broken == []


def test_markdown_table_aligns_numbers_to_the_right() -> None:
    assert markdown([("a", "1")], ("name", "value")) == "| name | value |\n| --- | ---: |\n| a | 1 |"


def test_report_has_a_row_for_each_figure_and_what_the_package_holds() -> None:
    text = report(RESULTS, MANIFEST)

    assert "| Writes | 4.0 | 2.0 | 2.00 | ≤ 4 | held |" in text
    assert "| openai | 9.00 | 5.00 | 1.00 |" in text
    assert "| 1 smaller ones | 0.00 | 0.00 | 0.00 |" in text
    assert "| total | 9.00 | 5.00 | 1.00 |" in text
    assert costs(RESULTS) in text


def test_baseline_takes_what_was_measured_of_it() -> None:
    ours, single, plain = usages(RESULTS, 20)

    assert (ours.batch_seconds, ours.writes, ours.openai_requests) == (20.5, 4, 22)
    assert single == alone(ours)
    assert (plain.batch_seconds, plain.writes, plain.secret_reads) == (200, 2, 2)


def test_what_waits_in_the_queue_takes_what_was_measured_of_it() -> None:
    taken = journey(RESULTS, 20, 1)

    assert (taken.seconds, taken.invocations, taken.puts) == (1.0, 5, 4)
    assert taken.sqs_requests == 1 + 4 + 2 * 5
    assert "| 20 s, one by one | 5.0 | 1.00 | 4.0 | 15.0 | 6.0 | 7 % |" in waits(RESULTS)
    assert waits(RESULTS) in report(RESULTS, MANIFEST)


def test_rows_of_waiting_have_a_table_of_their_own() -> None:
    assert "| seconds | 0.80 |" not in report(RESULTS, MANIFEST)


def test_part_between_its_marks_is_replaced_and_nothing_else() -> None:
    document = "a\n<!-- costs: made by `make bench` -->\nold\n<!-- end of costs -->\nz\n"

    assert update(document, {"costs": "new"}) == document.replace("old", "new")


def test_document_without_a_part_is_refused() -> None:
    with pytest.raises(ValueError, match="no part 'costs'"):
        update("nothing", {"costs": "new"})


@pytest.mark.parametrize("name", blocks(RECORDED))
def test_document_says_what_the_model_makes_of_the_recorded_figures(name: str) -> None:
    document = (ROOT / name).read_text(encoding="utf-8")

    assert update(document, blocks(RECORDED)[name]) == document, "run `make bench`, which writes it"


def test_recorded_run_held_every_limit_and_was_long_enough() -> None:
    """The README quotes it; a run that broke a limit, on a busy machine or for a reason, must not become it."""
    assert RECORDED.broken == []
    assert "10,000" in RECORDED["cpu_ms"].name
