"""Workspace: the folder of a stack, and what the next stack of the same name may take over from it."""

import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Self

from sandbox.engines.engine import Engine
from sandbox.folders import remove
from tools.infrastructure.runner import ROOT_MODULE

CACHE = Path(__file__).parents[2] / ".cache" / "stacks"
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was left to take over.

    Attributes:
        fingerprint: Of everything that the stack was made from; where it is the same again, so is the stack.
        engine_port: The port that is part of every URL in the engine's state.
        stub_port: The port that the function's environment names.
        outputs: Terraform's outputs, by environment.
    """

    fingerprint: str
    engine_port: int
    stub_port: int
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Workspace:
    """A folder with the Terraform state of each environment and the state of an engine that keeps it.

    There is one for each engine and name, and one run at a time has it. A run beside it, or on an engine that keeps no
    state, gets an empty one that goes with it.
    """

    def __init__(self, folder: Path, lock: IO[str] | None) -> None:
        self.folder = folder
        self._lock = lock

    @classmethod
    def open(cls, engine: Engine, name: str) -> Self:
        if engine.traits.keeps_state:
            folder = CACHE / engine.traits.name / name
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / "lock").open("w", encoding="utf-8")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.close()
            else:
                return cls(folder, lock)
        return cls(Path(tempfile.mkdtemp(prefix=f"stack-{name}-")), None)

    @property
    def lasts(self) -> bool:
        """Whether the next run may find what this one leaves."""
        return self._lock is not None

    @property
    def engine_state(self) -> Path:
        return self.folder / "engine"

    def terraform(self, environment: str) -> Path:
        return self.folder / "terraform" / environment

    def manifest(self) -> Manifest | None:
        """Return what was left, or None where that is nothing usable."""
        try:
            manifest = Manifest(**json.loads((self.folder / MANIFEST).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        return manifest if self.engine_state.is_dir() else None

    def leave(self, manifest: Manifest) -> None:
        """Say that what is here can be taken over."""
        (self.folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")

    def begin(self) -> None:
        """Say that what is here can't be taken over, until `leave` says otherwise: it is about to change."""
        (self.folder / MANIFEST).unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget every state; what `terraform init` installed stays."""
        self.begin()
        shutil.rmtree(self.engine_state, ignore_errors=True)
        for state in self.folder.glob("terraform/*/*.tfstate*"):
            state.unlink()

    def close(self) -> None:
        if self._lock is None:
            remove(self.folder)
        else:
            with suppress(OSError):
                self._lock.close()


def fingerprint(package: Path, *inputs: Any) -> str:
    """Return a digest of our Terraform, the package and whatever else a stack is made from."""
    digest = hashlib.sha256(package.read_bytes())
    for path in sorted(ROOT_MODULE.rglob("*")):
        within = path.relative_to(ROOT_MODULE)
        if path.is_file() and ".terraform" not in within.parts and path.suffix not in (".md", ".tfstate"):
            digest.update(f"{within}\0".encode() + path.read_bytes())
    digest.update(json.dumps(inputs, sort_keys=True).encode())
    return digest.hexdigest()
