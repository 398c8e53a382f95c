"""OpenAI by the Assistants v2 API, for a compatible server: OpenAI itself closed it on 2026-08-26."""

from dataclasses import replace
from typing import Any

from openai import NotFoundError

from core.conversation import Run, Usage
from core.errors import RunFailedError
from core.model import ModelRequest, RunReport, RunState
from services.openai_client import (
    Answer,
    OpenAIClients,
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
            except NotFoundError as exc:
                raise RunFailedError("the server does not know the run any more", code="openai_run_gone") from exc
            if report.state is not RunState.COMPLETED:
                return report
            text, refusal = self._written(run, key, timeout_seconds)
            return replace(report, text=text, refusal=refusal)

    def _written(self, run: Run, key: Secret, timeout_seconds: float) -> tuple[str, bool]:
        """Return what the run wrote, in order, and whether it refused."""
        query = {"run_id": run.response_id, "order": "asc"}
        page = self._clients.fetch(key, ("threads", run.thread_id, "messages"), timeout_seconds, HEADERS, query).body
        messages = [message for message in page["data"] if message["role"] == "assistant"]
        parts: list[dict[str, Any]] = [part for message in messages for part in message["content"]]
        text = "\n\n".join(part["text"]["value"] for part in parts if part["type"] == "text")
        return text, any(part["type"] == "refusal" for part in parts)


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
        state=STATES.get(str(run.get("status")), RunState.FAILED),
        reason=reason,
        retriable=reason in RETRIABLE,
        usage=Usage(token_count(usage.get("prompt_tokens")), token_count(usage.get("completion_tokens"))),
        poll_after_seconds=answer.poll_after_seconds,
    )
