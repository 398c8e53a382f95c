"""Links lead somewhere: relative ones to a file of the repository, anchors to a heading."""

from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.unit.docs.documents import DOCUMENTS, Document

ELSEWHERE = ("https://", "http://", "mailto:")


def anchors_of(target: Path) -> set[str]:
    return Document(target).anchors if target.suffix == ".md" else set()


def broken_links(document: Document) -> list[str]:
    """Return the links that lead nowhere."""
    broken = []
    for link in document.links:
        if link.startswith(ELSEWHERE):
            continue
        file, _, fragment = unquote(link).partition("#")
        target = (document.path.parent / file).resolve() if file else document.path
        if not target.exists() or (fragment and fragment not in anchors_of(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_leads_somewhere(document: Document) -> None:
    assert broken_links(document) == []


@pytest.mark.parametrize(
    "link", ["missing.md", "#missing", "there.md#missing", "../there.md", "there.md#twice-2", "image.png"]
)
def test_a_link_to_nowhere_is_found(tmp_path: Path, link: str) -> None:
    (tmp_path / "there.md").write_text("# Twice\n\n## Twice\n", encoding="utf-8")
    (tmp_path / "here.md").write_text(f"[a](there.md#twice) [b](there.md#twice-1) [c]({link})", encoding="utf-8")

    assert broken_links(Document(tmp_path / "here.md")) == [link]
