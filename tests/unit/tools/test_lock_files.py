"""What `make lock` writes must be what the .in files ask for, with a hash for every pin."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
NAMES = ["requirements", "requirements-audit", "requirements-bench", "requirements-dev", "requirements-ministack"]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def wanted(name: str) -> Iterator[Requirement]:
    """The requirements of an .in file and of those it includes."""
    for line in (ROOT / f"{name}.in").read_text(encoding="utf-8").splitlines():
        entry = line.partition("#")[0].strip()
        if entry.startswith("-r "):
            yield from wanted(Path(entry.removeprefix("-r ")).stem)
        elif entry:
            yield Requirement(entry)


def locked(name: str) -> Iterator[tuple[Requirement, int]]:
    """The pins of a lock file, each with its number of hashes."""
    text = (ROOT / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line and not line.lstrip().startswith("#"):
            yield Requirement(HASH.sub("", line).strip()), len(HASH.findall(line))


@pytest.mark.parametrize("name", NAMES)
def test_lock_holds_every_requirement_at_a_version_it_allows(name: str) -> None:
    pins = {canonicalize_name(pin.name): pin for pin, _ in locked(name)}

    for requirement in wanted(name):
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement.name} is in {name}.in but not in {name}.txt: run `make lock`"
        (version,) = pin.specifier
        assert requirement.specifier.contains(version.version), f"{pin} is not {requirement}: run `make lock`"


@pytest.mark.parametrize("name", NAMES)
def test_lock_pins_exactly_with_hashes(name: str) -> None:
    pins = list(locked(name))

    assert pins
    for pin, hashes in pins:
        assert [specifier.operator for specifier in pin.specifier] == ["=="], f"{pin} is not pinned"
        assert hashes, f"{pin} has no hash"


def test_tools_use_the_versions_that_ship() -> None:
    tools = {(pin.name, str(pin.marker)): pin.specifier for pin, _ in locked("requirements-dev")}

    for pin, _ in locked("requirements"):
        assert tools.get((pin.name, str(pin.marker)), pin.specifier) == pin.specifier, f"{pin} differs in the tools"
