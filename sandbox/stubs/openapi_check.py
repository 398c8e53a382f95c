"""Holds recorded traffic to the vendors' OpenAPI documents."""

import copy
import json
import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.templating.responses.exceptions import ResponseNotFound
from openapi_core.testing import MockRequest, MockResponse
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue
from werkzeug.datastructures import Headers, ImmutableMultiDict

from sandbox.stubs.journal import Exchange

FOLDER = Path(__file__).parents[1] / "openapi"

DOCUMENTS = {
    "twilio": "twilio_messages_v2010.json",
    "assistants": "openai_assistants_v2.json",
    "responses": "openai_responses_conversations.json",
}

_MODEL = {
    "type": "object",
    "required": ["id", "object", "created", "owned_by"],
    "properties": {
        "id": {"type": "string"},
        "object": {"type": "string", "enum": ["model"]},
        "created": {"type": "integer"},
        "owned_by": {"type": "string"},
    },
}
_MODELS = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {"object": {"type": "string", "enum": ["list"]}, "data": {"type": "array", "items": _MODEL}},
}
_LIST_MODELS = {
    "get": {
        "operationId": "listModels",
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": _MODELS}}}},
    }
}
"""`GET /models`, which the snapshot leaves out. Source: openai-python, `types/model.py`."""

_TEXT = {"type": "string"}
_FOUND = {"type": "object", "required": ["flagged"], "properties": {"flagged": {"type": "boolean"}}}
_MODERATION = {
    "type": "object",
    "required": ["id", "model", "results"],
    "properties": {"id": _TEXT, "model": _TEXT, "results": {"type": "array", "items": _FOUND}},
}
_MODERATE = {
    "post": {
        "operationId": "createModeration",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["input"],
                        "properties": {"model": _TEXT, "input": _TEXT},
                        "additionalProperties": False,
                    }
                }
            },
        },
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": _MODERATION}}}},
    }
}
"""`POST /moderations`, left out too. Source: openai-python, `types/moderation_create_params.py`."""

_ORIGIN = "http://stub"
_MAX_FAULT_CHARACTERS = 400


def validate_journal(journal: Iterable[Exchange]) -> list[str]:
    """Return every way in which the recorded traffic departs from the documents; empty is good.

    Requests are checked unless the stub refused them itself. Answers are checked where the documents specify their
    status (error bodies other than 429 and a few 404 they do not), unless a script gave the body.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the vendors deprecate, and openapi-core says so
        return [
            f"#{exchange.number} {exchange.method} {exchange.path} ({exchange.status}): {fault}"
            for exchange in journal
            for fault in _faults(exchange)
        ]


def _faults(exchange: Exchange) -> Iterator[str]:
    vendor, _, rest = exchange.operation.partition(".")
    if rest in ("", "unknown"):
        yield "no such operation"
        return
    area = rest.split(".")[0]
    name = "twilio" if vendor == "twilio" else "assistants" if area == "threads" else "responses"
    document = _load(FOLDER / DOCUMENTS[name])
    request = _request(exchange)
    is_refused = exchange.fault is None and exchange.status is not None and exchange.status >= 400
    if exchange.authorized and not is_refused:
        for fault in document.iter_request_errors(request):
            yield f"request: {_describe(fault)}"
    if exchange.status is None or exchange.scripted:
        return
    answer = MockResponse(
        exchange.answer_body.encode(),
        exchange.status,
        dict(exchange.answer_headers),
        exchange.answer_headers.get("content-type", ""),
    )
    for fault in document.iter_response_errors(request, answer):
        if exchange.status < 400 or not isinstance(fault, ResponseNotFound):
            yield f"answer: {_describe(fault)}"


def _request(exchange: Exchange) -> MockRequest:
    path = exchange.path.removeprefix("/v1")
    request = MockRequest(
        _ORIGIN,
        exchange.method,
        path,
        data=exchange.body.encode() or None,
        content_type=exchange.headers.get("content-type", ""),
    )
    # The credentials were taken out; the documents only ask that there are some.
    scheme = "Basic YTpi" if exchange.operation.startswith("twilio.") else "Bearer removed"
    request.parameters = RequestParameters(
        query=ImmutableMultiDict(list(exchange.query.items())),
        header=Headers({**exchange.headers, "authorization": scheme}),
    )
    return request


@lru_cache(maxsize=8)
def _load(path: Path) -> OpenAPI:
    document = json.loads(path.read_text(encoding="utf-8"))
    document["servers"] = [{"url": _ORIGIN}]
    for item in document["paths"].values():
        item.pop("servers", None)
    return OpenAPI.from_dict(_amend(document))


def _amend(document: dict[str, Any]) -> dict[str, Any]:
    """Bring the OpenAI snapshot in line with what its API does today.

    Codes and reasons added since; a longer `safety_identifier`; and the 404 that the document shows without its
    `error` object, which the API does wrap like every other error. The list of models, and the moderation.
    """
    amended = copy.deepcopy(document)
    schemas = amended["components"]["schemas"]
    for values, newer in _enums(schemas):
        values += [value for value in newer if value not in values]
    properties = schemas.get("ModelResponseProperties", {}).get("properties", {})
    for choice in properties.get("safety_identifier", {}).get("anyOf", ()):
        if "maxLength" in choice:
            choice["maxLength"] = 128
    for item in amended["paths"].values():
        for operation in item.values():
            not_found = operation.get("responses", {}).get("404") if isinstance(operation, dict) else None
            if not_found and "content" in not_found:
                not_found["content"]["application/json"]["schema"] = {"$ref": "#/components/schemas/ErrorResponse"}
    if "/responses" in amended["paths"]:
        amended["paths"].setdefault("/models", _LIST_MODELS)
        amended["paths"].setdefault("/moderations", _MODERATE)
    return amended


def _enums(schemas: dict[str, Any]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield enumerations of the snapshot with the values that have been added since."""
    if "ResponseErrorCode" in schemas:
        yield schemas["ResponseErrorCode"]["enum"], ["misalignment_policy_violation"]
    for part in schemas.get("Response", {}).get("allOf", ()):
        for choice in part.get("properties", {}).get("incomplete_details", {}).get("anyOf", ()):
            if "properties" in choice:
                yield choice["properties"]["reason"]["enum"], ["max_messages", "steered"]


def _describe(fault: BaseException) -> str:
    """Return what is wrong, with the innermost reasons."""
    reasons = []
    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, InvalidSchemaValue):
            reasons += [_describe_error(error) for error in cause.schema_errors]
        cause = cause.__cause__ or cause.__context__
    text = "; ".join(reasons) or str(fault) or type(fault).__name__
    return text if len(text) <= _MAX_FAULT_CHARACTERS else text[:_MAX_FAULT_CHARACTERS] + " ..."


def _describe_error(error: Exception) -> str:
    place = "/".join(map(str, getattr(error, "absolute_path", ())))
    return f"{place or 'body'}: {getattr(error, 'message', error)}"
