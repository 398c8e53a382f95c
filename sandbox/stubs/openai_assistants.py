"""Assistants v2: threads, messages and runs."""

from collections.abc import Callable, Sequence
from typing import Any

from sandbox.stubs import payloads
from sandbox.stubs.openai_rules import OpenAIRefusal, body_of, check_metadata, page_of, poll_headers, require
from sandbox.stubs.openai_runs import Run, check_no_active_run, write_texts
from sandbox.stubs.openai_threads import Thread, Threads
from sandbox.stubs.outcomes import Execution, Outcome
from sandbox.stubs.routes import Call
from sandbox.stubs.script import Script, is_match
from sandbox.stubs.settings import Settings
from sandbox.stubs.wire import Reply, Request


class AssistantsApi:
    """Any id that begins with `asst_` stands for a plain assistant."""

    def __init__(self, clock: Callable[[], float], settings: Settings, outcomes: Script[Outcome]) -> None:
        self._clock = clock
        self._settings = settings
        self._outcomes = outcomes
        self._threads = Threads(clock)
        self._handlers: dict[str, Callable[[Call, Request, str], Reply]] = {
            "openai.threads.create": self._create_thread,
            "openai.threads.delete": self._delete_thread,
            "openai.threads.messages.list": self._list_messages,
            "openai.threads.runs.create": self._create_run,
            "openai.threads.runs.get": self._get_run,
        }

    def handle(self, call: Call, request: Request, text: str) -> Reply:
        if request.headers.get("openai-beta") != "assistants=v2":
            raise OpenAIRefusal(
                "You must provide the 'OpenAI-Beta' header to access the Assistants API. Please try again by"
                " setting the header 'OpenAI-Beta: assistants=v2'.",
                code="invalid_beta",
            )
        return self._handlers[call.operation](call, request, text)

    def related_text(self, call: Call) -> str:
        """Return what was said in the thread that a request names."""
        thread = self._threads.find(call.ids.get("thread_id", ""))
        return thread.text if thread else ""

    def thread_views(self, match: Sequence[str]) -> list[dict[str, Any]]:
        threads = [thread for thread in self._threads.all() if is_match(match, thread.text)]
        return [thread.resource() | {"messages": thread.messages} for thread in threads]

    def run_views(self, match: Sequence[str]) -> list[dict[str, Any]]:
        runs = [run for thread in self._threads.all() for run in thread.runs if is_match(match, run.text)]
        return [run.resource(self._clock()) for run in runs]

    def reset(self, match: Sequence[str]) -> None:
        self._threads.reset(match)

    # --- threads and messages ---

    def _create_thread(self, _call: Call, request: Request, _text: str) -> Reply:
        return Reply.of_json(self._threads.create(body_of(request)).resource())

    def _delete_thread(self, call: Call, _request: Request, _text: str) -> Reply:
        thread = self._thread(call)
        self._threads.delete(thread)
        return Reply.of_json(payloads.deleted(thread.id, "thread"))

    def _list_messages(self, call: Call, request: Request, _text: str) -> Reply:
        run_id = request.query.get("run_id")
        if self._settings.lists_whole_threads:
            run_id = None
        messages = [m for m in self._thread(call).messages if run_id in (None, "", m["run_id"])]
        return Reply.of_json(page_of(messages, request.query))

    def _thread(self, call: Call) -> Thread:
        return self._threads.get(call.ids["thread_id"])

    # --- runs ---

    def _create_run(self, call: Call, request: Request, text: str) -> Reply:
        thread, body = self._thread(call), body_of(request)
        require(body, "assistant_id")
        check_metadata(body)
        assistant = self._assistant(body["assistant_id"])
        now = self._clock()
        check_no_active_run(thread.active_run(now), thread.id)
        for message in body.get("additional_messages") or ():
            thread.messages.append(self._threads.new_message(thread, message))
        outcome = self._outcomes.take(call.operation, text) or Outcome()
        seconds = self._settings.run_seconds if outcome.duration_seconds is None else outcome.duration_seconds
        run_id, told = payloads.new_id("run", 24), thread.text
        run = Run(
            id=run_id,
            thread_id=thread.id,
            request=body,
            assistant=assistant,
            execution=Execution(outcome, now, seconds),
            told=told,
            text=f"{run_id}\n{told}\n{text}",
            written=write_texts(outcome, told, body),
            call_id=payloads.new_id("call", 24),
        )
        thread.runs.append(run)
        return Reply.of_json(run.resource(now, "queued"))

    @staticmethod
    def _assistant(assistant_id: str) -> dict[str, Any]:
        if not assistant_id.startswith("asst_"):
            raise OpenAIRefusal(f"No assistant found with id '{assistant_id}'.", status=404)
        return {"id": assistant_id, "model": "gpt-4o"}

    def _get_run(self, call: Call, _request: Request, _text: str) -> Reply:
        return Reply.of_json(self._run(call).resource(self._clock()), headers=poll_headers(self._settings))

    def _run(self, call: Call) -> Run:
        for run in self._thread(call).runs:
            if run.id == call.ids["run_id"] and run.execution.is_known(self._clock()):
                return run
        raise OpenAIRefusal(f"No run found with id '{call.ids['run_id']}'.", status=404)
