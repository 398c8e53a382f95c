"""The Markdown files of the repository, and what they speak of."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tools.documents.markdown import anchor

ROOT = Path(__file__).resolve().parents[3]

OWN = ("lambda", "terraform", "tools", "ops", "demo", "benchmarks", "sandbox", "tests", "docs", ".github", ".ci")
"""Folders of the repository that are written by people."""

SOURCES = {".py", ".tf", ".hcl", ".tfvars", ".json", ".toml", ".yml", ".yaml", ".in", ".html", ".js", ".css", ""}

_parser = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Document:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path)

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tokens(self) -> list[Token]:
        """Every token, inline ones after the block that holds them."""
        return [inner for token in _parser.parse(self.text) for inner in [token, *(token.children or [])]]

    @cached_property
    def links(self) -> list[str]:
        """Targets of links and images."""
        found = [token.attrGet("href") or token.attrGet("src") for token in self.tokens]
        return [str(target) for target in found if target]

    @cached_property
    def spans(self) -> list[str]:
        """Code in a line of text."""
        return [token.content for token in self.tokens if token.type == "code_inline"]

    @cached_property
    def commands(self) -> list[str]:
        """Lines of code: of blocks, those that go on joined, and of spans."""
        blocks = "\n".join(token.content for token in self.tokens if token.type == "fence")
        return [*blocks.replace("\\\n", " ").splitlines(), *self.spans]

    @cached_property
    def anchors(self) -> set[str]:
        """What a link may name behind `#`."""
        seen: Counter[str] = Counter()
        found = set()
        for heading in self._headings():
            name = anchor(heading)
            found.add(f"{name}-{seen[name]}" if seen[name] else name)
            seen[name] += 1
        return found

    def _headings(self) -> Iterator[str]:
        for index, token in enumerate(self.tokens):
            if token.type == "heading_open":
                inline = self.tokens[index + 1]
                yield "".join(part.content for part in inline.children or [])


def _is_own(path: Path) -> bool:
    folders = path.relative_to(ROOT).parts[:-1]
    return (not folders or folders[0] in OWN) and not {"__pycache__", ".terraform", "node_modules"} & set(folders)


DOCUMENTS = sorted(
    (
        Document(path)
        for path in [*ROOT.glob("*.md"), *(p for folder in OWN for p in (ROOT / folder).rglob("*.md"))]
        if _is_own(path)
    ),
    key=lambda document: document.name,
)


@cache
def document(name: str) -> Document:
    return Document(ROOT / name)


@cache
def names_in_the_code(*, tests: bool = True) -> frozenset[str]:
    """Return every name of at least two words that the repository's code and configuration use.

    Args:
        tests: Whether what only tests use counts.
    """
    folders = [folder for folder in OWN if folder != "docs" and (tests or folder != "tests")]
    paths = [ROOT / "Makefile", *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    here = Path(__file__).parent
    text = "\n".join(
        path.read_text(encoding="utf-8", errors="ignore")
        for path in paths
        if path.is_file() and path.suffix in SOURCES and _is_own(path) and here not in path.parents
    )
    return frozenset(re.findall(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+|VERSION", text))
