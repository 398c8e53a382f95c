"""Twilio in memory: it creates at once and lists late."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.conversation import Mode
from core.errors import CredentialsRejectedError, PermanentError, SendTooLateError
from core.ports import Clock, OutboundPart, TwilioCredentials, TwilioMessage
from tests.fakes.secrets import TWILIO
from utils.redaction import Secret


@dataclass(frozen=True)
class Delivered:
    """A message that the recipient got."""

    part: OutboundPart
    message: TwilioMessage
    listed_at: datetime
    account_sid: str = TWILIO.account_sid


class InMemoryWhatsApp:
    def __init__(self, clock: Clock, list_lag_seconds: Callable[[], float] = lambda: 0.0) -> None:
        self._clock = clock
        self._list_lag_seconds = list_lag_seconds
        self.accepted_tokens: set[Secret] = {TWILIO.login[1]}
        self.delivered: list[Delivered] = []
        self.lists = 0
        self.fetches = 0

    def send(self, part: OutboundPart, credentials: TwilioCredentials, start_before: datetime) -> TwilioMessage:
        self.check(part, credentials, start_before)
        return self.create(part, credentials)

    def check(self, part: OutboundPart, credentials: TwilioCredentials, start_before: datetime) -> None:
        """Refuse what is not to be sent; from here on the request is on its way."""
        if self._clock.now() > start_before:
            raise SendTooLateError("the moment until which the send may start has passed")
        self._authenticate(credentials)
        if part.mode is Mode.TEMPLATE and credentials.template_sid is None:
            raise PermanentError("Twilio refused the request (HTTP 400, code 21654)", code="twilio_21654")

    def create(self, part: OutboundPart, credentials: TwilioCredentials = TWILIO) -> TwilioMessage:
        """Accept the message."""
        now = self._clock.now()
        message = TwilioMessage(
            sid=f"SM{len(self.delivered) + 1:032x}",
            body=rendered(part),
            created_at=now.replace(microsecond=0),
            status="accepted" if credentials.messaging_service_sid else "queued",
            direction="outbound-api",
            messaging_service_sid=credentials.messaging_service_sid,
        )
        listed_at = now + timedelta(seconds=self._list_lag_seconds())
        self.delivered.append(Delivered(part, message, listed_at, credentials.account_sid))
        return message

    def list_messages(
        self, to: str, from_: str, credentials: TwilioCredentials, since: datetime
    ) -> list[TwilioMessage]:
        self._authenticate(credentials)
        self.lists += 1
        now = self._clock.now()
        return [
            delivered.message
            for delivered in reversed(self.delivered)
            if (delivered.part.to, delivered.part.from_, delivered.account_sid) == (to, from_, credentials.account_sid)
            and delivered.listed_at <= now
            and (delivered.message.created_at is None or delivered.message.created_at >= since)
        ]

    def fetch(self, sid: str, credentials: TwilioCredentials) -> TwilioMessage | None:
        self._authenticate(credentials)
        self.fetches += 1
        return next((delivered.message for delivered in self.delivered if delivered.message.sid == sid), None)

    def now_is(self, sid: str, status: str, error_code: int | None = None) -> None:
        """Let a message have another status from now on."""
        for index, delivered in enumerate(self.delivered):
            if delivered.message.sid == sid:
                changes = {"status": status, "error_code": error_code, "updated_at": self._clock.now()}
                message = replace(delivered.message, **changes)  # type: ignore[arg-type]
                self.delivered[index] = replace(delivered, message=message)

    def _authenticate(self, credentials: TwilioCredentials) -> None:
        if credentials.login[1] not in self.accepted_tokens:
            raise CredentialsRejectedError("Twilio rejected the credentials", code="twilio_20003")


def rendered(part: OutboundPart) -> str:
    """Return the text that the recipient sees: a template's wording is Twilio's."""
    if part.mode is Mode.FREE_FORM:
        return part.content
    return "Hello! " + " - ".join(json.loads(part.content).values())
