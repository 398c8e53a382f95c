"""Blocks: the parts of a hand-written document that are generated, between two comments that name them."""

import re
from dataclasses import dataclass

START = "<!-- generated: {name}; `python -m tools.reference` writes it -->"
END = "<!-- end of {name} -->"


class BlockError(Exception):
    """A document has no place for what is to be written into it."""


@dataclass(frozen=True, slots=True)
class Block:
    """Where a block starts and ends in a document, its comments left out."""

    start: int
    end: int


def replaced(document: str, name: str, content: str) -> str:
    """Return the document with the block's content replaced.

    Raises:
        BlockError: The document has not exactly one block of that name.
    """
    block = _find(document, name)
    return f"{document[: block.start]}\n\n{content.strip()}\n\n{document[block.end :]}"


def _find(document: str, name: str) -> Block:
    start, end = START.format(name=name), END.format(name=name)
    found = list(re.finditer(f"{re.escape(start)}(.*?){re.escape(end)}", document, re.DOTALL))
    if len(found) != 1:
        raise BlockError(f"{len(found)} blocks are called {name!r}, there must be one: {start} ... {end}")
    return Block(found[0].start(1), found[0].end(1))
