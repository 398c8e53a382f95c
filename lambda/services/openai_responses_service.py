"""OpenAI by the Responses and Conversations APIs."""

from typing import TYPE_CHECKING, Any

from openai import NotFoundError

from core.conversation import Mode, Run, Usage
from core.errors import PermanentError, RunFailedError
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
    from openai.types.responses import Response

STATES = {
    "queued": RunState.PENDING,
    "in_progress": RunState.PENDING,
    "completed": RunState.COMPLETED,
    "failed": RunState.FAILED,
    "incomplete": RunState.INCOMPLETE,
    "cancelled": RunState.CANCELLED,
}
"""Source: OpenAI's OpenAPI document, schema Response, `status`."""

RETRIABLE = {"server_error", "rate_limit_exceeded", "vector_store_timeout"}
"""Codes of a failed response that another one may not have. Source: the same, schema ResponseError."""

ANY_VARIABLES = {"type": "object", "additionalProperties": {"type": "string"}}
"""Output schema of content variables whose names only the instructions tell."""


class ResponsesGateway:
    """`core.model.ModelGateway` on `POST /v1/responses`, in a conversation of its own."""

    needs_definition = True

    def __init__(self, clients: OpenAIClients, default_model: str, *, background: bool) -> None:
        self._clients = clients
        self._default_model = default_model
        self._background = background
        self.waits_for_answer = not background

    def accepts_thread(self, thread_id: str) -> bool:
        return thread_id.startswith("conv_")

    def open_thread(self, key: Secret, timeout_seconds: float) -> str:
        with translated_errors():
            return vendor_id(self._clients.get(key).conversations.create(timeout=timeout_seconds).id)

    def start_run(self, thread_id: str, request: ModelRequest, key: Secret, timeout_seconds: float) -> RunReport:
        definition = request.definition
        if definition is None:
            raise PermanentError("the Responses API needs an assistant definition", code="assistant_definition_missing")
        arguments: dict[str, Any] = {
            "model": definition.model or self._default_model,
            "instructions": definition.instructions,
            "input": [{"role": "user", "content": request.user_message}],
            "conversation": thread_id,
            "background": self._background,
            "store": True,
            "metadata": dict(request.metadata),
            "safety_identifier": request.user_id,
        }
        if request.mode is Mode.TEMPLATE:
            arguments["text"] = {"format": _variables_format(definition.output_schema)}
        if definition.max_output_tokens is not None:
            arguments["max_output_tokens"] = definition.max_output_tokens
        if definition.reasoning_effort is not None:
            arguments["reasoning"] = {"effort": definition.reasoning_effort}
        with translated_errors():
            raw = self._clients.get(key).responses.with_raw_response.create(**arguments, timeout=timeout_seconds)
            return _report(raw.parse(), raw.headers.get("openai-poll-after-ms"))

    def fetch_run(self, run: Run, key: Secret, timeout_seconds: float) -> RunReport:
        with translated_errors(repeatable=True):
            try:
                raw = self._clients.get(key).responses.with_raw_response.retrieve(
                    run.response_id, timeout=timeout_seconds
                )
            except NotFoundError as exc:
                raise RunFailedError("OpenAI does not know the response any more", code="openai_run_gone") from exc
            return _report(raw.parse(), raw.headers.get("openai-poll-after-ms"))


def _variables_format(schema: dict[str, Any] | None) -> dict[str, Any]:
    """Return the wanted output format; a schema of ours is enforced, the general one can't be."""
    return {
        "type": "json_schema",
        "name": "content_variables",
        "strict": schema is not None,
        "schema": schema or ANY_VARIABLES,
    }


def _report(response: "Response", poll_after_ms: str | None) -> RunReport:
    state = STATES.get(str(response.status), RunState.FAILED)
    reason = None
    if response.error is not None:
        reason = vendor_name(response.error.code)
    elif response.incomplete_details is not None:
        reason = vendor_name(response.incomplete_details.reason)
    usage = response.usage
    return RunReport(
        response_id=vendor_id(response.id),
        state=state,
        text=_final_text(response),
        refusal=_refused(response),
        reason=reason,
        retriable=reason in RETRIABLE,
        usage=Usage(token_count(usage.input_tokens), token_count(usage.output_tokens)) if usage else Usage(),
        poll_after_seconds=poll_after_seconds(poll_after_ms),
    )


def _final_text(response: "Response") -> str:
    """Return the text of the answer; where the model also commented on its work, of the final answer alone."""
    messages = [item for item in response.output or [] if item.type == "message"]
    final = [item for item in messages if getattr(item, "phase", None) != "commentary"]
    return "".join(part.text for item in final for part in item.content if part.type == "output_text")


def _refused(response: "Response") -> bool:
    return any(
        part.type == "refusal" for item in response.output or [] if item.type == "message" for part in item.content
    )
