"""Reply: the model's text made into what WhatsApp accepts."""

import json
import re
from collections.abc import Iterator
from typing import Any

from core.conversation import Mode, Reply, Usage
from core.errors import ReplyError, RunFailedError

MAX_PART_UNITS = 1500
"""Most UTF-16 units of a free-form part. Twilio's limit is 1,600 characters, counted in a unit it does not name."""

MAX_VARIABLE_UNITS = 1600
MAX_VARIABLES = 100
"""Source: Twilio, "Using variables with Content API": 100 variables of up to 1,600 characters."""

_VARIABLE_NAME = re.compile(r"[A-Za-z0-9_]{1,16}")
_FENCE = re.compile(r"\A```[A-Za-z]*\n(.*?)\n?```\Z", re.DOTALL)
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_SENTENCE = re.compile(r"(?:(?<=[.!?\u2026])|(?<=[.!?\u2026][\"')\]\u2019\u201d]))\s+|(?<=[\u3002\uff01\uff1f])\s*|\n+")
_WORD = re.compile(r"\s+")


def shape_reply(mode: Mode, text: str, usage: Usage, max_parts: int) -> Reply:
    """Make a reply of the model's final text.

    Raises:
        ReplyError: The text is empty, breaks one of WhatsApp's rules for content variables, or needs more than
            `max_parts` messages.
        RunFailedError: It should be a JSON object and is not.
    """
    if not text.strip():
        raise ReplyError("the model's output is empty", code="openai_empty_output")
    if mode is Mode.TEMPLATE:
        return Reply(mode, (content_variables(text),), usage)
    return Reply(mode, tuple(split_text(text, max_parts)), usage)


def content_variables(text: str) -> str:
    """Return the content variables in `text` as one canonical JSON object of strings.

    Raises:
        RunFailedError: It is not a JSON object; another run may do better.
        ReplyError: A variable breaks a rule; it is named, its value is not.
    """
    data = _json_object(text)
    if isinstance(data.get("content_variables"), dict):
        data = data["content_variables"]
    if not data or len(data) > MAX_VARIABLES:
        raise ReplyError(
            f"the reply must have 1 to {MAX_VARIABLES} content variables, it has {len(data)}",
            code="reply_variables_count",
        )
    cleaned = {name: _clean(name, value) for name, value in data.items()}
    return json.dumps(cleaned, ensure_ascii=False, sort_keys=True)


def _json_object(text: str) -> dict[str, Any]:
    fenced = _FENCE.match(text.strip())
    try:
        data = json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise RunFailedError("the model's output is not a JSON object of content variables", code="openai_invalid_json")
    return data


def _clean(name: str, value: object) -> str:
    if not _VARIABLE_NAME.fullmatch(name):
        raise ReplyError("the name of a content variable must be 1 to 16 letters or digits", code="reply_variable_name")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        raise ReplyError(f"content variable {name} is empty", code="reply_variable_empty")
    if not isinstance(value, str):
        raise ReplyError(f"content variable {name} is not a text", code="reply_variable_type")
    value = " ".join(value.split())
    if not value:
        raise ReplyError(f"content variable {name} is empty", code="reply_variable_empty")
    if not _is_unicode(value):
        raise ReplyError(f"content variable {name} holds half a character", code="reply_variable_type")
    if units(value) > MAX_VARIABLE_UNITS:
        raise ReplyError(
            f"content variable {name} is longer than {MAX_VARIABLE_UNITS} characters",
            code="reply_variable_length",
        )
    return value


def split_text(text: str, max_parts: int) -> list[str]:
    """Split a text into parts that fit into one message each: at paragraphs, else sentences, else words.

    A grapheme is never split. Parts are cut tighter where good places to cut would make too many of them.

    Raises:
        ReplyError: It needs more than `max_parts` messages.
    """
    text = text.replace("\r\n", "\n").strip()
    if not _is_unicode(text):
        raise ReplyError("the model's output holds half a character", code="reply_unusable")
    parts = list(_cut(text, tight=False))
    if len(parts) > max_parts:
        parts = list(_cut(text, tight=True))
    if len(parts) > max_parts:
        raise ReplyError(
            f"the reply needs {len(parts)} messages of {MAX_PART_UNITS} characters, {max_parts} are allowed",
            code="reply_too_long",
        )
    return parts


def units(text: str) -> int:
    """Return the length of `text` in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, *, tight: bool) -> Iterator[str]:
    while units(text) > MAX_PART_UNITS:
        end, start = _best_break(text, tight=tight)
        yield text[:end]
        text = text[start:]
    yield text


def _best_break(text: str, *, tight: bool) -> tuple[int, int]:
    """Return where the first part ends and where the next one starts."""
    window = _fitting(text)
    if not tight:
        for pattern in (_PARAGRAPH, _SENTENCE, _WORD):
            if found := _last_break(pattern, text, window // 2, window):
                return found
    return _last_break(_WORD, text, 0, window) or _grapheme_break(text, window)


def _fitting(text: str) -> int:
    """Return how many characters of `text` fit into a part."""
    count = min(len(text), MAX_PART_UNITS)
    while (excess := units(text[:count]) - MAX_PART_UNITS) > 0:
        count -= (excess + 1) // 2
    return count


def _last_break(pattern: re.Pattern[str], text: str, after: int, window: int) -> tuple[int, int] | None:
    last = None
    for match in pattern.finditer(text, after):
        if match.start() > window:
            break
        if after < match.start() and match.end() < len(text) and all(_is_boundary(text, at) for at in match.span()):
            last = match.span()
    return last


def _is_boundary(text: str, index: int) -> bool:
    """Whether a grapheme ends before `index`, which is beside white space or the end of a sentence.

    There, two characters decide: nothing before them can join them.
    """
    import regex  # noqa: PLC0415 - 10 ms that only a long text is worth

    first = regex.match(r"\X", text, pos=index - 1, endpos=index + 1)
    return first is not None and first.end() == index


def _grapheme_break(text: str, window: int) -> tuple[int, int]:
    import regex  # noqa: PLC0415

    end = 0
    for match in regex.finditer(r"\X", text):
        if match.end() > window:
            break
        end = match.end()
    if end == 0:
        raise ReplyError("the reply has a character that is longer than a message", code="reply_too_long")
    return end, end


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
