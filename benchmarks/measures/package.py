"""Package: how large it is, and what is in it."""

from benchmarks.bench import Bench, Sizes
from benchmarks.figure import Figure, Limit
from benchmarks.packages import baseline, ours
from tools.packaging.report import MB, PACKED_LIMIT, UNPACKED_LIMIT
from tools.packaging.target import Arch


def steps(_: Sizes) -> int:
    return 2


def measure(bench: Bench) -> list[Figure]:
    """Build both for the machine that Lambda runs them on."""
    bench.tick("building the package for AWS")
    own = ours(Arch.ARM64)
    bench.tick("building the baseline's package for AWS")
    plain = baseline(Arch.ARM64)
    return [
        Figure(
            "package_zip",
            "Package for AWS (arm64), zip",
            own.packed_bytes / MB,
            plain.packed_bytes / MB,
            unit="MB",
            digits=1,
            limit=Limit(PACKED_LIMIT / MB),
        ),
        Figure(
            "package_unpacked",
            "Package for AWS (arm64), unpacked",
            own.unpacked_bytes / MB,
            plain.unpacked_bytes / MB,
            unit="MB",
            digits=1,
            limit=Limit(UNPACKED_LIMIT / MB),
        ),
    ]
