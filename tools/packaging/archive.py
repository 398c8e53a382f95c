"""Zips a tree so that the bytes depend on the files' names and content alone."""

from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

FIXED_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest that the format can say."""

UNIX = 3
FILE_MODE = 0o100644


def write_zip(tree: Path, archive: Path) -> dict[str, tuple[int, int]]:
    """Write the archive; return the unpacked and the packed size of each entry, in bytes."""
    files = {path.relative_to(tree).as_posix(): path for path in tree.rglob("*") if path.is_file()}
    with ZipFile(archive, "w") as zip_file:
        for name in sorted(files):
            entry = ZipInfo(name, FIXED_TIME)
            entry.compress_type, entry.create_system = ZIP_DEFLATED, UNIX
            entry.external_attr = FILE_MODE << 16
            zip_file.writestr(entry, files[name].read_bytes(), compresslevel=9)
        return {entry.filename: (entry.file_size, entry.compress_size) for entry in zip_file.infolist()}
