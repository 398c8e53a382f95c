"""API: what the page may ask of the server, without the server.

Whoever is on another page must not use it: requests that another origin makes are refused, and so are requests for
another host's name, with which a page elsewhere could make this server its own (DNS rebinding).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

MAX_BODY_BYTES = 512 * 1024
"""Twice of what SQS takes, as JSON may double it."""

MAX_MESSAGE_BYTES = 256 * 1024
"""Source: Amazon SQS Developer Guide, "Message quotas", for every engine."""

MAX_TIMES = 5

STATIC = Path(__file__).parent / "static"

CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        " require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""With every answer. Scripts can't turn text into markup: the browser itself refuses (Trusted Types)."""


class World(Protocol):
    """What the API needs of `demo.phone.world`."""

    def examples(self) -> list[dict[str, Any]]: ...

    def check(self, body: str) -> list[dict[str, str]]: ...

    def state(self, *, unmasked: bool) -> dict[str, Any]: ...

    def send(self, body: str, *, title: str, reply: str | None = None, times: int = 1) -> dict[str, Any]: ...

    def switch_fault(self, name: str, *, on: bool) -> None: ...

    def rotate(self, vendor: str) -> None: ...

    def redrive(self, message_id: str | None) -> int: ...


@dataclass(frozen=True, slots=True)
class Request:
    """A GET, HEAD or POST; names of headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def unmasked(self) -> bool:
        return parse_qs(urlsplit(self.target).query).get("unmasked") == ["1"]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer."""

    status: HTTPStatus
    content_type: str
    body: bytes


class RefusedError(Exception):
    """The request can't be served; the message says why."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """Answers requests to a server on one port."""

    def __init__(self, world: World, port: int) -> None:
        self._world = world
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        self._files = {f"/{path.name}": path for path in STATIC.iterdir()} | {"/": STATIC / "index.html"}
        self._gets: dict[str, Callable[[Request], Any]] = {
            "/api/examples": lambda _: self._world.examples(),
            "/api/state": lambda request: self._world.state(unmasked=request.unmasked),
        }
        self._posts: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "/api/check": self._check,
            "/api/send": self._send,
            "/api/fault": self._fault,
            "/api/rotate": self._rotate,
            "/api/redrive": self._redrive,
        }

    def handle(self, request: Request) -> Response:
        """Answer a request; a refusal is an answer too."""
        try:
            self.check_origin(request)
            return _json(HTTPStatus.OK, self._post(request)) if request.method == "POST" else self._get(request)
        except RefusedError as refused:
            return _json(refused.status, {"error": str(refused)})

    def check_origin(self, request: Request) -> None:
        """Refuse what another page asks.

        Raises:
            RefusedError: The request names another host, or comes from another origin.
        """
        if request.headers.get("host") not in self._hosts:
            raise RefusedError(HTTPStatus.MISDIRECTED_REQUEST, "this server answers to 127.0.0.1 and localhost only")
        origin = request.headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            raise RefusedError(HTTPStatus.FORBIDDEN, "another origin may not use this server")
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and request.path != "/":
            raise RefusedError(HTTPStatus.FORBIDDEN, "another site may not use this server")

    def _get(self, request: Request) -> Response:
        if request.path in self._gets:
            return _json(HTTPStatus.OK, self._gets[request.path](request))
        file = self._files.get(request.path)
        if file is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"there is no {request.path}")
        return Response(HTTPStatus.OK, CONTENT_TYPES[file.suffix], file.read_bytes())

    def _post(self, request: Request) -> Any:
        act = self._posts.get(request.path)
        if act is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"there is no {request.path}")
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json")
        try:
            document = json.loads(request.body)
        except (ValueError, RecursionError):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None
        if not isinstance(document, dict):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the body must be a JSON object")
        return act(document)

    def _check(self, document: Mapping[str, Any]) -> Any:
        return {"faults": self._world.check(_text(document, "body"))}

    def _send(self, document: Mapping[str, Any]) -> Any:
        body, times = _text(document, "body"), document.get("times", 1)
        if not body or len(body.encode(errors="replace")) > MAX_MESSAGE_BYTES:
            raise RefusedError(
                HTTPStatus.BAD_REQUEST, f"SQS takes a body of 1 to {MAX_MESSAGE_BYTES // 1024} KiB, this one is not"
            )
        if not _is_sendable(body):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "SQS does not take control characters or halves of characters")
        if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= MAX_TIMES:
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"times must be from 1 to {MAX_TIMES}")
        reply = _text(document, "reply", "")
        title = _text(document, "title", "Context Object")[:80]
        return self._world.send(body, title=title, reply=reply or None, times=times)

    def _fault(self, document: Mapping[str, Any]) -> Any:
        name, on = _text(document, "name"), document.get("on")
        if not isinstance(on, bool):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "on must be true or false")
        try:
            self._world.switch_fault(name, on=on)
        except KeyError:
            raise RefusedError(HTTPStatus.NOT_FOUND, "there is no switch of that name") from None
        return {}

    def _rotate(self, document: Mapping[str, Any]) -> Any:
        try:
            self._world.rotate(_text(document, "vendor"))
        except KeyError:
            raise RefusedError(HTTPStatus.NOT_FOUND, "vendor must be openai or twilio") from None
        return {}

    def _redrive(self, document: Mapping[str, Any]) -> Any:
        return {"moved": self._world.redrive(_text(document, "message_id", "") or None)}


def _text(document: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = document.get(name, default)
    if not isinstance(value, str):
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"{name} must be a text")
    return value


def _is_sendable(body: str) -> bool:
    """Source: Amazon SQS API Reference, SendMessage: #x9 | #xA | #xD | #x20 and above, without surrogates."""
    return all(c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff") for c in body)


def _json(status: HTTPStatus, document: Any) -> Response:
    return Response(status, "application/json", json.dumps(document, ensure_ascii=False).encode(errors="replace"))
