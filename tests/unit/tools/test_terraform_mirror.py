"""Where the AWS provider comes from."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tools.infrastructure.errors import TerraformError
from tools.infrastructure.mirror import PROVIDER, VARIABLE, find_mirror, locked_version
from tools.infrastructure.runner import ROOT_MODULE

VERSION = "5.100.0"
TARGET = "linux_amd64"


def unpacked(folder: Path, version: str = VERSION, target: str = TARGET) -> Path:
    (folder / PROVIDER / version / target).mkdir(parents=True)
    return folder


def packed(folder: Path) -> Path:
    (folder / PROVIDER).mkdir(parents=True)
    (folder / PROVIDER / f"terraform-provider-aws_{VERSION}_{TARGET}.zip").touch()
    return folder


def find(environ: dict[str, str], opt: Path) -> Path | None:
    return find_mirror(VERSION, environ, target=TARGET, opt=opt)


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which no folder of this machine is looked at."""
    return {
        "HOME": str(tmp_path / "home"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_DATA_DIRS": str(tmp_path / "system"),
    }


def test_no_mirror_means_the_registry(home: dict[str, str], tmp_path: Path) -> None:
    assert find(home, tmp_path / "opt") is None


@pytest.mark.parametrize("lay_out", [unpacked, packed])
def test_the_folder_that_the_variable_names_is_used(
    lay_out: Callable[[Path], Path], home: dict[str, str], tmp_path: Path
) -> None:
    mirror = lay_out(tmp_path / "mine")

    assert find({**home, VARIABLE: str(mirror)}, tmp_path / "opt") == mirror


def test_the_named_folder_comes_before_the_standard_ones(home: dict[str, str], tmp_path: Path) -> None:
    unpacked(tmp_path / "home" / ".terraform.d" / "plugins")
    mirror = unpacked(tmp_path / "mine")

    assert find({**home, VARIABLE: str(mirror)}, tmp_path / "opt") == mirror


def test_a_named_folder_without_the_locked_version_is_an_error_that_says_what_it_has(
    home: dict[str, str], tmp_path: Path
) -> None:
    """Falling back in silence would hide that the choice has no effect."""
    mirror = unpacked(tmp_path / "mine", version="6.1.0")

    with pytest.raises(TerraformError) as raised:
        find({**home, VARIABLE: str(mirror)}, tmp_path / "opt")

    assert "6.1.0" in str(raised.value)
    assert f"{VERSION} for {TARGET}" in str(raised.value)


@pytest.mark.parametrize(
    "folder", ["home/.terraform.d/plugins", "data/terraform/plugins", "system/terraform/plugins", "opt/anything"]
)
def test_a_standard_folder_is_found_by_itself(folder: str, home: dict[str, str], tmp_path: Path) -> None:
    mirror = unpacked(tmp_path / folder)

    assert find(home, tmp_path / "opt") == mirror


def test_terraforms_own_folders_come_before_opt(home: dict[str, str], tmp_path: Path) -> None:
    unpacked(tmp_path / "opt" / "anything")
    mirror = unpacked(tmp_path / "system" / "terraform" / "plugins")

    assert find(home, tmp_path / "opt") == mirror


@pytest.mark.parametrize(
    "other", [pytest.param({"version": "6.1.0"}, id="version"), pytest.param({"target": "darwin_arm64"}, id="machine")]
)
def test_a_standard_folder_with_another_provider_is_passed_over(
    other: dict[str, str], home: dict[str, str], tmp_path: Path
) -> None:
    unpacked(tmp_path / "home" / ".terraform.d" / "plugins", **other)

    assert find(home, tmp_path / "opt") is None


def test_the_lock_file_says_which_version() -> None:
    major, minor, _ = locked_version(ROOT_MODULE).split(".")

    assert (int(major), int(minor)) >= (5, 95)


def test_the_lock_file_serves_every_machine() -> None:
    """An unpacked mirror alone would leave the hash of one machine, and refuse all others."""
    hashes = (ROOT_MODULE / ".terraform.lock.hcl").read_text(encoding="utf-8")

    assert hashes.count('"zh:') >= 10


def test_a_lock_file_without_the_provider_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TerraformError, match="does not lock hashicorp/aws"):
        locked_version(tmp_path)
