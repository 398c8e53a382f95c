"""Assistants v2: assistants, threads, messages and runs."""

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
    """Any id that begins with `asst_` stands for a plain assistant, besides those that were created."""

    def __init__(self, clock: Callable[[], float], settings: Settings, outcomes: Script[Outcome]) -> None:
        self._clock = clock
        self._settings = settings
        self._outcomes = outcomes
        self._started = clock()
        self._assistants: dict[str, dict[str, Any]] = {}
        self._threads = Threads(clock)
        self._handlers: dict[str, Callable[[Call, Request, str], Reply]] = {
            "openai.assistants.create": self._create_assistant,
            "openai.assistants.list": self._list_assistants,
            "openai.assistants.get": self._get_assistant,
            "openai.threads.create": self._create_thread,
            "openai.threads.create_and_run": self._create_thread_and_run,
            "openai.threads.get": self._get_thread,
            "openai.threads.delete": self._delete_thread,
            "openai.threads.messages.create": self._create_message,
            "openai.threads.messages.list": self._list_messages,
            "openai.threads.messages.get": self._get_message,
            "openai.threads.runs.create": self._create_run,
            "openai.threads.runs.list": self._list_runs,
            "openai.threads.runs.get": self._get_run,
            "openai.threads.runs.cancel": self._cancel_run,
            "openai.threads.runs.submit_tool_outputs": self._submit_tool_outputs,
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
        if not match:
            self._assistants.clear()

    # --- assistants ---

    def _create_assistant(self, _call: Call, request: Request, _text: str) -> Reply:
        body = body_of(request)
        require(body, "model")
        check_metadata(body)
        assistant = payloads.assistant(payloads.new_id("asst", 24), self._clock(), body)
        self._assistants[assistant["id"]] = assistant
        return Reply.of_json(assistant)

    def _list_assistants(self, _call: Call, request: Request, _text: str) -> Reply:
        return Reply.of_json(page_of([*self._assistants.values()], request.query))

    def _get_assistant(self, call: Call, _request: Request, _text: str) -> Reply:
        return Reply.of_json(self._assistant(call.ids["assistant_id"]))

    def _assistant(self, assistant_id: str) -> dict[str, Any]:
        if assistant_id in self._assistants:
            return self._assistants[assistant_id]
        if not assistant_id.startswith("asst_"):
            raise OpenAIRefusal(f"No assistant found with id '{assistant_id}'.", status=404)
        return payloads.assistant(assistant_id, self._started, {"model": "gpt-4o", "name": "Stub"})

    # --- threads and messages ---

    def _create_thread(self, _call: Call, request: Request, _text: str) -> Reply:
        return Reply.of_json(self._threads.create(body_of(request)).resource())

    def _get_thread(self, call: Call, _request: Request, _text: str) -> Reply:
        return Reply.of_json(self._thread(call).resource())

    def _delete_thread(self, call: Call, _request: Request, _text: str) -> Reply:
        thread = self._thread(call)
        self._threads.delete(thread)
        return Reply.of_json(payloads.deleted(thread.id, "thread"))

    def _create_message(self, call: Call, request: Request, _text: str) -> Reply:
        thread = self._thread(call)
        check_no_active_run(thread.active_run(self._clock()), thread.id, "messages")
        message = self._threads.new_message(thread, body_of(request))
        thread.messages.append(message)
        return Reply.of_json(message)

    def _list_messages(self, call: Call, request: Request, _text: str) -> Reply:
        run_id = request.query.get("run_id")
        messages = [m for m in self._thread(call).messages if run_id in (None, "", m["run_id"])]
        return Reply.of_json(page_of(messages, request.query))

    def _get_message(self, call: Call, _request: Request, _text: str) -> Reply:
        for message in self._thread(call).messages:
            if message["id"] == call.ids["message_id"]:
                return Reply.of_json(message)
        raise OpenAIRefusal(f"No message found with id '{call.ids['message_id']}'.", status=404)

    def _thread(self, call: Call) -> Thread:
        return self._threads.get(call.ids["thread_id"])

    # --- runs ---

    def _create_thread_and_run(self, call: Call, request: Request, text: str) -> Reply:
        body = body_of(request)
        require(body, "assistant_id")
        self._assistant(body["assistant_id"])
        return self._start_run(self._threads.create(body.get("thread") or {}), body, text, call.operation)

    def _create_run(self, call: Call, request: Request, text: str) -> Reply:
        return self._start_run(self._thread(call), body_of(request), text, call.operation)

    def _start_run(self, thread: Thread, body: dict[str, Any], text: str, operation: str) -> Reply:
        require(body, "assistant_id")
        check_metadata(body)
        assistant = self._assistant(body["assistant_id"])
        now = self._clock()
        check_no_active_run(thread.active_run(now), thread.id, "runs")
        for message in body.get("additional_messages") or ():
            thread.messages.append(self._threads.new_message(thread, message))
        outcome = self._outcomes.take(operation, text) or Outcome()
        seconds = self._settings.run_seconds if outcome.duration_seconds is None else outcome.duration_seconds
        run_id, told = payloads.new_id("run", 24), thread.text
        run = Run(
            id=run_id,
            thread_id=thread.id,
            request=body,
            assistant=assistant,
            execution=Execution(outcome, now, seconds, is_response=False),
            told=told,
            text=f"{run_id}\n{told}\n{text}",
            written=write_texts(outcome, told, body, assistant),
            call_id=payloads.new_id("call", 24),
        )
        thread.runs.append(run)
        return Reply.of_json(run.resource(now, "queued"))

    def _list_runs(self, call: Call, request: Request, _text: str) -> Reply:
        runs = [run.resource(self._clock()) for run in self._thread(call).runs]
        return Reply.of_json(page_of(runs, request.query))

    def _get_run(self, call: Call, _request: Request, _text: str) -> Reply:
        return Reply.of_json(self._run(call).resource(self._clock()), headers=poll_headers(self._settings))

    def _cancel_run(self, call: Call, _request: Request, _text: str) -> Reply:
        run, now = self._run(call), self._clock()
        if not run.execution.is_active(now):
            raise OpenAIRefusal(f"Cannot cancel run with status '{run.execution.state(now)}'.")
        if run.execution.cancel_requested is None:
            run.execution.cancel_requested = now
        return Reply.of_json(run.resource(now))

    def _submit_tool_outputs(self, call: Call, request: Request, _text: str) -> Reply:
        run, now = self._run(call), self._clock()
        require(body_of(request), "tool_outputs")
        if run.execution.state(now) != "requires_action":
            raise OpenAIRefusal(f'Runs in status "{run.execution.state(now)}" do not accept tool outputs.')
        run.execution.tools_answered = now
        return Reply.of_json(run.resource(now, "queued"))

    def _run(self, call: Call) -> Run:
        for run in self._thread(call).runs:
            if run.id == call.ids["run_id"]:
                return run
        raise OpenAIRefusal(f"No run found with id '{call.ids['run_id']}'.", status=404)
