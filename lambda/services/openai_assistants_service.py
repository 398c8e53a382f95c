"""OpenAI by the Assistants v2 API, for a compatible server: OpenAI itself closed it on 2026-08-26."""

from dataclasses import replace
from typing import TYPE_CHECKING

from openai import NotFoundError

from core.conversation import Run, Usage
from core.errors import RunFailedError
from core.model import ModelRequest, RunReport, RunState
from services.openai_client import (
    OpenAIClients,
    poll_after_seconds,
    token_count,
    translated_errors,
    vendor_id,
    vendor_name,
)
from utils.redaction import Secret

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.beta.threads import Run as AssistantsRun

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
            return vendor_id(self._clients.get(key).beta.threads.create(timeout=timeout_seconds).id)

    def start_run(self, thread_id: str, request: ModelRequest, key: Secret, timeout_seconds: float) -> RunReport:
        client = self._clients.get(key)
        with translated_errors():
            raw = client.beta.threads.runs.with_raw_response.create(
                thread_id,
                assistant_id=request.assistant_id,
                additional_messages=[{"role": "user", "content": request.user_message}],
                metadata=dict(request.metadata),
                timeout=timeout_seconds,
            )
            report = _report(raw.parse(), raw.headers.get("openai-poll-after-ms"))
            return replace(report, state=RunState.PENDING) if report.state is RunState.COMPLETED else report

    def fetch_run(self, run: Run, key: Secret, timeout_seconds: float) -> RunReport:
        client = self._clients.get(key)
        with translated_errors(repeatable=True):
            try:
                raw = client.beta.threads.runs.with_raw_response.retrieve(
                    run.response_id, thread_id=run.thread_id, timeout=timeout_seconds
                )
            except NotFoundError as exc:
                raise RunFailedError("the server does not know the run any more", code="openai_run_gone") from exc
            report = _report(raw.parse(), raw.headers.get("openai-poll-after-ms"))
            if report.state is not RunState.COMPLETED:
                return report
            text, refusal = _answer(client, run, timeout_seconds)
            return replace(report, text=text, refusal=refusal)


def _report(run: "AssistantsRun", poll_after_ms: str | None) -> RunReport:
    """Read a run without what it wrote, which takes a call of its own."""
    state = STATES.get(run.status, RunState.FAILED)
    reason = None
    if run.last_error is not None:
        reason = vendor_name(run.last_error.code)
    elif run.incomplete_details is not None:
        reason = vendor_name(run.incomplete_details.reason)
    usage = run.usage
    return RunReport(
        response_id=vendor_id(run.id),
        state=state,
        reason=reason,
        retriable=reason in RETRIABLE,
        usage=Usage(token_count(usage.prompt_tokens), token_count(usage.completion_tokens)) if usage else Usage(),
        poll_after_seconds=poll_after_seconds(poll_after_ms),
    )


def _answer(client: "OpenAI", run: Run, timeout_seconds: float) -> tuple[str, bool]:
    """Return what the run wrote, in order, and whether it refused."""
    page = client.beta.threads.messages.list(
        run.thread_id, run_id=run.response_id, order="asc", timeout=timeout_seconds
    )
    parts = [part for message in page.data if message.role == "assistant" for part in message.content]
    text = "\n\n".join(part.text.value for part in parts if part.type == "text")
    return text, any(part.type == "refusal" for part in parts)
