"""Format, validity and tests of every module, on a copy: nothing is written beside the files that people edit."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from tools.infrastructure.errors import TerraformError
from tools.infrastructure.runner import ROOT_MODULE, Terraform

LOCK = ".terraform.lock.hcl"


@dataclass(frozen=True, slots=True)
class Suite:
    """One `terraform test`: its name, its folder below terraform/, its arguments."""

    name: str
    folder: str
    arguments: tuple[str, ...] = ()


def suites() -> list[Suite]:
    """Return every suite there is: the root module, each environment with its tfvars, each module, each example."""
    callable_alone = sorted(
        path.parent for kind in ("modules", "examples") for path in ROOT_MODULE.glob(f"{kind}/*/tests")
    )
    environments = sorted(
        path.stem.removesuffix(".tftest") for path in (ROOT_MODULE / "tests" / "environments").glob("*.hcl")
    )
    return [
        Suite("root", "."),
        *(
            Suite(
                name,
                ".",
                (
                    "-test-directory=tests/environments",
                    f"-filter=tests/environments/{name}.tftest.hcl",
                    f"-var-file=environments/{name}.tfvars",
                ),
            )
            for name in environments
        ),
        *(Suite(folder.name, folder.relative_to(ROOT_MODULE).as_posix()) for folder in callable_alone),
    ]


def check_files(console: Console) -> None:
    """Check the format of every file and the validity of root module and modules.

    Raises:
        TerraformError: A file is not formatted or not valid.
    """
    Terraform(ROOT_MODULE, _offline(os.environ)).run("fmt", "-check", "-recursive", "-diff")
    with _copy() as root:
        root.init("-backend=false")
        root.run("validate")
    console.print("terraform/: formatted and valid")


def run_tests(console: Console, only: Sequence[str]) -> None:
    """Run the suites, as many at a time as there are processors.

    Raises:
        TerraformError: A suite failed, or `only` names one that does not exist.
    """
    wanted = [suite for suite in suites() if not only or suite.name in only]
    if unknown := set(only) - {suite.name for suite in wanted}:
        raise TerraformError(
            f"No such suite: {', '.join(sorted(unknown))}. There are: {', '.join(s.name for s in suites())}."
        )
    with _copy() as root:
        for folder in sorted({suite.folder for suite in wanted}):
            console.print(f"preparing {folder}", style="dim")
            _prepare(root, folder)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            failed = [name for name, passed in pool.map(lambda suite: _run(console, root, suite), wanted) if not passed]
    if failed:
        raise TerraformError(f"terraform test failed: {', '.join(failed)}")


def _run(console: Console, root: Terraform, suite: Suite) -> tuple[str, bool]:
    started = time.monotonic()
    done = subprocess.run(
        ["terraform", "test", "-no-color", *suite.arguments],
        cwd=root.folder / suite.folder,
        env=dict(root.environ),
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
    counted = re.search(r"^(?:Success|Failure)! (\d+) passed, (\d+) failed", done.stdout, re.MULTILINE)
    passed = done.returncode == 0 and counted is not None and int(counted.group(1)) > 0
    if passed and counted:
        console.print(f"{suite.name}: {counted.group(1)} passed in {time.monotonic() - started:.0f} s")
    else:
        console.print(f"{suite.name}: FAILED\n{done.stdout}{done.stderr}", markup=False)
    return suite.name, passed


@contextmanager
def _copy() -> Iterator[Terraform]:
    with TemporaryDirectory(prefix="terraform-") as folder:
        yield Terraform.copied_to(Path(folder) / "terraform", _offline(os.environ))


def _prepare(root: Terraform, folder: str) -> None:
    module = root.folder / folder
    if module != root.folder:
        shutil.copy(root.folder / LOCK, module / LOCK)
    Terraform(module, root.environ).init("-backend=false")


def _offline(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without anything that could reach an account, should a test forget its mocks."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("AWS_", "TF_VAR_", "TF_DATA_DIR", "TF_WORKSPACE"))
    }
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true"}
