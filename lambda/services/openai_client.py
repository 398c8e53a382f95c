"""OpenAI client: one per key, and the meaning of its errors for both APIs."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import quote

import httpx2
from cachetools import TTLCache
from openai import APIConnectionError, APIStatusError, APITimeoutError, OpenAI, OpenAIError

from core.errors import AccountFaultError, CredentialsRejectedError, PermanentError, ProcessorError, TransientError
from services.openai_http import AnswerTooLongError, SharedHttpClient
from utils.redaction import Secret
from utils.retry_after import number_of, retry_after_seconds

DEFAULT_BASE_URL = "https://api.openai.com/v1"

MAX_CLIENTS = 16

MAX_ID_LENGTH = 256

BILLING_CODES = {
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "billing_hard_limit_reached",
}
"""429 that no waiting cures. Source: OpenAI, guide "Error codes"."""

RATE_CODES = {"rate_limit_exceeded", "slow_down", "rate_limit_error"}
OVERLOAD_CODES = {"server_is_overloaded", "service_unavailable_error"}

ON_THE_WAY = {401, 403, 404, 407}
"""Statuses that proxies and firewalls give on their own, with a page for a body."""

LOCK_SECONDS = 5.0
"""How long to leave a conversation that another request is working on. Source: its message, "in a few seconds"."""

_BUSY_THREAD = re.compile(r"already has an active run|while a run \S+ is active")
"""Assistants v2 gives a busy thread no code of its own; this is the only text that is ever looked at."""

_UNREADABLE = (ValueError, LookupError, AttributeError, TypeError, RecursionError)
"""What comes of an answer that is no JSON, or not of the documented shape."""

_NO_CONNECTION = {"ConnectError", "ConnectTimeout"}
"""Names of the transport's exceptions after which a request had no effect."""

_NAME = re.compile(r"[a-z0-9_]{1,64}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What OpenAI answered to a request that it took.

    Attributes:
        poll_after_seconds: Its wish for the next poll.
    """

    body: dict[str, Any]
    poll_after_seconds: float | None


class OpenAIClients:
    """Clients of OpenAI, one per key, with the SDK's own retries off; they share their connections.

    Requests name their path: the SDK then imports none of the hundreds of modules that describe its API, which take
    longer than the rest of a cold start together, and hands over an answer as it came.

    Source: openai-python, README, "Making custom/undocumented requests".
    """

    def __init__(
        self,
        base_url: str | None,
        transport: httpx2.BaseTransport | None = None,
        max_age_seconds: float = 300.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make clients on demand.

        Args:
            transport: Carries the requests of all of them; sockets where not given.
            max_age_seconds: How long a client, and so its key, is kept.
        """
        self._base_url = base_url
        self._transport = transport
        self._http: SharedHttpClient | None = None  # made once: it reads the certificates, which takes 20 ms
        self._lock = Lock()
        self._clients: TTLCache[Secret, OpenAI] = TTLCache(MAX_CLIENTS, max_age_seconds, monotonic)

    def get(self, key: Secret) -> OpenAI:
        with self._lock:
            self._clients.expire()
            client = self._clients.get(key)
            if client is None:
                client = self._clients[key] = self._make(key.reveal())
            return client

    def _make(self, api_key: str) -> OpenAI:
        self._http = self._http or SharedHttpClient(self._transport)
        return OpenAI(
            api_key=api_key,
            base_url=self._base_url or DEFAULT_BASE_URL,
            max_retries=0,
            http_client=self._http,
        )

    def post(
        self,
        key: Secret,
        path: tuple[str, ...],
        body: Mapping[str, Any],
        timeout_seconds: float,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        return _read(
            self.get(key).post(
                _join(path),
                body=body,
                cast_to=httpx2.Response,
                options={"timeout": timeout_seconds, "headers": headers or {}},
            )
        )

    def fetch(
        self,
        key: Secret,
        path: tuple[str, ...],
        timeout_seconds: float,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        return _read(
            self.get(key).get(
                _join(path),
                cast_to=httpx2.Response,
                options={"timeout": timeout_seconds, "headers": headers or {}, "params": query or {}},
            )
        )


def _join(path: tuple[str, ...]) -> str:
    return "/" + "/".join(quote(part, safe="") for part in path)


def _read(response: httpx2.Response) -> Answer:
    """Read an answer; raise ValueError or TypeError where it is no JSON object."""
    body = response.json()
    if not isinstance(body, dict):
        raise TypeError("an answer that is no object")
    return Answer(body, poll_after_seconds(response.headers.get("openai-poll-after-ms")))


def vendor_name(text: object) -> str | None:
    """Return a vendor's code if it looks like one, for codes end up in logs, metrics and records."""
    return text if isinstance(text, str) and _NAME.fullmatch(text) else None


def vendor_id(value: object) -> str:
    """Return the id in an answer; raise ValueError where there is none."""
    if not isinstance(value, str) or not value or len(value) > MAX_ID_LENGTH:
        raise ValueError("an answer without an id, or with one that is none")
    return value


def joined(messages: Iterable[str]) -> str:
    """Return the messages of one run as one text, with a blank line between them; equal ones count once."""
    said: dict[str, str] = {}
    for message in messages:
        said.setdefault(" ".join(message.split()), message)
    said.pop("", None)
    return "\n\n".join(said.values())


def token_count(value: object) -> int:
    """Return a number of tokens; a compatible server may not count them."""
    return value if isinstance(value, int) else 0


def seconds_between(began: object, ended: object) -> float | None:
    """Return the time between two of OpenAI's moments; None where one is missing or they make no sense."""
    if isinstance(began, int | float) and isinstance(ended, int | float) and ended >= began:
        return float(ended - began)
    return None


def poll_after_seconds(header: str | None) -> float | None:
    """Read `openai-poll-after-ms`, the vendor's wish for the next poll."""
    milliseconds = number_of(header)
    return None if milliseconds is None else milliseconds / 1000


def is_vendors_own(exc: APIStatusError) -> bool:
    """Whether an error comes from the API: a proxy or firewall on the way answers with a page, not with an object."""
    try:
        return isinstance(exc.response.json(), dict)
    except ValueError:
        return False


@contextmanager
def translated_errors(*, repeatable: bool = False) -> Iterator[None]:
    """Raise domain errors for the SDK's.

    Args:
        repeatable: The call only reads, so it may be made again whatever became of it.
    """
    try:
        yield
    except OpenAIError as exc:
        error = classify(exc)
    except _UNREADABLE as exc:
        error = TransientError(f"OpenAI's answer can't be read ({type(exc).__name__})", code="openai_unreadable")
    else:
        return
    if isinstance(error, TransientError):
        error.repeatable |= repeatable
    raise error


def classify(exc: OpenAIError) -> ProcessorError:
    """Return the domain error for a failed call.

    Source: OpenAI, guide "Error codes": a spent budget is a 429 like a rate limit; a locked conversation is a 400.
    """
    if isinstance(exc, APIStatusError):
        return _classify_status(exc)
    if isinstance(exc.__cause__, AnswerTooLongError):
        return TransientError("OpenAI's answer is too long to be read", code="openai_unreadable")
    if isinstance(exc, APIConnectionError):
        timed_out = isinstance(exc, APITimeoutError)
        return TransientError(
            "OpenAI did not answer in time" if timed_out else "no connection to OpenAI, or it broke",
            code="openai_timeout" if timed_out else "openai_unreachable",
            repeatable=type(exc.__cause__).__name__ in _NO_CONNECTION,
        )
    return TransientError(f"OpenAI: {type(exc).__name__}", code="openai_unreadable")


def _classify_status(exc: APIStatusError) -> ProcessorError:
    """Return the domain error for an answer; its code decides before its status does."""
    status, names = exc.status_code, {vendor_name(exc.code), vendor_name(exc.type)}
    code = vendor_name(exc.code) or vendor_name(exc.type) or f"http_{status}"
    name, where = f"openai_{code}", f"HTTP {status}, {code}"
    wait = retry_after_seconds(exc.response.headers)
    if names & BILLING_CODES:
        return AccountFaultError(f"the OpenAI account is out of budget ({where})", code=name)
    if "conversation_locked" in names or (status == 400 and _BUSY_THREAD.search(exc.message)):  # noqa: PLR2004
        return TransientError(
            "another request is working on the conversation at OpenAI",
            code="openai_conversation_locked",
            retry_after_seconds=max(LOCK_SECONDS, wait or 0.0),
            repeatable=True,
        )
    if status == 429 or names & RATE_CODES:  # noqa: PLR2004
        return TransientError(f"OpenAI is throttling ({where})", code=name, retry_after_seconds=wait, repeatable=True)
    if status == 503 or names & OVERLOAD_CODES:  # noqa: PLR2004
        return TransientError(f"OpenAI is overloaded ({where})", code=name, retry_after_seconds=wait, repeatable=True)
    if "invalid_api_key" in names or (status in {401, 403} and is_vendors_own(exc)):
        return CredentialsRejectedError(f"OpenAI rejected the key ({where})", code=name)
    if status in ON_THE_WAY and not is_vendors_own(exc):
        return TransientError(f"something between here and OpenAI refused ({where})", code="openai_blocked")
    if status in {408, 409} or status >= 500:  # noqa: PLR2004
        return TransientError(f"OpenAI failed ({where})", code=name, retry_after_seconds=wait)
    return PermanentError(f"OpenAI refused the request ({where})", code=name, configuration="model_not_found" in names)
