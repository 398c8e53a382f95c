"""Where the package will run: a Python version and a machine."""

import platform
import re
import sys
from dataclasses import dataclass
from enum import StrEnum

from tools.packaging.errors import PackageError

OLDEST_PYTHON = (3, 11)
FIRST_PYTHON_ON_AL2023 = (3, 12)


class Arch(StrEnum):
    """Machines to build for, in AWS's words; `native` is this machine, for an engine that runs on it."""

    ARM64 = "arm64"
    X86_64 = "x86_64"
    NATIVE = "native"


@dataclass(frozen=True, slots=True)
class Target:
    """A Python minor version, such as `3.13`, on a machine."""

    python: str
    arch: Arch

    def __post_init__(self) -> None:
        if not re.fullmatch(r"3\.\d{1,2}", self.python) or self.python_tuple < OLDEST_PYTHON:
            oldest = ".".join(map(str, OLDEST_PYTHON))
            raise PackageError(f"--python {self.python} is not a Python version from {oldest} on, such as 3.13.")

    def __str__(self) -> str:
        machine = f"{sys.platform} {platform.machine()}" if self.arch is Arch.NATIVE else self.arch
        return f"python{self.python} on {machine}"

    @property
    def python_tuple(self) -> tuple[int, int]:
        major, minor = self.python.split(".")
        return int(major), int(minor)

    @property
    def uv_platform(self) -> str | None:
        """The newest wheels that Lambda's operating system loads, in uv's words; None for this machine's own.

        Source: AWS Lambda Developer Guide, "Lambda runtimes": from python3.12 on it is Amazon Linux 2023
        (glibc 2.34), before that Amazon Linux 2 (glibc 2.26).
        """
        if self.arch is Arch.NATIVE:
            return None
        machine = {Arch.ARM64: "aarch64", Arch.X86_64: "x86_64"}[self.arch]
        glibc = "2_34" if self.python_tuple >= FIRST_PYTHON_ON_AL2023 else "2_17"
        return f"{machine}-manylinux_{glibc}"


def runs_on(target: str, python: str, architecture: str, *, emulated: bool) -> bool:
    """Whether a package for this target, as a manifest names it, runs on a Python and a processor in AWS's words.

    A native package has this machine's libraries: an emulator's functions run on them, Lambda's may not.
    """
    version, _, machine = target.removeprefix("python").partition(" on ")
    *native, processor = machine.split() or [""]
    processor = {"aarch64": "arm64", "AMD64": "x86_64"}.get(processor, processor)
    return (version, processor) == (python, architecture) and (emulated or not native)
