"""A package must have been built for the function that it is deployed to."""

from pathlib import Path
from typing import Any

import pytest

from tools.infrastructure.errors import TerraformError
from tools.infrastructure.package import refuse_mismatch
from tools.infrastructure.plan import Change, Plan
from tools.packaging.manifest import Manifest, manifest_path
from tools.packaging.target import Arch, Target

PACKAGE = Path("../dist/package.zip")


def built(root: Path, target: str) -> None:
    path = manifest_path(root / PACKAGE)
    path.parent.mkdir(exist_ok=True)
    Manifest(inputs="", target=target, compiled_by=None, sha256="", shares=()).write(path)


def check(root: Path, *, emulated: bool = False, **function: Any) -> None:
    after = {"filename": str(PACKAGE), "runtime": "python3.13", "architectures": ["arm64"], **function}
    change = Change(
        "module.stack.module.processor.aws_lambda_function.this", "aws_lambda_function", ("update",), after=after
    )
    refuse_mismatch(Plan((change,), {}), root, "dev", emulated=emulated)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "terraform").mkdir()
    return tmp_path / "terraform"


@pytest.mark.parametrize("arch", [Arch.ARM64, Arch.X86_64])
def test_a_package_for_this_function_is_accepted(root: Path, arch: Arch) -> None:
    built(root, str(Target("3.12", arch)))

    check(root, runtime="python3.12", architectures=[arch.value])


@pytest.mark.parametrize(
    "function",
    [
        pytest.param({"architectures": ["x86_64"]}, id="another processor"),
        pytest.param({"architectures": []}, id="Lambda's default processor"),
        pytest.param({"runtime": "python3.12"}, id="another Python"),
        pytest.param({"runtime": "python3.1"}, id="a Python that begins alike"),
    ],
)
@pytest.mark.parametrize("emulated", [False, True])
def test_a_package_for_another_function_is_refused(root: Path, function: dict[str, Any], emulated: bool) -> None:
    built(root, "python3.13 on arm64")

    with pytest.raises(TerraformError, match="make package ENV=dev"):
        check(root, emulated=emulated, **function)


def test_a_package_of_this_machine_is_for_an_emulator_alone(root: Path) -> None:
    built(root, "python3.13 on linux aarch64")

    check(root, emulated=True)
    with pytest.raises(TerraformError, match=r"was built for python3.13 on linux aarch64"):
        check(root)


def test_a_package_without_a_manifest_may_be_anything(root: Path) -> None:
    check(root)


def test_a_function_that_goes_needs_no_package(root: Path) -> None:
    change = Change("f", "aws_lambda_function", ("delete",), before={"filename": str(PACKAGE)})

    refuse_mismatch(Plan((change,), {}), root, "dev", emulated=False)
