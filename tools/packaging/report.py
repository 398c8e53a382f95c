"""Tells the person at the terminal what happens and what came out."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tools.packaging.manifest import Manifest, Share

MB = 1_000_000
PACKED_LIMIT = 12 * MB
UNPACKED_LIMIT = 45 * MB
"""What the project allows itself; Lambda's own limits are 50 and 250 MB."""

SMALL = 200_000


def steps(console: Console) -> Callable[[str], AbstractContextManager[None]]:
    """Return a context manager for one long step: a spinner while it lasts, a line with its time after it."""

    @contextmanager
    def step(what: str) -> Iterator[None]:
        started = time.monotonic()
        if console.is_terminal:
            with console.status(what):
                yield
        else:
            console.print(f"{what} ...")
            yield
        console.print(f"{what}: {time.monotonic() - started:.1f} s", highlight=False)

    return step


def table_of(manifest: Manifest) -> Table:
    """Return what is in the package, by top-level name, with the small ones in one row."""
    table = Table(
        title=f"{manifest.target}, "
        + (f"bytecode by Python {manifest.compiled_by}" if manifest.compiled_by else "no bytecode"),
        caption=f"allowed: {PACKED_LIMIT // MB} MB packed, {UNPACKED_LIMIT // MB} MB unpacked",
        show_footer=True,
    )
    table.add_column("in the package", "total")
    total = Share("total", sum(share.installed for share in manifest.shares), manifest.unpacked, manifest.packed)
    for header, size in (
        ("installed, MB", total.installed),
        ("unpacked, MB", total.unpacked),
        ("packed, MB", total.packed),
    ):
        table.add_column(header, _mb(size), justify="right")
    small = [share for share in manifest.shares if share.unpacked < SMALL]
    for share in manifest.shares:
        if share not in small:
            table.add_row(share.name, _mb(share.installed), _mb(share.unpacked), _mb(share.packed))
    table.add_row(
        f"{len(small)} smaller ones",
        _mb(sum(share.installed for share in small)),
        _mb(sum(share.unpacked for share in small)),
        _mb(sum(share.packed for share in small)),
    )
    return table


def size_of(package: Path) -> str:
    return f"{_mb(package.stat().st_size)} MB"


def _mb(size: int) -> str:
    return f"{size / MB:.2f}"
