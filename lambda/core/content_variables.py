"""Content variables: the values of an approved template, read from what the model wrote."""

import json
import re
from json import JSONDecodeError, JSONDecoder
from typing import Any

from core.characters import is_broken, is_visible
from core.errors import ReplyError, RunFailedError
from core.leftovers import without_citations

MAX_VARIABLE_UNITS = 1600
MAX_VARIABLES = 100
"""Source: Twilio, "Using variables with Content API": 100 variables of up to 1,600 characters."""

MAX_TEMPLATE_UNITS = 1024
"""A longer template is accepted and then dropped. Source: Twilio, "Error 63021"."""

_NAME = re.compile(r"[A-Za-z0-9_]{1,16}")
_OBJECT_START = re.compile(r"\{(?=\s*[\"}])")
_decoder = JSONDecoder(strict=False)


def content_variables(text: str) -> str:
    """Return the content variables in `text` as one canonical JSON object of strings; it may have none.

    Raises:
        RunFailedError: There is no JSON object, or a value is broken; another run may do better.
        ReplyError: A variable breaks a rule; it is named, its value is not.
    """
    data = _json_object(text)
    if isinstance(data.get("content_variables"), dict):
        data = data["content_variables"]
    if len(data) > MAX_VARIABLES:
        raise ReplyError(
            f"the reply may have up to {MAX_VARIABLES} content variables, it has {len(data)}",
            code="reply_variables_count",
        )
    cleaned = {name: _clean(name, value) for name, value in data.items()}
    if (length := sum(map(units, cleaned.values()))) > MAX_TEMPLATE_UNITS:
        raise ReplyError(
            f"the content variables have {length} characters in all, WhatsApp takes {MAX_TEMPLATE_UNITS}",
            code="reply_template_length",
        )
    return json.dumps(cleaned, ensure_ascii=False, sort_keys=True)


def units(text: str) -> int:
    """Return the length of `text` in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def broken_output(what: str) -> RunFailedError:
    """Return the error for output that is never sent and never repaired: the model is asked again."""
    return RunFailedError(f"{what} has a control character, or a part of a character", code="reply_broken_characters")


def _json_object(text: str) -> dict[str, Any]:
    """Return the one object in `text`; a fence, prose around it and the same object again do not matter."""
    try:
        data = _decoder.decode(text)
    except (ValueError, RecursionError):
        data = _embedded_object(text)
    if not isinstance(data, dict):
        raise RunFailedError("the model's output is not a JSON object of content variables", code="openai_invalid_json")
    return data


def _embedded_object(text: str) -> object:
    """Return the object that stands in prose; None where it is cut off, in a list, or one of several."""
    found, end = None, 0
    while start := _OBJECT_START.search(text, end):
        before = text[end : start.start()]
        try:
            data, end = _decoder.raw_decode(text, start.start())
        except (JSONDecodeError, ValueError, RecursionError):
            return None
        if before.rstrip().endswith("[") or found not in (None, data):
            return None
        found = data
    return found


def _clean(name: str, value: object) -> str:
    if is_broken(name):
        raise broken_output("the name of a content variable")
    if not _NAME.fullmatch(name):
        raise ReplyError("the name of a content variable must be 1 to 16 letters or digits", code="reply_variable_name")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None:
        raise ReplyError(f"content variable {name} is empty", code="reply_variable_empty")
    if not isinstance(value, str):
        raise ReplyError(f"content variable {name} is not a string", code="reply_variable_type")
    if is_broken(value):
        raise broken_output(f"content variable {name}")
    value = " ".join(without_citations(value).split())
    if not is_visible(value):
        raise ReplyError(f"content variable {name} is empty", code="reply_variable_empty")
    if units(value) > MAX_VARIABLE_UNITS:
        raise ReplyError(
            f"content variable {name} is longer than {MAX_VARIABLE_UNITS} characters",
            code="reply_variable_length",
        )
    return value
