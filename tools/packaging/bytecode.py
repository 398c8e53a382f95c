"""Compiles for the target's Python: Lambda's package folder is read-only, so Python can cache nothing there."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.packaging.dependencies import find_uv
from tools.packaging.errors import PackageError
from tools.packaging.target import Target

TASK_ROOT = "/var/task"
"""Where Lambda unpacks the package, and so what tracebacks show."""

NO_BYTECODE = (
    "No Python {version} was found here, so the package ships without bytecode: every cold start compiles"
    " what it imports, and takes about twice as long. To fix it: `uv python install {version}`, then build"
    " again."
)
DESCRIBE = "import platform; print(platform.python_implementation(), platform.python_version())"


@dataclass(frozen=True, slots=True)
class Compiler:
    """A CPython of the target's minor version."""

    path: Path
    version: str


def find_compiler(target: Target, environ: Mapping[str, str]) -> Compiler | None:
    """Return the first working CPython of the target's version on this machine."""
    described = (_describe(candidate, target.python) for candidate in _candidates(target.python, environ))
    return next((compiler for compiler in described if compiler is not None), None)


def compile_dependencies(compiler: Compiler, tree: Path) -> None:
    """Replace each source file by its bytecode, which works without it, in the same place.

    Sources would make the package half as big again, for the quoted lines of a traceback alone: its file
    names, line numbers and functions come from the bytecode. Compiled extensions tie the package to this minor
    version of Python anyway.
    """
    _compile(compiler, tree, "-b")
    for source in tree.rglob("*.py"):
        source.unlink()


def compile_sources(compiler: Compiler, tree: Path) -> None:
    """Add bytecode to the function's own files, which stay, so that tracebacks quote them."""
    _compile(compiler, tree)


def _compile(compiler: Compiler, tree: Path, *options: str) -> None:
    command: list[str | Path] = [compiler.path, "-I", "-S", "-m", "compileall", "-q", *options]
    command += ["--invalidation-mode", "unchecked-hash", "-s", tree, "-p", TASK_ROOT, tree]
    result = subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8")
    if result.returncode != 0:
        raise PackageError(f"Python {compiler.version} cannot compile the package:\n{result.stdout}{result.stderr}")


def _candidates(version: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Interpreters that may be of the version, cheapest to find first; any may be missing or broken."""
    name = f"python{version}"
    yield Path(sys.executable)
    yield from (Path(folder, name) for folder in environ.get("PATH", "").split(os.pathsep) if folder)
    pyenv = Path(environ.get("PYENV_ROOT") or Path(environ.get("HOME", "/"), ".pyenv"))
    patches = pyenv.glob(f"versions/{version}.*/bin/{name}")
    yield from sorted(patches, key=lambda path: path.parts[-3].split(".")[2].zfill(4), reverse=True)
    find: list[str | Path] = [
        find_uv(),
        "python",
        "find",
        "--no-project",
        "--no-python-downloads",
        "--offline",
        version,
    ]
    found = subprocess.run(find, capture_output=True, text=True, check=False, env=dict(environ), encoding="utf-8")
    if found.returncode == 0:
        yield Path(found.stdout.strip())


def _describe(candidate: Path, version: str) -> Compiler | None:
    """Run the candidate: a pyenv shim may exist for a version that is not active, and fails only then."""
    if shutil.which(candidate) is None:
        return None
    try:
        result = subprocess.run(
            [candidate, "-I", "-S", "-c", DESCRIBE],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            encoding="utf-8",
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    implementation, _, full_version = result.stdout.strip().partition(" ")
    if result.returncode != 0 or implementation != "CPython" or not full_version.startswith(f"{version}."):
        return None
    return Compiler(candidate, full_version)
