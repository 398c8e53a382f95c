"""OpenAI by the Responses and Conversations APIs."""

from typing import Any

from openai import NotFoundError

from core.conversation import Mode, Run, Usage
from core.errors import PermanentError, RunGoneError
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
            return vendor_id(self._clients.post(key, ("conversations",), {}, timeout_seconds).body.get("id"))

    def start_run(self, thread_id: str, request: ModelRequest, key: Secret, timeout_seconds: float) -> RunReport:
        definition = request.definition
        if definition is None:
            raise PermanentError("the Responses API needs an assistant definition", code="assistant_definition_missing")
        body: dict[str, Any] = {
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
            body["text"] = {"format": _variables_format(definition.output_schema)}
        if definition.max_output_tokens is not None:
            body["max_output_tokens"] = definition.max_output_tokens
        if definition.reasoning_effort is not None:
            body["reasoning"] = {"effort": definition.reasoning_effort}
        with translated_errors():
            return _report(self._clients.post(key, ("responses",), body, timeout_seconds))

    def fetch_run(self, run: Run, key: Secret, timeout_seconds: float) -> RunReport:
        with translated_errors(repeatable=True):
            try:
                answer = self._clients.fetch(key, ("responses", run.response_id), timeout_seconds)
            except NotFoundError as exc:
                if not is_vendors_own(exc):
                    raise
                raise RunGoneError("OpenAI does not know the response") from exc
            return _report(answer)


def _variables_format(schema: dict[str, Any] | None) -> dict[str, Any]:
    """Return the wanted output format; a schema of ours is enforced, the general one can't be."""
    return {
        "type": "json_schema",
        "name": "content_variables",
        "strict": schema is not None,
        "schema": schema or ANY_VARIABLES,
    }


def _report(answer: Answer) -> RunReport:
    response = answer.body
    reason = None
    if (error := response.get("error")) is not None:
        reason = vendor_name(error.get("code"))
    elif (details := response.get("incomplete_details")) is not None:
        reason = vendor_name(details.get("reason"))
    usage = response.get("usage") or {}
    messages = [item for item in response.get("output") or [] if item["type"] == "message"]
    return RunReport(
        response_id=vendor_id(response.get("id")),
        state=STATES.get(str(response.get("status")), RunState.UNKNOWN),
        text=_final_text(messages),
        refusal=any(part["type"] == "refusal" for message in messages for part in message["content"]),
        reason=reason,
        retriable=reason in RETRIABLE,
        usage=Usage(token_count(usage.get("input_tokens")), token_count(usage.get("output_tokens"))),
        poll_after_seconds=answer.poll_after_seconds,
        took_seconds=seconds_between(response.get("created_at"), response.get("completed_at")),
    )


def _final_text(messages: list[dict[str, Any]]) -> str:
    """Return the text of the answer; where the model also commented on its work, of the final answer alone."""
    final = [message for message in messages if message.get("phase") != "commentary"]
    return joined(
        "".join(part["text"] for part in message["content"] if part["type"] == "output_text") for message in final
    )
