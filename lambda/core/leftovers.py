"""Leftovers: what servers leave in a model's text that was never meant for the reader."""

import re

_THOUGHT = re.compile(r"<think(?:ing)?\b[^>]*>.*?</think(?:ing)?\s*>", re.DOTALL | re.IGNORECASE)
_THOUGHT_START = re.compile(r"<think(?:ing)?\b[^>]*>", re.IGNORECASE)
_THOUGHT_END = re.compile(r"\A.*</think(?:ing)?\s*>", re.DOTALL | re.IGNORECASE)

_CITATION = re.compile(
    "[ \t]*(?:"
    "\u3010[0-9]{1,9}(?::[0-9]{1,9})?\u2020[^\u3011\n]{0,200}\u3011"
    "|\ue200[^\ue200\ue201\n]{0,400}\ue201"
    r"|:contentReference\[oaicite:[0-9]{1,9}\]\{index=[0-9]{1,9}\}"
    ")"
)


def without_thoughts(text: str) -> str:
    """Remove what a compatible server shows of the model's reasoning; one of the two tags may be missing."""
    if "<think" not in text.lower() and "</think" not in text.lower():
        return text
    text = _THOUGHT_END.sub("", _THOUGHT.sub("", text))
    start = _THOUGHT_START.search(text)
    return text[: start.start()] if start else text


def without_citations(text: str) -> str:
    """Remove the markers that stand for a source, such as `\u30104:0\u2020source\u3011`, with the space before them."""
    return _CITATION.sub("", text)
