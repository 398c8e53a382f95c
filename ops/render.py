"""Render: pieces that several answers are made of, for a terminal of 80 columns or any other."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

GOOD, BAD, WARN, DIM, STRONG = "green", "red", "yellow", "dim", "bold"


def moment(at: datetime | None) -> str:
    """Write a time as UTC to the second."""
    return "-" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def duration(milliseconds: float) -> str:
    seconds = milliseconds / 1000
    if seconds < 100:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"  # noqa: PLR2004


def counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def pairs(rows: Mapping[str, str | Text | None] | Iterable[tuple[str, str | Text | None]]) -> Table:
    """Return names and values in two columns; those without a value are left out."""
    table = grid(2)
    for name, value in rows.items() if isinstance(rows, Mapping) else rows:
        if value:
            table.add_row(Text(name, DIM), value if isinstance(value, Text) else Text(value))
    return table


def grid(columns: int) -> Table:
    """Return a table without lines whose last column takes what is left and folds rather than cuts."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(columns - 1):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def indented(content: RenderableType, columns: int = 2) -> Padding:
    return Padding(content, (0, 0, 0, columns))


def status(text: str) -> Text:
    style = GOOD if text == "initial_message_sent" else BAD if text.startswith("failed") else WARN
    return Text(text, style)


def delivery(said: str | None, error: int | None) -> str:
    """Write Twilio's word on a message."""
    return "" if said is None else f"{said}, error {error}" if error else said
