from pathlib import Path

import pytest

from tools.packaging.errors import PackageError
from tools.packaging.sources import check_imports, check_names, source_files
from tools.packaging.trim import Drop


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    root = tmp_path / "lambda"
    write(root, "core/__init__.py")
    return root


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    write(root, "vendor/__init__.py")
    write(root, "vendor/_native.cpython-313-aarch64-linux-gnu.so")
    return root


def write(root: Path, name: str, text: str = "") -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_only_code_and_definitions_ship(sources: Path) -> None:
    for name in ("index.py", "assistants/one.json", ".env", "notes.txt", "core/__pycache__/a.py", ".x/b.py"):
        write(sources, name)

    shipped = [path.as_posix() for path in source_files(sources)]

    assert shipped == ["assistants/one.json", "core/__init__.py", "index.py"]


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import vendor\nimport vendor._native", id="dependency"),
        pytest.param("from core import anything\nimport core", id="own"),
        pytest.param("import json\nimport xml.etree", id="standard-library"),
        pytest.param("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import absent", id="types-only"),
    ],
)
def test_imports_of_what_ships_are_accepted(sources: Path, tree: Path, code: str) -> None:
    write(sources, "index.py", code)

    check_imports(sources, tree, {})


@pytest.mark.parametrize(
    ("code", "line"),
    [
        pytest.param("import absent", 1, id="top"),
        pytest.param("def f():\n    import absent.part", 2, id="in-a-function"),
        pytest.param("try:\n    from absent import x\nexcept ImportError:\n    pass", 2, id="in-a-try"),
        pytest.param("if TYPE_CHECKING:\n    pass\nelse:\n    import absent", 4, id="at-run-time-only"),
    ],
)
def test_import_of_what_nothing_brings_is_named_with_its_place(sources: Path, tree: Path, code: str, line: int) -> None:
    write(sources, "core/part.py", code)

    with pytest.raises(PackageError, match=rf"lambda/core/part\.py:{line} imports absent"):
        check_imports(sources, tree, {})


@pytest.mark.parametrize("code", ["from vendor import extra", "import vendor.extra", "from vendor.extra import x"])
def test_import_of_a_dropped_module_gives_the_reason_it_was_dropped(sources: Path, tree: Path, code: str) -> None:
    write(sources, "index.py", code)
    dropped = {"vendor/extra/__init__.py": Drop("vendor/extra", "never called")}

    with pytest.raises(PackageError, match=r"lambda/index\.py:1 imports vendor\.extra.*never called"):
        check_imports(sources, tree, dropped)


def test_source_that_is_not_python_is_named(sources: Path, tree: Path) -> None:
    write(sources, "index.py", "def\n")

    with pytest.raises(PackageError, match=r"lambda/index\.py:1 is not Python"):
        check_imports(sources, tree, {})


def test_own_module_with_the_name_of_a_dependency_is_refused(sources: Path, tree: Path) -> None:
    write(sources, "vendor.py")

    with pytest.raises(PackageError, match="share the name vendor"):
        check_names(sources, tree)
