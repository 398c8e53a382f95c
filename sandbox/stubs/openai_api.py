"""OpenAI's API: Responses, Conversations and Assistants v2, behind one lock. Time comes from the given clock."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from sandbox.stubs import payloads
from sandbox.stubs.openai_assistants import AssistantsApi
from sandbox.stubs.openai_conversations import Conversations
from sandbox.stubs.openai_responses import Responses
from sandbox.stubs.openai_rules import OpenAIRefusal, body_of, require
from sandbox.stubs.outcomes import Outcome
from sandbox.stubs.routes import Call
from sandbox.stubs.script import Script
from sandbox.stubs.settings import Settings
from sandbox.stubs.wire import Reply, Request

MODELS = ("gpt-6-luna", "gpt-6-sol")
"""What is listed; a response may ask for any other model too."""


class OpenAIApi:
    """Everything one organization has at OpenAI, and the outcomes scripted for its runs."""

    def __init__(self, clock: Callable[[], float], settings: Settings) -> None:
        self._lock = threading.Lock()
        self.outcomes = Script[Outcome]()
        self._conversations = Conversations(clock)
        self._responses = Responses(clock, settings, self._conversations, self.outcomes)
        self._assistants = AssistantsApi(clock, settings, self.outcomes)
        self._areas: dict[str, Callable[[Call, Request, str], Reply]] = {
            "responses": self._responses.handle,
            "conversations": self._conversations.handle,
            "assistants": self._assistants.handle,
            "threads": self._assistants.handle,
            "models": lambda *_: Reply.of_json(payloads.models(MODELS)),
            "moderations": _moderate,
            "unknown": _refuse_unknown,
        }
        self._views: dict[str, Callable[[Sequence[str]], list[dict[str, Any]]]] = {
            "responses": self._responses.views,
            "conversations": self._conversations.views,
            "threads": self._assistants.thread_views,
            "runs": self._assistants.run_views,
        }

    def handle(self, call: Call, request: Request, text: str) -> Reply:
        """Answer an authorized request; `text` is what scripted outcomes are matched with."""
        try:
            with self._lock:
                return self._areas[call.operation.split(".")[1]](call, request, text)
        except OpenAIRefusal as refusal:
            return refusal.reply()

    def related_text(self, call: Call, request: Request) -> str:
        """Return what was said in the response, conversation or thread that a request names."""
        body = request.json if isinstance(request.json, dict) else {}
        conversation_id = call.ids.get("conversation_id") or payloads.conversation_id(body)
        with self._lock:
            response = self._responses.find(call.ids.get("response_id", ""))
            conversation = self._conversations.find(conversation_id or "")
            texts = (
                response.text if response else "",
                conversation.text if conversation else "",
                self._assistants.related_text(call),
            )
        return "\n".join(filter(None, texts))

    def views(self, kind: str, match: Sequence[str]) -> list[dict[str, Any]]:
        """Return the stored `responses`, `conversations`, `threads` or `runs`, oldest first."""
        with self._lock:
            return self._views[kind](match)

    def reset(self, match: Sequence[str]) -> None:
        with self._lock:
            self._responses.reset(match)
            self._conversations.reset(match)
            self._assistants.reset(match)
        self.outcomes.reset(match)


def _moderate(_call: Call, request: Request, _text: str) -> Reply:
    """Find nothing in any text; a script answers otherwise."""
    require(body_of(request), "input")
    return Reply.of_json(payloads.moderation(flagged=False))


def _refuse_unknown(_call: Call, request: Request, _text: str) -> Reply:
    raise OpenAIRefusal(f"Invalid URL ({request.method} {request.path})", status=404, code="unknown_url")
