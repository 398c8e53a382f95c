"""Runs of Assistants v2, with all their states."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.stubs import payloads
from sandbox.stubs.default_reply import reply_text
from sandbox.stubs.openai_rules import OpenAIRefusal
from sandbox.stubs.outcomes import RUN_EXPIRES_SECONDS, Execution, Outcome, usage_tokens

_REASONS = {"max_output_tokens": "max_completion_tokens", None: "max_completion_tokens"}


@dataclass(slots=True)
class Run:
    """One run of an assistant on a thread; what it shows follows from the time.

    Attributes:
        told: What the model was told, the thread so far included.
        text: What a `match` is looked up in.
        written: The texts of the messages it writes.
    """

    id: str
    thread_id: str
    request: Mapping[str, Any]
    assistant: Mapping[str, Any]
    execution: Execution
    told: str
    text: str
    written: list[str]
    call_id: str
    are_messages_taken: bool = False

    @property
    def outcome(self) -> Outcome:
        return self.execution.outcome

    def resource(self, now: float, status: str | None = None) -> dict[str, Any]:
        """Return the run as the API shows it; `status` stands in for what the time says."""
        status = status or self.execution.state(now)
        outcome = self.outcome
        has_usage = status in ("completed", "incomplete", "failed", "cancelled", "expired")
        asked = (self.request.get("instructions") or "") + self.told
        tokens_in, tokens_out, _ = usage_tokens(outcome, asked, "".join(self.written))
        return payloads.run(
            self.request,
            self.assistant,
            run_id=self.id,
            thread_id=self.thread_id,
            created_at=self.execution.started,
            expires_at=self.execution.started + RUN_EXPIRES_SECONDS,
            status=status,
            ended_at=self.execution.ended_at,
            last_error={"code": outcome.code, "message": outcome.message} if status == "failed" else None,
            incomplete_reason=_REASONS.get(outcome.reason, outcome.reason) if status == "incomplete" else None,
            required_action=payloads.tool_call(self.call_id, outcome.tool_name)
            if status == "requires_action"
            else None,
            usage=payloads.run_usage(tokens_in, tokens_out) if has_usage else None,
        )

    def take_messages(self, now: float) -> list[dict[str, Any]]:
        """Return the messages that the run has written, the first time it is asked after its end."""
        status = self.execution.state(now)
        if self.are_messages_taken or status not in ("completed", "incomplete"):
            return []
        self.are_messages_taken = True
        incomplete_reason = "max_tokens" if status == "incomplete" else None
        contents = [payloads.text_content(text, self.outcome.citation) for text in self.written]
        if self.outcome.refusal is not None:
            contents.append(payloads.refusal_content(self.outcome.refusal))
        return [
            payloads.thread_message(
                payloads.new_id("msg", 24),
                self.thread_id,
                self.execution.ended_at,
                role="assistant",
                content=[content],
                run_id=self.id,
                assistant_id=self.assistant["id"],
                incomplete_reason=incomplete_reason if content is contents[-1] else None,
            )
            for content in contents
        ]


def write_texts(outcome: Outcome, told: str, request: Mapping[str, Any]) -> list[str]:
    """Return the texts of a run's messages; Assistants know no phases, so commentary is one like others."""
    texts = list(outcome.commentary)
    if outcome.silent or outcome.refusal is not None:
        return texts
    if outcome.text is not None:
        return [*texts, *[outcome.text] * outcome.copies]
    if outcome.state not in ("completed", "requires_action"):
        return texts
    return [
        *texts,
        reply_text(told, _flat(request.get("response_format"))),
    ]


def check_no_active_run(run: Run | None, thread_id: str) -> None:
    """Refuse a new run while one is active.

    Source: wording as quoted in openai-python issue 1023; there is no code to tell it by.
    """
    if run is not None:
        raise OpenAIRefusal(f"Thread {thread_id} already has an active run {run.id}.")


def _flat(format_: Any) -> Mapping[str, Any] | None:
    """Return a response format as the Responses API writes it, without the inner object."""
    if not isinstance(format_, Mapping):
        return None
    return {"type": format_.get("type"), **(format_.get("json_schema") or {})}
