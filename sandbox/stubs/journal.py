"""The journal: every request the vendors' side of a stub received, and what became of it."""

import itertools
import json
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, Self
from urllib.parse import urlencode

from sandbox.stubs.script import is_match
from sandbox.stubs.wire import NOT_JSON, Reply, Request, decode_body

Ending = Literal["pending", "answered", "dropped", "stalled", "client_gone"]

RECORDED_HEADERS = (
    "accept",
    "content-type",
    "cookie",
    "idempotency-key",
    "openai-beta",
    "user-agent",
    "x-stainless-retry-count",
)
"""Header names worth keeping. `authorization` is not among them, nor may it be."""

_REMOVED = "[removed]"


@dataclass(slots=True)
class Exchange:
    """One request and its answer, without the secret it came with.

    Attributes:
        number: Position in the journal, from 1.
        time: When the request arrived, in seconds since the epoch.
        authorized: Whether its credentials were accepted.
        status: Status of the answer; None while pending and for a dropped connection.
        fault: Name of the fault that was played on it.
        scripted: Whether the answer's body was given by a script, and so may be anything.
        effect: Whether the vendor handled the request and did not refuse it.
        ending: How the connection ended.
    """

    number: int
    time: float
    operation: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: str
    authorized: bool
    status: int | None = None
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    answer_body: str = ""
    fault: str | None = None
    scripted: bool = False
    effect: bool = False
    ending: Ending = "pending"
    duration_seconds: float = 0.0

    @property
    def form(self) -> dict[str, str]:
        """The decoded form fields."""
        return decode_body(self.headers.get("content-type", ""), self.body.encode())[0]

    @property
    def json(self) -> Any:
        """The decoded JSON body, or None."""
        document = decode_body(self.headers.get("content-type", ""), self.body.encode())[1]
        return None if document is NOT_JSON else document

    @property
    def answer_json(self) -> Any:
        """The decoded JSON body of the answer, or None."""
        try:
            return json.loads(self.answer_body)
        except ValueError:
            return None

    def view(self) -> dict[str, Any]:
        """Return everything as JSON, decoded bodies included."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return plain | {"form": self.form, "json": self.json, "answer_json": self.answer_json}

    @classmethod
    def from_view(cls, view: Mapping[str, Any]) -> Self:
        return cls(**{name: view[name] for name in cls.__dataclass_fields__})


class Journal:
    """Keeps the latest exchanges; the oldest make room beyond `limit`, and are counted."""

    def __init__(self, limit: int) -> None:
        self._entries: deque[tuple[Exchange, str]] = deque(maxlen=limit)
        self._numbers = itertools.count(1)
        self._forgotten = 0
        self._lock = threading.Lock()

    def open(
        self,
        request: Request,
        operation: str,
        text: str,
        *,
        time: float,
        authorized: bool,
        secret: str | None,
    ) -> Exchange:
        """Record a request that has arrived; `secret` is removed wherever it occurs."""
        exchange = Exchange(
            number=next(self._numbers),
            time=time,
            operation=operation,
            method=request.method,
            path=_without(secret, request.path),
            query={name: _without(secret, value) for name, value in request.query.items()},
            headers={
                name: _without(secret, request.headers[name]) for name in RECORDED_HEADERS if name in request.headers
            },
            body=_without(secret, request.body.decode(errors="replace")),
            authorized=authorized,
        )
        with self._lock:
            self._forgotten += len(self._entries) == self._entries.maxlen
            self._entries.append((exchange, text))
        return exchange

    def record_answer(self, exchange: Exchange, reply: Reply, secret: str | None) -> None:
        """Record the answer that is about to be sent."""
        exchange.status = reply.status
        exchange.answer_headers = dict(reply.headers)
        exchange.answer_body = _without(secret, reply.body.decode(errors="replace"))

    def find(self, match: Sequence[str] = (), operation: str = "*") -> list[Exchange]:
        """Return the exchanges about `match`, oldest first; see `Script` for how both are compared."""
        with self._lock:
            entries = list(self._entries)
        return [
            exchange
            for exchange, text in entries
            if fnmatchcase(exchange.operation, operation) and is_match(match, text)
        ]

    @property
    def forgotten(self) -> int:
        """How many exchanges made room for later ones."""
        return self._forgotten

    def reset(self, match: Sequence[str] = ()) -> None:
        with self._lock:
            kept = [entry for entry in self._entries if match and not is_match(match, entry[1])]
            self._entries.clear()
            self._entries.extend(kept)
            if not match:
                self._forgotten = 0


def full_target(exchange: Exchange) -> str:
    """Return the path with its query, as it was requested."""
    return f"{exchange.path}?{urlencode(exchange.query)}" if exchange.query else exchange.path


def _without(secret: str | None, text: str) -> str:
    return text.replace(secret, _REMOVED) if secret else text
