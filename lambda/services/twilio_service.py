"""Twilio service: create and list WhatsApp messages."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.rest import Client

from core.conversation import Mode
from core.errors import (
    AccountFaultError,
    CredentialsRejectedError,
    DeliveryUnknownError,
    PermanentError,
    ProcessorError,
    ReplyRefusedError,
    TransientError,
)
from core.ports import OutboundPart, TwilioCredentials, TwilioMessage
from services.twilio_http import AnswerLostError, NotSentError, OneShotHttpClient
from utils.known_good import KnownGood

CHANNEL = "whatsapp:"

PAGE_SIZE = 200
MAX_PAGES = 25
"""Most that a reconciliation reads of a list; one recipient gets a handful of messages a day."""

NO_VARIABLES = "{}"
"""Content of a template whose wording has no variables: it is sent without any."""

WAIT_SECONDS = {21611: 300.0, 63017: 60.0, 63018: 900.0}
"""Refusals that pass: the sender's queue is full, or a rate limit is reached. Source: Twilio, error codes."""

THROTTLE_CODES = {20429}
DAY_CODES = {63038}
"""The account may send no more today: no waiting of ours helps, though it comes as a 429. Source: Twilio, 63038."""

LOGIN_CODES = {20003}
ACCOUNT_CODES = DAY_CODES | {20005, 90010}
"""The account can send nothing for now: it is not active, or has sent all it may today. Source: Twilio, error codes."""

CONTENT_CODES = frozenset(
    {21602, 21617, 21619, 21654, 21655, 21656, 21658, 30007, 63005, 63006, 63013, 63016, 63021, 63027, 63028, 63030}
    | {63040, 63041, 63042, 92007}
)
"""Refusals of this reply or its template, which would be refused again. Source: Twilio, error codes."""

TEMPLATE_CODES = frozenset({21655, 63027, 63040, 63041, 63042})
"""The template of the secret can't be used. Source: Twilio, error codes."""

CHANNEL_CODES = frozenset({20008, 20404, 21609, 21701, 21703, 21704, 21705, 63001, 63008, 63020, 63051})
"""Account, Messaging Service, WhatsApp channel or callback URL are not set up. Source: Twilio, error codes."""

SENDER_CODES = frozenset({21212, 21603, 21606, 21660, 63002, 63007})
"""The account has no such sender; which one it should be, the message says. Source: Twilio, error codes."""

_FIRST_MESSAGE_CODE = 21_000
"""Codes from here on are about a message; those below about the account and its credentials."""

_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What the SDK raises where an answer's body is not of the shape it expects."""

_SID = re.compile(r"[A-Za-z0-9]{1,64}")

_NOT_FOUND = 404
_UNKNOWN_STATUS = {408}
_REJECTED_STATUS = {401, 403}
_ON_THE_WAY = {401, 403, 404, 407}
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
        self._known_good = KnownGood()

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
        sender = credentials.account_sid, part.from_
        try:
            message = self._message(self._client(credentials, http).messages.create(**arguments))
        except (TwilioException, NotSentError, AnswerLostError) as exc:
            raise classify(exc, http, creating=True, known_sender=sender in self._known_good) from exc
        except _UNREADABLE as exc:
            if http.status is None:  # nothing was asked yet: a mistake of ours
                raise
            raise DeliveryUnknownError("Twilio's answer can't be read") from exc
        self._known_good.add(sender)
        return message

    def list_messages(
        self, to: str, from_: str, credentials: TwilioCredentials, since: datetime
    ) -> list[TwilioMessage]:
        """See the port. Twilio lists by the date of sending, latest first, so a page that is all older ends the search.

        Twilio's filter on dates is not used: it leaves out what is still queued.
        """
        http = OneShotHttpClient(self._timeout_seconds, self._now)
        with reading(http, "Twilio's list can't be read", code="twilio_list_unreadable"):
            messages = self._client(credentials, http).messages
            listed: list[TwilioMessage] = []
            url = None
            for _ in range(MAX_PAGES):
                page = (
                    messages.get_page(url)
                    if url
                    else messages.page(to=CHANNEL + to, from_=CHANNEL + from_, page_size=PAGE_SIZE)
                )
                rows = [self._message(message) for message in page]
                listed += rows
                url = page.next_page_url
                if not url or (rows and all(is_older(row, since) for row in rows)):
                    return listed
        raise TransientError("Twilio's list is longer than what is read of it", code="twilio_list_too_long")

    def fetch(self, sid: str, credentials: TwilioCredentials) -> TwilioMessage | None:
        if _SID.fullmatch(sid) is None:  # it would become a part of the address
            return None
        http = OneShotHttpClient(self._timeout_seconds, self._now)
        with reading(http, "Twilio's answer can't be read", code="twilio_answer_unreadable"):
            try:
                return self._message(self._client(credentials, http).messages(sid).fetch())
            except TwilioException:
                if http.status == _NOT_FOUND and _object(http.text) is not None:
                    return None
                raise

    def _client(self, credentials: TwilioCredentials, http: OneShotHttpClient) -> Client:
        client = make_client(credentials, http)
        if self._base_url is not None:
            client.api.base_url = self._base_url
        return client

    def _message(self, message: Any) -> TwilioMessage:
        """Read a message; raise TypeError if it is not what Twilio documents."""
        sid, body, created, service = (
            message.sid,
            message.body or "",
            message.date_created,
            message.messaging_service_sid,
        )
        if not isinstance(sid, str) or not sid or not isinstance(body, str):
            raise TypeError("a message without an id, or with another type of body")
        return TwilioMessage(
            sid=sid,
            body=body,
            created_at=moment_of(created),
            status=str(message.status or ""),
            direction=str(message.direction or ""),
            messaging_service_sid=service if isinstance(service, str) and service else None,
            error_code=message.error_code if isinstance(message.error_code, int) else None,
            updated_at=moment_of(message.date_updated),
        )


@contextmanager
def reading(http: OneShotHttpClient, unreadable: str, *, code: str) -> Iterator[None]:
    """Raise the domain error for what goes wrong in a block that asks Twilio and changes nothing.

    Args:
        unreadable: What to say where there is an answer that can't be read, and under which code.
    """
    try:
        yield
    except (TwilioException, NotSentError, AnswerLostError) as exc:
        raise classify(exc, http, creating=False) from exc
    except _UNREADABLE as exc:
        if http.status is None:  # nothing was asked yet: a mistake of ours
            raise
        raise TransientError(unreadable, code=code) from exc


def moment_of(value: object) -> datetime | None:
    """Return a date as the SDK has read it; it leaves text that it can't read as it is."""
    return value if isinstance(value, datetime) and value.tzinfo else None


def make_client(credentials: TwilioCredentials, http: OneShotHttpClient) -> Client:
    """Return a client of the SDK that reads nothing from the environment."""
    user, password = credentials.login
    return Client(user, password.reveal(), credentials.account_sid, http_client=http, environment={"": ""})


def is_older(message: TwilioMessage, since: datetime) -> bool:
    return message.created_at is not None and message.created_at < since


def classify(
    exc: TwilioException | NotSentError | AnswerLostError,
    http: OneShotHttpClient,
    *,
    creating: bool,
    known_sender: bool = False,
) -> ProcessorError:
    """Return the domain error for a failed call.

    The HTTP status is the transport's own, for a body may claim another. A refusal (4xx) had no effect, and its code
    says what it is; after a 5xx or no answer, a message may have been created.

    Args:
        known_sender: Twilio has accepted a message of this sender before, so the sender was not made up.

    Source: Twilio, "Error 20429": not processed, safe to retry; "Error 20500": POST requests are not idempotent.
    """
    if isinstance(exc, NotSentError):
        return TransientError("no connection to Twilio", code="twilio_unreachable", repeatable=True)
    status, body = http.status, _object(http.text)
    code = _code(exc, body, status)
    name, where = f"twilio_{code}", f"HTTP {status}, code {code}"
    if status is None or not 400 <= status < 500 or status in _UNKNOWN_STATUS:  # noqa: PLR2004
        if creating:
            return DeliveryUnknownError("Twilio's answer was lost" if status is None else f"Twilio failed ({where})")
        return TransientError("Twilio's list is not available", code="twilio_list_unavailable", repeatable=True)
    wish = http.retry_after_seconds
    if code in WAIT_SECONDS:
        wait = max(WAIT_SECONDS[code], wish or 0.0)
        return TransientError(f"Twilio refused for now ({where})", code=name, retry_after_seconds=wait)
    if code in CONTENT_CODES:
        return ReplyRefusedError(
            f"Twilio refused the reply's content or template ({where})",
            code=name,
            configuration=code in TEMPLATE_CODES,
        )
    if code in THROTTLE_CODES or (status == _RATE_STATUS and code not in DAY_CODES):
        return TransientError(f"Twilio is throttling ({where})", code=name, retry_after_seconds=wish, repeatable=True)
    if status in _ON_THE_WAY and body is None:
        return TransientError(f"something between here and Twilio refused ({where})", code="twilio_blocked")
    if code in LOGIN_CODES or (status in _REJECTED_STATUS and code < _FIRST_MESSAGE_CODE):
        return CredentialsRejectedError(f"Twilio rejected the credentials ({where})", code=name)
    if code in ACCOUNT_CODES:
        return AccountFaultError(f"Twilio refuses the account ({where})", code=name)
    is_configuration = code in CHANNEL_CODES or (known_sender and code in SENDER_CODES)
    return PermanentError(f"Twilio refused the request ({where})", code=name, configuration=is_configuration)


def _object(text: str | None) -> dict[str, Any] | None:
    """Return the object of an answer; a proxy or firewall on the way answers with a page."""
    try:
        body = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _code(exc: Exception, body: dict[str, Any] | None, status: int | None) -> int:
    """Return Twilio's error code, else the HTTP status; the SDK keeps the code of a list's answer to itself."""
    code = (body or {}).get("code")
    if code is None and isinstance(exc, (TwilioRestException, TwilioServiceException)):
        code = exc.code
    if isinstance(code, str) and code.isascii() and code.isdigit():
        code = int(code[:9])
    if isinstance(code, int) and not isinstance(code, bool) and 0 < code < 1_000_000:  # noqa: PLR2004
        return code
    return status or 0
