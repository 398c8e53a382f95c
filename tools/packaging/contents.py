"""Contents: every file of a package, where it comes from and what was changed in it, and the SBOM; kept beside it."""

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from zipfile import ZipFile

OURS = "this project"

COMPILED = "compiled"

_CACHED = re.compile(r"__pycache__/([^/]+)\.[^./]+\.pyc$")


class Ledger:
    """Follows third-party files from the wheels they were published in, through each step that changes some."""

    def __init__(self, tree: Path) -> None:
        """Look at a tree as it was installed."""
        self._published = self._last = digests(tree)
        self._owners = _owners(tree)
        self._changes: dict[str, list[str]] = {}

    def note(self, step: str, tree: Path) -> None:
        """Note which files a step has changed."""
        now = digests(tree)
        for path, digest in now.items():
            if self._last.get(path, digest) != digest:
                self._changes.setdefault(path, []).append(step)
        self._last = now

    def describe(self, package: Path, own: Iterable[str], reasons: Mapping[str, str]) -> dict[str, Any]:
        """Return what is said about a package and every file in it.

        Args:
            own: Files of this project.
            reasons: Why each file that was left out does not ship.
        """
        ours = set(own)
        return {
            "package": package.name,
            "sha256": hashlib.sha256(package.read_bytes()).hexdigest(),
            "files": {name: self._entry(name, digest, ours) for name, digest in digests_in(package).items()},
            "left_out": {
                path: {"from": self._owners.get(path, "the installer"), "reason": reason}
                for path, reason in sorted(reasons.items())
            },
        }

    def _entry(self, name: str, digest: str, ours: set[str]) -> dict[str, Any]:
        source = name if name in ours or name in self._published else source_of(name)
        if source in ours or source not in self._published:  # a step adds modules to libraries too
            return {"sha256": digest, "from": OURS}
        changes = self._changes.get(source, []) + ([COMPILED] if source != name else [])
        return {
            "sha256": digest,
            "from": self._owners.get(source, "the installer"),
            "published_sha256": self._published[source],
            "changes": changes,
        }


def contents_path(package: Path) -> Path:
    return package.with_name(f"{package.name}.contents.json")


def sbom_path(package: Path) -> Path:
    return package.with_name(f"{package.name}.cdx.json")


def write(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def digests(tree: Path) -> dict[str, str]:
    files = (path for path in tree.rglob("*") if path.is_file())
    return {path.relative_to(tree).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def digests_in(package: Path) -> dict[str, str]:
    with ZipFile(package) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in sorted(archive.namelist())}


def source_of(name: str) -> str:
    """Return the source file that bytecode was made from; another file's own name."""
    cached = _CACHED.sub(r"\1.py", name)
    return cached if cached != name else re.sub(r"\.pyc$", ".py", name)


def components_in(package: Path) -> list[dict[str, Any]]:
    """Return the distributions in a package as CycloneDX writes them.

    Source: CycloneDX 1.6, JSON reference, `components`.
    """
    found = []
    with ZipFile(package) as archive:
        for name in sorted(archive.namelist()):
            if re.fullmatch(r"[^/]+\.dist-info/METADATA", name):
                said = HeaderParser().parsestr(archive.read(name).decode())
                title, version = said.get("Name", ""), said.get("Version", "")
                purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', title).lower()}@{version}"
                licence = said.get("License-Expression") or said.get("License", "").split("\n")[0]
                found.append(
                    {
                        "type": "library",
                        "bom-ref": purl,
                        "name": title,
                        "version": version,
                        "purl": purl,
                        **({"licenses": [{"license": {"name": licence}}]} if licence else {}),
                    }
                )
    return found


def sbom(package: Path) -> dict[str, Any]:
    """Return the CycloneDX document of a package; the same package has the same."""
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": "whatsapp-channel-processor",
                "hashes": [{"alg": "SHA-256", "content": digest}],
            }
        },
        "components": components_in(package),
    }


def _owners(tree: Path) -> dict[str, str]:
    """Return the distribution that each file was installed from."""
    owners = {}
    for record in tree.glob("*.dist-info/RECORD"):
        name, _, version = record.parent.name.removesuffix(".dist-info").partition("-")
        for path, *_ in csv.reader(record.read_text(encoding="utf-8").splitlines()):
            owners[path] = f"{name} {version}"
    return owners
