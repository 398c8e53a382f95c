"""What a package was built from and what is in it, kept beside it."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Share:
    """One top-level name in the package; sizes in bytes."""

    name: str
    installed: int
    unpacked: int
    packed: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Enough to know whether a package is up to date, and to say what is in it without opening it."""

    inputs: str
    target: str
    compiled_by: str | None
    sha256: str
    shares: tuple[Share, ...]

    @property
    def unpacked(self) -> int:
        return sum(share.unpacked for share in self.shares)

    @property
    def packed(self) -> int:
        return sum(share.packed for share in self.shares)

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return what stands beside a package, or None if that is nothing usable."""
        try:
            document = json.loads(path.read_bytes())
            return cls(**{**document, "shares": tuple(Share(**share) for share in document["shares"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def manifest_path(package: Path) -> Path:
    return package.with_name(f"{package.name}.manifest.json")


def sha256(path: Path) -> str | None:
    """Return the digest of a file, or None if there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def digest_of(files: Mapping[str, Path], *options: str | None) -> str:
    """Return one digest of files, each under the name that counts, and of options."""
    content = {name: sha256(path) for name, path in sorted(files.items())}
    return hashlib.sha256(json.dumps([content, options]).encode()).hexdigest()


def shares_of(installed: Mapping[str, int], entries: Mapping[str, tuple[int, int]]) -> tuple[Share, ...]:
    """Add up sizes by top-level name, largest first.

    Args:
        installed: Size of each file before anything was taken away.
        entries: Unpacked and packed size of each entry of the archive.
    """
    before = _totals(installed.items())
    unpacked = _totals((name, sizes[0]) for name, sizes in entries.items())
    packed = _totals((name, sizes[1]) for name, sizes in entries.items())
    shares = [Share(name, before[name], unpacked[name], packed[name]) for name in before | unpacked]
    return tuple(sorted(shares, key=lambda share: (-share.unpacked, share.name)))


def _totals(sizes: Iterable[tuple[str, int]]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for path, size in sizes:
        top = path.split("/")[0]
        totals["versions and licences" if top.endswith(".dist-info") else Path(top).stem] += size
    return totals
