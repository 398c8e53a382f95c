"""The workflows: nothing moves under them, and they hold no more rights than they need."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")

each = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


@each
def test_an_action_is_named_by_its_commit_and_its_version(path: Path) -> None:
    """A tag can be moved to other code, as happened to scanners in March 2026."""
    used = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))

    assert used
    assert [name for name in used if not PINNED.fullmatch(name)] == []


def test_an_action_has_one_commit_everywhere() -> None:
    used = {name for path in WORKFLOWS for name in re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))}

    assert len({name.partition("@")[0] for name in used}) == len(used)


@each
def test_no_checkout_leaves_its_credentials_behind(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    checkouts = re.findall(r"uses: actions/checkout@.*\n +with:\n +persist-credentials: false\n", text)

    assert len(checkouts) == text.count("uses: actions/checkout@")


@each
def test_a_workflow_may_read_the_code_and_nothing_else(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert re.search(r"^permissions:\n  contents: read\n\n", text, re.MULTILINE)
    assert text.count("permissions:") == 1
    assert "pull_request_target" not in text
    assert "secrets." not in text


@each
def test_no_tool_is_fetched_outside_a_lock(path: Path) -> None:
    assert not re.search(r"\b(uvx|pipx|npx|curl|wget)\b|pip install", path.read_text(encoding="utf-8"))


def test_the_audit_comes_by_itself() -> None:
    assert "schedule:" in (ROOT / ".github" / "workflows" / "audit.yml").read_text(encoding="utf-8")
