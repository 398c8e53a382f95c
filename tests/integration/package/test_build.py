"""The real build: what it makes, twice, and what it says when it cannot."""

import os
import re
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.integration.package.conftest import OWN_PYTHON, ROOT, RunBuilder
from tools.packaging.bytecode import find_compiler
from tools.packaging.dependencies import install_dependencies
from tools.packaging.errors import PackageError
from tools.packaging.manifest import Manifest, manifest_path
from tools.packaging.report import PACKED_LIMIT, UNPACKED_LIMIT
from tools.packaging.target import Arch, Target
from tools.packaging.trim import DROPS, trim

pytestmark = pytest.mark.integration

AWS = Target("3.13", Arch.ARM64)
MACHINE_OF_ELF_FILE = slice(18, 20)
AARCH64 = b"\xb7\x00"
LAMBDAS_GLIBC = (2, 34)
NOWHERE = "http://127.0.0.1:9"
NO_NETWORK = {
    "HTTP_PROXY": NOWHERE,
    "HTTPS_PROXY": NOWHERE,
    "ALL_PROXY": NOWHERE,
    "NO_PROXY": "",
    "UV_HTTP_RETRIES": "0",
}


def test_second_build_in_another_folder_gives_the_same_bytes(
    package_for_here: Path, checkout: Path, run_builder: RunBuilder, tmp_path: Path
) -> None:
    """Nor do the files' times, another temporary folder, or a uv that is told to compile, leave a trace."""
    copy, temporary, again = tmp_path / "a copy", tmp_path / "temporary", tmp_path / "new" / "again.zip"
    shutil.copytree(checkout, copy, copy_function=shutil.copyfile)
    temporary.mkdir()
    environ = {"TMPDIR": str(temporary), "UV_COMPILE_BYTECODE": "1"}

    run_builder("--python", OWN_PYTHON, "--arch", "native", "--output", again, folder=copy, **environ)

    assert again.read_bytes() == package_for_here.read_bytes()
    assert list(temporary.iterdir()) == []


def test_build_of_what_is_up_to_date_does_nothing_and_says_so(package_for_here: Path, run_builder: RunBuilder) -> None:
    before = package_for_here.stat().st_mtime_ns

    result = run_builder("--python", OWN_PYTHON, "--arch", "native", "--output", package_for_here, **NO_NETWORK)

    assert "up to date" in result.stdout
    assert package_for_here.stat().st_mtime_ns == before


def test_package_stays_within_the_sizes_the_project_allows_itself(package_for_aws: Path) -> None:
    unpacked = sum(entry.file_size for entry in ZipFile(package_for_aws).infolist())

    assert package_for_aws.stat().st_size <= PACKED_LIMIT
    assert unpacked <= UNPACKED_LIMIT


def test_every_binary_in_the_package_for_aws_runs_on_lambdas_machine_and_operating_system(
    package_for_aws: Path,
) -> None:
    with ZipFile(package_for_aws) as package:
        libraries = {name: package.read(name) for name in package.namelist() if name.endswith(".so")}

    assert libraries
    for name, binary in libraries.items():
        wanted = [tuple(map(int, found)) for found in re.findall(rb"GLIBC_(\d+)\.(\d+)", binary)]
        assert binary[MACHINE_OF_ELF_FILE] == AARCH64, name
        assert max(wanted, default=(0, 0)) <= LAMBDAS_GLIBC, name
        assert ".cpython-313-" in name or ".abi3." in name


def test_package_holds_our_files_and_nothing_that_is_not_meant_to_ship(package_for_aws: Path, checkout: Path) -> None:
    names = set(ZipFile(package_for_aws).namelist())
    ours = {path.relative_to(checkout / "lambda").as_posix() for path in checkout.glob("lambda/**/*.py")}

    assert ours <= names
    assert not {name for name in names if re.search(r"\.(pyi|h|c|pyx|sh)$|/tests/|/RECORD$|INSTALLER", name)}
    assert not {name for name in names if name.split("/")[0] in {"bin", "aiohttp", "yarl", "jwt", "pip"}}


def test_package_names_no_folder_of_the_machine_that_built_it(package_for_here: Path, checkout: Path) -> None:
    home, root = str(Path.home()).encode(), str(checkout).encode()
    with ZipFile(package_for_here) as package:
        bytecode = {name: package.read(name) for name in package.namelist() if name.endswith(".pyc")}

    assert not [name for name, code in bytecode.items() if root in code or (home + b"/") in code]
    assert b"/var/task/" in bytecode["openai/__init__.pyc"]


def test_every_entry_of_the_trim_list_still_drops_something(tmp_path: Path) -> None:
    install_dependencies(ROOT / "requirements.txt", AWS, tmp_path)

    dropped = trim(tmp_path)

    assert [drop.pattern for drop in DROPS if drop not in dropped.values()] == []


def test_without_a_matching_interpreter_the_package_has_no_bytecode_and_the_builder_says_so(
    run_builder: RunBuilder, tmp_path: Path
) -> None:
    missing = next(
        python
        for python in ("3.14", "3.12", "3.13", "3.11")
        if python != OWN_PYTHON and find_compiler(Target(python, Arch.ARM64), {**os.environ, **bare(tmp_path)}) is None
    )

    result = run_builder("--python", missing, "--output", tmp_path / "p.zip", **bare(tmp_path))

    names = ZipFile(tmp_path / "p.zip").namelist()
    assert result.returncode == 0
    assert f"uv python install {missing}" in " ".join(result.stdout.split())
    assert "openai/__init__.py" in names
    assert not [name for name in names if name.endswith(".pyc")]
    manifest = Manifest.read(manifest_path(tmp_path / "p.zip"))
    assert manifest is not None
    assert manifest.compiled_by is None


def bare(folder: Path) -> dict[str, str]:
    """A machine with no Python but the one that runs the builder; uv's cache stays where it is."""
    cache = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
    empty = str(folder / "home")
    return {"PATH": "", "HOME": empty, "PYENV_ROOT": empty, "UV_CACHE_DIR": cache, "UV_PYTHON_INSTALL_DIR": empty}


def test_without_network_and_cache_the_builder_says_what_to_check_and_leaves_nothing(
    run_builder: RunBuilder, tmp_path: Path
) -> None:
    result = run_builder("--output", tmp_path / "p.zip", UV_CACHE_DIR=str(tmp_path / "cache"), **NO_NETWORK)

    assert result.returncode == 1
    assert "registry cannot be reached" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "p.zip").exists()


def test_without_network_uvs_cache_is_enough(package_for_aws: Path, run_builder: RunBuilder, tmp_path: Path) -> None:
    result = run_builder("--output", tmp_path / "p.zip", **NO_NETWORK)

    assert result.returncode == 0, result.stderr
    assert (tmp_path / "p.zip").read_bytes() == package_for_aws.read_bytes()


def test_file_that_is_not_the_locked_one_is_not_installed(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    locked = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    requirements.write_text(
        re.sub(r"(six==\S+).*?(?=\n\w)", rf"\1 --hash=sha256:{'0' * 64}", locked, flags=re.DOTALL), encoding="utf-8"
    )

    with pytest.raises(PackageError, match=r"not the one that requirements\.txt locks"):
        install_dependencies(requirements, AWS, tmp_path / "tree")


def test_python_without_ready_made_wheels_is_refused(tmp_path: Path) -> None:
    target = Target("3.99", Arch.ARM64)

    with pytest.raises(PackageError, match=r"no ready-made wheel for python3\.99 on arm64"):
        install_dependencies(ROOT / "requirements.txt", target, tmp_path / "tree")
