"""Command line of the benchmarks: `python -m benchmarks --help`."""

from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import packages
from benchmarks.bench import Bench, Sizes
from benchmarks.figure import Figure
from benchmarks.measures import batch, cold_start, latency, package, waiting, warm_path
from benchmarks.report import report
from benchmarks.results import Results, table
from benchmarks.runtime_api import FunctionError
from benchmarks.scaling import update_files
from benchmarks.world import Router, running_world
from sandbox.engines.engine import EngineError
from tools.packaging.errors import PackageError
from tools.packaging.manifest import Manifest, manifest_path
from tools.packaging.target import Arch
from tools.surroundings import settle

MEASURES: dict[str, ModuleType] = {
    "package": package,
    "cold-start": cold_start,
    "batch": batch,
    "latency": latency,
    "warm-path": warm_path,
    "waiting": waiting,
}
HERE = Path(__file__).parent
RECORDED = HERE / "results.json"


def main(
    only: Annotated[
        list[str] | None, typer.Option(help=f"Measure this alone: {', '.join(MEASURES)}. Repeatable.")
    ] = None,
    conversations: Annotated[
        int, typer.Option(min=100, help="How many go through the function, one batch after another.")
    ] = 10_000,
    starts: Annotated[int, typer.Option(min=1, help="Cold starts of each package.")] = 7,
    *,
    record: Annotated[
        bool, typer.Option("--record", help="With --only: put these rows into what the last whole run recorded.")
    ] = False,
) -> None:
    """Measure the function beside a plain baseline; write the results and what the documents say of them."""
    console = Console(highlight=False)
    if unknown := set(only or ()) - set(MEASURES):
        raise typer.BadParameter(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    try:
        figures = _run([MEASURES[name] for name in only or MEASURES], Sizes(conversations, starts), console)
        results = Results.now(figures, packages.compiler().version)
        console.print(table(figures))
        if record or not only:
            _write(Results.read(RECORDED).with_rows_of(results) if only else results)
            console.print(
                "Written: benchmarks/RESULTS.md and results.json, and what README.md and docs/scaling.md say."
            )
    except (packages.BenchmarkError, EngineError, FunctionError, PackageError) as exc:
        Console(stderr=True, highlight=False).print(str(exc), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from exc
    for figure in results.broken:  # a measurement, not a test: a busy machine breaks limits on its own
        console.print(f"Not held: {figure.name}", style="red", markup=False)


def _run(measures: list[ModuleType], sizes: Sizes, console: Console) -> list[Figure]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("setting up", total=sum(measure.steps(sizes) for measure in measures) + 1)

        def tick(what: str) -> None:
            progress.update(task, description=what, advance=1)
            if not console.is_terminal:
                progress.console.print(what)

        python, ours, baseline = packages.runtime_python(), packages.ours(), packages.baseline()
        with running_world() as world:
            bench = Bench(world, python, ours, baseline, Router(), sizes, tick)
            return [figure for measure in measures for figure in measure.measure(bench)]


def _write(results: Results) -> None:
    archive = packages.archive_for_aws()
    if not archive.exists():
        packages.ours(Arch.ARM64)
    manifest = Manifest.read(manifest_path(archive))
    if manifest is None:
        raise packages.BenchmarkError(f"{manifest_path(archive)} is gone: run this again")
    results.write(RECORDED)
    (HERE / "RESULTS.md").write_text(report(results, manifest), encoding="utf-8")
    update_files(HERE.parent, results)


if __name__ == "__main__":
    settle()
    typer.run(main)
