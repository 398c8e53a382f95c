"""Twilio service: create and list WhatsApp messages."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.rest import Client

from core.conversation import Mode
from core.errors import (
    CredentialsRejectedError,
    DeliveryUnknownError,
    PermanentError,
    ProcessorError,
    TransientError,
)
from core.ports import OutboundPart, TwilioCredentials, TwilioMessage
from services.twilio_http import AnswerLostError, NotSentError, OneShotHttpClient

CHANNEL = "whatsapp:"

LIST_LIMIT = 200
"""Most messages that a reconciliation looks at; one recipient gets a handful a day."""

PAGE_SIZE = 100

NO_VARIABLES = "{}"
"""Content of a template whose wording has no variables: it is sent without any."""

WAIT_SECONDS = {21611: 300.0, 63017: 60.0, 63018: 900.0}
"""Refusals that pass: the sender's queue is full, or a rate limit is reached. Source: Twilio, error codes."""

_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)
"""What the SDK raises where an answer's body is not of the shape it expects."""

_UNKNOWN_STATUS = {408}
_REJECTED_STATUS = {401, 403}
_RATE_STATUS = 429


class TwilioWhatsApp:
    """`core.ports.WhatsAppGateway` on Twilio's Messages API (2010-04-01).

    Twilio has no idempotency key: an answer that is lost leaves it open whether the message was accepted.
    """

    def __init__(
        self,
        timeout_seconds: float,
        now: Callable[[], datetime],
        base_url: str | None = None,
        status_callback_url: str | None = None,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._now = now
        self._base_url = base_url
        self._status_callback_url = status_callback_url

    def send(self, part: OutboundPart, credentials: TwilioCredentials, start_before: datetime) -> TwilioMessage:
        http = OneShotHttpClient(self._timeout_seconds, self._now, start_before)
        arguments: dict[str, Any] = {"to": CHANNEL + part.to, "from_": CHANNEL + part.from_}
        if part.mode is Mode.TEMPLATE:
            arguments["content_sid"] = credentials.template_sid
            if part.content != NO_VARIABLES:
                arguments["content_variables"] = part.content
        else:
            arguments["body"] = part.content
        if credentials.messaging_service_sid:
            arguments["messaging_service_sid"] = credentials.messaging_service_sid
        if self._status_callback_url:
            arguments["status_callback"] = self._status_callback_url
        try:
            return self._message(self._client(credentials, http).messages.create(**arguments))
        except (TwilioException, NotSentError, AnswerLostError) as exc:
            raise classify(exc, http, creating=True) from exc
        except _UNREADABLE as exc:
            if http.status is None:  # nothing was asked yet: a mistake of ours
                raise
            raise DeliveryUnknownError("Twilio's answer can't be read") from exc

    def list_messages(self, to: str, from_: str, credentials: TwilioCredentials) -> list[TwilioMessage]:
        http = OneShotHttpClient(self._timeout_seconds, self._now)
        try:
            messages = self._client(credentials, http).messages.list(
                to=CHANNEL + to, from_=CHANNEL + from_, limit=LIST_LIMIT, page_size=PAGE_SIZE
            )
            return [self._message(message) for message in messages]
        except (TwilioException, NotSentError, AnswerLostError) as exc:
            raise classify(exc, http, creating=False) from exc
        except _UNREADABLE as exc:
            if http.status is None:
                raise
            raise TransientError("Twilio's list can't be read", code="twilio_list_unreadable") from exc

    def _client(self, credentials: TwilioCredentials, http: OneShotHttpClient) -> Client:
        client = make_client(credentials, http)
        if self._base_url is not None:
            client.api.base_url = self._base_url
        return client

    def _message(self, message: Any) -> TwilioMessage:
        """Read a message; raise TypeError if it is not what Twilio documents."""
        sid, body, created = message.sid, message.body or "", message.date_created
        if not isinstance(sid, str) or not sid or not isinstance(body, str):
            raise TypeError("a message without an id, or with another type of body")
        return TwilioMessage(
            sid=sid,
            body=body,
            created_at=created if isinstance(created, datetime) and created.tzinfo else self._now(),
        )


def make_client(credentials: TwilioCredentials, http: OneShotHttpClient) -> Client:
    """Return a client of the SDK that reads nothing from the environment."""
    user, password = credentials.login
    return Client(user, password.reveal(), credentials.account_sid, http_client=http, environment={"": ""})


def classify(
    exc: TwilioException | NotSentError | AnswerLostError, http: OneShotHttpClient, *, creating: bool
) -> ProcessorError:
    """Return the domain error for a failed call.

    The HTTP status is the transport's own, for a body may claim another. A refusal (4xx) had no effect; after a 5xx or
    no answer, a message may have been created.

    Source: Twilio, "Error 20429": not processed, safe to retry; "Error 20500": POST requests are not idempotent.
    """
    if isinstance(exc, NotSentError):
        return TransientError("no connection to Twilio", code="twilio_unreachable", repeatable=True)
    status, code = http.status, _code(exc, http.status)
    name, where = f"twilio_{code}", f"HTTP {status}, code {code}"
    if status in _REJECTED_STATUS:
        return CredentialsRejectedError(f"Twilio rejected the credentials ({where})", code=name)
    if status == _RATE_STATUS:
        return TransientError(
            f"Twilio is throttling ({where})",
            code=name,
            retry_after_seconds=http.retry_after_seconds,
            repeatable=True,
        )
    if status is not None and 400 <= status < 500 and status not in _UNKNOWN_STATUS:  # noqa: PLR2004
        if code in WAIT_SECONDS:
            return TransientError(
                f"Twilio refused for now ({where})", code=name, retry_after_seconds=WAIT_SECONDS[code]
            )
        return PermanentError(f"Twilio refused the request ({where})", code=name)
    if creating:
        return DeliveryUnknownError("Twilio's answer was lost" if status is None else f"Twilio failed ({where})")
    return TransientError("Twilio's list is not available", code="twilio_list_unavailable", repeatable=True)


def _code(exc: Exception, status: int | None) -> int | None:
    """Return Twilio's error code, else the HTTP status."""
    code = exc.code if isinstance(exc, (TwilioRestException, TwilioServiceException)) else None
    if isinstance(code, str) and code.isascii() and code.isdigit():
        code = int(code)
    is_code = isinstance(code, int) and not isinstance(code, bool) and 0 < code < 1_000_000  # noqa: PLR2004
    return code if is_code else status
