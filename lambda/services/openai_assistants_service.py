"""OpenAI by the Assistants v2 API, for a compatible server: OpenAI itself closed it on 2026-08-26."""

from dataclasses import replace
from typing import Any

from openai import NotFoundError

from core.conversation import Run, Usage
from core.errors import RunGoneError
from core.model import ModelRequest, RunReport, RunState
from services.openai_client import (
    Answer,
    OpenAIClients,
    is_vendors_own,
    joined,
    seconds_between,
    token_count,
    translated_errors,
    vendor_id,
    vendor_name,
)
from utils.redaction import Secret

HEADERS = {"OpenAI-Beta": "assistants=v2"}

STATES = {
    "queued": RunState.PENDING,
    "in_progress": RunState.PENDING,
    "cancelling": RunState.PENDING,
    "requires_action": RunState.REQUIRES_ACTION,
    "cancelled": RunState.CANCELLED,
    "failed": RunState.FAILED,
    "completed": RunState.COMPLETED,
    "incomplete": RunState.INCOMPLETE,
    "expired": RunState.EXPIRED,
}
"""Source: OpenAI's OpenAPI document, schema RunStatus."""

RETRIABLE = {"server_error", "rate_limit_exceeded"}

PAGE_SIZE, MAX_PAGES = 100, 10
"""How far a thread is read for what a run wrote. Source: the same, listMessages, `limit`: up to 100."""


class AssistantsGateway:
    """`core.model.ModelGateway` on threads, messages and runs."""

    needs_definition = False
    waits_for_answer = False

    def __init__(self, clients: OpenAIClients) -> None:
        self._clients = clients

    def accepts_thread(self, thread_id: str) -> bool:
        return thread_id.startswith("thread_")

    def open_thread(self, key: Secret, timeout_seconds: float) -> str:
        with translated_errors():
            return vendor_id(self._clients.post(key, ("threads",), {}, timeout_seconds, HEADERS).body.get("id"))

    def start_run(self, thread_id: str, request: ModelRequest, key: Secret, timeout_seconds: float) -> RunReport:
        body = {
            "assistant_id": request.assistant_id,
            "additional_messages": [{"role": "user", "content": request.user_message}],
            "metadata": dict(request.metadata),
        }
        with translated_errors():
            report = _report(self._clients.post(key, ("threads", thread_id, "runs"), body, timeout_seconds, HEADERS))
            return replace(report, state=RunState.PENDING) if report.state is RunState.COMPLETED else report

    def fetch_run(self, run: Run, key: Secret, timeout_seconds: float) -> RunReport:
        path = ("threads", run.thread_id, "runs", run.response_id)
        with translated_errors(repeatable=True):
            try:
                report = _report(self._clients.fetch(key, path, timeout_seconds, HEADERS))
                if report.state is not RunState.COMPLETED:
                    return report
                text, refusal = self._written(run, key, timeout_seconds)
            except NotFoundError as exc:
                if not is_vendors_own(exc):
                    raise
                raise RunGoneError("the server does not know the run") from exc
            return replace(report, text=text, refusal=refusal)

    def _written(self, run: Run, key: Secret, timeout_seconds: float) -> tuple[str, bool]:
        """Return what the run wrote, in order, and whether it refused.

        A compatible server may list the whole thread whatever is asked, so each message is looked at.
        """
        path, messages = ("threads", run.thread_id, "messages"), list[dict[str, Any]]()
        query = {"run_id": run.response_id, "order": "desc", "limit": str(PAGE_SIZE)}
        for _ in range(MAX_PAGES):
            page = self._clients.fetch(key, path, timeout_seconds, HEADERS, query).body
            messages += [m for m in page["data"] if m["role"] == "assistant" and m.get("run_id") == run.response_id]
            if not page.get("has_more") or not page["data"]:
                break
            query["after"] = vendor_id(page["data"][-1]["id"])
        messages.reverse()
        messages.sort(key=lambda message: message.get("created_at") or 0)
        text = joined("\n\n".join(map(_text, _parts(message, "text"))) for message in messages)
        return text, any(_parts(message, "refusal") for message in messages)


def _parts(message: dict[str, Any], type_: str) -> list[dict[str, Any]]:
    return [part for part in message["content"] if part["type"] == type_]


def _text(part: dict[str, Any]) -> str:
    """Return a text without the markers that its annotations say are citations.

    Source: OpenAI's OpenAPI document, schema MessageContentTextAnnotationsFileCitationObject.
    """
    value: str = part["text"]["value"]
    citations = [a for a in part["text"].get("annotations") or [] if a.get("type") == "file_citation" and a.get("text")]
    for citation in sorted(citations, key=_start, reverse=True):
        marker, start = citation["text"], _start(citation)
        if not value.startswith(marker, start):  # counted in another unit, or shifted
            start = value.find(marker)
        if start >= 0:
            value = value[:start].rstrip(" \t") + value[start + len(marker) :]
    return value


def _start(citation: dict[str, Any]) -> int:
    start = citation.get("start_index")
    return start if isinstance(start, int) and start >= 0 else 0


def _report(answer: Answer) -> RunReport:
    """Read a run without what it wrote, which takes a call of its own."""
    run = answer.body
    reason = None
    if (error := run.get("last_error")) is not None:
        reason = vendor_name(error.get("code"))
    elif (details := run.get("incomplete_details")) is not None:
        reason = vendor_name(details.get("reason"))
    usage = run.get("usage") or {}
    return RunReport(
        response_id=vendor_id(run.get("id")),
        state=STATES.get(str(run.get("status")), RunState.UNKNOWN),
        reason=reason,
        retriable=reason in RETRIABLE,
        usage=Usage(token_count(usage.get("prompt_tokens")), token_count(usage.get("completion_tokens"))),
        poll_after_seconds=answer.poll_after_seconds,
        took_seconds=seconds_between(run.get("created_at"), run.get("completed_at")),
    )
