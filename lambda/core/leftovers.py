"""Leftovers: what servers leave in a model's text that was never meant for the reader."""

import re

_THOUGHT_TAG = re.compile(r"<(/?)think(?:ing)?\b[^<>]*>", re.IGNORECASE)

_CITATION = re.compile(
    "(?<![ \t])[ \t]*(?:"  # without the look behind, each blank of a long row would be a start
    "\u3010[0-9]{1,9}(?::[0-9]{1,9})?\u2020[^\u3011\n]{0,200}\u3011"
    "|\ue200[^\ue200\ue201\n]{0,400}\ue201"
    r"|:contentReference\[oaicite:[0-9]{1,9}\]\{index=[0-9]{1,9}\}"
    ")"
)


def without_thoughts(text: str) -> str:
    """Remove what a compatible server shows of the model's reasoning; one of the two tags may be missing."""
    kept: list[str] = []
    end, thinking = 0, False
    for tag in _THOUGHT_TAG.finditer(text):
        if tag[1]:
            if not thinking:
                kept.clear()  # its start is missing: all before it was thought
            end, thinking = tag.end(), False
        elif not thinking:
            kept.append(text[end : tag.start()])
            thinking = True
    return "".join(kept if thinking else [*kept, text[end:]])


def without_citations(text: str) -> str:
    """Remove the markers that stand for a source, such as `\u30104:0\u2020source\u3011`, with the space before them."""
    return _CITATION.sub("", text)
