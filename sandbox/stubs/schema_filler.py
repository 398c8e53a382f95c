"""A document that satisfies a simple JSON Schema, as structured output would."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_NAME_WORDS = frozenset({"key", "name", "variable", "number", "index", "id", "placeholder", "position"})
_MAX_DEPTH = 20


def fill(schema: Mapping[str, Any], values: Sequence[str]) -> Any:
    """Return a document of that schema; its strings are `values` in order, the last one repeated.

    Knows types, properties, enum, const, anyOf, local references, and lists of name and value pairs.
    """
    strings = itertools.chain(values, itertools.repeat(values[-1]))
    return _Filler(schema, values, strings).fill(schema)


class _Filler:
    def __init__(self, root: Mapping[str, Any], values: Sequence[str], strings: Iterator[str]) -> None:
        self._root = root
        self._values = values
        self._strings = strings

    def fill(self, schema: Any, depth: int = 0) -> Any:
        schema = self._resolve(schema)
        if depth > _MAX_DEPTH or not isinstance(schema, Mapping):
            return None
        if "const" in schema or schema.get("enum"):
            return schema["const"] if "const" in schema else schema["enum"][0]
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return self.fill(next(filter(_is_not_null, choices), None), depth + 1)
        return self._of_type(_main_type(schema), schema, depth)

    def _of_type(self, kind: str, schema: Mapping[str, Any], depth: int) -> Any:
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "string":
                return next(self._strings)
            case "integer" | "number":
                return schema.get("minimum", 1)
        return True if kind == "boolean" else None

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        if properties:
            return {name: self.fill(child, depth + 1) for name, child in properties.items()}
        if schema.get("additionalProperties") is False:
            return {}
        return {str(number): next(self._strings) for number in (1, 2)}

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        item = self._resolve(schema.get("items", {"type": "string"}))
        names = set(item.get("properties", {})) & _NAME_WORDS if isinstance(item, Mapping) else set()
        if not names or not isinstance(item, Mapping):
            return [self.fill(item, depth + 1) for _ in range(max(schema.get("minItems", 1), 1))]
        return [
            {name: _number(number, child) if name in names else value for name, child in item["properties"].items()}
            for number, value in enumerate(self._values[:2], start=1)
        ]

    def _resolve(self, schema: Any) -> Any:
        for _ in range(_MAX_DEPTH):
            reference = schema.get("$ref") if isinstance(schema, Mapping) else None
            if reference is None:
                return schema
            schema = self._root
            for part in reference.removeprefix("#").strip("/").split("/"):
                schema = schema.get(part, {}) if part else schema
        return {}


def _main_type(schema: Mapping[str, Any]) -> str:
    """Return the type to fill in; of several the first that is not null."""
    kind = schema.get("type", "object")
    return next((name for name in kind if name != "null"), "null") if isinstance(kind, list) else kind


def _is_not_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") != "null"


def _number(number: int, schema: Mapping[str, Any]) -> int | str:
    return number if schema.get("type") in ("integer", "number") else str(number)
