"""The function's own files, and the check that everything they import ships."""

import ast
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.packaging.errors import PackageError
from tools.packaging.trim import NOT_INSTALLED, Drop

SHIPPED_SUFFIXES = {".py", ".json"}
"""Nothing else gets into the package, so that a stray .env or note cannot."""


def source_files(sources: Path) -> list[Path]:
    """Return the function's files that ship, relative to `sources`."""
    files = [path.relative_to(sources) for path in sources.rglob("*") if path.suffix in SHIPPED_SUFFIXES]
    return sorted(path for path in files if not any(part.startswith((".", "__pycache__")) for part in path.parts))


def copy_sources(sources: Path, tree: Path) -> None:
    """Put the function's files into a tree of their own or beside the dependencies."""
    for path in source_files(sources):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sources / path, tree / path)


def check_names(sources: Path, tree: Path) -> None:
    """Raise if a module of the function would hide, or be hidden by, a dependency."""
    own = {path.parts[0].removesuffix(".py") for path in source_files(sources)}
    theirs = {path.name.removesuffix(".py") for path in tree.iterdir()}
    if clashes := sorted(own & theirs):
        raise PackageError(f"lambda/ and a dependency share the name {', '.join(clashes)}: rename ours.")


def check_imports(sources: Path, tree: Path, dropped: Mapping[str, Drop]) -> None:
    """Raise if the function imports what the package does not hold, naming every place."""
    faults = []
    for path in source_files(sources):
        if path.suffix != ".py":
            continue
        try:
            parsed = ast.parse((sources / path).read_bytes())
        except SyntaxError as exc:
            raise PackageError(f"{sources.name}/{path.as_posix()}:{exc.lineno} is not Python: {exc.msg}") from exc
        for line, module, names in _imports(parsed):
            fault = _fault(module, names, sources, tree, dropped)
            if fault is not None:
                faults.append(f"  {sources.name}/{path.as_posix()}:{line} imports {fault}")
    if faults:
        raise PackageError("The function imports what would not be in the package:\n" + "\n".join(faults))


def _fault(module: str, names: list[str], sources: Path, tree: Path, dropped: Mapping[str, Drop]) -> str | None:
    if module.partition(".")[0] in sys.stdlib_module_names:
        return None
    for name in (module, *(f"{module}.{name}" for name in names)):
        stem = name.replace(".", "/")
        for path in (f"{stem}/__init__.py", f"{stem}.py"):
            if path in dropped:
                return f"{name}, which tools/packaging/trim.py drops as: {dropped[path].reason}"
    if not _is_module(sources, module) and not _is_module(tree, module):
        left_out = ", ".join(sorted(NOT_INSTALLED))
        return f"{module}, which requirements.in does not bring (nor may it be one of: {left_out})"
    return None


def _is_module(root: Path, module: str) -> bool:
    path = root.joinpath(*module.split("."))
    return path.is_dir() or any(path.parent.glob(f"{path.name}.*"))


def _imports(tree: ast.AST) -> Iterator[tuple[int, str, list[str]]]:
    """Yield each absolute import that runs: its line, the module, and the names taken from it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from _imports(ast.Module(node.orelse, []))
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            yield node.lineno, node.module, [alias.name for alias in node.names]
        else:
            yield from _imports(node)
