"""Bodies: texts that stand where a Context Object is expected, from valid to not even JSON."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.context_objects import make_context
from tests.fuzz.values import HALVES, Values
from tests.samples import hostile
from tests.samples.context_cases import COMPANY, FRONT, OPENAI, RECIPIENT_DATA, REFUSED, REQUEST, WHATSAPP
from tests.samples.hostile import VALUES, Maker, array, members, within
from utils.context_model import MAX_ENTRIES
from utils.context_processor import MAX_BODY_BYTES

MAX_BYTES = 1024 * 1024
"""Source: Amazon SQS Developer Guide, "Message quotas": 1 MiB."""

OPTIONAL: dict[str, Callable[[Values], Any]] = {
    f"{RECIPIENT_DATA}__recipient_first_name": Values.text,
    f"{RECIPIENT_DATA}__recipient_last_name": Values.text,
    f"{RECIPIENT_DATA}__recipient_email": Values.text,
    f"{FRONT}__project_data": lambda values: values.one_of([values.object(), values.json()]),
    f"{COMPANY}__company_name": Values.text,
    f"{COMPANY}__project_name": Values.text,
    f"{COMPANY}__project_status": lambda _: "active",
    f"{COMPANY}__allowed_channels": lambda values: ["whatsapp", values.text()],
    f"{COMPANY}__company_rep": lambda values: values.one_of([values.text(), values.object()]),
    f"{OPENAI}__assistant_definition": lambda values: {"instructions": values.text(), "later": values.json()},
    "conversation_data__thread_id": lambda values: values.one_of(["", "conv_7", "thread_7"]),
}
"""Members that need not be there, and how each is drawn where it is."""

HALF = "half a character (a lone surrogate)"
TEXTS = [name for name, draw in OPTIONAL.items() if draw is Values.text]


@dataclass(frozen=True)
class Body:
    """What stands in a record's `body`.

    Attributes:
        accepted: Whether it is a valid Context Object, where its maker knows.
        faults: All that is wrong with it, as (path, reason), where its maker knows; a path may be the start of one.
        numbers: Phone numbers in it, without the plus.
    """

    text: str
    accepted: bool | None = None
    faults: tuple[tuple[str, str], ...] | None = None
    numbers: tuple[str, ...] = ()


def valid(values: Values) -> Body:
    """Return a valid object with any values."""
    context = valid_context(values)
    return Body(values.dumps(context), accepted=True, faults=(), numbers=numbers_of(context))


def faulty(values: Values) -> Body:
    """Return an object with a few faults whose paths and reasons are known, all of which must be reported."""
    context = valid_context(values)
    chosen: dict[str, tuple[Any, str]] = {}
    for _ in range(1 + values.random.randrange(8)):
        path, value, reason = values.one_of(REFUSED)
        if not any(related(path, other) for other in chosen):
            chosen[path] = value, reason
    for path, (value, _) in chosen.items():
        put(context, path, value)
    expected = [(path.replace("__", "."), reason) for path, (_, reason) in chosen.items()]
    if values.chance(10):
        expected += break_a_character(values, context, list(chosen))
    return Body(values.dumps(context), accepted=False, faults=tuple(expected), numbers=numbers_of(context))


def break_a_character(values: Values, context: dict[str, Any], taken: list[str]) -> list[tuple[str, str]]:
    """Put half a character where nothing else is wrong; return how that is reported."""
    path = values.one_of([*TEXTS, f"{FRONT}__project_data"])
    if any(related(path, other) for other in taken):
        return []
    half = values.text() + values.one_of(HALVES)
    anywhere = ("$", f"a text holds {HALF}")
    if path not in TEXTS:
        put(context, path, values.one_of([{half: 1}, {"name": half}, {"list": [{half: half}]}]))
        return [anywhere]
    put(context, path, half)
    return [(path.replace("__", "."), f"holds {HALF}"), anywhere]


def scrambled(values: Values) -> Body:
    """Return an object that was valid before any members of it were replaced, renamed, moved or taken out."""
    context: Any = valid_context(values)
    for _ in range(1 + values.random.randrange(6)):
        context = scramble(values, context)
    return Body(values.dumps(context), numbers=numbers_of(context))


def written_wrongly(values: Values) -> Body:
    """Return a valid object with a fault in its writing, or no object at all."""
    context = valid_context(values)
    refused = values.chance(80)
    spoil = values.one_of(NOT_AN_OBJECT if refused else ANYTHING)
    return Body(spoil(values, json.dumps(context)), accepted=False if refused else None, numbers=numbers_of(context))


def large(values: Values) -> Body:
    """Return an object of a size up to the most that SQS carries, with something in it that is dear to read."""
    context = valid_context(values)
    longest = values.one_of([MAX_BYTES, MAX_BODY_BYTES, MAX_BODY_BYTES, 2 ** (10 + values.random.randrange(11))])
    size = max(longest - values.random.randrange(1000), 1000)
    mark = json.dumps(values.mark.text)
    text = json.dumps(values.one_of([values.mark.text, "x", "é", "\x00", "👩‍👩‍👧", '"']))
    wrong_entries = json.dumps([values.mark.number] * (1 + values.random.randrange(MAX_ENTRIES)))
    path = values.one_of(LARGE)
    makers: list[Maker] = [
        *VALUES.values(),
        array(text),
        array(str(values.mark.number)),
        within('"', hostile.text(text[1:-1]), '"'),
        within(f"{{{mark}:", array(text), "}"),
        members(values.mark.text, text),
        lambda size: json.dumps(values.nested(min(size // 20, 900))),
    ]
    make = values.one_of(makers)
    if values.chance(30):  # what only a few places feel
        felt: list[tuple[str, Maker]] = [
            (f"{COMPANY}__allowed_channels", array("1")),
            (f"{COMPANY}__allowed_channels", lambda _: wrong_entries),
            (f"{FRONT}__project_data", VALUES["a list of numbers that grow when written"]),
        ]
        path, make = values.one_of(felt)
    if path.endswith("output_schema"):
        put(context, f"{OPENAI}__assistant_definition", {"instructions": values.text()})
    put(context, path, PLACE)
    around = json.dumps(context, ensure_ascii=values.chance(50))
    written = around.replace(json.dumps(PLACE), make(max(size - len(around), 50)), 1)
    numbers = numbers_of(context)
    if len(written.encode()) > MAX_BODY_BYTES:
        return Body(written[:MAX_BYTES], accepted=False, faults=(("$", "the body exceeds 255 KiB"),), numbers=numbers)
    return Body(written, numbers=numbers)


PLACE = "what is large"
LARGE = [
    *OPTIONAL,
    f"{OPENAI}__assistant_definition__output_schema",
    f"{COMPANY}__allowed_channels",
    f"{REQUEST}__initial_request_timestamp",
    "conversation_data__conversation_id",
    "metadata",
    "unknown",
]


KINDS: dict[str, Callable[[Values], Body]] = {
    "valid": valid,
    "faults": faulty,
    "scrambled": scrambled,
    "writing": written_wrongly,
    "large": large,
}


def valid_context(values: Values) -> dict[str, Any]:
    changes: dict[str, Any] = {name: value for name, draw in OPTIONAL.items() if (value := member(values, draw)) != ()}
    company, project = f"a.{values.random.getrandbits(32)}", f"b:{values.mark.name}"  # a log line names its company
    context = make_context(conversation_id=f"conv-{values.random.getrandbits(32)}", recipient_tel=number(values))
    changes |= {
        "metadata__router_version": values.text(),
        f"{FRONT}__company_data": {"company_id": company, "project_id": project},
        f"{COMPANY}__company_id": company,
        f"{COMPANY}__project_id": project,
        f"{WHATSAPP}__company_whatsapp_number": number(values),
        f"{REQUEST}__request_id": f"req-{values.random.getrandbits(32)}",
    }
    for path, value in changes.items():
        put(context, path, value)
    if values.chance(20):
        context[values.text()] = values.json()
        context["metadata"][values.text()] = values.json()
    return context


def member(values: Values, draw: Callable[[Values], Any]) -> Any:
    """Return a value for a member that need not be there; `...` takes it out, `()` leaves what there is."""
    fate = values.random.randrange(10)
    if fate < 3:
        return ()
    return ... if fate < 5 else None if fate < 6 else draw(values)


def number(values: Values) -> str:
    digits = "".join(str(values.random.randrange(10)) for _ in range(9 + values.random.randrange(6)))
    return f"+{1 + values.random.randrange(9)}{digits}"


def numbers_of(context: Any) -> tuple[str, ...]:
    """Return the phone numbers that an object names, where it still does."""
    found = []
    for path in (f"{RECIPIENT_DATA}__recipient_tel", f"{WHATSAPP}__company_whatsapp_number"):
        value = context
        for name in path.split("__"):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, str) and value.isascii() and len(value) > 10:
            found.append(value.strip("+\n"))
    return tuple(found)


def put(context: dict[str, Any], path: str, value: Any) -> None:
    *parents, name = path.split("__")
    target = context
    for parent in parents:
        target = target[parent]
    if value is ...:
        target.pop(name, None)
    else:
        target[name] = value


def related(path: str, other: str) -> bool:
    return f"{path}__".startswith(f"{other}__") or f"{other}__".startswith(f"{path}__")


def scramble(values: Values, node: Any) -> Any:
    """Change one thing somewhere within."""
    if isinstance(node, dict) and node and values.chance(85):
        name = values.one_of(list(node))
        changed = dict(node)
        fate = values.random.randrange(12)
        if fate == 0:
            del changed[name]
        elif fate == 1:
            changed[values.text()] = changed.pop(name)
        elif fate == 2:
            changed[values.one_of(list(node))] = node[name]
        else:
            changed[name] = scramble(values, node[name])
        return changed
    if isinstance(node, list) and node and values.chance(50):
        position = values.random.randrange(len(node))
        return [*node[:position], scramble(values, node[position]), *node[position + 1 :]]
    if values.chance(5):
        return values.nested(values.one_of([10, 60, 64, 70, 500]))
    if values.chance(5):
        return values.text() + values.one_of(HALVES)
    if isinstance(node, str) and values.chance(30):
        return values.one_of([node + "\n", " " + node, node.upper(), node + "\x00", node * 2, node[:-1], [node]])
    return values.json()


def _write_an_odd_number(values: Values, text: str) -> str:
    odd = ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, "01", "0x1F", "1_000", ".5", "1.", "٣"]
    return _first_member(text, f'"{values.mark.text}": {values.one_of(odd)}')


def _name_a_member_twice(values: Values, text: str) -> str:
    return _first_member(text, values.one_of(['"a": 1, "a": 2', '"conversation_data": {}', '"b": {"": 1, "": 1}']))


def _first_member(text: str, member: str) -> str:
    return text.replace("{", f"{{{member}, ", 1)


def _cut(values: Values, text: str) -> str:
    return text[: values.random.randrange(len(text))]


def _change_characters(values: Values, text: str) -> str:
    for _ in range(1 + values.random.randrange(5)):
        at = values.random.randrange(len(text))
        text = text[:at] + values.one_of([*'{}[]",:\\ \n0', "\x00", "\ufeff", "\ud83d", "é"]) + text[at + 1 :]
    return text


def _nest(values: Values, _: str) -> str:
    levels = values.one_of([65, 500, 1000, 100_000])
    return values.one_of(["[" * levels, '{"a":' * levels, "[" * levels + "]" * levels])


NOT_AN_OBJECT: list[Callable[[Values, str], str]] = [
    _write_an_odd_number,
    _write_an_odd_number,
    _name_a_member_twice,
    _cut,
    _nest,
    lambda _, text: "\ufeff" + text,
    lambda _, text: text + "\x00",
    lambda _, text: text + text,
    lambda _, text: text.replace('"', "'"),
    lambda _, text: text.replace("}", ",}"),
    lambda _, text: f"/* comment */ {text}",
    lambda _, text: "".join(f"{letter}\x00" for letter in text),
    lambda _, text: json.dumps(text),
    lambda _, text: f"[{text}]",
    lambda values, _: values.text(),
    lambda values, _: values.text() + values.one_of(HALVES),
    lambda values, _: json.dumps(values.scalar()),
    lambda values, _: values.one_of(["", " ", "\n", "null", "{}", "[]", "0", '""', "\x00", "undefined"]),
]
ANYTHING: list[Callable[[Values, str], str]] = [
    _change_characters,
    _change_characters,
    lambda _, text: text.replace(": ", " :\t").replace(", ", "\r\n,"),
    lambda _, text: _first_member(text, '"-": [-0, -0.0, 1E+2, 1e-400, 123456789012345678901234567890]'),
    lambda _, text: text.replace("a", "\\u0061"),
]
