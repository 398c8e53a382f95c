"""Threads of Assistants v2 and their messages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.stubs import payloads
from sandbox.stubs.openai_rules import OpenAIRefusal, check_metadata, content_text, require
from sandbox.stubs.openai_runs import Run
from sandbox.stubs.script import is_match


@dataclass(slots=True)
class Thread:
    """A thread; what a run writes shows once the run has ended."""

    id: str
    created_at: float
    request: dict[str, Any]
    messages: list[dict[str, Any]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    def settle(self, now: float) -> None:
        """Take over the messages of runs that have ended."""
        for run in self.runs:
            self.messages += run.take_messages(now)

    @property
    def text(self) -> str:
        """All that was said, for the model and for a `match`."""
        return "\n".join([self.id, *(content_text(message["content"]) for message in self.messages)])

    def resource(self) -> dict[str, Any]:
        return payloads.thread(self.id, self.created_at, self.request)

    def active_run(self, now: float) -> Run | None:
        return next((run for run in self.runs if run.execution.is_active(now)), None)


class Threads:
    """All threads that are not deleted."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_id: dict[str, Thread] = {}

    def find(self, thread_id: str) -> Thread | None:
        """Return a thread as it is now."""
        thread = self._by_id.get(thread_id)
        if thread:
            thread.settle(self._clock())
        return thread

    def get(self, thread_id: str) -> Thread:
        thread = self.find(thread_id)
        if thread is None:
            raise OpenAIRefusal(f"No thread found with id '{thread_id}'.", status=404)
        return thread

    def create(self, body: dict[str, Any]) -> Thread:
        check_metadata(body)
        thread = Thread(payloads.new_id("thread", 24), self._clock(), body)
        for message in body.get("messages") or ():
            thread.messages.append(self.new_message(thread, message))
        self._by_id[thread.id] = thread
        return thread

    def delete(self, thread: Thread) -> None:
        del self._by_id[thread.id]

    def new_message(self, thread: Thread, body: Mapping[str, Any]) -> dict[str, Any]:
        """Build a message that a caller adds."""
        require(body, "role", "content")
        check_metadata(body)
        content = body["content"]
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        return payloads.thread_message(
            payloads.new_id("msg", 24),
            thread.id,
            self._clock(),
            role=body["role"],
            content=[payloads.text_content(p["text"]) if p.get("type") == "text" else p for p in content],
            metadata=body.get("metadata"),
        )

    def all(self) -> list[Thread]:
        """Return the threads as they are now, oldest first."""
        return [self.get(thread_id) for thread_id in self._by_id]

    def reset(self, match: Sequence[str]) -> None:
        self._by_id = {t.id: t for t in self.all() if match and not is_match(match, t.text)}
