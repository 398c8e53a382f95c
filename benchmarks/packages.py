"""Packages: ours as it is deployed, and the baseline's as it is installed, each unpacked for this machine."""

import os
import shutil
import subprocess
import zipfile
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tools.packaging.build import Order, build, up_to_date
from tools.packaging.bytecode import Compiler, find_compiler
from tools.packaging.dependencies import find_uv, install_dependencies
from tools.packaging.target import Arch, Target

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache" / "benchmarks"
PYTHON = "3.13"
"""What is deployed, and so what is measured."""

REQUIREMENTS = ROOT / "requirements.txt"


class BenchmarkError(Exception):
    """The benchmarks can't run here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Package:
    """A deployment package.

    Attributes:
        folder: Where it is unpacked, to be run on this machine.
        packed_bytes, unpacked_bytes: Size of the zip and of what is in it.
    """

    folder: Path
    packed_bytes: int
    unpacked_bytes: int


def compiler() -> Compiler:
    """Return the Python that is deployed; uv installs it where it is missing.

    Raises:
        BenchmarkError: It can't be had.
    """
    target = Target(PYTHON, Arch.NATIVE)
    found = find_compiler(target, os.environ)
    if found is not None:
        return found
    missing = (
        f"The function runs on Python {PYTHON}, and so do its benchmarks. There is none here, and uv could not"
        f" install one: put python{PYTHON} on the PATH, then run this again."
    )
    try:
        _run([find_uv(), "python", "install", PYTHON])
    except BenchmarkError as exc:
        raise BenchmarkError(f"{missing}\n{exc}") from exc
    found = find_compiler(target, os.environ)
    if found is None:
        raise BenchmarkError(missing)
    return found


def runtime_python() -> Path:
    """Return a Python with AWS's runtime client and nothing else, made if need be."""
    lock, folder = ROOT / "requirements-bench.txt", CACHE / "runtime"
    python, marker = folder / "bin" / "python", folder / "lock.txt"
    if marker.exists() and marker.read_bytes() == lock.read_bytes() and python.exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    _run([find_uv(), "venv", "-q", f"--python={compiler().path}", folder])
    _run([find_uv(), "pip", "sync", "-q", f"--python={python}", "--require-hashes", "--compile-bytecode", lock])
    shutil.copyfile(lock, marker)
    return python


def ours(arch: Arch = Arch.NATIVE) -> Package:
    """Build what is deployed, by the builder that deploys it."""
    archive = _archive(arch)
    order = Order(Target(PYTHON, arch), ROOT / "lambda", REQUIREMENTS, archive, compiler())
    if up_to_date(order) is None:
        build(order, install_dependencies, _silently)
    return _unpacked(archive, CACHE / f"ours-{arch}")


def archive_for_aws() -> Path:
    """Where `ours` leaves the package for AWS, with its manifest beside it."""
    return _archive(Arch.ARM64)


def _archive(arch: Arch) -> Path:
    return CACHE / f"ours-{arch}.zip"


def baseline(arch: Arch = Arch.NATIVE, *, bytecode: bool = True) -> Package:
    """Build what `pip install --target` and `zip -r` make: everything, as it is installed.

    Args:
        bytecode: Leave the bytecode that pip compiles in it, valid as nothing promises it to be in Lambda.
    """
    folder = CACHE / f"baseline-{arch}{'' if bytecode else '-sources'}"
    archive, marker = folder.with_suffix(".zip"), folder.with_suffix(".lock.txt")
    if not (marker.exists() and marker.read_bytes() == REQUIREMENTS.read_bytes()):
        shutil.rmtree(folder, ignore_errors=True)
        target = Target(PYTHON, arch)
        command: list[str | Path] = [find_uv(), "pip", "install", "-q", "--require-hashes"]
        command += ["--only-binary=:all:", "--link-mode=copy"]
        command += [f"--target={folder}", f"--python={compiler().path}", f"--python-version={PYTHON}"]
        if target.uv_platform is not None:
            command.append(f"--python-platform={target.uv_platform}")
        _run([*command, "-r", REQUIREMENTS])
        if bytecode:
            _run([compiler().path, "-m", "compileall", "-q", folder])
        archive.unlink(missing_ok=True)
        shutil.copyfile(REQUIREMENTS, marker)
    shutil.copyfile(ROOT / "benchmarks" / "baseline" / "index.py", folder / "index.py")
    shutil.copytree(ROOT / "lambda" / "assistants", folder / "assistants", dirs_exist_ok=True)
    if not archive.exists():
        _zip(folder, archive)
    return Package(folder, archive.stat().st_size, _size_of(folder))


def _unpacked(archive: Path, folder: Path) -> Package:
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(archive) as package:
        package.extractall(folder)
    return Package(folder, archive.stat().st_size, _size_of(folder))


def _zip(folder: Path, archive: Path) -> None:
    partial = archive.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as package:
        for path in sorted(folder.rglob("*")):
            package.write(path, path.relative_to(folder))
    partial.replace(archive)


def _size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _run(command: list[str | Path]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8")
    if result.returncode != 0:
        raise BenchmarkError(f"{' '.join(map(str, command))} failed:\n{result.stdout}{result.stderr}")


def _silently(_what: str) -> AbstractContextManager[None]:
    return nullcontext()
