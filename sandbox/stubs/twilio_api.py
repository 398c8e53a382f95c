"""Twilio's Messages API: create, list, fetch, delete. Knows no sockets; time comes from the clock it is given."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sandbox.stubs import payloads
from sandbox.stubs.routes import Call
from sandbox.stubs.script import Script
from sandbox.stubs.settings import Settings
from sandbox.stubs.twilio_messages import (
    MAX_TEMPLATE_CHARACTERS,
    Fate,
    Message,
    MessageStore,
    Template,
    UnknownTemplate,
    new_message_sid,
)
from sandbox.stubs.twilio_rules import TwilioRefusal, check_create
from sandbox.stubs.twilio_views import Views
from sandbox.stubs.wire import Reply, Request

_DEFAULT_PAGE_SIZE = 50
_MAX_PAGE_SIZE = 1000


class TwilioApi:
    """The accounts' messages, and the fates scripted for those to come."""

    def __init__(
        self, clock: Callable[[], float], settings: Settings, new_sid: Callable[[], str] = new_message_sid
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._new_sid = new_sid
        self._messages = MessageStore()
        self._templates: dict[str, Template] = {}
        self._lock = threading.Lock()
        self.fates = Script[Fate]()
        self.usual_fate = Fate()
        self.views = Views()

    def set_template(self, content_sid: str, text: str, defaults: Mapping[str, str]) -> None:
        self._templates[content_sid] = Template(text, dict(defaults))

    def handle(self, call: Call, request: Request, text: str) -> Reply:
        """Answer an authorized request."""
        handlers: dict[str, Callable[[], Reply]] = {
            "twilio.messages.create": lambda: self._create(call, request, text),
            "twilio.messages.list": lambda: self._list(call, request),
            "twilio.messages.fetch": lambda: self._fetch(call, request),
            "twilio.messages.delete": lambda: self._delete(call, request),
        }
        try:
            with self._lock:
                return handlers.get(call.operation, lambda: _not_found(request))()
        except TwilioRefusal as refusal:
            body = payloads.twilio_error(refusal.status, refusal.code, refusal.message)
            return Reply.of_json(body, status=refusal.status)

    def related_text(self, call: Call) -> str:
        """Return what is known of the message that a request names by its SID."""
        message = self._messages.get(call.ids.get("account_sid", ""), call.ids.get("sid", ""))
        return message.text if message else ""

    def messages(self, match: Sequence[str]) -> list[dict[str, Any]]:
        """Return the accepted messages, oldest first."""
        with self._lock:
            return [message.view(self._clock()) for message in self._messages.find(match)]

    def reset(self, match: Sequence[str]) -> None:
        with self._lock:
            self._messages.reset(match)
            if not match:
                self._templates.clear()
                self.usual_fate = Fate()
                self.views.reset()
        self.fates.reset(match)

    def accept(
        self, account_sid: str, form: Mapping[str, str], fate: Fate | None = None, *, ago_seconds: float = 0.0
    ) -> Message:
        """Take a message in, as if it had been created some time ago.

        Raises:
            TwilioRefusal: Twilio would not.
        """
        variables = check_create(form)
        fate = fate or self.usual_fate
        body = form.get("Body", "")
        if content_sid := form.get("ContentSid"):
            template: Template | type[UnknownTemplate] = self._templates.get(content_sid, UnknownTemplate)
            try:
                body = template.render(variables)
            except KeyError:
                fate = replace(fate, status="failed", error_code=63028)
            if len(body) > MAX_TEMPLATE_CHARACTERS:
                fate = replace(fate, status="failed", error_code=63021)
        settings, created_at = self._settings, self._clock() - ago_seconds
        lag = settings.list_lag_seconds if fate.list_lag_seconds is None else fate.list_lag_seconds
        message = Message(
            sid=self._new_sid(),
            account_sid=account_sid,
            to=form["To"],
            from_=form.get("From") or None,
            body=body,
            fate=fate,
            created_at=created_at,
            listed_at=created_at + lag,
            sent_at=created_at + settings.sent_after_seconds,
            ended_at=created_at + max(settings.delivered_after_seconds, settings.sent_after_seconds),
            form=dict(form),
        )
        self._messages.add(message)
        return message

    def _create(self, call: Call, request: Request, text: str) -> Reply:
        check_create(request.form)
        fate = self.fates.take(call.operation, text)
        message = self.accept(call.ids["account_sid"], request.form, fate)
        initial = self.shown(message, message.created_at) | {
            "status": "accepted" if message.service_sid else "queued",
            "date_sent": None,
            "error_code": None,
            "error_message": None,
        }
        return Reply.of_json(initial, status=201)

    def shown(self, message: Message, now: float) -> dict[str, Any]:
        """Return a message as the API shows it then."""
        return message.resource(now, self.views.of(message.account_sid, message.service_sid))

    def _fetch(self, call: Call, request: Request) -> Reply:
        message = self._messages.get(call.ids["account_sid"], call.ids["sid"])
        return Reply.of_json(self.shown(message, self._clock())) if message else _not_found(request)

    def _delete(self, call: Call, request: Request) -> Reply:
        message = self._messages.get(call.ids["account_sid"], call.ids["sid"])
        if message is None:
            return _not_found(request)
        self._messages.remove(message)
        return Reply(204, b"")

    def _list(self, call: Call, request: Request) -> Reply:
        query, now = request.query, self._clock()
        found = [
            message
            for message in self._messages.sent_to(query.get("To") or None)
            if message.account_sid == call.ids["account_sid"]
            and message.listed_at <= now
            and query.get("From") in (None, "", message.from_)
            and _is_in_time(message.date_sent(now), query)
        ]
        # Most recent `date_sent` first; those without one, whose place is not documented, as the newest.
        found.reverse()
        found.sort(key=lambda message: message.date_sent(now) or float("inf"), reverse=True)

        size = min(max(_number(query, "PageSize", _DEFAULT_PAGE_SIZE), 1), _MAX_PAGE_SIZE)
        page = max(_number(query, "Page", 0), 0)
        start = _start(found, page, size, query.get("PageToken"))
        shown = found[start : start + size]

        def uri(number: int, token: str | None) -> str:
            fields = {name: value for name, value in query.items() if name not in ("Page", "PageToken", "PageSize")}
            fields |= {"PageSize": str(size), "Page": str(number)} | ({"PageToken": token} if token else {})
            return f"{request.path}?{urlencode(fields)}"

        has_next = start + size < len(found)
        return Reply.of_json(
            payloads.twilio_page(
                [{**self.shown(message, now), **message.fate.row} for message in shown],
                page=page,
                page_size=size,
                start=start,
                uri=uri(page, query.get("PageToken")),
                first_uri=uri(0, None),
                next_uri=uri(page + 1, "PA" + shown[-1].sid) if has_next else None,
                previous_uri=uri(page - 1, None) if page else None,
            )
        )


def _start(found: Sequence[Message], page: int, size: int, token: str | None) -> int:
    """Return where a page begins: after the message its token names, so that new messages shift nothing."""
    for position, message in enumerate(found):
        if token == "PA" + message.sid:
            return position + 1
    return page * size


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query[name])
    except KeyError:
        return default
    except ValueError:
        raise TwilioRefusal(20001, f"{name} must be a whole number") from None


def _is_in_time(date_sent: float | None, query: Mapping[str, str]) -> bool:
    """Apply the DateSent filters; a message that is not sent yet passes only if there is none."""
    for name, value in query.items():
        if not name.startswith("DateSent") or not value:
            continue
        if date_sent is None:
            return False
        first, last = _span(value)
        moment = datetime.fromtimestamp(date_sent, UTC)
        is_inside = {
            "DateSent": first <= moment < last,
            "DateSent<": moment < last,
            "DateSent>": moment >= first,
        }
        if not is_inside.get(name, True):
            return False
    return True


def _span(value: str) -> tuple[datetime, datetime]:
    """Return the day, or the second, that a DateSent filter names."""
    try:
        if len(value) == len("2026-11-22"):
            day = datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC)
            return day, day + timedelta(days=1)
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
    except ValueError:
        raise TwilioRefusal(20001, f"DateSent {value} is not a date, for example 2026-11-22") from None
    return moment, moment + timedelta(seconds=1)


def _not_found(request: Request) -> Reply:
    message = f"The requested resource {request.path} was not found"
    return Reply.of_json(payloads.twilio_error(404, 20404, message), status=404)
