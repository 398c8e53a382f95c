"""Transport of the Twilio SDK: one request on one new connection, which tells whether it can have had an effect."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from logging import getLogger
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import urllib3
from twilio.http import HttpClient
from twilio.http.response import Response
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    SSLError,
)
from urllib3.util.ssl_ import create_urllib3_context

from core.errors import SendTooLateError
from utils.retry_after import retry_after_seconds

if TYPE_CHECKING:
    import ssl

CONNECT_SECONDS = 5.0


class NotSentError(Exception):
    """No connection came about, so the request can have had no effect."""


class AnswerLostError(Exception):
    """The request was, or may have been, sent; there is no answer to it."""


class OneShotHttpClient(HttpClient):  # type: ignore[misc]  # the SDK ships no types
    """HTTP client of one Twilio call.

    A connection that was kept from an earlier call may be dead, and a request lost on it looks like one that was
    accepted. So each request has its own connection, and a stale one can't cost a reconciliation.

    Attributes:
        status: HTTP status of the last answer, whatever its body says.
        retry_after_seconds: How long the last answer asks to be left alone.
        text: The body of the last answer.
    """

    def __init__(
        self, timeout_seconds: float, now: Callable[[], datetime], start_before: datetime | None = None
    ) -> None:
        super().__init__(getLogger("twilio.http_client"), is_async=False, timeout=timeout_seconds)
        self._timeout_seconds = timeout_seconds
        self._now = now
        self._start_before = start_before
        self.status: int | None = None
        self.retry_after_seconds: float | None = None
        self.text: str | None = None

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the SDK passes none; ours was given with the client
        allow_redirects: bool = False,  # noqa: FBT001, FBT002, ARG002 - the SDK's signature; redirects are never followed
    ) -> Response:
        """Make the request.

        Raises:
            SendTooLateError: It is past the moment until which it may start.
            NotSentError: There was no connection.
            AnswerLostError: There was no complete answer.
        """
        self.status = self.retry_after_seconds = self.text = None
        credentials = urllib3.make_headers(basic_auth=f"{auth[0]}:{auth[1]}") if auth else {}
        url = f"{uri}?{urlencode(params)}" if params else uri
        with urllib3.PoolManager(num_pools=1, maxsize=1, ssl_context=_tls_context()) as pool:
            if self._start_before is not None and self._now() > self._start_before:
                raise SendTooLateError("the moment until which the send may start has passed")
            try:
                answer = pool.request(
                    method,
                    url,
                    body=urlencode(data) if data else None,
                    headers={**(headers or {}), **credentials},
                    timeout=urllib3.Timeout(
                        connect=min(CONNECT_SECONDS, self._timeout_seconds), total=self._timeout_seconds
                    ),
                    retries=False,
                    redirect=False,
                )
                text = answer.data.decode("utf-8", errors="replace")
            except (NewConnectionError, ConnectTimeoutError, LocationValueError) as exc:
                raise NotSentError(type(exc).__name__) from exc
            except SSLError as exc:
                raise (NotSentError if "CERTIFICATE_VERIFY_FAILED" in str(exc) else AnswerLostError)("tls") from exc
            except (HTTPError, OSError) as exc:
                raise AnswerLostError(type(exc).__name__) from exc
        self.status, self.text = answer.status, text
        self.retry_after_seconds = retry_after_seconds(answer.headers)
        return Response(answer.status, text, answer.headers)


@cache
def _tls_context() -> "ssl.SSLContext":
    """Trust what the operating system trusts; reading its certificates takes longer than a whole send."""
    context = create_urllib3_context()
    context.load_default_certs()
    return context
