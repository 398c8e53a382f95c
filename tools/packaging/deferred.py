"""Makes packages import a module when something in it is used, rather than when they are imported themselves."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

DEFERRED = {
    "botocore/docs": ("botocore.docs",),  # describes a client's methods to those who ask for help
    "httpcore2": ("anyio",),  # for asynchronous programs, as the next one
    "openai": ("anyio", "asyncio"),
    "twilio/http": ("requests",),  # for the SDK's own transport, which is not used here
    "twilio/rest/api": ("twilio.rest.api.v2010",),  # the API's forty products, messages among them
}
"""For each package, the modules that wait; those below them do too."""

HELPER = "_deferred"
HELPER_SOURCE = '''"""Made by the package builder: what is imported when it is used."""

from importlib import import_module


class Module:
    def __init__(self, *names):
        self._names = names

    def _found(self):
        return [import_module(name) for name in self._names][0]

    def __getattr__(self, attribute):
        return getattr(self._found(), attribute)


class Member(Module):
    def __init__(self, module, name):
        super().__init__(module)
        self._name = name

    def _found(self):
        try:
            return getattr(super()._found(), self._name)
        except AttributeError:
            return import_module(f"{self._names[0]}.{self._name}")

    def __call__(self, *args, **kwargs):
        return self._found()(*args, **kwargs)
'''


def defer_imports(tree: Path) -> list[str]:
    """Rewrite in each package the imports that can wait; return the files, by path."""
    made = []
    for package, names in DEFERRED.items():
        modules = tuple(name for name in names if _ships(tree, name))
        for file in sorted((tree / package).rglob("*.py")):
            source = file.read_text(encoding="utf-8")
            rewritten = with_deferred_imports(source, modules, f"{package.replace('/', '.')}.{HELPER}")
            if rewritten != source:
                file.write_text(rewritten, encoding="utf-8")
                made.append(file.relative_to(tree).as_posix())
        if (tree / package).is_dir():
            (tree / package / f"{HELPER}.py").write_text(HELPER_SOURCE, encoding="utf-8")
    return made


def _ships(tree: Path, module: str) -> bool:
    """Whether an import will find it; one that fails must do so where it did."""
    return module in sys.stdlib_module_names or (tree / module.replace(".", "/")).exists()


def with_deferred_imports(source: str, modules: tuple[str, ...], helper: str) -> str:
    """Return the source with its imports of these modules deferred where nothing can tell, on the lines they were on.

    A name can wait where the file only calls it, takes attributes of it or puts it into annotations: what stands in
    for it is then as good.
    """
    if not any(module in source for module in modules):
        return source
    tree, lines = ast.parse(source), source.split("\n")
    found = list(_deferrable(tree, modules))
    imported = [name.name for node in found if isinstance(node, ast.Import) for name in node.names]
    for node in found:
        if isinstance(node, ast.Import):
            root = _root(node)
            names = dict.fromkeys([root, *(name for name in imported if name.startswith(f"{root}."))])
            text = f"from {helper} import Module; {root} = Module({', '.join(map(repr, names))})"
        else:
            made = "; ".join(f"{alias.name} = Member({node.module!r}, {alias.name!r})" for alias in node.names)
            text = f"from {helper} import Member; {made}"
        first, end = node.lineno - 1, node.end_lineno or node.lineno
        lines[first:end] = [" " * node.col_offset + text, *[""] * (end - node.lineno)]
    return "\n".join(lines)


def _deferrable(tree: ast.Module, modules: tuple[str, ...]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports of these modules, at the top of the file or tried there, that can wait."""
    waiting = _names_that_can_wait(tree)
    for statement in tree.body:
        for node in statement.body if isinstance(statement, ast.Try) else [statement]:
            match node:
                case ast.Import(names=[ast.alias(name=name, asname=None)]):
                    if _is_one_of(name, modules) and _root(node) in waiting:
                        yield node
                case ast.ImportFrom(module=str(name), level=0, names=aliases):
                    if _is_one_of(name, modules) and all(
                        alias.asname is None and alias.name in waiting for alias in aliases
                    ):
                        yield node


def _root(node: ast.Import) -> str:
    """Return the name that an import binds."""
    return node.names[0].name.partition(".")[0]


def _is_one_of(name: str, modules: tuple[str, ...]) -> bool:
    return any(f"{name}.".startswith(f"{module}.") for module in modules)


def _names_that_can_wait(tree: ast.Module) -> set[str]:
    """Return the names whose every use lets them wait; one that is not used is there for others to import."""
    waiting: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case (
                ast.Attribute(value=ast.Name() as name)
                | ast.Call(func=ast.Name() as name)
                | ast.Compare(left=ast.Name() as name, comparators=[ast.Constant(value=None)])
                | ast.Assign(targets=[ast.Name() as name], value=ast.Constant(value=None))  # where its import fails
            ):
                waiting.add(id(name))
            case (
                ast.FunctionDef(returns=ast.expr() as annotation)
                | ast.AsyncFunctionDef(returns=ast.expr() as annotation)
                | ast.arg(annotation=ast.expr() as annotation)
                | ast.AnnAssign(annotation=annotation)
            ):
                waiting |= {id(child) for child in ast.walk(annotation)}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return {name.id for name in names} - {name.id for name in names if id(name) not in waiting}
