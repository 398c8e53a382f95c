"""A machine that is not ours: proxies that know nothing of loopback, and a locale that is not UTF-8."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import proxy_bypass

import pytest
from requests.utils import should_bypass_proxies

from tools.surroundings import bypass_proxies

ROOT = Path(__file__).parents[2]
HOUSES = ("tools", "ops", "sandbox", "demo", "benchmarks", "tests")
FILES = [path for house in HOUSES for path in sorted((ROOT / house).rglob("*.py"))]

ASCII_ONLY = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
"""Stricter than ISO-8859-1, and on every machine."""

NOT_OURS = {
    ROOT / name
    for name in (
        "sandbox/engines/ministack_main.py",
        "tests/integration/package/exercise.py",
        "benchmarks/baseline/index.py",
    )
}
"""Run in environments that are made for them, where the project is not installed."""


# Proxies


@pytest.mark.parametrize("proxy", ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("url", ["http://127.0.0.1:4566/", "http://localhost:4566/"])
def test_loopback_is_reached_without_a_proxy(monkeypatch: pytest.MonkeyPatch, proxy: str, url: str) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(proxy, "http://proxy.example.com:3128")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")

    bypass_proxies(os.environ)

    assert should_bypass_proxies(url, no_proxy=None)
    assert proxy_bypass("127.0.0.1")
    assert not should_bypass_proxies("http://example.com", no_proxy=None)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"no_proxy": "intern.example.com"}, "intern.example.com,127.0.0.1,localhost,::1"),
        (
            {"NO_PROXY": "a.com, localhost", "no_proxy": "b.com"},
            "b.com,a.com,localhost,127.0.0.1,::1",
        ),
        ({"NO_PROXY": "*"}, "*"),
    ],
)
def test_hosts_that_were_excepted_already_stay_so(given: dict[str, str], expected: str) -> None:
    environ = {"HTTP_PROXY": "http://proxy.example.com", **given}

    bypass_proxies(environ)

    assert environ["no_proxy"] == environ["NO_PROXY"] == expected


def test_nothing_is_set_where_there_is_no_proxy() -> None:
    environ = {"PATH": "/bin"}

    bypass_proxies(environ)

    assert environ == {"PATH": "/bin"}


# Locale


@pytest.mark.parametrize("module", ["demo", "demo.phone", "ops", "tools.package"])
def test_command_does_not_die_of_a_character(module: str) -> None:
    code = (
        "import runpy, sys, unittest.mock as m\n"
        "import tools.surroundings as s\n"
        "real = s.settle\n"
        "def then_write(*a, **k):\n"
        "    real(*a, **k); print(chr(0x2026)); print(chr(0x2026), file=sys.stderr); sys.exit(0)\n"
        "s.settle = then_write\n"
        f"sys.argv = ['x']; runpy.run_module({module!r}, run_name='__main__')\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **ASCII_ONLY, "PYTHONPATH": f"{ROOT / 'lambda'}:{ROOT}"},
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr.strip()) in [(0, b"?"), (0, b"\\u2026")]


def test_every_command_settles_first() -> None:
    commands = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES if path not in NOT_OURS}
    unsettled = [
        str(path.relative_to(ROOT))
        for path, tree in commands.items()
        if any(isinstance(node, ast.If) and "__name__" in ast.unparse(node.test) for node in tree.body)
        and "settle(" not in ast.unparse(tree)
    ]

    assert unsettled == []


def locale_dependent(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that read or write text in the encoding of the locale."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        given = {keyword.arg for keyword in call.keywords}
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
        mode = next((text for text in map(_text, call.args) if text and set(text) <= set("rwabx+t")), "")
        is_text = (
            name in ("read_text", "write_text")
            or (name == "open" and "b" not in mode and (bool(mode) or isinstance(call.func, ast.Name)))
            or (ast.unparse(call).startswith("subprocess.") and "text" in given)
        )
        if is_text and "encoding" not in given:
            yield call.lineno


def _text(argument: ast.expr) -> str | None:
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None


def test_no_text_is_read_or_written_in_the_encoding_of_the_locale() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for path in FILES
        if path not in NOT_OURS and (lines := [*locale_dependent(ast.parse(path.read_text(encoding="utf-8")))])
    }

    assert found == {}


@pytest.mark.parametrize(
    "source",
    ["path.read_text()", "path.write_text('x')", "open(name)", "path.open('w')", "subprocess.run([], text=True)"],
)
def test_encoding_of_the_locale_is_found(source: str) -> None:
    assert [*locale_dependent(ast.parse(source))] == [1]


@pytest.mark.parametrize(
    "source", ["path.read_text(encoding='utf-8')", "open(name, 'rb')", "path.open('wb')", "webbrowser.open(url)"]
)
def test_what_does_not_depend_on_the_locale_is_not_found(source: str) -> None:
    assert [*locale_dependent(ast.parse(source))] == []
