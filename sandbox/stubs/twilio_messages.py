"""Messages as Twilio keeps them: what was accepted, how it fares with time, and what its list shows."""

import re
import secrets
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.stubs import payloads
from sandbox.stubs.script import is_match
from sandbox.stubs.twilio_views import Shown

MAX_TEMPLATE_CHARACTERS = 1024
FINAL_STATUSES = ("delivered", "undelivered", "failed", "canceled", "sent", "read")
_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of a message after Twilio accepted it.

    Attributes:
        status: Its last status; `sent` stays sent, as with a recipient who blocked the sender.
        error_code: Code of a failed or undelivered message, for example 63016 outside the 24-hour window.
        list_lag_seconds: Time until it shows in the list; None for the stub's setting.
        course: What Twilio says from so many seconds after the creation on, instead of the usual course: any statuses
            in any order, such as `((0, "queued"), (5, "delivered"), (6, "sent"), (700, "undelivered"))`.
        row: Members that its row in the list shows otherwise, for rows without a date or of another shape.
    """

    status: str = "delivered"
    error_code: int | None = None
    list_lag_seconds: float | None = None
    row: Mapping[str, Any] = field(default_factory=dict)
    course: Sequence[tuple[float, str]] = ()

    def __post_init__(self) -> None:
        for seconds, status in self.course:
            if not seconds >= 0 or not isinstance(status, str):
                raise ValueError(f"course has pairs of seconds and a status; one is {[seconds, status]!r}")
        if self.status not in FINAL_STATUSES:
            raise ValueError(f"status must be one of {', '.join(FINAL_STATUSES)}; it is {self.status!r}")
        if self.list_lag_seconds is not None and self.list_lag_seconds < 0:
            raise ValueError("list_lag_seconds must not be negative")


@dataclass(frozen=True, slots=True)
class Template:
    """A text with `{{1}}` placeholders, and the values used where a variable is not given."""

    text: str
    defaults: Mapping[str, str]

    def render(self, variables: Mapping[str, str]) -> str:
        """Raises KeyError for a placeholder without a value."""
        values = {**self.defaults, **variables}
        return _PLACEHOLDER.sub(lambda found: values[found[1]], self.text)


class UnknownTemplate:
    """Stands for every template the stub was not told about: all values appear in its text."""

    @staticmethod
    def render(variables: Mapping[str, str]) -> str:
        values = [variables[name] for name in sorted(variables, key=lambda name: (len(name), name))]
        return ", ".join(["Hello " + values[0] if values else "Hello", *values[1:]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An accepted message; its status follows from the time."""

    sid: str
    account_sid: str
    to: str
    from_: str | None
    body: str
    fate: Fate
    created_at: float
    listed_at: float
    sent_at: float
    ended_at: float
    form: Mapping[str, str]

    @property
    def text(self) -> str:
        """What a `match` is looked up in."""
        return "\n".join([self.sid, *self.form.values(), self.body])

    def status(self, now: float) -> str:
        if self.fate.course:
            passed = [status for moment, status in self._course if moment <= now]
            return passed[-1] if passed else "queued"
        if now < self.sent_at:
            return "accepted" if self.service_sid else "queued"
        if now < self.ended_at:
            return "sent"
        return self.fate.status

    def date_sent(self, now: float) -> float | None:
        return self.sent_at if now >= self.sent_at else None

    @property
    def _course(self) -> list[tuple[float, str]]:
        return [(self.created_at + seconds, status) for seconds, status in sorted(self.fate.course)]

    def _updated_at(self, now: float) -> float:
        moments = [moment for moment, _ in self._course] if self.fate.course else [self.sent_at, self.ended_at]
        return max(moment for moment in (self.created_at, *moments) if moment <= now)

    @property
    def service_sid(self) -> str | None:
        return self.form.get("MessagingServiceSid")

    def resource(self, now: float, shown: Shown = Shown.AS_SENT) -> dict[str, Any]:
        """Return what Twilio's API shows."""
        status = self.status(now)
        has_error = status in ("failed", "undelivered")
        return payloads.twilio_message(
            sid=self.sid,
            account_sid=self.account_sid,
            to=self.to,
            from_=self.from_,
            body=shown.of(self.body),
            status=status,
            created_at=self.created_at,
            updated_at=self._updated_at(now),
            sent_at=self.date_sent(now),
            messaging_service_sid=self.service_sid,
            num_media=1 if self.form.get("MediaUrl") else 0,
            error_code=self.fate.error_code if has_error else None,
            error_message="Message could not be delivered" if has_error and self.fate.error_code else None,
        )

    def view(self, now: float) -> dict[str, Any]:
        """Return the resource and what the API does not show: how the message was asked for."""
        return self.resource(now) | {
            "created_at": self.created_at,
            "content_sid": self.form.get("ContentSid"),
            "content_variables": self.form.get("ContentVariables"),
            "status_callback": self.form.get("StatusCallback"),
        }


class MessageStore:
    """All accepted messages, oldest first, and by recipient."""

    def __init__(self) -> None:
        self._by_sid: dict[str, Message] = {}
        self._by_recipient: defaultdict[str, list[Message]] = defaultdict(list)

    def add(self, message: Message) -> None:
        self._by_sid[message.sid] = message
        self._by_recipient[message.to].append(message)

    def remove(self, message: Message) -> None:
        del self._by_sid[message.sid]
        self._by_recipient[message.to].remove(message)

    def get(self, account_sid: str, sid: str) -> Message | None:
        message = self._by_sid.get(sid)
        return message if message and message.account_sid == account_sid else None

    def sent_to(self, recipient: str | None) -> Iterator[Message]:
        """Yield the messages to one recipient, or all, oldest first."""
        yield from self._by_sid.values() if recipient is None else self._by_recipient.get(recipient, ())

    def find(self, match: Sequence[str]) -> list[Message]:
        return [message for message in self._by_sid.values() if is_match(match, message.text)]

    def reset(self, match: Sequence[str]) -> None:
        kept = [message for message in self._by_sid.values() if match and not is_match(match, message.text)]
        self._by_sid.clear()
        self._by_recipient.clear()
        for message in kept:
            self.add(message)


def new_message_sid() -> str:
    return "SM" + secrets.token_hex(16)
