"""The reply of the model where nothing is scripted, made from the names in the JSON sections it is given."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.stubs.schema_filler import fill

_MAX_SECTIONS = 50
_MAX_ATTEMPTS = 200
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Names:
    """What the default reply needs to know; each has a word that stands in for it."""

    first_name: str = "there"
    company: str = "our team"
    project: str = "your request"

    @property
    def values(self) -> tuple[str, str, str]:
        """In the order in which templates use them."""
        return self.first_name, self.company, self.project


def reply_text(asked: str, format_: Mapping[str, Any] | None = None) -> str:
    """Return a friendly text, or JSON where `format_` asks for it.

    Args:
        asked: Everything the model is given.
        format_: `{"type": "text" | "json_object" | "json_schema", "schema": ...}`.
    """
    names = find_names(asked)
    kind = (format_ or {}).get("type", "text")
    if kind == "json_schema":
        return json.dumps(fill((format_ or {}).get("schema") or {}, names.values), ensure_ascii=False)
    if kind == "json_object":
        return json.dumps({"1": names.first_name, "2": names.company}, ensure_ascii=False)
    return (
        f"Hello {names.first_name}, this is {names.company}. Thank you for getting in touch about"
        f" {names.project}. How can we help you today?"
    )


def find_names(asked: str) -> Names:
    """Look for the names in the JSON sections of a text; any of them may be missing."""
    sections = list(_sections(asked))
    recipient = [content for label, content in sections if "recipient" in label]
    everything = [content for _, content in sections]
    found = {
        "first_name": _first(recipient, ("recipient_first_name", "first_name", "name"))
        or _first(everything, ("recipient_first_name", "first_name")),
        "company": _first(everything, ("company_name", "company", "company_id")),
        "project": _first(everything, ("project_name", "project")),
    }
    return Names(**{name: value for name, value in found.items() if value})


def _sections(text: str) -> Iterator[tuple[str, Any]]:
    """Yield the JSON objects in a text, each with the line before it in lower case."""
    position, found = 0, 0
    for _ in range(_MAX_ATTEMPTS):
        start = text.find("{", position)
        if start < 0 or found >= _MAX_SECTIONS:
            return
        label = text[position:start].strip().rpartition("\n")[2].lower()
        try:
            content, position = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            position = start + 1
            continue
        found += 1
        yield label, content


def _first(contents: list[Any], keys: tuple[str, ...]) -> str | None:
    """Return the first text under one of the keys, the first key preferred, at any depth."""
    for key in keys:
        for content in contents:
            for value in _under(content, key):
                if isinstance(value, str) and value.strip():
                    return " ".join(value.split())[:200]
    return None


def _under(content: Any, key: str, depth: int = 0) -> Iterator[Any]:
    if depth > 20:
        return
    if isinstance(content, dict):
        if key in content:
            yield content[key]
        for child in content.values():
            yield from _under(child, key, depth + 1)
    elif isinstance(content, list):
        for child in content:
            yield from _under(child, key, depth + 1)
