"""Houses: which folder of the repository may import which, so that a test is never part of what is tested."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MAY_IMPORT = {
    "lambda": set[str](),
    "tools": {"ops", "sandbox", "demo", "benchmarks"},
    "ops": {"tools"},
    "sandbox": {"tools"},
    "demo": {"tools", "ops", "sandbox"},
    "benchmarks": {"tools", "ops", "sandbox"},
    "tests": {"tools", "ops", "sandbox", "demo", "benchmarks"},
}
"""Each house, and the others that it may import; what is in lambda/ has names without a house."""


def imported_houses(source: str) -> Iterator[tuple[str, int]]:
    """Yield the house of each import, wherever it stands, with its line."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                names = [alias.name for alias in node.names]
            case ast.ImportFrom(module=str(module)):
                names = [module]
            case ast.Call(func=ast.Name("import_module" | "__import__") | ast.Attribute(attr="import_module")):
                names = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            case _:
                continue
        yield from ((house, node.lineno) for name in names if (house := name.partition(".")[0]) in MAY_IMPORT)


def forbidden_imports(house: str, source: str) -> list[str]:
    return [
        f"line {line} imports {imported}"
        for imported, line in imported_houses(source)
        if imported not in MAY_IMPORT[house] | {house}
    ]


@pytest.mark.parametrize("house", MAY_IMPORT)
def test_house_imports_only_what_it_may(house: str) -> None:
    faults = {
        str(path.relative_to(ROOT)): found
        for path in sorted((ROOT / house).rglob("*.py"))
        if (found := forbidden_imports(house, path.read_text(encoding="utf-8")))
    }

    assert faults == {}


def test_the_engines_programs_know_nothing_of_the_function() -> None:
    """Or they could be bent to what it happens to accept or write."""
    folder = ROOT / "sandbox" / "neighbours"
    imported = {
        name
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [str(node.module)]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    ours = {path.stem for path in (ROOT / "lambda").iterdir()}

    assert imported
    assert {name for name in imported if name.split(".")[0] in ours} == set()
    assert {name for name in imported if name.startswith("sandbox.") and "neighbours" not in name} == set()


@pytest.mark.parametrize(
    "source",
    [
        "import tests.fakes.clock",
        "from tests import fakes",
        "def later():\n    from tests.fakes.clock import FakeClock",
        "import importlib\nimportlib.import_module('tests.fakes')",
    ],
)
@pytest.mark.parametrize("house", sorted(MAY_IMPORT.keys() - {"tests"}))
def test_import_of_the_tests_is_found(house: str, source: str) -> None:
    assert len(forbidden_imports(house, source)) == 1


def test_top_of_the_tests_has_only_folders_and_what_pytest_reads() -> None:
    files = {path.name for path in (ROOT / "tests").iterdir() if path.is_file()}

    assert files == {"__init__.py", "conftest.py"}
