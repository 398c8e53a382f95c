"""Contents and SBOM of a package, and the check of one against them."""

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from zipfile import ZipFile

import pytest
from typer.testing import CliRunner

from tests.unit.tools.source_tree import write_files
from tests.unit.tools.test_build import HERE
from tools.packaging.build import Order, build, up_to_date
from tools.packaging.contents import OURS, contents_path, sbom_path, source_of
from tools.packaging.target import Arch, Target
from tools.packaging.verification import summary
from tools.verify_package import main as verify_main

LIBRARY = {
    "vendor/__init__.py": "from vendor import part as part\n",
    "vendor/part.py": "import json\n\ndef f():\n    return json\n",
    "vendor/tests/test_vendor.py": "",
    "vendor-1.0.dist-info/METADATA": "Name: Vendor_Lib\nVersion: 1.0\nLicense-Expression: MIT\n",
    "vendor-1.0.dist-info/RECORD": "vendor/__init__.py,,\nvendor/part.py,,\nvendor/tests/test_vendor.py,,\n"
    "vendor-1.0.dist-info/METADATA,,\n",
    "botocore/data/endpoints.json": '{"partitions": []}',
    "botocore/data/sqs/2012/service-2.json": '{"documentation": "long"}',
    "botocore-2.0.dist-info/RECORD": "botocore/data/endpoints.json,,\nbotocore/data/sqs/2012/service-2.json,,\n",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    write_files(tmp_path / "lambda", {"index.py": "import vendor\n"})
    (tmp_path / "requirements.txt").write_text("vendor==1.0", encoding="utf-8")
    order = Order(
        Target("3.13", Arch.ARM64), tmp_path / "lambda", tmp_path / "requirements.txt", tmp_path / "p.zip", HERE
    )
    build(order, lambda _requirements, _target, destination: write_files(destination, LIBRARY), lambda _: nullcontext())
    return order.output


def said(package: Path) -> Mapping[str, Mapping[str, object]]:
    return json.loads(contents_path(package).read_bytes())  # type: ignore[no-any-return]


def test_every_file_says_where_it_comes_from_and_what_was_changed_in_it(package: Path) -> None:
    files = said(package)["files"]

    assert set(files) == set(ZipFile(package).namelist())
    assert files["index.py"]["from"] == OURS  # type: ignore[index]
    assert files["vendor/part.pyc"]["from"] == "vendor 1.0"  # type: ignore[index]
    assert files["vendor/part.pyc"]["changes"] == ["compiled"]  # type: ignore[index]
    assert files["vendor-1.0.dist-info/METADATA"]["changes"] == []  # type: ignore[index]
    unchanged = files["vendor-1.0.dist-info/METADATA"]
    assert unchanged["sha256"] == unchanged["published_sha256"]  # type: ignore[index]


def test_what_was_left_out_says_why(package: Path) -> None:
    left_out = said(package)["left_out"]

    assert left_out["vendor/tests/test_vendor.py"] == {"from": "vendor 1.0", "reason": "a library's own tests"}


def test_the_sbom_names_every_library_and_the_package(package: Path) -> None:
    sbom = json.loads(sbom_path(package).read_bytes())

    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    assert sbom["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": said(package)["sha256"]}]
    assert sbom["components"] == [
        {
            "type": "library",
            "bom-ref": "pkg:pypi/vendor-lib@1.0",
            "name": "Vendor_Lib",
            "version": "1.0",
            "purl": "pkg:pypi/vendor-lib@1.0",
            "licenses": [{"license": {"name": "MIT"}}],
        }
    ]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a/b.py", "a/b.py"),
        ("a/b.pyc", "a/b.py"),
        (f"a/__pycache__/b.{sys.implementation.cache_tag}.pyc", "a/b.py"),
        ("__pycache__/index.cpython-313.pyc", "index.py"),
        ("a/b.json", "a/b.json"),
    ],
)
def test_bytecode_is_traced_to_its_source(name: str, source: str) -> None:
    assert source_of(name) == source


def verify(package: Path, described: Path) -> tuple[int, str]:
    import typer  # noqa: PLC0415

    app = typer.Typer()
    app.command()(verify_main)
    ended = CliRunner().invoke(app, [str(package), "--described", str(described)])
    return ended.exit_code, " ".join(ended.output.split())


def test_the_package_that_was_built_is_what_it_says(package: Path, tmp_path: Path) -> None:
    fetched = tmp_path / "fetched.zip"
    fetched.write_bytes(package.read_bytes())

    code, shown = verify(fetched, package)

    assert code == 0
    assert "1 libraries as in the SBOM" in shown
    assert summary(said(package)).startswith("2 files are ours")


def rewritten(package: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    with ZipFile(package) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param(lambda files: files.update({"index.py": b"evil"}), "index.py: was changed", id="changed"),
        pytest.param(lambda files: files.update({"evil.py": b""}), "evil.py: was added", id="added"),
        pytest.param(lambda files: files.pop("vendor/part.pyc"), "vendor/part.pyc: is missing", id="missing"),
        pytest.param(
            lambda files: files.update({"vendor-1.0.dist-info/METADATA": b"Name: Vendor_Lib\nVersion: 1.1\n"}),
            "pkg:pypi/vendor-lib@1.1: is not in the SBOM",
            id="another version",
        ),
        pytest.param(lambda files: files, "the zip is not", id="packed otherwise"),
    ],
)
def test_any_difference_is_named(
    package: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], None], fault: str
) -> None:
    other = rewritten(package, tmp_path / "other.zip", change)

    code, shown = verify(other, package)

    assert code == 1
    assert fault in shown
    assert "is not p.zip as it was built" in shown


def test_what_is_no_zip_is_said(package: Path, tmp_path: Path) -> None:
    (tmp_path / "other.zip").write_bytes(b"no zip")

    code, shown = verify(tmp_path / "other.zip", package)

    assert code == 1
    assert "is no zip" in shown


def test_a_package_without_its_contents_is_not_up_to_date(package: Path, tmp_path: Path) -> None:
    order = Order(Target("3.13", Arch.ARM64), tmp_path / "lambda", tmp_path / "requirements.txt", package, HERE)
    assert up_to_date(order) is not None
    contents_path(package).unlink()

    assert up_to_date(order) is None
