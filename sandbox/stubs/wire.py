"""Requests and replies as plain values, so that everything behind the transport works without a socket."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

NOT_JSON = object()
"""Stands for a body that should be JSON and is not."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    form: Mapping[str, str] = field(default_factory=dict)
    json: Any = None

    @classmethod
    def parse(cls, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Self:
        """Decode query, form and JSON; of a repeated name the last value counts."""
        parts = urlsplit(target)
        form, document = decode_body(headers.get("content-type", ""), body)
        return cls(
            method=method,
            path=unquote(parts.path),
            query=decode_pairs(parts.query),
            headers=headers,
            body=body,
            form=form,
            json=document,
        )

    def text(self) -> str:
        """Return everything the request says, decoded, one value a line: where a `match` is looked up."""
        lines = [f"{self.method} {self.path}"]
        lines += [f"{name}={value}" for name, value in (*self.query.items(), *self.form.items())]
        if self.json is not None and self.json is not NOT_JSON:
            lines += _leaves(self.json)
        elif not self.form:
            lines.append(self.body.decode(errors="replace"))
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer, and how long the vendor takes to give it."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0

    @classmethod
    def of_json(
        cls,
        document: Any,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        delay_seconds: float = 0.0,
    ) -> Self:
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        return cls(status, body, {"content-type": "application/json", **(headers or {})}, delay_seconds)


def decode_pairs(encoded: str) -> dict[str, str]:
    return dict(parse_qsl(encoded, keep_blank_values=True))


def decode_body(content_type: str, body: bytes) -> tuple[dict[str, str], Any]:
    """Return the form fields and the JSON document of a body; at most one of them holds something."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return decode_pairs(body.decode(errors="replace")), None
    if kind == "application/json" and body:
        try:
            return {}, json.loads(body)
        except ValueError:
            return {}, NOT_JSON
    return {}, None


def _leaves(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _leaves(child, str(key))
    elif isinstance(value, list):
        for child in value:
            yield from _leaves(child, name)
    else:
        yield f"{name}={value}"
