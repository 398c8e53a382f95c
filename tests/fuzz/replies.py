"""Replies: what a model may write, and what must hold of whatever is sent of it."""

import json
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from core.conversation import Mode
from core.reply import MAX_REPLY_BYTES
from tests.fuzz.values import HALVES, Values
from tests.samples.hostile import TEXTS

BROKEN = ["\x00", "\x07", "\x0b", "\x1b", "\x7f", "\x85", "\ufffe", "\U0001ffff", *HALVES]
UNSEEN = ["\u200b", "\u2060", "\ufeff", "\u00ad", "\u3164", "\u2800", "\ufe0f", " ", "\u2003", "\n"]
MARKERS = ["\u30104:0\u2020source\u3011", " \u301012\u2020a.pdf\u3011", "\ue200cite\ue202turn0search0\ue201"]
WORDS = [
    "Hello",
    "Ana",
    "Acme",
    "10%",
    "caf\u00e9",
    "\u4f60\u597d",
    "\U0001f469\u200d\U0001f467",
    "a\u0301",
    "{name}",
    "5 < 6",
]

MAX_PART_UNITS, MAX_TEMPLATE_UNITS, MAX_VARIABLES = 1500, 1024, 100
CODES = {
    "openai_empty_output", "openai_invalid_json", "reply_broken_characters", "reply_template_length", "reply_too_long",
    "reply_variable_empty", "reply_variable_length", "reply_variable_name", "reply_variable_type",
    "reply_variables_count",
}  # fmt: skip
"""Why a reply may not be sent."""

OVERRIDES = "\u202a\u202b\u202c\u202d\u202e"
"""Characters that write text in another direction than it is read in: such a reply goes nowhere."""


@dataclass(frozen=True)
class Written:
    """What the model writes in a case, and what its maker knows of it.

    Attributes:
        sent: The content that must be sent, where that is known.
        code: Why nothing may be sent, where that is known.
    """

    mode: Mode
    text: str
    sent: dict[str, str] | str | None = None
    code: str | None = None


def draw(values: Values) -> Written:
    kinds = [
        plain_template,
        plain_template,
        broken,
        unseen,
        long_template,
        odd_template,
        plain_text,
        odd_text,
        long_text,
        dear,
    ]
    return values.one_of(kinds)(values)


def words(values: Values, most: int = 6) -> str:
    return " ".join(values.one_of(WORDS) for _ in range(1 + values.random.randrange(most)))


def variables(values: Values) -> dict[str, str]:
    return {str(number): words(values) for number in range(1, 2 + values.random.randrange(4))}


def around(values: Values, text: str) -> str:
    """Put around a JSON object what models and servers put there."""
    wrappers: list[Callable[[str], str]] = [
        lambda t: t,
        lambda t: f"```json\n{t}\n```",
        lambda t: f"```json {t}```",
        lambda t: f"```\r\n{t}\r\n```\r\n",
        lambda t: f"\ufeff{t}",
        lambda t: f"Here it is:\n\n{t}\n\nAnything else?",
        lambda t: f'<think>Who is {{this}}? {{"1": "no"}}</think>\n{t}',
        lambda t: f"Let me see.</think>{t}",
        lambda t: f"{t}\n\n{t}",
    ]
    return values.one_of(wrappers)(text)


def plain_template(values: Values) -> Written:
    data = variables(values)
    content: Any = {"content_variables": data} if values.chance(20) else data
    return Written(Mode.TEMPLATE, around(values, values.dumps(content)), sent=data)


def broken(values: Values) -> Written:
    bad = values.one_of(BROKEN)
    if values.chance(50):
        data = variables(values)
        name = values.one_of(sorted(data))
        data[name] = values.one_of([bad + data[name], data[name] + bad, bad])
        return Written(Mode.TEMPLATE, json.dumps(data), code="reply_broken_characters")
    text = words(values)
    return Written(Mode.FREE_FORM, values.one_of([bad + text, text + bad, bad]), code="reply_broken_characters")


def unseen(values: Values) -> Written:
    nothing = "".join(values.one_of(UNSEEN) for _ in range(values.random.randrange(8)))
    if values.chance(50):
        text = json.dumps({**variables(values), "1": nothing})
        return Written(Mode.TEMPLATE, text, code="reply_variable_empty")
    return Written(values.one_of(list(Mode)), nothing, code="openai_empty_output")


def dear(values: Values) -> Written:
    """Return text that takes long to read, unless it is read in one pass or not at all."""
    size = values.one_of([2_000, 5_000, MAX_REPLY_BYTES - 1_000, 128 * 1024])
    return Written(values.one_of(list(Mode)), values.one_of(list(TEXTS.values()))(size))


def long_template(values: Values) -> Written:
    data = {str(number): "x" * 300 for number in range(1, 5)}
    return Written(Mode.TEMPLATE, around(values, json.dumps(data)), code="reply_template_length")


def odd_template(values: Values) -> Written:
    data = {**variables(values), values.one_of(["1", "a b", "", "n" * 17, "name"]): values.json()}
    text = values.dumps(data)
    cut = values.random.randrange(len(text) + 1)
    return Written(Mode.TEMPLATE, values.one_of([text, text[:cut], text[cut:], text + values.text(), f"[{text}]"]))


def plain_text(values: Values) -> Written:
    text = words(values, 40)
    return Written(
        Mode.FREE_FORM, values.one_of([text, f"<think>{values.text()}</think>{text}", f"\ufeff{text}"]), text
    )


def odd_text(values: Values) -> Written:
    pieces = [values.one_of([*WORDS, *MARKERS, *UNSEEN, values.text()]) for _ in range(values.random.randrange(12))]
    return Written(Mode.FREE_FORM, "".join(pieces))


def long_text(values: Values) -> Written:
    piece = values.one_of([*WORDS, *UNSEEN, "Yes. ", "\n\n"])
    return Written(Mode.FREE_FORM, piece * values.random.randrange(1, 3000) + words(values))


def violations(written: Written, contents: list[str], codes: set[str], *, again: bool) -> Iterator[str]:
    """Yield what must not be of what was sent, and of why nothing was.

    Args:
        contents: The parts that reached Twilio, in order.
        codes: Why the message failed.
    """
    allowed = CODES | {"outgoing_direction"} if _overrides_direction(written.text) else CODES
    if again and (contents or not codes or not codes <= allowed):
        yield f"a reply that is not sent: {len(contents)} parts sent, codes {sorted(codes)}"
    if written.code is not None and codes != {written.code}:
        yield f"a reply that must fail with {written.code} came to {sorted(codes)}"
    for content in contents:
        texts = list(json.loads(content).values()) if written.mode is Mode.TEMPLATE else [content]
        yield from (fault for text in texts for fault in _faults(written.mode, text))
        if written.mode is Mode.TEMPLATE and (
            len(texts) > MAX_VARIABLES or sum(map(_units, texts)) > MAX_TEMPLATE_UNITS
        ):
            yield "more in a template than WhatsApp takes"
    if written.sent is not None:
        sent: Any = json.loads(contents[0]) if contents and written.mode is Mode.TEMPLATE else "".join(contents)
        if sent != written.sent:
            yield f"sent {sent!r:.200} of {written.text!r:.200}"


def _overrides_direction(text: str) -> bool:
    """Whether the text contains such a character, plain or escaped as in JSON."""
    return any(c in text or f"\\u{ord(c):04x}" in text.lower() for c in OVERRIDES)


def _faults(mode: Mode, text: str) -> Iterator[str]:
    if _overrides_direction(text):
        yield "a sent text overrides the writing direction"
    if any(unicodedata.category(c) in {"Cc", "Cs"} and c not in "\t\n\r" for c in text):
        yield "a broken character was sent"
    if not any(unicodedata.category(c)[0] in "LNPS" and c not in "\u3164\u115f\u1160\uffa0\u2800" for c in text):
        yield "something blank was sent"
    if mode is Mode.TEMPLATE and any(c in text for c in "\t\n\r"):
        yield "a line end in a template"
    if mode is Mode.FREE_FORM and _units(text) > MAX_PART_UNITS:
        yield "a part longer than a message"
    if any(marker.strip() in text for marker in MARKERS) or "</think>" in text:
        yield "something that is not for the reader was sent"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2
