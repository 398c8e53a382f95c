"""The published JSON Schema of the Context Object, as a validator."""

import json
import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

import tools.context_schema as tool

SCHEMA = json.loads(tool.SCHEMA.read_text(encoding="utf-8"))


def ecma_pattern(_: Any, pattern: str, instance: object, __: Any) -> Iterator[ValidationError]:
    """Take `$` for the very end of a text, as JSON Schema does and Python does not."""
    if isinstance(instance, str) and not re.search(pattern.replace("$", r"\Z"), instance):
        yield ValidationError("pattern")


VALIDATOR = extend(Draft202012Validator, {"pattern": ecma_pattern})(SCHEMA)  # type: ignore[no-untyped-call]
