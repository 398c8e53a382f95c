"""Results: one run's figures, kept as a document for the cost model and shown as a table."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from rich.table import Table

from benchmarks.figure import Figure, Limit

HEADERS = ("", "ours", "baseline", "ratio", "limit", "")


@dataclass(frozen=True, slots=True)
class Results:
    """What one run found.

    Attributes:
        at: When, in UTC, to the minute.
        machine: What kind of machine it was.
    """

    at: str
    machine: str
    figures: tuple[Figure, ...]

    @classmethod
    def now(cls, figures: Sequence[Figure], python: str) -> Self:
        cores, machine = os.cpu_count(), platform.machine()
        return cls(
            at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            machine=f"{cores} shared {machine} cores, {platform.system()}, Python {python}",
            figures=tuple(figures),
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        document = json.loads(path.read_text(encoding="utf-8"))
        return cls(document["at"], document["machine"], tuple(map(_figure, document["figures"])))

    def write(self, path: Path) -> None:
        document = {"at": self.at, "machine": self.machine, "figures": [asdict(figure) for figure in self.figures]}
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def with_rows_of(self, later: Self) -> Self:
        """Return these results with the figures that a later run of some measures found, new ones last."""
        found = {figure.key: figure for figure in (*self.figures, *later.figures)}
        return replace(later, figures=tuple(found.values()))

    def __getitem__(self, key: str) -> Figure:
        return next(figure for figure in self.figures if figure.key == key)

    @property
    def broken(self) -> list[Figure]:
        return [figure for figure in self.figures if figure.verdict == "broken"]


def table(figures: Sequence[Figure]) -> Table:
    """Return the figures for a terminal."""
    shown = Table(show_edge=False)
    for number, header in enumerate(HEADERS):
        shown.add_column(header, justify="left" if number in (0, len(HEADERS) - 1) else "right")
    for figure in figures:
        style = "red" if figure.verdict == "broken" else None
        shown.add_row(*figure.cells(), style=style)
    return shown


def markdown(rows: Sequence[Sequence[str]], headers: Sequence[str], left: int = 1) -> str:
    """Return a table as Markdown; all but the first `left` columns are numbers."""
    rule = ["---" if number < left else "---:" for number in range(len(headers))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (headers, rule, *rows))


def _figure(document: Mapping[str, Any]) -> Figure:
    limit = document["limit"]
    return Figure(**{**document, "limit": None if limit is None else Limit(**limit)})
