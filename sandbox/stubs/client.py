"""The Python client of the control API; the same for stubs in this process and in another."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

import requests

from sandbox.stubs.chaos import ChaosRule
from sandbox.stubs.faults import Action
from sandbox.stubs.journal import Exchange
from sandbox.stubs.outcomes import Outcome
from sandbox.stubs.script import as_match
from sandbox.stubs.twilio_messages import Fate
from sandbox.stubs.twilio_views import Shown

Match = str | Sequence[str]
"""Substrings that must all occur in what a request says, or in what it is about: see README.md."""

_TIMEOUT_SECONDS = 30


class StubError(Exception):
    """The stub refused a call of the control API, or cannot be reached; the message says why."""


class StubClient:
    """Scripts the stubs and reads what they saw."""

    def __init__(self, control_url: str) -> None:
        self._url = control_url.rstrip("/") + "/_stub/"

    def script(self, operation: str, action: Action, *, match: Match = (), times: int | None = 1) -> int:
        """Play `action` on the next `times` requests that match, and return the entry's number; None is always.

        Args:
            operation: A name of `routes.OPERATIONS`, or a glob such as `openai.*`.
            action: Made by `answer`, `drop`, `delay` or `stall`, or an `Action` with all details.
            match: What must occur in the request or in what it is about.
            times: How often.
        """
        return self._add("scripts", match, times, operation=operation, action=asdict(action))

    def outcome(
        self, outcome: Outcome, *, match: Match = (), times: int | None = 1, operation: str | None = None
    ) -> int:
        """Let the next `times` responses or runs that match go like this."""
        named = {} if operation is None else {"operation": operation}
        return self._add("outcomes", match, times, outcome=asdict(outcome), **named)

    def fate(self, fate: Fate, *, match: Match = (), times: int | None = 1) -> int:
        """Let the next `times` accepted messages that match end like this."""
        return self._add("fates", match, times, fate=asdict(fate))

    def usual_fate(self, fate: Fate) -> None:
        """Let every message accepted from now on end like this, unless `fate` says otherwise of it."""
        self._post("usual_fate", {"fate": asdict(fate)})

    def chaos(
        self,
        rules: Sequence[ChaosRule],
        *,
        seed: int,
        subject_pattern: str | None = None,
        faults_per_subject: int | None = None,
    ) -> None:
        """Play random faults from now on; see `Chaos`. No rules ends it."""
        self._post(
            "chaos",
            {
                "rules": [asdict(rule) for rule in rules],
                "seed": seed,
                "subject_pattern": subject_pattern,
                "faults_per_subject": faults_per_subject,
            },
        )

    def chaos_report(self) -> dict[str, Any]:
        """Return `seed`, `drawn` (requests) and `faults_by_subject`."""
        return dict(self._get("chaos"))

    def configure(self, **settings: float | None) -> dict[str, Any]:
        """Change some fields of `Settings` and return all of them."""
        return dict(self._post("settings", settings))

    def set_template(self, content_sid: str, text: str, defaults: Mapping[str, str] | None = None) -> None:
        """Give a template its text with `{{1}}` placeholders."""
        self._post("templates", {"content_sid": content_sid, "text": text, "defaults": dict(defaults or {})})

    def show(self, sid: str, shown: Shown) -> None:
        """Let Twilio show the texts of an account (AC...) or of a Messaging Service (MG...) like this from now on."""
        self._post("views", {"sid": sid, "shown": shown})

    def accept(
        self, account_sid: str, form: Mapping[str, str], fate: Fate | None = None, *, ago_seconds: float = 0.0
    ) -> str:
        """Let another program have sent a message some time ago, and return its SID."""
        fate_view = asdict(fate) if fate else None
        body = {"account_sid": account_sid, "form": dict(form), "fate": fate_view, "ago_seconds": ago_seconds}
        return str(self._post("messages", body)["sid"])

    def change_openai_keys(self, *, accept: Sequence[str] = (), revoke: Sequence[str] = ()) -> None:
        self._post("keys", {"accept": list(accept), "revoke": list(revoke)})

    def change_twilio_tokens(self, account_sid: str, *, accept: Sequence[str] = (), revoke: Sequence[str] = ()) -> None:
        self._post("keys", {"account_sid": account_sid, "accept": list(accept), "revoke": list(revoke)})

    def journal(self, match: Match = (), *, operation: str = "*") -> list[Exchange]:
        """Return the recorded exchanges, oldest first."""
        exchanges = self._get("journal", match, operation=operation)["exchanges"]
        return [Exchange.from_view(exchange) for exchange in exchanges]

    def journal_forgotten(self) -> int:
        """Return how many exchanges the journal had no more room for."""
        return int(self._get("journal", "no request says this")["forgotten"])

    def messages(self, match: Match = ()) -> list[dict[str, Any]]:
        """Return the messages Twilio accepted, oldest first, as its API shows them and with
        `created_at` (epoch seconds), `content_sid`, `content_variables` and `status_callback`.
        """
        return self._list("messages", match)

    def responses(self, match: Match = ()) -> list[dict[str, Any]]:
        return self._list("responses", match)

    def conversations(self, match: Match = ()) -> list[dict[str, Any]]:
        """Return the conversations with their `items`."""
        return self._list("conversations", match)

    def threads(self, match: Match = ()) -> list[dict[str, Any]]:
        """Return the threads with their `messages`."""
        return self._list("threads", match)

    def runs(self, match: Match = ()) -> list[dict[str, Any]]:
        return self._list("runs", match)

    def pending(self) -> dict[str, list[dict[str, Any]]]:
        """Return the entries of `scripts`, `outcomes` and `fates` that have not been used up."""
        return {name: self._get(name) for name in ("scripts", "outcomes", "fates")}

    def reset(self, match: Match = ()) -> None:
        """Forget everything about `match`; without one everything, keys and settings included."""
        self._post("reset", {"match": list(as_match(match))})

    def is_healthy(self) -> bool:
        try:
            return bool(self._get("health") == {"status": "ok"})
        except StubError:
            return False

    def _list(self, name: str, match: Match) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._get(name, match)
        return found

    def _add(self, name: str, match: Match, times: int | None, **entry: Any) -> int:
        return int(self._post(name, {"match": list(as_match(match)), "times": times, **entry})["number"])

    def _get(self, name: str, match: Match = (), **query: str) -> Any:
        return self._call("GET", name, params=[*query.items(), *(("match", part) for part in as_match(match))])

    def _post(self, name: str, body: Mapping[str, Any]) -> Any:
        return self._call("POST", name, json=body)

    def _call(self, method: str, name: str, **request: Any) -> Any:
        try:
            answer = requests.request(method, self._url + name, timeout=_TIMEOUT_SECONDS, **request)
            document = answer.json()
        except requests.RequestException as exc:
            raise StubError(f"no stub answers at {self._url}: {exc}") from exc
        if answer.status_code != HTTPStatus.OK:
            raise StubError(document.get("error", f"HTTP {answer.status_code}"))
        return document
