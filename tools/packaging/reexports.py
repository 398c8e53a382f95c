"""Makes packages that only pass on names import them when they are asked for.

`import openai` imports every type of its API this way, which takes longer than the rest of a cold start. The SDK's
`resources` are lazy on their own account; this does the same for what is not.
"""

import ast
from pathlib import Path

PACKAGES = ("openai/types", "openai/lib")
"""Each with the packages in it."""

LAZY = '''"""Made by the package builder: the names that this package passes on, imported when they are asked for."""

_NAMES = {names!r}
_MODULES = {modules!r}
__all__ = [*_NAMES]


def __getattr__(name):
    from importlib import import_module

    if name in _NAMES:
        module, attribute = _NAMES[name]
        value = globals()[name] = getattr(import_module(module, __name__), attribute)
        return value
    if name in _MODULES:
        return import_module("." + name, __name__)
    raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")


def __dir__():
    return sorted({{*globals(), *_NAMES, *_MODULES}})
'''


def make_reexports_lazy(tree: Path) -> list[str]:
    """Rewrite each package's `__init__.py` that does nothing but pass on names; return which, by path."""
    made = []
    for package in PACKAGES:
        for file in sorted((tree / package).rglob("__init__.py")):
            names = reexports(file.read_text(encoding="utf-8"))
            modules = {module.lstrip(".").partition(".")[0] for module, _ in names.values()}
            if names and not modules & set(names):  # a module and a name that are called alike depend on the order
                file.write_text(LAZY.format(names=names, modules=sorted(modules)), encoding="utf-8")
                made.append(file.relative_to(tree).as_posix())
    return made


def reexports(source: str) -> dict[str, tuple[str, str]]:
    """Return the module and the attribute behind each name, or nothing where the source does more than pass on."""
    names = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring
            continue
        if not isinstance(node, ast.ImportFrom):
            return {}
        if node.module == "__future__":
            continue
        if node.level != 1 or node.module is None:
            return {}
        for alias in node.names:
            if alias.name == "*":
                return {}
            names[alias.asname or alias.name] = (f".{node.module}", alias.name)
    return names
