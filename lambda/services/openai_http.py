"""Transport of the OpenAI SDK: one HTTP client for all companies, which keeps nothing of one for another."""

from collections.abc import Iterator
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2
from openai import DefaultHttpxClient

MAX_ANSWER_BYTES = 2 * 1024 * 1024
"""Longest answer that is read. The longest output is 128,000 tokens, about a quarter of this."""


class AnswerTooLongError(httpx2.DecodingError):
    """The answer is longer than `MAX_ANSWER_BYTES`, or packed, so that nobody knows how long it is."""


class _Bounded(httpx2.SyncByteStream):
    """An answer under way, up to `MAX_ANSWER_BYTES`."""

    def __init__(self, stream: httpx2.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        left = MAX_ANSWER_BYTES
        for chunk in self._stream:
            left -= len(chunk)
            if left < 0:
                raise AnswerTooLongError("the answer is too long")
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _bound(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise AnswerTooLongError("the answer is packed, which was not asked for")
    response.stream = _Bounded(response.stream)  # type: ignore[arg-type]  # a client that waits has such a stream


class SharedHttpClient(DefaultHttpxClient):
    """HTTP client of all keys, and so of all companies: nothing of one request is in another.

    It keeps no cookie, goes to no other address than the one it was given, and reads no answer without end.
    """

    def __init__(self, transport: httpx2.BaseTransport | None = None) -> None:
        super().__init__(
            transport=transport,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            headers={"accept-encoding": "identity"},
            event_hooks={"response": [_bound]},
        )

    def __del__(self) -> None:
        """Close the connections, as the SDK's own client does."""
        self.close()
