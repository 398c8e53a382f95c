"""Command line of the published JSON Schema: `python -m tools.context_schema --help`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic.json_schema import GenerateJsonSchema

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = ROOT / "docs" / "context-object.schema.json"

sys.path.insert(0, str(ROOT / "lambda"))

from tools.surroundings import settle  # noqa: E402 - the root may not be on the path
from utils.context_model import ContextObject  # noqa: E402 - lambda is a source root

DESCRIPTION = (
    "One conversation to open, as the Channel Router puts it on the queue. What a schema can't say: company_id and"
    " project_id are the same in both halves, a date exists, an id is printable and the conversation's at most 1,024"
    " bytes, and what is stored of the object stays below 336 KiB."
)


class PublishedJsonSchema(GenerateJsonSchema):
    """pydantic's schema without the titles it makes of field names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the base class's signature
        return False


def context_schema() -> dict[str, Any]:
    """Return the schema that the model stands for."""
    schema = ContextObject.model_json_schema(schema_generator=PublishedJsonSchema)
    for definition in schema["$defs"].values():
        definition.pop("title", None)
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **schema,
        "title": "Context Object",
        "description": DESCRIPTION,
    }


def text() -> str:
    return json.dumps(context_schema(), indent=2, ensure_ascii=False) + "\n"


def main(
    *, check: Annotated[bool, typer.Option(help="Change nothing; fail if the file is out of date.")] = False
) -> None:
    """Write docs/context-object.schema.json from the model that validates Context Objects."""
    shown = SCHEMA.relative_to(ROOT)
    if SCHEMA.exists() and SCHEMA.read_text(encoding="utf-8") == text():
        typer.echo(f"{shown} is up to date.")
        return
    if check:
        typer.echo(f"{shown} is out of date: run `make schema`.", err=True)
        raise typer.Exit(1)
    SCHEMA.write_text(text(), encoding="utf-8")
    typer.echo(f"{shown} written.")


if __name__ == "__main__":
    settle()
    typer.run(main)
