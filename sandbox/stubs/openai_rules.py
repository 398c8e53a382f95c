"""What OpenAI checks in a request, with the error bodies it answers.

Sources: OpenAI's error codes guide and structured outputs guide. The wording of messages is close to OpenAI's,
not a contract.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.stubs import payloads
from sandbox.stubs.settings import Settings
from sandbox.stubs.wire import NOT_JSON, Reply, Request

MAX_METADATA_PAIRS = 16
MAX_PAGE = 100
MIN_OUTPUT_TOKENS = 16

_FORMAT_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RESPONSE_PARAMETERS = frozenset(
    {
        "background",
        "background_options",
        "context_management",
        "conversation",
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "model",
        "moderation",
        "parallel_tool_calls",
        "previous_response_id",
        "prompt",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    }
)
_SAMPLING = ("temperature", "top_p", "top_logprobs")


class OpenAIRefusal(Exception):  # noqa: N818 - an answer of the vendor, not an error of the stub
    """OpenAI refuses the request."""

    def __init__(self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None) -> None:
        self.message = message
        self.status = status
        self.param = param
        self.code = code
        super().__init__(message)

    def reply(self) -> Reply:
        return Reply.of_json(payloads.openai_error(self.message, param=self.param, code=self.code), status=self.status)


def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request; no body at all counts as an empty one."""
    if request.json is None and not request.body:
        return {}
    if request.json is NOT_JSON or not isinstance(request.json, dict):
        raise OpenAIRefusal(
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your"
            " HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid"
            " JSON.)"
        )
    return request.json


def require(body: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if body.get(name) in (None, ""):
            raise OpenAIRefusal(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")


def check_metadata(body: Mapping[str, Any]) -> None:
    metadata = body.get("metadata") or {}
    if not isinstance(metadata, dict) or len(metadata) > MAX_METADATA_PAIRS:
        raise OpenAIRefusal(
            f"Invalid 'metadata': expected an object with at most {MAX_METADATA_PAIRS} properties.",
            param="metadata",
            code="object_above_max_properties",
        )
    for name, value in metadata.items():
        if len(name) > 64 or not isinstance(value, str) or len(value) > 512:
            raise OpenAIRefusal(
                f"Invalid 'metadata.{name[:64]}': keys have at most 64 characters, values are strings of at most 512.",
                param=f"metadata.{name[:64]}",
                code="string_above_max_length",
            )


def check_create_response(body: Mapping[str, Any]) -> None:
    """Check everything that does not depend on what is stored."""
    for name in body:
        if name not in _RESPONSE_PARAMETERS:
            raise OpenAIRefusal(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    require(body, "model", "input")
    check_metadata(body)
    if body.get("stream"):
        raise OpenAIRefusal("This stub does not stream.", param="stream", code="unsupported_value")
    if body.get("conversation") is not None and body.get("previous_response_id") is not None:
        raise OpenAIRefusal(
            "Mutually exclusive parameters: 'previous_response_id' and 'conversation'.",
            param="previous_response_id",
            code="mutually_exclusive_parameters",
        )
    _check_sampling(body)
    tokens = body.get("max_output_tokens")
    if tokens is not None and tokens < MIN_OUTPUT_TOKENS:
        raise OpenAIRefusal(
            "Invalid 'max_output_tokens': integer below minimum value. Expected a value >="
            f" {MIN_OUTPUT_TOKENS}, but got {tokens} instead.",
            param="max_output_tokens",
            code="integer_below_min_value",
        )
    _check_format((body.get("text") or {}).get("format") or {}, body["input"])


def _check_sampling(body: Mapping[str, Any]) -> None:
    """Refuse sampling parameters that a reasoning model does not take."""
    if not str(body["model"]).startswith("gpt-6") or (body.get("reasoning") or {}).get("effort") == "none":
        return
    for name in _SAMPLING:
        if body.get(name) is not None:
            raise OpenAIRefusal(
                f"Unsupported parameter: '{name}' is not supported with this model.",
                param=name,
                code="unsupported_parameter",
            )


def _check_format(format_: Mapping[str, Any], given: Any) -> None:
    kind = format_.get("type", "text")
    if kind == "json_object" and "json" not in input_text(given).lower():
        raise OpenAIRefusal(
            "Response input messages must contain the word 'json' in some form to use 'text.format' of type"
            " 'json_object'.",
            param="input",
        )
    if kind != "json_schema":
        return
    if not _FORMAT_NAME.fullmatch(str(format_.get("name", ""))):
        raise OpenAIRefusal(
            "Invalid 'text.format.name': expected 1 to 64 letters, digits, underscores or dashes.",
            param="text.format.name",
            code="invalid_value",
        )
    if not isinstance(format_.get("schema"), dict):
        raise OpenAIRefusal(
            "Missing required parameter: 'text.format.schema'.",
            param="text.format.schema",
            code="missing_required_parameter",
        )
    if format_.get("strict") and (fault := strict_schema_fault(format_["schema"])):
        raise OpenAIRefusal(
            f"Invalid schema for response_format '{format_['name']}': {fault}",
            param="text.format.schema",
            code="invalid_json_schema",
        )


def strict_schema_fault(schema: Any, context: tuple[str, ...] = ()) -> str | None:
    """Return why structured output would refuse a schema, or None.

    The root is an object, every object names all its properties as required and allows no others.
    """
    if not isinstance(schema, dict):
        return f"In context={context}, schema must be an object."
    if not context and schema.get("type") != "object":
        return "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'."
    if schema.get("type") == "object" or "properties" in schema:
        if schema.get("additionalProperties") is not False:
            return f"In context={context}, 'additionalProperties' is required to be supplied and to be false."
        properties = schema.get("properties", {})
        if missing := sorted(set(properties) - set(schema.get("required", ()))):
            return (
                f"In context={context}, 'required' is required to be supplied and to be an array including every"
                f" key in properties. Missing '{missing[0]}'."
            )
    children: list[tuple[str, Any]] = []
    for place in ("properties", "$defs", "definitions"):
        children += [(f"{place}.{name}", child) for name, child in schema.get(place, {}).items()]
    if "items" in schema:
        children.append(("items", schema["items"]))
    children += [(f"anyOf.{number}", child) for number, child in enumerate(schema.get("anyOf", ()))]
    return next((fault for name, child in children if (fault := strict_schema_fault(child, (*context, name)))), None)


def input_items(given: Any) -> list[dict[str, Any]]:
    """Return the input of a response as a list of items."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if isinstance(given, list) and all(isinstance(item, dict) for item in given):
        return given
    raise OpenAIRefusal("Invalid 'input': expected a string or a list of items.", param="input", code="invalid_type")


def input_text(given: Any) -> str:
    """Return all text of an input."""
    return "\n".join(content_text(item.get("content")) for item in input_items(given))


def content_text(content: Any) -> str:
    """Return the text of a message's content: a string, or parts of either API."""
    if isinstance(content, str):
        return content
    texts = []
    for part in content or ():
        text = part.get("text", "")
        texts.append(text["value"] if isinstance(text, dict) else str(text))
    return "\n".join(texts)


def poll_headers(settings: Settings) -> dict[str, str]:
    """Return what asks a polling caller for patience."""
    wish = settings.poll_after_seconds
    return {} if wish is None else {"openai-poll-after-ms": str(round(wish * 1000))}


def page_of(items: Sequence[dict[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    """Return one page of items, which come oldest first; the newest are shown first unless `order=asc`."""
    try:
        limit = int(query.get("limit", "20"))
    except ValueError:
        limit = 0
    order = query.get("order", "desc")
    if not 1 <= limit <= MAX_PAGE or order not in ("asc", "desc"):
        raise OpenAIRefusal(f"Invalid 'limit' or 'order': expected 1 to {MAX_PAGE}, and asc or desc.", param="limit")
    ordered = list(items) if order == "asc" else list(reversed(items))
    ids = [item["id"] for item in ordered]
    first, end = 0, len(ordered)
    if after := query.get("after"):
        first = _position(ids, after, "after") + 1
    if before := query.get("before"):
        end = _position(ids, before, "before")
        first = max(first, end - limit)
    return payloads.listing(ordered[first:end][:limit], has_more=first + limit < end)


def _position(ids: Sequence[str], wanted: str, param: str) -> int:
    try:
        return ids.index(wanted)
    except ValueError:
        raise OpenAIRefusal(f"No item found with id '{wanted}'.", status=404, param=param) from None
