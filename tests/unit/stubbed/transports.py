"""The stub vendors at the other end of the SDKs' transports, without a socket and without waiting."""

from collections import deque
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import httpx2
import pytest

from sandbox.stubs.app import StubApp
from sandbox.stubs.wire import Reply, Request
from services import twilio_http
from tests.fakes.clock import FakeClock


class LateAnswer(Exception):  # noqa: N818 - an outcome, not an error of ours
    """No answer within the caller's timeout."""


class LostConnection(Exception):  # noqa: N818 - an outcome, not an error of ours
    """The connection was reset instead of an answer."""


class StubTransports:
    """OpenAI and Twilio as stubs, reached by the real SDKs.

    Attributes:
        app: The stubs; script them by `app.actions`.
        broken: By vendor, what the next connections fail with, before the request reaches anybody.
        requests: Everything that reached the stubs.
        timeouts: The timeout that came with each request, in seconds.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.app = StubApp(lambda: clock.now().timestamp(), journal_limit=1000)
        self.broken: dict[str, deque[BaseException]] = {"openai": deque(), "twilio": deque()}
        self.requests: list[Request] = []
        self.timeouts: list[float] = []

    def openai(self) -> httpx2.BaseTransport:
        """Return a transport whose requests end at the stub of OpenAI."""
        return httpx2.MockTransport(self._answer_openai)

    def install_twilio(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the requests of Twilio's transport end at its stub; what it does with sockets has its own tests."""
        monkeypatch.setattr(twilio_http, "exchange", self._answer_twilio)

    def exchange(self, request: Request, timeout_seconds: float) -> Reply:
        """Take one request to its stub and back.

        Raises:
            LateAnswer: It took longer than `timeout_seconds`; that is the time that has passed.
            LostConnection: There was no answer, or half of one.
        """
        broken = self.broken["openai" if request.path.startswith("/v1/") else "twilio"]
        if broken:
            raise broken.popleft()
        self.requests.append(request)
        self.timeouts.append(timeout_seconds)
        waited = 0.0

        def pause(seconds: float) -> None:
            nonlocal waited
            waited += seconds

        delivery = self.app.serve(request, pause)
        waited += delivery.stall_seconds
        self._clock.advance(min(waited, timeout_seconds))
        if waited >= timeout_seconds:
            raise LateAnswer
        if delivery.reply is None or delivery.stall_seconds:
            raise LostConnection
        return delivery.reply

    def _answer_twilio(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_seconds: float,
        check_start: Callable[[], None],
    ) -> twilio_http.Answer:
        parts = urlsplit(url)
        lower = {name.lower(): value for name, value in headers.items()}
        asked = Request.parse(method, f"{parts.path}?{parts.query}", lower, body or b"")
        check_start()
        try:
            reply = self.exchange(asked, round(timeout_seconds, 1))
        except (LateAnswer, LostConnection) as exc:
            raise twilio_http.AnswerLostError(type(exc).__name__) from exc
        return twilio_http.Answer(reply.status, dict(reply.headers), reply.body)

    def _answer_openai(self, request: httpx2.Request) -> httpx2.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Request.parse(request.method, request.url.raw_path.decode(), headers, request.content)
        try:
            reply = self.exchange(asked, request.extensions["timeout"]["read"])
        except LateAnswer as exc:
            raise httpx2.ReadTimeout("timed out", request=request) from exc
        except LostConnection as exc:
            raise httpx2.RemoteProtocolError("Server disconnected", request=request) from exc
        return httpx2.Response(reply.status, headers=dict(reply.headers), content=reply.body)
