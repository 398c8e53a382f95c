"""Template variables: whether a template asks for what an assistant definition writes."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.answers import Finding, fail, ok, skip, warn

_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")

CHECK = "variables"


def schemas_of(folder: Path) -> dict[str, set[str] | None]:
    """Return the variables that each definition of a folder writes; None for one that does not say."""
    found: dict[str, set[str] | None] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            schema = json.loads(path.read_text(encoding="utf-8")).get("output_schema")
        except (OSError, ValueError, AttributeError):
            continue
        properties = schema.get("properties") if isinstance(schema, dict) else None
        found[path.stem] = set(properties) if isinstance(properties, dict) else None
    return found


def judge_variables(types: Any, samples: Any, schemas: Mapping[str, set[str] | None]) -> Finding:
    """Compare a template's placeholders with its sample values and with what definitions write.

    Args:
        types: The content as Twilio has it, placeholders included.
        samples: Variable to the sample value that WhatsApp was shown.
    """
    asked = set(_VARIABLE.findall(json.dumps(types)))
    shown = set(samples) if isinstance(samples, Mapping) else set()
    if unshown := asked - shown:
        return warn(CHECK, f"no sample value for {_list(unshown)}", "WhatsApp wants one of each: give them in Twilio.")
    if not asked:
        return ok(CHECK, "the template has none")
    fitting = [name for name, written in schemas.items() if written == asked]
    if fitting:
        return ok(CHECK, f"{_list(asked)}, as {', '.join(fitting)} writes them")
    if not schemas:
        return skip(CHECK, f"{_list(asked)}; there is no assistant definition here to compare with")
    unknown = [name for name, written in schemas.items() if written is None]
    others = "; ".join(f"{name} writes {_list(written)}" for name, written in schemas.items() if written is not None)
    if unknown:
        return warn(
            CHECK,
            f"{_list(asked)}, and {', '.join(unknown)} does not say what it writes",
            "Give the definition an output_schema with these variables.",
        )
    return fail(
        CHECK,
        f"the template asks for {_list(asked)}; {others}",
        "Give the definition an output_schema with these variables, or correct twilio_template_sid.",
    )


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names, key=lambda name: (len(name), name)))
