from pathlib import Path

import pytest

from tests.unit.tools.source_tree import run, write_files
from tools.packaging.reexports import make_reexports_lazy, reexports

MESSAGE = "class Message: ...\n"
RUN = "from .message import Message\nclass Run: of = Message\n"
INIT = '''"""Types."""

from __future__ import annotations

from .run import Run as Run
from .deep import Detail as Detail
from .message import Message as TheMessage
'''


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A package as the SDK lays it out: names that are passed on, from modules and from a package below."""
    files = {
        "openai/__init__.py": "",
        "openai/types/__init__.py": INIT,
        "openai/types/run.py": RUN,
        "openai/types/message.py": MESSAGE,
        "openai/types/deep/__init__.py": "from .detail import Detail as Detail\n",
        "openai/types/deep/detail.py": "class Detail: ...\n",
        "openai/lib/__init__.py": "from ._tools import tool as tool\nVERSION = 2\n",
        "openai/lib/_tools.py": "def tool(): ...\n",
    }
    write_files(tmp_path, files)
    return tmp_path


def test_packages_that_only_pass_on_names_are_rewritten_and_others_are_not(tree: Path) -> None:
    made = make_reexports_lazy(tree)

    assert made == ["openai/types/__init__.py", "openai/types/deep/__init__.py"]
    assert (tree / "openai/lib/__init__.py").read_text(encoding="utf-8").endswith("VERSION = 2\n")


def test_import_of_the_package_imports_none_of_its_modules(tree: Path) -> None:
    make_reexports_lazy(tree)

    assert run(tree, "import openai.types; print(sorted(m for m in sys.modules if m.startswith('openai.')))") == (
        "['openai.types']"
    )


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("from openai.types import Run; print(Run.__module__)", id="name"),
        pytest.param("from openai.types import TheMessage; print(TheMessage.__name__)", id="renamed"),
        pytest.param("import openai.types as t; print(t.Detail is t.Detail, t.Detail.__module__)", id="through-two"),
        pytest.param("import openai.types as t; print(t.run.Run is t.Run, t.deep.detail.__name__)", id="module"),
        pytest.param("from openai.types import *; print(Run.of is TheMessage, Detail.__name__)", id="star"),
        pytest.param("import openai.types as t; print({'Run', 'Detail', 'deep'} <= set(dir(t)))", id="dir"),
        pytest.param("import openai.types as t; print(hasattr(t, 'Absent'), getattr(t, 'x', 1))", id="absent"),
    ],
)
def test_lazy_package_gives_what_the_eager_one_gave(tree: Path, code: str) -> None:
    eager = run(tree, code)

    make_reexports_lazy(tree)

    assert run(tree, code) == eager


def test_name_that_is_called_like_its_module_keeps_the_package_eager(tree: Path) -> None:
    """`from .run import run` hides the module; which of the two is seen depends on what was imported when."""
    (tree / "openai/types/__init__.py").write_text("from .run import run as run\n", encoding="utf-8")

    assert "openai/types/__init__.py" not in make_reexports_lazy(tree)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("from .a import A as A\nNAME = 1\n", id="assigns"),
        pytest.param("import os\nfrom .a import A\n", id="imports-a-module"),
        pytest.param("from . import a\n", id="from-itself"),
        pytest.param("from ..a import A\n", id="from-above"),
        pytest.param("from a import A\n", id="from-elsewhere"),
        pytest.param("from .a import *\n", id="star"),
        pytest.param("try:\n    from .a import A\nexcept ImportError: ...\n", id="tries"),
    ],
)
def test_source_that_does_more_than_pass_on_names_is_left_alone(source: str) -> None:
    assert reexports(source) == {}


def test_module_and_attribute_behind_each_name() -> None:
    names = reexports('"""Types."""\nfrom .a import A as A, B as C\nfrom .b.c import D\n')

    assert names == {"A": (".a", "A"), "C": (".a", "B"), "D": (".b.c", "D")}
