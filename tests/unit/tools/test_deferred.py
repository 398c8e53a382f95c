import shutil
from pathlib import Path

import pytest

from tests.unit.tools.source_tree import run, write_files
from tools.packaging.deferred import defer_imports, with_deferred_imports

CLIENT = '''"""Client."""
import time
import anyio
import anyio.to_thread
from anyio import (
    lowlevel,
)
from anyio import Path
from anyio.lowlevel import checkpoint
try:
    import asyncio
except ImportError:
    asyncio = None

def ask(path: Path = "") -> Path: return time.tzname[0] and asyncio is not None and "asked"
async def wait() -> Path:
    try:
        await checkpoint()
        await lowlevel.checkpoint()
        return await anyio.to_thread.run(Path("x"))
    except anyio.Closed:
        return "closed"
'''

TO_THREAD = """import anyio
async def run(path):
    if path != "x": raise anyio.Closed
    return type(path)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A package that imports a library which its synchronous client has no use for."""
    files = {
        "openai/__init__.py": "from ._client import ask, wait\n",
        "openai/_client.py": CLIENT,
        "openai/_helper.py": "import anyio\nclass Path(anyio.Path): ...\n",
        "anyio/__init__.py": "class Path(str): ...\nclass Closed(Exception): ...\n",
        "anyio/lowlevel.py": "async def checkpoint(): ...\n",
        "anyio/to_thread.py": TO_THREAD,
    }
    write_files(tmp_path, files)
    return tmp_path


AWAIT = "def finish(c):\n  try: c.send(None)\n  except StopIteration as e: return e.value\n"


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        pytest.param("import openai; print(openai.ask())", "asked", id="what needs it not"),
        pytest.param(AWAIT + "import openai; print(finish(openai.wait()).__name__)", "Path", id="module-and-function"),
        pytest.param(
            AWAIT + "import anyio; anyio.Path = lambda _: 'y'; import openai; print(finish(openai.wait()))",
            "closed",
            id="exception",
        ),
        pytest.param("from openai import _client; print(hasattr(_client.anyio, 'absent'))", "False", id="absent"),
        pytest.param("from openai._helper import Path; print(Path.__mro__[1].__module__)", "anyio", id="at-once"),
    ],
)
def test_package_does_what_it_did(tree: Path, code: str, printed: str) -> None:
    assert run(tree, code) == printed

    defer_imports(tree)

    assert run(tree, code) == printed


def test_library_is_imported_when_it_is_used_and_not_before(tree: Path) -> None:
    made = defer_imports(tree)

    assert made == ["openai/_client.py", "openai/_helper.py"]
    code = AWAIT + "import openai; print('anyio' in sys.modules); finish(openai.wait()); print('anyio' in sys.modules)"
    assert run(tree, code).split() == ["False", "True"]


def test_import_that_fails_does_so_at_once(tree: Path) -> None:
    shutil.rmtree(tree / "anyio")
    (tree / "openai/_client.py").write_text(
        "try:\n    import anyio\nexcept ImportError:\n    anyio = None\n" * 2, encoding="utf-8"
    )
    (tree / "openai/__init__.py").write_text("from . import _client\n", encoding="utf-8")

    assert defer_imports(tree) == []
    assert run(tree, "import openai; print(openai._client.anyio)") == "None"


def test_lines_keep_their_numbers(tree: Path) -> None:
    defer_imports(tree)

    before, after = CLIENT.split("\n"), (tree / "openai/_client.py").read_text(encoding="utf-8").split("\n")
    assert len(after) == len(before)
    for line in ("import time", "except ImportError:", "async def wait() -> Path:", "        await checkpoint()"):
        assert after[before.index(line)] == line


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("import anyiox\nanyiox.x\n", id="another-module"),
        pytest.param("import anyio as a\na.x\n", id="renamed"),
        pytest.param("import anyio, os\nanyio.x\n", id="several"),
        pytest.param("import anyio\n", id="for-others-to-import"),
        pytest.param("import anyio\nprint(anyio)\n", id="module-itself-is-passed-on"),
        pytest.param("import anyio\nanyio = anyio or None\n", id="assigned"),
        pytest.param("from anyio import Path\nclass P(Path): ...\n", id="base-class"),
        pytest.param("from anyio import Path\nisinstance(1, Path) and Path(1)\n", id="class-that-is-asked-about"),
        pytest.param("from anyio import run as r\nr()\n", id="renamed-function"),
        pytest.param("from .anyio import run\nrun()\n", id="of-the-package"),
        pytest.param("from anyio import run, Base\nrun()\nclass P(Base): ...\n", id="only-one-of-two-can-wait"),
        pytest.param("def f():\n    import anyio\n    anyio.x\n", id="waits-already"),
    ],
)
def test_import_that_may_be_needed_at_once_is_left_alone(source: str) -> None:
    assert with_deferred_imports(source, ("anyio",), "openai._deferred") == source
