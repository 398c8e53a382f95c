import importlib.util
import marshal
import os
import platform
import subprocess
import sys
from pathlib import Path
from types import CodeType

import pytest

from tools.packaging.bytecode import Compiler, compile_dependencies, compile_sources, find_compiler
from tools.packaging.errors import PackageError
from tools.packaging.target import Arch, Target

UNCHECKED_HASH = 0b01
OTHER = "3.99"
HERE = Compiler(Path(sys.executable), platform.python_version())


def program(path: Path, says: str | None = None) -> Path:
    """A stand-in for an interpreter that answers which Python it is, or fails as a broken shim does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {says}\n" if says else "#!/bin/sh\nexit 127\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def code_of(pyc: Path) -> CodeType:
    code = marshal.loads(pyc.read_bytes()[16:])
    assert isinstance(code, CodeType)
    return code


def test_own_interpreter_compiles_for_its_own_version() -> None:
    own = ".".join(platform.python_version_tuple()[:2])

    compiler = find_compiler(Target(own, Arch.ARM64), {"PATH": ""})

    assert compiler is not None
    assert compiler.version == platform.python_version()


def test_shim_that_does_not_run_is_passed_over_for_a_later_one_on_the_path(tmp_path: Path) -> None:
    program(tmp_path / "shims" / "python3.99")
    real = program(tmp_path / "bin" / "python3.99", "CPython 3.99.4")

    path = os.pathsep.join([str(tmp_path / "shims"), str(tmp_path / "bin"), "/bin"])
    compiler = find_compiler(Target(OTHER, Arch.ARM64), {"PATH": path})

    assert compiler == Compiler(real, "3.99.4")


@pytest.mark.parametrize(
    "says",
    ["CPython 3.98.1", "PyPy 3.99.1", "CPython 3.999.1"],
    ids=["other-version", "not-cpython", "longer"],
)
def test_interpreter_of_another_kind_is_not_taken(tmp_path: Path, says: str) -> None:
    program(tmp_path / "python3.99", says)

    compiler = find_compiler(Target(OTHER, Arch.ARM64), {"PATH": str(tmp_path), "HOME": str(tmp_path)})

    assert compiler is None


@pytest.mark.parametrize("variable", ["PYENV_ROOT", "HOME"])
def test_newest_of_pyenvs_versions_is_found_without_being_active(tmp_path: Path, variable: str) -> None:
    root = tmp_path if variable == "PYENV_ROOT" else tmp_path / ".pyenv"
    for patch in (2, 10, 9):
        program(root / "versions" / f"3.99.{patch}" / "bin" / "python3.99", f"CPython 3.99.{patch}")

    compiler = find_compiler(Target(OTHER, Arch.ARM64), {"PATH": "", variable: str(tmp_path)})

    assert compiler is not None
    assert compiler.version == "3.99.10"


def test_compiled_dependency_runs_without_its_source_and_shows_lambdas_paths(tmp_path: Path) -> None:
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "__init__.py").write_text("VALUE = 42", encoding="utf-8")

    compile_dependencies(HERE, tmp_path)

    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["__init__.pyc"]
    assert code_of(tmp_path / "vendor" / "__init__.pyc").co_filename == "/var/task/vendor/__init__.py"
    shown = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path[0] = {str(tmp_path)!r}; import vendor; print(vendor.VALUE)",
        ],
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    assert shown.stdout == "42\n"


def test_compiled_source_of_ours_stays_and_is_never_checked_against_its_bytecode(tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text("VALUE = 42", encoding="utf-8")

    compile_sources(HERE, tmp_path)

    pyc = tmp_path / "__pycache__" / f"index.{sys.implementation.cache_tag}.pyc"
    assert (tmp_path / "index.py").exists()
    assert pyc.read_bytes()[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(pyc.read_bytes()[4:8], "little") == UNCHECKED_HASH
    assert code_of(pyc).co_filename == "/var/task/index.py"


def test_file_that_does_not_compile_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def\n", encoding="utf-8")

    with pytest.raises(PackageError, match=r"broken\.py"):
        compile_sources(HERE, tmp_path)
