"""Hostile sizes: JSON and text that cost the most to read, as long as is wanted."""

from collections.abc import Callable
from itertools import count

Maker = Callable[[int], str]
"""Returns text of about so many characters, and no more."""


def array(item: str) -> Maker:
    return lambda size: f"[{','.join([item] * max((size - 2) // (len(item) + 1), 0))}]"


def members(name: str, value: str = "1") -> Maker:
    """Return an object of many members whose names begin alike."""

    def make(size: int) -> str:
        written: list[str] = []
        for number in count():
            member = f'"{name}{number:x}":{value}'
            size -= len(member) + 1
            if size < 2:
                return f"{{{','.join(written)}}}"
            written.append(member)
        raise AssertionError

    return make


def within(before: str, make: Maker, after: str) -> Maker:
    return lambda size: before + make(size - len(before) - len(after)) + after


def text(unit: str) -> Maker:
    return lambda size: unit * (size // len(unit))


ARRAYS: dict[str, Maker] = {
    "numbers": array("1"),
    "empty texts": array('""'),
    "texts that are too long": array(f'"{"x" * 1025}"'),
    "empty lists": array("[]"),
    "empty objects": array("{}"),
    "small objects": array('{"":0}'),
    "nulls": array("null"),
    "halves of characters": array(r'"\ud800"'),
    "numbers that grow when written": array("1e15"),
    "large numbers": array("9" * 4300),
}

OBJECTS: dict[str, Maker] = {
    "members": members(""),
    "members with half a character": members(r"\ud800"),
    "members with lists": members("", "[]"),
    "one name many times": lambda size: "{" + ",".join(['"a":1'] * (size // 6 - 1)) + "}",
    **{f"a list of {name}": within('{"a":', make, "}") for name, make in ARRAYS.items()},
}

VALUES: dict[str, Maker] = {
    **ARRAYS,
    **OBJECTS,
    "a text": within('"', text("x"), '"'),
    "a text of escapes": within('"', text(r"\u0000"), '"'),
    "digits": text("9"),
    "a fraction": within("0.", text("9"), ""),
    "brackets that open": text("["),
    "brackets that close too": lambda size: "[" * (size // 2) + "]" * (size // 2),
    "objects in objects": text('{"a":'),
    "depth that is allowed": array("[" * 50 + "]" * 50),
    "depth that is not": array("[" * 900 + "]" * 900),
    "a fraction of a second": within('"2026-11-22T09:00:00.', text("0"), 'Z"'),
}
"""Values in JSON, by what they are full of."""

TEXTS: dict[str, Maker] = {
    "letters": text("x"),
    "words": text("word "),
    "sentences": text("A b c. "),
    "lines": text("a\n"),
    "paragraphs": text("a\n\n"),
    "full stops": text(". "),
    "ideographs": text("漢"),
    "ideographic full stops": text("。"),
    "families": text("👩‍👩‍👧"),
    "flags": text("🇩🇪"),
    "accents": text("\u0301"),
    "joiners": text("a\u200d"),
    "jamo": text("\u1100"),
    "blanks": within("a", text(" "), "b"),
    "blank lines": within("a", text("\n "), "b"),
    "thoughts that begin": text("<think>"),
    "thoughts that do not begin": text("</think>"),
    "tags that do not end": text("<think "),
    "thoughts": text("<think>a</think> "),
    "citations that do not end": text("\u30101\u2020 "),
    "other citations that do not end": text(" \ue200"),
    "equal objects": text("{}"),
    "objects with blanks": text("{ "),
    "an object after blanks": within("a", text(" "), "{}"),
    "a fence": within("```\n", text("`"), ""),
    "escapes": text("\\u0000"),
    "brackets": text("["),
    **{f"JSON: {name}": within('{"1":', make, "}") for name, make in VALUES.items()},
}
"""Texts of a model, by what they are full of."""
