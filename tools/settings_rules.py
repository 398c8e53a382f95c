"""Command line of the rules that Terraform checks: `python -m tools.settings_rules --help`."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from annotated_types import Ge, Le
from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tools.documents import ROOT
from tools.surroundings import settle
from utils.settings import CLOCK_SKEW_SECONDS, MIN_RETENTION_DAYS, MIN_WORK_SECONDS, Settings

MODULES = ROOT / "terraform" / "modules"

OF_THE_QUEUE = ("max_receive_count", "visibility_timeout_seconds")
"""Settings that are an attribute of the queue, which checks them too."""


def rules() -> dict[str, dict[str, Any]]:
    """Return what a plan has to know of the settings, by the names that Terraform gives them."""
    fields = {_name(field): field for field in Settings.model_fields.values()}
    return {
        "choices": {
            name: list(get_args(field.annotation))
            for name, field in fields.items()
            if get_origin(field.annotation) is Literal
        },
        "defaults": {
            name: field.default
            for name, field in fields.items()
            if field.default is not PydanticUndefined and field.default is not None
        },
        "patterns": {name: pattern for name, field in fields.items() if (pattern := _pattern(field))},
        "ranges": {
            name: [_limit(field, Ge, "ge"), _limit(field, Le, "le")]
            for name, field in fields.items()
            if field.annotation is int
        },
        "seconds": {"clock_skew": CLOCK_SKEW_SECONDS, "min_work": MIN_WORK_SECONDS},
        "days": {"min_retention": MIN_RETENTION_DAYS},
    }


def files() -> dict[Path, str]:
    """Return each file and what it should say: a module reads the one beside it."""
    said = rules()
    ranges = {name: said["ranges"][name] for name in OF_THE_QUEUE}
    return {
        MODULES / "processor" / "settings.json": _text(said),
        MODULES / "queue" / "settings.json": _text({"ranges": ranges}),
    }


def main(
    *, check: Annotated[bool, typer.Option(help="Change nothing; fail if a file is out of date.")] = False
) -> None:
    """Write for Terraform what the model of the settings says: ranges, choices, patterns, defaults."""
    stale = False
    for path, text in files().items():
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale = True
        if not check:
            path.write_text(text, encoding="utf-8")
        typer.echo(f"{path.relative_to(ROOT)}: " + ("out of date; run `make schema`" if check else "written"))
    raise typer.Exit(int(check and stale))


def _name(field: FieldInfo) -> str:
    alias = field.validation_alias
    return str(alias.choices[0] if isinstance(alias, AliasChoices) else alias).lower()


def _limit(field: FieldInfo, kind: type, attribute: str) -> int:
    return int(next(getattr(limit, attribute) for limit in field.metadata if isinstance(limit, kind)))


def _pattern(field: FieldInfo) -> str | None:
    """Return the pattern of a text; a URL that may be missing has its one inside the type."""
    for annotation in (field, *get_args(field.annotation)):
        limits = getattr(annotation, "metadata", None) or getattr(annotation, "__metadata__", None) or ()
        if found := next((limit.pattern for limit in limits if getattr(limit, "pattern", None)), None):
            return str(found)
    return None


def _text(said: dict[str, Any]) -> str:
    return json.dumps(said, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    settle()
    typer.run(main)
