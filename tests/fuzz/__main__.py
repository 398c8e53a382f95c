"""Command line of the fuzzing: `python -m tests.fuzz --cases 100000 --seed 0`."""

import json
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.fuzz.properties import judge
from tests.fuzz.search import Found, case_of, search
from tools.surroundings import settle

MAX_SHOWN = 5

console = Console(highlight=False)
app = typer.Typer(add_completion=False)


@app.command()
def fuzz(
    cases: Annotated[int, typer.Option(min=1, help="Events to throw at the function.")] = 100_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the cases.")] = 0,
    *,
    only: Annotated[int | None, typer.Option(help="Run the case of that number alone, and print it.")] = None,
) -> None:
    """Throw broken, hostile and odd input at the function, and see that its promises hold."""
    if only is not None:
        raise typer.Exit(_show(seed, only))
    started, found = time.monotonic(), Found()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("bad input", total=cases)
        for found in search(seed, cases):
            progress.update(task, completed=found.cases)
    for violation in found.violations[:MAX_SHOWN]:
        console.print(f"case {violation.number} ({violation.kind}): {violation.what}", markup=False, soft_wrap=True)
        console.print(
            f"  again: PYTHONPATH=lambda python -m tests.fuzz --seed {seed} --only {violation.number}", soft_wrap=True
        )
    console.print(summary(found, time.monotonic() - started), soft_wrap=True)
    raise typer.Exit(1 if found.violations else 0)


def summary(found: Found, seconds: float) -> str:
    """Return the one line that says what was thrown and what was found."""
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in found.kinds.most_common())
    fates = ", ".join(f"{count:,} {fate}" for fate, count in sorted(found.fates.items()))
    return (
        f"{found.cases:,} cases in {seconds:.0f} s ({kinds}), {found.fates.total():,} records ({fates}): "
        f"{len(found.violations)} violations"
    )


def _show(seed: int, number: int) -> int:
    case = case_of(seed, number)
    broken = judge(case).violations
    text = json.dumps(case.event, indent=1, default=repr)
    console.print(text if len(text) <= 20_000 else f"{text[:20_000]}\n... {len(text):,} characters", markup=False)
    for what in broken:
        console.print(f"violation: {what}", style="bold red", markup=False, soft_wrap=True)
    console.print(f"case {number} ({case.kind}): {len(broken)} violations")
    return 1 if broken else 0


if __name__ == "__main__":
    settle()
    app()
