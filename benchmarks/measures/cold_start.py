"""Cold start: from the process's start until the handler is ready, and until the model is asked, over TLS.

The quickest start of each counts: all the work is in it, and the least of what else the machine did.
"""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.bench import Bench, Sizes
from benchmarks.figure import Figure, Limit
from benchmarks.packages import Package, baseline

SHARE_LIMIT = 0.6


@dataclass(frozen=True, slots=True)
class Start:
    """One start; seconds since the process's start."""

    ready_seconds: float
    first_call_seconds: float


def steps(sizes: Sizes) -> int:
    return 3 * sizes.starts


def measure(bench: Bench) -> list[Figure]:
    """Start each package in turn, so that a busy moment of the machine meets all of them."""
    packages = {
        "ours": bench.ours,
        "the baseline": bench.baseline,
        "the baseline without bytecode": baseline(bytecode=False),
    }
    starts: dict[str, list[Start]] = {name: [] for name in packages}
    for number in range(bench.sizes.starts):
        for name, package in packages.items():
            bench.tick(f"start {number + 1} of {name}")
            starts[name].append(_start(bench, package))

    def of(name: str, value: Callable[[Start], float]) -> float:
        return min(value(start) for start in starts[name])

    figures = []
    for key, name, plain in (
        ("", "", "the baseline"),
        ("_without_bytecode", ", baseline without bytecode", "the baseline without bytecode"),
    ):
        limit = Limit(SHARE_LIMIT, on="ratio")
        figures += [
            Figure(
                f"cold_start_ready{key}",
                f"Cold start until the handler is ready{name}",
                of("ours", lambda start: start.ready_seconds),
                of(plain, lambda start: start.ready_seconds),
                unit="s",
                limit=limit,
            ),
            Figure(
                f"cold_start_first_call{key}",
                f"Cold start until the first call of a vendor{name}",
                of("ours", lambda start: start.first_call_seconds),
                of(plain, lambda start: start.first_call_seconds),
                unit="s",
                limit=limit,
            ),
        ]
    return figures


def _start(bench: Bench, package: Package) -> Start:
    with bench.wire(tls=True) as wire, bench.environment(package, wire) as environment:
        environment.invoke(bench.router.event(1))
        if wire.vendors.first_at is None:
            raise RuntimeError("no vendor was called")
        return Start(
            ready_seconds=environment.ready_at - environment.started_at,
            first_call_seconds=wire.vendors.first_at - environment.started_at,
        )
