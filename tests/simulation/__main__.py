"""Command line of the simulation: `python -m tests.simulation --schedules 20000 --seed 1`."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.simulation.scenario import EXHAUSTIVE
from tests.simulation.schedule import Result, run_schedule, simplest
from tests.simulation.search import Found, search_exhaustively, search_random, singles
from tools.surroundings import settle

REGRESSIONS = Path(__file__).with_name("regressions.txt")

console = Console(highlight=False)
app = typer.Typer(add_completion=False)


@app.command()
def simulate(
    schedules: Annotated[int, typer.Option(min=0, help="Random schedules to run.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first one; the others follow.")] = 0,
    *,
    exhaustive: Annotated[bool, typer.Option(help="Also run every single fault and every pair of faults.")] = True,
    only: Annotated[int | None, typer.Option(help="Run one seed and print its trace.")] = None,
) -> None:
    """Search for a schedule of faults that makes the function send twice, or lose a conversation."""
    if only is not None:
        raise typer.Exit(_show(run_schedule(only)))
    started = time.monotonic()
    total = Found()
    for known in regressions():
        total.add(run_schedule(known))
    with _progress() as progress:
        if exhaustive:
            for name, scenario in EXHAUSTIVE.items():
                steps = len(singles(scenario, 0)) + 1
                total.merge(_follow(progress, f"pairs of faults: {name}", steps, search_exhaustively(scenario)))
        total.merge(_follow(progress, "random schedules", schedules, search_random(seed, schedules)))
    console.print(summary(total, time.monotonic() - started), soft_wrap=True)
    if total.violations:
        _report(total.violations[0])
        raise typer.Exit(1)


def regressions() -> list[int]:
    """Return the seeds that once broke the promise."""
    lines = (line.split() for line in REGRESSIONS.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return [int(words[0]) for words in lines if words]


def summary(total: Found, seconds: float) -> str:
    """Return the one line that says what was searched and what was found."""
    faults: Counter[str] = Counter({str(fault): count for fault, count in total.faults.items()})
    kinds = ", ".join(f"{count:,} {fault}" for fault, count in faults.most_common())
    return (
        f"{total.schedules:,} schedules in {seconds:.0f} s, {sum(faults.values()):,} faults ({kinds}); "
        f"{total.undecided:,} conversations left to a person, {total.unseen:,} adopted unseen, each for a reason: "
        f"{len(total.violations)} violations"
    )


def _follow(progress: Progress, title: str, steps: int, search: Iterator[Found]) -> Found:
    task = progress.add_task(title, total=steps)
    found = Found()
    for count, so_far in enumerate(search, start=1):
        found = so_far
        progress.update(task, completed=min(found.schedules, steps) if "random" in title else count)
    return found


def _report(violation: Result) -> None:
    """Show a violation in its simplest form and keep its seed."""
    simple = simplest(violation) if violation.seed else violation
    _show(simple)
    if violation.seed and violation.seed not in regressions():
        with REGRESSIONS.open("a", encoding="utf-8") as file:
            file.write(f"{violation.seed}   {violation.violation}\n")
        console.print(f"Seed {violation.seed} is kept in {REGRESSIONS.relative_to(Path.cwd())}.")


def _show(result: Result) -> int:
    for line in result.trace:
        console.print(line)
    console.print("faults: " + (", ".join(f"call {p.call}: {p.fault}" for p in result.planned) or "none"))
    console.print(f"[bold red]violation: {result.violation}" if result.violation else "[green]no violation")
    return 1 if result.violation else 0


def _progress() -> Progress:
    columns = (TextColumn("{task.description:<36}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


if __name__ == "__main__":
    settle()
    app()
