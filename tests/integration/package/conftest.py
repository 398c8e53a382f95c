import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OWN_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

RunBuilder = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the builder reads, which stays as it is while the tests run."""
    copy = tmp_path_factory.mktemp("checkout")
    for folder in ("lambda", "tools", "terraform"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", ".terraform"))
    shutil.copy(ROOT / "requirements.txt", copy)
    return copy


@pytest.fixture(scope="session")
def run_builder(checkout: Path) -> RunBuilder:
    """Run the builder's command line as a user does, with options and extra environment variables."""

    def run(*options: str | Path, folder: Path = checkout, **environ: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "tools.package", *options],
            cwd=folder,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            encoding="utf-8",
        )

    return run


@pytest.fixture(scope="session")
def package_for_here(run_builder: RunBuilder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that this interpreter can run."""
    package = tmp_path_factory.mktemp("here") / "package.zip"
    result = run_builder("--python", OWN_PYTHON, "--arch", "native", "--output", package)
    assert result.returncode == 0, result.stderr
    return package


@pytest.fixture(scope="session")
def package_for_aws(run_builder: RunBuilder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package that goes to AWS: the builder's defaults."""
    package = tmp_path_factory.mktemp("aws") / "package.zip"
    result = run_builder("--output", package)
    assert result.returncode == 0, result.stderr
    return package
