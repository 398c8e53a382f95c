"""Schema of the JSON that commands print: `python -m ops.schema > docs/operations.schema.json`."""

import json
import sys
from typing import Any

from pydantic.json_schema import models_json_schema

from ops.answers import ANSWERS
from tools.surroundings import settle


def build_schema() -> dict[str, Any]:
    """Return one JSON Schema with a definition for each command's answer."""
    references, schema = models_json_schema([(model, "serialization") for model in ANSWERS.values()])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What `ops ... --json` prints",
        "oneOf": [{"title": name, **references[model, "serialization"]} for name, model in ANSWERS.items()],
        **schema,
    }


if __name__ == "__main__":
    settle()
    sys.stdout.write(json.dumps(build_schema(), indent=2) + "\n")
