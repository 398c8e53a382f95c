import os
from collections.abc import Iterable
from pathlib import Path
from zipfile import ZipFile

from tools.packaging.archive import write_zip


def make_tree(root: Path, names: Iterable[str]) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"content of {name}", encoding="utf-8")
    return root


def test_same_files_give_the_same_bytes_whatever_their_order_times_and_modes(tmp_path: Path) -> None:
    names = ["b.py", "a/z.py", "a/b.json"]
    first = make_tree(tmp_path / "one", names)
    second = make_tree(tmp_path / "two", reversed(names))
    (second / "b.py").chmod(0o755)
    os.utime(second / "b.py", (1_000_000_000, 1_000_000_000))

    write_zip(first, tmp_path / "one.zip")
    write_zip(second, tmp_path / "two.zip")

    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_entries_are_sorted_files_that_anyone_may_read(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree", ["b.py", "a/z.py"])

    sizes = write_zip(tree, tmp_path / "p.zip")

    entries = ZipFile(tmp_path / "p.zip").infolist()
    assert [entry.filename for entry in entries] == ["a/z.py", "b.py"]
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    assert sizes["b.py"][0] == len("content of b.py")
