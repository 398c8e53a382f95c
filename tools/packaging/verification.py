"""Verification: a package, wherever it was fetched from, against what was said when it was built."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from tools.packaging.contents import OURS, components_in, digests_in
from tools.packaging.errors import PackageError


def faults_of(package: Path, contents: Mapping[str, Any], sbom: Mapping[str, Any]) -> list[str]:
    """Return every way in which a package is not the one that was described; nothing if it is.

    Raises:
        PackageError: It is no zip.
    """
    try:
        return [*_files(digests_in(package), contents["files"]), *_components(components_in(package), sbom)] or [
            *_whole(package, contents, sbom)
        ]
    except BadZipFile as exc:
        raise PackageError(f"{package} is no zip.") from exc


def summary(contents: Mapping[str, Any]) -> str:
    """Say what the files of a package are."""
    kinds = Counter(
        "ours" if entry["from"] == OURS else "changed" if entry["changes"] else "as published"
        for entry in contents["files"].values()
    )
    steps = Counter(step for entry in contents["files"].values() for step in entry.get("changes", ()))
    said = ", ".join(f"{count} {step}" for step, count in sorted(steps.items()))
    return f"{kinds['ours']} files are ours, {kinds['as published']} as published, {kinds['changed']} changed ({said})"


def _files(found: Mapping[str, str], described: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(found.keys() | described.keys()):
        if name not in described:
            yield f"{name}: was added"
        elif name not in found:
            yield f"{name}: is missing"
        elif found[name] != described[name]["sha256"]:
            yield f"{name}: was changed"


def _components(found: list[dict[str, Any]], sbom: Mapping[str, Any]) -> Iterator[str]:
    described = {component["purl"] for component in sbom["components"]}
    for purl in sorted({component["purl"] for component in found} ^ described):
        yield f"{purl}: is {'not ' if purl not in described else 'only '}in the SBOM"


def _whole(package: Path, contents: Mapping[str, Any], sbom: Mapping[str, Any]) -> Iterator[str]:
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    (said,) = sbom["metadata"]["component"]["hashes"]
    for document, wanted in (("contents", contents["sha256"]), ("SBOM", said["content"])):
        if digest != wanted:
            yield f"the files are the same, the zip is not: sha256 {digest}, its {document} says {wanted}"
