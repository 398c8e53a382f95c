"""Reply: the model's text made into what WhatsApp accepts."""

import re
from collections.abc import Iterator
from itertools import islice

from core.characters import is_broken, is_visible
from core.content_variables import broken_output, content_variables, units
from core.conversation import Mode, Reply, Usage
from core.errors import ReplyError
from core.leftovers import without_citations, without_thoughts

MAX_PART_UNITS = 1500
"""Most UTF-16 units of a free-form part. Twilio's limit is 1,600 characters, counted in a unit it does not name."""

BYTE_ORDER_MARK = "\ufeff"

MAX_REPLY_BYTES = 48 * 1024
"""Longest reply that is looked at, in UTF-8: more than ten full parts, and the record has room for it."""

_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_SENTENCE = re.compile(r"(?:(?<=[.!?\u2026])|(?<=[.!?\u2026][\"')\]\u2019\u201d]))\s+|(?<=[\u3002\uff01\uff1f])\s*|\n+")
_WORD = re.compile(r"\s+")
_SPACE = re.compile(r"\s*")


def shape_reply(mode: Mode, text: str, usage: Usage, max_parts: int) -> Reply:
    """Make a reply of the model's final text.

    Raises:
        ReplyError: Nothing of the text can be seen, it breaks one of WhatsApp's rules for content variables, it needs
            more than `max_parts` messages, or it is longer than `MAX_REPLY_BYTES`.
        RunFailedError: Its characters are broken, or it should be a JSON object and is not.
    """
    text = without_thoughts(text)
    broken = is_broken(text)
    text = text.strip().strip(BYTE_ORDER_MARK)
    if len(text) > MAX_REPLY_BYTES or len(text.encode(errors="surrogatepass")) > MAX_REPLY_BYTES:
        raise ReplyError(f"the reply is longer than {MAX_REPLY_BYTES // 1024} KiB", code="reply_too_long")
    if mode is Mode.FREE_FORM:
        text = without_citations(text)
    if not is_visible(text) and not broken:
        raise ReplyError("the model's output is empty", code="openai_empty_output")
    if mode is Mode.TEMPLATE:
        return Reply(mode, (content_variables(text),), usage)
    if broken:
        raise broken_output("the model's output")
    return Reply(mode, tuple(part for part in split_text(text, max_parts) if is_visible(part)), usage)


def split_text(text: str, max_parts: int) -> list[str]:
    """Split a text into parts that fit into one message each: at paragraphs, else sentences, else words.

    A grapheme is never split. Parts are cut tighter where good places to cut would make too many of them.

    Raises:
        ReplyError: It needs more than `max_parts` messages.
    """
    text = text.replace("\r\n", "\n").strip()
    for tight in (False, True):
        parts = list(islice(_cut(text, tight=tight), max_parts + 1))  # the rest is not cut: it may be very long
        if len(parts) <= max_parts:
            return parts
    raise ReplyError(
        f"the reply needs more than the {max_parts} messages of {MAX_PART_UNITS} characters that are allowed",
        code="reply_too_long",
    )


def _cut(text: str, *, tight: bool) -> Iterator[str]:
    while (window := _fitting(text)) < len(text):
        end, start = _best_break(text, window, tight=tight)
        yield text[:end]
        text = text[start:]
    yield text


def _best_break(text: str, window: int, *, tight: bool) -> tuple[int, int]:
    """Return where the first part ends and where the next one starts."""
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
    end = _SPACE.match(text, window).end() + 1  # type: ignore[union-attr]  # it always matches
    found = pattern.finditer(text, after, end)  # no further: each part would search all that follows it
    spans = [match.span() for match in found if after < match.start() <= window and match.end() < len(text)]
    return next((span for span in reversed(spans) if all(_is_boundary(text, at) for at in span)), None)


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
    for match in regex.finditer(r"\X", text, endpos=window + 1):  # the next character tells whether one ends there
        if match.end() > window:
            break
        end = match.end()
    if end == 0:
        raise ReplyError("the reply has a character that is longer than a message", code="reply_too_long")
    return end, end
