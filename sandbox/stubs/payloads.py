"""The shapes of the vendors' answers, in one place.

Sources: Twilio's and OpenAI's OpenAPI documents (see `openapi_check.py`, which holds the stubs to them), and
for error bodies, which those leave out, the vendors' error references and their SDKs.
"""

import secrets
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from typing import Any

JsonObject = dict[str, Any]


def new_id(prefix: str, characters: int = 48) -> str:
    """Return an id as OpenAI makes them, for example `resp_68f0...`."""
    return f"{prefix}_{secrets.token_hex(characters // 2)}"


# --- OpenAI: models ---


def models(names: Sequence[str]) -> JsonObject:
    """Build the list of models."""
    created_at = 1_790_000_000
    listed = [{"id": name, "object": "model", "created": created_at, "owned_by": "openai"} for name in names]
    return {"object": "list", "data": listed}


def moderation(*, flagged: bool) -> JsonObject:
    """Build a moderation's answer. Source: openai-python, `types/moderation_create_response.py`."""
    result = {
        "flagged": flagged,
        "categories": {"harassment": flagged},
        "category_scores": {"harassment": 0.0 + flagged},
    }
    return {"id": new_id("modr"), "model": "omni-moderation-latest", "results": [result]}


# --- OpenAI: Responses and Conversations ---


def response(
    request: Mapping[str, Any],
    *,
    response_id: str,
    created_at: float,
    status: str,
    output: Sequence[JsonObject],
    completed_at: float | None = None,
    error: JsonObject | None = None,
    incomplete_reason: str | None = None,
    usage: JsonObject | None = None,
) -> JsonObject:
    """Build a response; what the caller asked for is echoed, with the defaults filled in."""
    conversation = conversation_id(request)
    built: JsonObject = {
        "id": response_id,
        "object": "response",
        "created_at": int(created_at),
        "completed_at": None if completed_at is None else int(completed_at),
        "status": status,
        "background": bool(request.get("background")),
        "error": error,
        "incomplete_details": None if incomplete_reason is None else {"reason": incomplete_reason},
        "instructions": request.get("instructions"),
        "max_output_tokens": request.get("max_output_tokens"),
        "metadata": request.get("metadata") or {},
        "model": request["model"],
        "output": list(output),
        "parallel_tool_calls": request.get("parallel_tool_calls", True),
        "previous_response_id": request.get("previous_response_id"),
        "prompt_cache_key": request.get("prompt_cache_key"),
        "reasoning": {"effort": None, "summary": None} | (request.get("reasoning") or {}),
        "safety_identifier": request.get("safety_identifier"),
        "service_tier": "default",
        "store": request.get("store", True) is not False,
        "temperature": request.get("temperature") or 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"} | (request.get("text") or {}),
        "tool_choice": "auto",
        "tools": [],
        "top_p": request.get("top_p") or 1.0,
        "truncation": request.get("truncation") or "disabled",
    }
    if conversation is not None:
        built["conversation"] = {"id": conversation}
    if usage is not None:
        built["usage"] = usage
    return built


def conversation_id(request: Mapping[str, Any]) -> str | None:
    """Return the conversation a request names, either way of naming it."""
    given = request.get("conversation")
    return given.get("id") if isinstance(given, Mapping) else given


def output_message(
    message_id: str,
    text: str | None,
    *,
    refusal: str | None = None,
    phase: str = "final_answer",
    status: str = "completed",
) -> JsonObject:
    part: JsonObject = (
        {"type": "refusal", "refusal": refusal}
        if refusal is not None
        else {"type": "output_text", "text": text or "", "annotations": [], "logprobs": []}
    )
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "status": status,
        "phase": phase,
        "content": [part],
    }


def reasoning_item(item_id: str) -> JsonObject:
    return {"id": item_id, "type": "reasoning", "summary": []}


def input_item(item_id: str, given: Mapping[str, Any]) -> JsonObject:
    """Build a stored item from an input item; a message's plain text becomes a content part."""
    if given.get("type", "message") != "message":
        return {**given, "id": item_id}
    role, content = given.get("role", "user"), given.get("content")
    if isinstance(content, str):
        content = (
            [{"type": "output_text", "text": content, "annotations": [], "logprobs": []}]
            if role == "assistant"
            else [{"type": "input_text", "text": content}]
        )
    return {"id": item_id, "type": "message", "role": role, "status": "completed", "content": content or []}


def response_usage(tokens_in: int, tokens_out: int, tokens_reasoning: int) -> JsonObject:
    return {
        "input_tokens": tokens_in,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": tokens_out,
        "output_tokens_details": {"reasoning_tokens": tokens_reasoning},
        "total_tokens": tokens_in + tokens_out,
    }


def conversation(conversation_id: str, created_at: float, metadata: Mapping[str, str]) -> JsonObject:
    return {
        "id": conversation_id,
        "object": "conversation",
        "created_at": int(created_at),
        "metadata": dict(metadata),
    }


def listing(data: Sequence[JsonObject], *, has_more: bool) -> JsonObject:
    """Build a page. By the documents `first_id` and `last_id` are strings: empty on an empty page."""
    return {
        "object": "list",
        "data": list(data),
        "first_id": data[0]["id"] if data else "",
        "last_id": data[-1]["id"] if data else "",
        "has_more": has_more,
    }


def deleted(object_id: str, kind: str) -> JsonObject:
    return {"id": object_id, "object": f"{kind}.deleted", "deleted": True}


# --- OpenAI: Assistants v2 ---


def thread(thread_id: str, created_at: float, request: Mapping[str, Any]) -> JsonObject:
    return {
        "id": thread_id,
        "object": "thread",
        "created_at": int(created_at),
        "metadata": request.get("metadata") or {},
        "tool_resources": request.get("tool_resources") or {},
    }


def thread_message(
    message_id: str,
    thread_id: str,
    created_at: float,
    *,
    role: str,
    content: Sequence[JsonObject],
    metadata: Mapping[str, str] | None = None,
    run_id: str | None = None,
    assistant_id: str | None = None,
    incomplete_reason: str | None = None,
) -> JsonObject:
    moment = int(created_at)
    is_complete = incomplete_reason is None
    return {
        "id": message_id,
        "object": "thread.message",
        "created_at": moment,
        "thread_id": thread_id,
        "status": "completed" if is_complete else "incomplete",
        "incomplete_details": None if is_complete else {"reason": incomplete_reason},
        "completed_at": moment if is_complete else None,
        "incomplete_at": None if is_complete else moment,
        "role": role,
        "content": list(content),
        "assistant_id": assistant_id,
        "run_id": run_id,
        "attachments": [],
        "metadata": dict(metadata or {}),
    }


def text_content(value: str, citation: str | None = None) -> JsonObject:
    if citation is None:
        return {"type": "text", "text": {"value": value, "annotations": []}}
    cited = f"{value} {citation}"
    annotation = {
        "type": "file_citation",
        "text": citation,
        "file_citation": {"file_id": "file-1"},
        "start_index": len(value) + 1,
        "end_index": len(cited),
    }
    return {"type": "text", "text": {"value": cited, "annotations": [annotation]}}


def refusal_content(refusal: str) -> JsonObject:
    return {"type": "refusal", "refusal": refusal}


def run(
    request: Mapping[str, Any],
    assistant: Mapping[str, Any],
    *,
    run_id: str,
    thread_id: str,
    created_at: float,
    expires_at: float,
    status: str,
    ended_at: float | None = None,
    last_error: JsonObject | None = None,
    incomplete_reason: str | None = None,
    required_action: JsonObject | None = None,
    usage: JsonObject | None = None,
) -> JsonObject:
    """Build a run; what the caller did not ask for comes from the assistant."""
    ended = None if ended_at is None else int(ended_at)
    is_waiting = status in ("queued", "in_progress", "requires_action")
    return {
        "id": run_id,
        "object": "thread.run",
        "created_at": int(created_at),
        "thread_id": thread_id,
        "assistant_id": assistant["id"],
        "status": status,
        "started_at": None if status == "queued" else int(created_at),
        "expires_at": int(expires_at) if is_waiting else None,
        "cancelled_at": ended if status == "cancelled" else None,
        "failed_at": ended if status == "failed" else None,
        "completed_at": ended if status in ("completed", "incomplete") else None,
        "required_action": required_action,
        "last_error": last_error,
        "incomplete_details": None if incomplete_reason is None else {"reason": incomplete_reason},
        "model": request.get("model") or assistant["model"],
        "instructions": request.get("instructions") or "",
        "tools": request.get("tools") or [],
        "metadata": request.get("metadata") or {},
        "usage": usage,
        "temperature": request.get("temperature") or 1.0,
        "top_p": request.get("top_p") or 1.0,
        "max_prompt_tokens": request.get("max_prompt_tokens"),
        "max_completion_tokens": request.get("max_completion_tokens"),
        "truncation_strategy": request.get("truncation_strategy") or {"type": "auto", "last_messages": None},
        "tool_choice": request.get("tool_choice") or "auto",
        "parallel_tool_calls": request.get("parallel_tool_calls", True),
        "response_format": request.get("response_format") or "auto",
    }


def tool_call(call_id: str, name: str) -> JsonObject:
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}
    return {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": [call]}}


def run_usage(tokens_in: int, tokens_out: int) -> JsonObject:
    return {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
    }


def openai_headers() -> dict[str, str]:
    """Return the headers of every answer."""
    return {"openai-version": "2020-10-01", "x-request-id": f"req_{secrets.token_hex(16)}"}


# --- OpenAI: errors ---


def openai_error(
    message: str, *, type_: str = "invalid_request_error", param: str | None = None, code: str | None = None
) -> JsonObject:
    return {"error": {"message": message, "type": type_, "param": param, "code": code}}


def openai_wrong_key(key: str | None) -> JsonObject:
    """Return the body of a 401; it shows a key only in part."""
    if key is None:
        return openai_error(
            "You didn't provide an API key. You need to provide your API key in an Authorization header using"
            " Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
        )
    shown = f"{key[:3]}{'*' * 8}{key[-4:]}" if len(key) > 12 else "*" * 8
    return openai_error(
        f"Incorrect API key provided: {shown}. You can find your API key at"
        " https://platform.openai.com/account/api-keys.",
        code="invalid_api_key",
    )


_OPENAI_BY_STATUS: dict[int, tuple[str, str, str | None]] = {
    401: ("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    403: (
        "You are not allowed to use this resource.",
        "invalid_request_error",
        "unsupported_country_region_territory",
    ),
    404: ("Not found.", "invalid_request_error", None),
    408: ("Request timed out.", "invalid_request_error", None),
    409: ("Conflict.", "invalid_request_error", None),
    429: ("Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
    500: ("The server had an error while processing your request.", "server_error", "server_error"),
    503: ("The server is overloaded. Try again later.", "service_unavailable_error", "server_is_overloaded"),
}


def usual_openai_error(status: int) -> JsonObject:
    """Return the error body that usually comes with a status."""
    fallback = "server_error" if status >= 500 else "invalid_request_error"
    message, type_, code = _OPENAI_BY_STATUS.get(status, ("Something went wrong.", fallback, None))
    return openai_error(message, type_=type_, code=code)


# --- Twilio ---


def twilio_message(
    *,
    sid: str,
    account_sid: str,
    to: str,
    from_: str | None,
    body: str,
    status: str,
    created_at: float,
    updated_at: float,
    sent_at: float | None,
    messaging_service_sid: str | None,
    num_media: int = 0,
    error_code: int | None = None,
    error_message: str | None = None,
) -> JsonObject:
    uri = f"/2010-04-01/Accounts/{account_sid}/Messages/{sid}"
    return {
        "account_sid": account_sid,
        "api_version": "2010-04-01",
        "body": body,
        "date_created": rfc_2822(created_at),
        "date_sent": None if sent_at is None else rfc_2822(sent_at),
        "date_updated": rfc_2822(updated_at),
        "direction": "outbound-api",
        "error_code": error_code,
        "error_message": error_message,
        "from": from_,
        "messaging_service_sid": messaging_service_sid,
        "num_media": str(num_media),
        "num_segments": "1",
        "price": None,
        "price_unit": None,
        "sid": sid,
        "status": status,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": to,
        "uri": f"{uri}.json",
    }


def twilio_headers() -> dict[str, str]:
    """Return the headers of every answer."""
    return {"twilio-concurrent-requests": "1", "twilio-request-id": f"RQ{secrets.token_hex(16)}"}


def twilio_page(
    messages: Sequence[JsonObject],
    *,
    page: int,
    page_size: int,
    start: int,
    uri: str,
    first_uri: str,
    next_uri: str | None,
    previous_uri: str | None,
) -> JsonObject:
    return {
        "end": start + max(len(messages) - 1, 0),
        "first_page_uri": first_uri,
        "next_page_uri": next_uri,
        "page": page,
        "page_size": page_size,
        "previous_page_uri": previous_uri,
        "messages": list(messages),
        "start": start,
        "uri": uri,
    }


def twilio_error(status: int, code: int, message: str) -> JsonObject:
    return {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }


_TWILIO_BY_STATUS = {
    401: (20003, "Authenticate"),
    403: (20403, "Forbidden"),
    404: (20404, "The requested resource was not found"),
    429: (20429, "Too Many Requests"),
    500: (20500, "An internal server error has occurred"),
    503: (20503, "Service is unavailable. Please try again."),
}


def usual_twilio_error(status: int) -> JsonObject:
    """Return the error body that usually comes with a status."""
    code, message = _TWILIO_BY_STATUS.get(status, (20001, "Something went wrong"))
    return twilio_error(status, code, message)


def rfc_2822(epoch_seconds: float) -> str:
    """Return a time as Twilio writes it, in whole seconds: `Sat, 22 Nov 2026 19:32:00 +0000`."""
    return formatdate(int(epoch_seconds), localtime=False).replace("-0000", "+0000")
