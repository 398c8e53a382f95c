"""Reference of a Terraform module: its inputs and outputs, from the files that declare them."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import hcl2

from tools.documents.markdown import code, table

_PLAIN = hcl2.SerializationOptions(strip_string_quotes=True, with_comments=False, explicit_blocks=False)


def reference(module: Path) -> str:
    """Return the tables of a module's inputs and outputs."""
    inputs = [
        (code(name), code(_type(body)), _default(body), _description(body))
        for name, body in declared(module, "variable")
    ]
    outputs = [(code(name), _description(body)) for name, body in declared(module, "output")]
    return "\n\n".join(
        [
            "### Inputs\n\n" + table(("Input", "Type", "Default", "Meaning"), inputs),
            *(["### Outputs\n\n" + table(("Output", "Meaning"), outputs)] if outputs else []),
        ]
    )


def declared(module: Path, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name and the body of each block of a kind, in the order of the files."""
    for path in sorted(module.glob("*.tf")):
        document = hcl2.loads(path.read_text(encoding="utf-8"), serialization_options=_PLAIN)
        for block in document.get(kind, []):
            for name, body in block.items():
                yield name.strip('"'), body


def _type(body: Mapping[str, Any]) -> str:
    """Return a type as it is written, in one line."""
    return " ".join(re.sub(r"^\$\{(.*)\}$", r"\1", str(body["type"]), flags=re.DOTALL).split())


def _default(body: Mapping[str, Any]) -> str:
    if "default" not in body:
        return "required"
    said = body["default"]
    return "" if said is None else code(json.dumps(said))


def _description(body: Mapping[str, Any]) -> str:
    said = str(body.get("description", ""))
    if heredoc := re.fullmatch(r"<<-?(\w+)\n(.*?)\n\s*\1", said, re.DOTALL):
        said = dedent(heredoc[2])
    return " ".join(said.replace('\\"', '"').split())
