"""Bench: what every measure works with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.environment import ExecutionEnvironment
from benchmarks.packages import Package
from benchmarks.relay import Authority, Relay
from benchmarks.world import Router, World

Tick = Callable[[str], None]
"""Is told of each step before it is taken."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured; more takes longer and is quieter."""

    conversations: int
    starts: int
    latencies_seconds: tuple[int, ...] = (5, 20, 60)


@dataclass(frozen=True, slots=True)
class Wire:
    """Where calls are counted: everything of AWS on one side, both vendors on the other."""

    aws: Relay
    vendors: Relay

    def forget(self) -> None:
        self.aws.forget()
        self.vendors.forget()


@dataclass(frozen=True, slots=True)
class Bench:
    """A running world, the two packages, and how to start one of them in it."""

    world: World
    python: Path
    ours: Package
    baseline: Package
    router: Router
    sizes: Sizes
    tick: Tick

    def environment(self, package: Package, wire: Wire | None = None, **settings: str) -> ExecutionEnvironment:
        """Return an execution environment, not yet started, that reaches the world directly or by the wire."""
        trust: dict[str, str] = {}
        if wire is not None and wire.aws.authority is not None:
            trust = wire.aws.authority.environ()
        aws, vendors = (None, None) if wire is None else (wire.aws.url, wire.vendors.url)
        return ExecutionEnvironment(
            self.python, package.folder, self.world.environ(aws=aws, vendors=vendors, **trust, **settings)
        )

    @contextmanager
    def wire(self, *, tls: bool = False) -> Iterator[Wire]:
        with TemporaryDirectory(prefix="benchmarks-") as folder:
            authority = Authority(Path(folder)) if tls else None
            with (
                Relay(self.world.engine.endpoint, authority) as aws,
                Relay(self.world.stubs.urls.twilio, authority) as vendors,
            ):
                yield Wire(aws, vendors)
