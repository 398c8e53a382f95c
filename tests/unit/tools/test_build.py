import platform
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tools.packaging.build import Order, build, up_to_date
from tools.packaging.bytecode import Compiler
from tools.packaging.errors import PackageError
from tools.packaging.manifest import manifest_path
from tools.packaging.target import Arch, Target

HERE = Compiler(Path(sys.executable), platform.python_version())


def install_little(_requirements: Path, _target: Target, destination: Path) -> None:
    """What uv would do, in small: one library, one part of it that is dropped, and the SDK's data."""
    files = {
        "vendor/__init__.py": "VALUE = {'a', 'b', 'c'} and 42\n",
        "vendor/tests/test_vendor.py": "",
        "vendor-1.0.dist-info/RECORD": str(destination),
        "vendor-1.0.dist-info/METADATA": "Name: vendor",
        "botocore/data/endpoints.json": '{"partitions": []}',
    }
    for name, text in files.items():
        (destination / name).parent.mkdir(parents=True, exist_ok=True)
        (destination / name).write_text(text, encoding="utf-8")


def no_steps(_what: str) -> AbstractContextManager[None]:
    return nullcontext()


@pytest.fixture
def order(tmp_path: Path) -> Order:
    sources = tmp_path / "lambda"
    (sources / "assistants").mkdir(parents=True)
    (sources / "index.py").write_text("import vendor\n", encoding="utf-8")
    (sources / "assistants" / "one.json").write_text("{}", encoding="utf-8")
    (tmp_path / "requirements.txt").write_text("vendor==1.0", encoding="utf-8")
    return Order(Target("3.13", Arch.ARM64), sources, tmp_path / "requirements.txt", tmp_path / "dist" / "p.zip", HERE)


def names_in(package: Path) -> list[str]:
    return ZipFile(package).namelist()


def test_package_holds_our_sources_at_its_root_and_the_trimmed_compiled_dependencies(order: Order) -> None:
    build(order, install_little, no_steps)

    assert names_in(order.output) == [
        f"__pycache__/index.{sys.implementation.cache_tag}.pyc",
        "assistants/one.json",
        "botocore/data/endpoints.json",
        "index.py",
        "vendor-1.0.dist-info/METADATA",
        "vendor/__init__.pyc",
    ]


def test_without_a_compiler_sources_ship_instead_of_bytecode(order: Order) -> None:
    build(replace(order, compiler=None), install_little, no_steps)

    assert "vendor/__init__.py" in names_in(order.output)
    assert not any(name.endswith(".pyc") for name in names_in(order.output))


def test_packages_built_in_two_places_are_the_same_bytes(order: Order, tmp_path: Path) -> None:
    elsewhere = replace(order, output=tmp_path / "elsewhere" / "other.zip")

    build(order, install_little, no_steps)
    build(elsewhere, install_little, no_steps)

    assert order.output.read_bytes() == elsewhere.output.read_bytes()


def test_package_is_up_to_date_after_it_was_built(order: Order) -> None:
    built = build(order, install_little, no_steps)

    assert up_to_date(order) == built


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda o: (o.sources / "index.py").write_text("import vendor as v\n", encoding="utf-8"), id="source-edited"
        ),
        pytest.param(lambda o: (o.sources / "new.py").touch(), id="source-added"),
        pytest.param(lambda o: (o.sources / "assistants" / "one.json").unlink(), id="source-removed"),
        pytest.param(lambda o: o.requirements.write_text("vendor==1.1", encoding="utf-8"), id="other-lock"),
        pytest.param(lambda o: o.output.write_bytes(b"other"), id="package-replaced"),
        pytest.param(lambda o: o.output.unlink(), id="package-removed"),
        pytest.param(lambda o: manifest_path(o.output).write_text("{}", encoding="utf-8"), id="manifest-damaged"),
    ],
)
def test_package_is_not_up_to_date_after_a_change(order: Order, change: Callable[[Order], object]) -> None:
    build(order, install_little, no_steps)

    change(order)

    assert up_to_date(order) is None


@pytest.mark.parametrize(
    "option",
    [
        pytest.param({"target": Target("3.12", Arch.ARM64)}, id="python"),
        pytest.param({"target": Target("3.13", Arch.X86_64)}, id="arch"),
        pytest.param({"compiler": None}, id="compiler-gone"),
    ],
)
def test_package_is_not_up_to_date_for_another_target(order: Order, option: dict[str, Any]) -> None:
    build(order, install_little, no_steps)

    assert up_to_date(replace(order, **option)) is None


def test_failed_build_leaves_the_package_in_place_as_it_was(order: Order) -> None:
    build(order, install_little, no_steps)
    before = order.output.read_bytes()
    (order.sources / "index.py").write_text("import absent\n", encoding="utf-8")

    with pytest.raises(PackageError, match="absent"):
        build(order, install_little, no_steps)

    assert order.output.read_bytes() == before
    assert sorted(path.name for path in order.output.parent.iterdir()) == [
        "p.zip",
        "p.zip.cdx.json",
        "p.zip.contents.json",
        "p.zip.manifest.json",
    ]


def test_manifest_says_how_much_of_each_library_ships(order: Order) -> None:
    manifest = build(order, install_little, no_steps)

    shares = {share.name: share for share in manifest.shares}
    assert {"index", "assistants", "vendor", "botocore", "versions and licences"} <= set(shares)
    assert shares["versions and licences"].installed > shares["versions and licences"].unpacked
    assert manifest.unpacked == sum(entry.file_size for entry in ZipFile(order.output).infolist())
