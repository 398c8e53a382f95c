import re
from io import StringIO

import pytest
from rich.console import Console

from tools.packaging.manifest import Manifest, Share
from tools.packaging.report import steps, table_of


@pytest.fixture
def console() -> Console:
    return Console(file=StringIO(), width=120, force_terminal=False)


def printed(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_step_is_announced_before_it_starts_and_timed_after_it_where_there_is_no_terminal(
    console: Console,
) -> None:
    with steps(console)("Zipping"):
        during = printed(console)

    assert during == "Zipping ...\n"
    assert re.fullmatch(r"Zipping: \d+\.\d s", printed(console).splitlines()[1])


def test_failed_step_is_not_reported_as_done(console: Console) -> None:
    with pytest.raises(RuntimeError), steps(console)("Zipping"):
        raise RuntimeError

    assert printed(console) == "Zipping ...\n"


def test_table_shows_large_shares_by_name_small_ones_together_and_the_total(console: Console) -> None:
    shares = (
        Share("openai", 9_000_000, 4_000_000, 2_000_000),
        Share("six", 40_000, 50_000, 20_000),
        Share("idna", 60_000, 70_000, 30_000),
    )

    console.print(table_of(Manifest("digest", "python3.13 on arm64", "3.13.0", "sha", shares)))

    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed(console).splitlines() if "│" in line]
    assert rows == [
        ["openai", "9.00", "4.00", "2.00"],
        ["2 smaller ones", "0.10", "0.12", "0.05"],
        ["total", "9.10", "4.12", "2.05"],
    ]
