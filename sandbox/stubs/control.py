"""The control API below `/_stub/`: scripts, keys, settings, journal and state as plain JSON."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from sandbox.stubs.app import StubApp
from sandbox.stubs.chaos import Chaos, ChaosRule
from sandbox.stubs.faults import Action
from sandbox.stubs.outcomes import RUNS_ONLY, Outcome
from sandbox.stubs.routes import require_operation
from sandbox.stubs.script import Script, as_match
from sandbox.stubs.twilio_messages import Fate
from sandbox.stubs.twilio_rules import TwilioRefusal
from sandbox.stubs.twilio_views import Shown
from sandbox.stubs.wire import Reply, Request

PREFIX = "/_stub/"


class Control:
    """Answers requests of the control API; a mistake in one is answered with 400 and what is wrong."""

    def __init__(self, app: StubApp) -> None:
        self._app = app
        self._gets: dict[str, Callable[[tuple[str, ...], str], Any]] = {
            "health": lambda _match, _operation: {"status": "ok"},
            "journal": self._journal,
            "messages": lambda match, _operation: app.twilio.messages(match),
            "scripts": lambda _match, _operation: _entries(app.actions),
            "outcomes": lambda _match, _operation: _entries(app.openai.outcomes),
            "fates": lambda _match, _operation: _entries(app.twilio.fates),
            "chaos": lambda _match, _operation: app.chaos.view(),
            "settings": lambda _match, _operation: app.settings.view(),
            "views": lambda _match, _operation: app.twilio.views.view(),
        }
        for kind in ("responses", "conversations", "threads", "runs"):
            self._gets[kind] = partial(self._stored, kind)
        self._posts: dict[str, Callable[[dict[str, Any]], Any]] = {
            "scripts": self._add_action,
            "outcomes": self._add_outcome,
            "fates": self._add_fate,
            "usual_fate": self._set_usual_fate,
            "chaos": self._set_chaos,
            "keys": self._change_keys,
            "messages": self._add_message,
            "settings": self._change_settings,
            "templates": self._set_template,
            "views": self._set_view,
            "reset": self._reset,
        }

    def handle(self, request: Request, raw_query: str = "") -> Reply:
        """Answer one request; `raw_query` keeps repeated names, of which `match` may have several."""
        name = request.path.removeprefix(PREFIX).strip("/")
        match = tuple(parse_qs(raw_query, keep_blank_values=True).get("match", ()))
        try:
            if request.method == "GET" and name in self._gets:
                return Reply.of_json(self._gets[name](match, request.query.get("operation", "*")))
            if request.method == "POST" and name in self._posts:
                return Reply.of_json(self._posts[name](_document(request)))
        except KeyError as exc:
            return Reply.of_json({"error": f"{name}: {exc.args[0]!r} is missing"}, status=400)
        except (TypeError, ValueError) as exc:
            return Reply.of_json({"error": f"{name}: {exc}"}, status=400)
        return Reply.of_json({"error": f"no {request.method} {request.path} in the control API"}, status=404)

    def _journal(self, match: tuple[str, ...], operation: str) -> Any:
        found = self._app.journal.find(match, operation)
        return {"forgotten": self._app.journal.forgotten, "exchanges": [exchange.view() for exchange in found]}

    def _stored(self, kind: str, match: tuple[str, ...], _operation: str) -> Any:
        return self._app.openai.views(kind, match)

    def _add_action(self, body: dict[str, Any]) -> Any:
        action = Action(**body["action"])
        operation = require_operation(body["operation"])
        return {"number": self._app.actions.add(action, operation=operation, **_when(body))}

    def _add_outcome(self, body: dict[str, Any]) -> Any:
        outcome = Outcome(**body["outcome"])
        is_run = outcome.state in RUNS_ONLY
        operation = require_operation(body.get("operation", "openai.threads.*" if is_run else "openai.*"))
        if is_run and not operation.startswith("openai.threads."):
            raise ValueError(f"only Assistants runs can be {outcome.state}; operation must be one of openai.threads.*")
        return {"number": self._app.openai.outcomes.add(outcome, operation=operation, **_when(body))}

    def _add_fate(self, body: dict[str, Any]) -> Any:
        return {"number": self._app.twilio.fates.add(Fate(**body["fate"]), **_when(body))}

    def _set_usual_fate(self, body: dict[str, Any]) -> Any:
        self._app.twilio.usual_fate = Fate(**body["fate"])
        return asdict(self._app.twilio.usual_fate)

    def _add_message(self, body: dict[str, Any]) -> Any:
        fate = Fate(**body.get("fate") or {})
        try:
            message = self._app.twilio.accept(
                body["account_sid"], body["form"], fate, ago_seconds=body.get("ago_seconds", 0.0)
            )
        except TwilioRefusal as refusal:
            raise ValueError(str(refusal)) from refusal
        return {"sid": message.sid}

    def _set_view(self, body: dict[str, Any]) -> Any:
        self._app.twilio.views.set(body["sid"], Shown(body["shown"]))
        return self._app.twilio.views.view()

    def _set_chaos(self, body: dict[str, Any]) -> Any:
        rules = [
            ChaosRule(require_operation(rule["operation"]), Action(**rule["action"]), rule["probability"])
            for rule in body["rules"]
        ]
        options = {name: value for name, value in body.items() if name != "rules"}
        self._app.chaos = Chaos(rules, **options)
        return self._app.chaos.view()

    def _change_keys(self, body: dict[str, Any]) -> Any:
        change = {"accept": body.get("accept", ()), "revoke": body.get("revoke", ())}
        if account_sid := body.get("account_sid"):
            self._app.keys.change_twilio(account_sid, **change)
        else:
            self._app.keys.change_openai(**change)
        return {}

    def _change_settings(self, body: dict[str, Any]) -> Any:
        self._app.settings.change(body)
        return self._app.settings.view()

    def _set_template(self, body: dict[str, Any]) -> Any:
        self._app.twilio.set_template(body["content_sid"], body["text"], body.get("defaults") or {})
        return {}

    def _reset(self, body: dict[str, Any]) -> Any:
        self._app.reset(as_match(body.get("match", ())))
        return {}


def _when(body: Mapping[str, Any]) -> dict[str, Any]:
    return {"match": body.get("match", ()), "times": body.get("times", 1)}


def _document(request: Request) -> dict[str, Any]:
    if not isinstance(request.json, dict):
        raise ValueError("the body must be a JSON object, with content-type application/json")  # noqa: TRY004 - see handle()
    return request.json


def _entries(script: Script[Any]) -> list[dict[str, Any]]:
    return [asdict(entry) for entry in script.pending()]
