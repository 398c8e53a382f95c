"""Reference of the Context Object, from the JSON Schema of the model that validates it."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from tools.documents.markdown import anchor, code, table
from utils.assistant_definition import AssistantId
from utils.context_model import DATE, E164, MAX_ID_LENGTH, MAX_KEY_BYTES, PRINTABLE, WHATSAPP
from utils.context_processor import MAX_BODY_BYTES, MAX_DEPTH, MAX_FAULTS, MAX_RECORD_BYTES, RESERVED_BYTES
from utils.secret_reference import SecretKind, reference_pattern

Schema = Mapping[str, Any]


def pattern_of(kind: object) -> str:
    """Return the pattern of a kind of text."""
    return str(get_args(kind)[1].pattern)


KINDS = {
    "E.164 number": (pattern_of(E164), "plus sign, country code, number: 7 to 15 digits"),
    "id": (PRINTABLE, "printable, not blank"),
    "Twilio secret": (
        reference_pattern(SecretKind.TWILIO),
        "name of a secret: path segments, one of them `whatsapp-credentials` and none `openai-api-key`",
    ),
    "OpenAI secret": (
        reference_pattern(SecretKind.OPENAI),
        "name of a secret: path segments, one of them `openai-api-key` and none `whatsapp-credentials`",
    ),
    "whatsapp": (WHATSAPP, "`whatsapp`, in any case"),
    "date": (DATE, "ISO 8601, with or without a time: whatever Python's `datetime.fromisoformat` reads"),
    "assistant id": (pattern_of(AssistantId), "up to 64 letters, digits, `_` and `-`"),
}
"""What a pattern is called in the tables, and what it says in words."""

TYPES = {"string": "text", "integer": "whole number", "boolean": "boolean", "object": "object"}


def reference(schema: Schema) -> str:
    """Return a section for each object, then what is meant by the kinds of text."""
    sections = [f"### `{path}`\n\n{_table(path, part)}" for path, part in _objects(schema, schema, "") if part]
    return "\n\n".join([*sections, f"### Kinds of text\n\n{_kinds()}", f"### Of the whole message\n\n{_limits()}"])


def leaf_paths(schema: Schema) -> set[str]:
    """Return the dotted path of every field that is not an object of known fields."""
    return {f"{path}.{name}" for path, part in _objects(schema, schema, "") for name, _, _ in part}


def _objects(root: Schema, schema: Schema, path: str) -> Iterator[tuple[str, list[tuple[str, Schema, bool]]]]:
    """Walk through the objects of known fields; yield each one's path and its other fields."""
    children, fields = [], []
    required = {name for part in [schema, *schema.get("anyOf", [])[:1]] for name in part.get("required", [])}
    for name, field in schema["properties"].items():
        if field is True:  # another name, which the schema allows and its first name describes
            continue
        inner = _resolved(root, field)
        if "properties" in inner:
            children.append((f"{path}.{name}".lstrip("."), inner))
        if "properties" not in inner or name not in required:
            fields.append((name, field, name in required))
    yield path, fields
    for child, inner in children:
        yield from _objects(root, inner, child)


def _resolved(root: Schema, field: Schema) -> Schema:
    """Return the schema that a field refers to, where it refers to one; null beside it does not count."""
    for choice in [field, *field.get("anyOf", [])]:
        if "$ref" in choice:
            found: Schema = root["$defs"][choice["$ref"].rsplit("/", 1)[-1]]
            return found
    return field


def _table(path: str, fields: list[tuple[str, Schema, bool]]) -> str:
    rows = [
        (code(name), _type(field), "yes" if required else "", _rule(path, name, field), field.get("description", ""))
        for name, field, required in fields
    ]
    return table(("Field", "Type", "Required", "Rule", "Meaning"), rows)


def _choices(field: Schema) -> list[Schema]:
    """Return what a field may be, null left out."""
    return [choice for choice in field.get("anyOf", [field]) if choice.get("type") != "null"]


def _type(field: Schema) -> str:
    return " or ".join(_name_of(choice) for choice in _choices(field))


def _name_of(choice: Schema) -> str:
    if "$ref" in choice:
        return TYPES["object"]
    if "type" not in choice:
        return "any JSON"
    if choice["type"] == "array":
        return f"list of {TYPES[choice['items']['type']]}s"
    return TYPES[choice["type"]]


def _rule(path: str, name: str, field: Schema) -> str:
    if "const" in field:
        return f"must be {_shown(field['const'])}"
    if "enum" in field:
        return "must be " + " or ".join(_shown(value) for value in field["enum"] if value is not None)
    rules = [f"must hold {_shown(field['contains']['const'])}"] if "contains" in field else []
    rules += [rule for choice in _choices(field) for rule in _rules_of(choice)]
    if any("$ref" in choice for choice in _choices(field)):
        rules.append(f"[see below](#{anchor(f'{path}.{name}')})")
    return ", ".join(rules)


def _rules_of(choice: Schema) -> Iterator[str]:
    if "pattern" in choice:
        yield _kind(choice["pattern"])
    if "enum" in choice:
        yield "one of " + ", ".join(map(_shown, choice["enum"]))
    low, high = choice.get("minimum"), choice.get("maximum")
    if low is not None and high is not None:
        yield f"{low:,} to {high:,}"
    if "maxItems" in choice:
        yield f"up to {choice['maxItems']} entries"
    if "maxLength" in choice:
        least = choice.get("minLength", 0)
        yield f"{least} to {choice['maxLength']:,} characters" if least else f"up to {choice['maxLength']:,} characters"


def _kind(pattern: str) -> str:
    for name, (kind, _) in KINDS.items():
        if kind == pattern:
            return f"[{name}](#kinds-of-text)"
    return code(pattern)


def _kinds() -> str:
    rows = [(name, code(kind), words) for name, (kind, words) in KINDS.items()]
    return table(("Kind", "Pattern", "In words"), rows)


def _limits() -> str:
    stored, item = (MAX_RECORD_BYTES - RESERVED_BYTES) // 1024, MAX_RECORD_BYTES // 1024
    rules = (
        f"It is at most {MAX_BODY_BYTES // 1024} KiB long, in UTF-8; a longer one is not read, so it leaves no record.",
        "It is JSON, and an object.",
        "It has no `NaN` or `Infinity`, no number too large to read, and no half of a character (a lone surrogate).",
        "No object in it has two members of one name.",
        "`company_id` and `project_id` are the same in `frontend_payload.company_data` and in `company_data_payload`.",
        f"An id has at most {MAX_ID_LENGTH} characters, the conversation's at most {MAX_KEY_BYTES:,} bytes too.",
        "Both secret references begin with `SECRET_NAME_PREFIX`, where that is set.",
        "A recipient's name with a link in it is left out, which `name_left_out` in the log says.",
        f"It is at most {MAX_DEPTH} levels deep.",
        f"At most {stored} KiB of it are stored: the record, with what is added later, must fit into {item} KB.",
        f"At most {MAX_FAULTS} faults are listed, then how many more there are.",
    )
    return "\n".join(f"- {rule}" for rule in rules)


def _shown(value: object) -> str:
    return code("true" if value is True else value)
