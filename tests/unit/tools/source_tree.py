"""Source trees that the package builder rewrites, made small for a test."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def write_files(tree: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text, encoding="utf-8")


def run(tree: Path, code: str) -> str:
    """Run code that has the tree to import from, and return what it prints."""
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(tree)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        encoding="utf-8",
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()
