"""Responses: create, in the foreground or the background, poll, delete."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.stubs import payloads
from sandbox.stubs.default_reply import reply_text
from sandbox.stubs.openai_conversations import Conversations
from sandbox.stubs.openai_rules import (
    OpenAIRefusal,
    body_of,
    check_create_response,
    input_items,
    input_text,
    poll_headers,
)
from sandbox.stubs.outcomes import Execution, Outcome, usage_tokens
from sandbox.stubs.routes import Call
from sandbox.stubs.script import Script, is_match
from sandbox.stubs.settings import Settings
from sandbox.stubs.wire import Reply, Request

_REASONS = {"max_completion_tokens": "max_output_tokens", None: "max_output_tokens"}


@dataclass(slots=True)
class Response:
    """A response and its run; what it shows follows from the time.

    Attributes:
        told: What the model was told, the conversation so far included.
        text: What a `match` is looked up in.
    """

    id: str
    request: dict[str, Any]
    execution: Execution
    told: str
    input: list[dict[str, Any]]
    output: list[dict[str, Any]]
    text: str

    @property
    def outcome(self) -> Outcome:
        return self.execution.outcome

    @property
    def is_background(self) -> bool:
        return bool(self.request.get("background"))

    def is_active(self, now: float) -> bool:
        return self.execution.is_active(now)

    def items(self) -> list[dict[str, Any]]:
        """Return what a conversation takes over: input and output of a completed response, else nothing."""
        return self.input + self.output if self.outcome.state == "completed" else []

    def resource(self, status: str) -> dict[str, Any]:
        outcome = self.outcome
        has_output = status in ("completed", "incomplete")
        return payloads.response(
            self.request,
            response_id=self.id,
            created_at=self.execution.started,
            status=status,
            output=self.output if has_output else [],
            completed_at=self.execution.ended_at if status == "completed" else None,
            error={"code": outcome.code, "message": outcome.message} if status == "failed" else None,
            incomplete_reason=_REASONS.get(outcome.reason, outcome.reason) if status == "incomplete" else None,
            usage=self._usage() if has_output or status == "failed" else None,
        )

    def _usage(self) -> dict[str, Any]:
        asked = (self.request.get("instructions") or "") + self.told
        answered = "".join(part.get("text", "") for item in self.output for part in item.get("content", ()))
        return payloads.response_usage(*usage_tokens(self.outcome, asked, answered))


class Responses:
    """All stored responses."""

    def __init__(
        self,
        clock: Callable[[], float],
        settings: Settings,
        conversations: Conversations,
        outcomes: Script[Outcome],
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._conversations = conversations
        self._outcomes = outcomes
        self._by_id: dict[str, Response] = {}

    def handle(self, call: Call, request: Request, text: str) -> Reply:
        if call.operation == "openai.responses.create":
            return self._create(body_of(request), text)
        response = self._get(call)
        if call.operation == "openai.responses.get":
            return self._show(response)
        del self._by_id[response.id]
        return Reply.of_json(payloads.deleted(response.id, "response"))

    def find(self, response_id: str) -> Response | None:
        return self._by_id.get(response_id)

    def views(self, match: Sequence[str]) -> list[dict[str, Any]]:
        now = self._clock()
        return [r.resource(r.execution.state(now)) for r in self._by_id.values() if is_match(match, r.text)]

    def reset(self, match: Sequence[str]) -> None:
        self._by_id = {r.id: r for r in self._by_id.values() if match and not is_match(match, r.text)}

    def _create(self, body: dict[str, Any], text: str) -> Reply:
        check_create_response(body)
        conversation_id = payloads.conversation_id(body)
        conversation = self._conversations.free(conversation_id) if conversation_id else None
        previous = self._previous(body.get("previous_response_id"))
        history = conversation.text if conversation else previous.told if previous else ""
        told = "\n\n".join(part for part in (history, input_text(body["input"])) if part)

        outcome = self._outcomes.take("openai.responses.create", text) or Outcome()
        seconds = self._settings.run_seconds if outcome.duration_seconds is None else outcome.duration_seconds
        response_id = payloads.new_id("resp")
        response = Response(
            id=response_id,
            request=body,
            execution=Execution(outcome, self._clock(), seconds),
            told=told,
            input=[payloads.input_item(payloads.new_id("msg"), item) for item in input_items(body["input"])],
            output=_output(outcome, told, body),
            text=f"{response_id}\n{text}",
        )
        if conversation:
            conversation.work = response
        if response.is_background:
            self._by_id[response.id] = response
            return Reply.of_json(response.resource("queued"))
        if body.get("store") is not False:
            self._by_id[response.id] = response
        return Reply.of_json(response.resource(outcome.state), delay_seconds=seconds)

    def _previous(self, response_id: str | None) -> Response | None:
        if response_id is None:
            return None
        if response_id not in self._by_id:
            raise OpenAIRefusal(
                f"Previous response with id '{response_id}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            )
        return self._by_id[response_id]

    def _show(self, response: Response) -> Reply:
        status = response.execution.state(self._clock())
        return Reply.of_json(response.resource(status), headers=poll_headers(self._settings))

    def _get(self, call: Call) -> Response:
        response = self._by_id.get(call.ids["response_id"])
        if response is None or not response.execution.is_known(self._clock()):
            raise OpenAIRefusal(f"Response with id '{call.ids['response_id']}' not found.", status=404)
        return response


def _output(outcome: Outcome, told: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the output items of a run that ends like this."""
    items = [payloads.reasoning_item(payloads.new_id("rs"))] if outcome.reasoning else []
    items += [payloads.output_message(payloads.new_id("msg"), text, phase="commentary") for text in outcome.commentary]
    is_complete = outcome.state == "completed"
    if outcome.silent or (outcome.text is None and outcome.refusal is None and not is_complete):
        return items
    text = outcome.text
    if text is None and outcome.refusal is None:
        text = reply_text(told, (body.get("text") or {}).get("format"))
    if text is not None and outcome.citation is not None:
        text = f"{text} {outcome.citation}"
    status = "completed" if is_complete else "incomplete"
    return items + [
        payloads.output_message(payloads.new_id("msg"), text, refusal=outcome.refusal, status=status)
        for _ in range(outcome.copies)
    ]
