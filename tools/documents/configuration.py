"""Reference of the settings: variable, default, range, meaning, and who sets it."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tools.documents.markdown import code, table
from utils.settings import Settings, Url

SET_BY_THE_STACK = {
    "CONVERSATIONS_TABLE_NAME_DEV": "the table's name, where `environment` is `dev`",
    "CONVERSATIONS_TABLE_NAME": "the table's name, elsewhere",
    "CONVERSATIONS_TABLE": "nothing",
    "WHATSAPP_QUEUE_URL": "the queue's URL",
    "VERSION": "`release`; `make deploy` sets it to what `git describe` says",
    "CONVERSATIONS_PARTITION_KEY": "`table.partition_key`",
    "SECRET_NAME_PREFIX": "`secret_name_prefix`",
    "METRICS_NAMESPACE": "follows `environment`",
    "VISIBILITY_TIMEOUT_SECONDS": "`queue.visibility_timeout_seconds`",
    "MAX_RECEIVE_COUNT": "`queue.max_receive_count`",
}
"""Variables that Terraform derives from the rest of the stack; the others are attributes of `function_settings`."""

URL = get_args(Url)[1].pattern

DERIVED = ("lease_seconds", "settle_seconds", "send_start_seconds")

NEEDED = {"CONVERSATIONS_TABLE_NAME": "conversations", "WHATSAPP_QUEUE_URL": "https://sqs.example/queue"}

BREAKS_EVERY_RULE = NEEDED | {
    "VISIBILITY_TIMEOUT_SECONDS": "4",
    "RECONCILE_AFTER_SECONDS": "1",
    "RECORD_RETENTION_DAYS": "1",
    "OUTGOING_LINKS": "given",
    "OPENAI_API": "assistants",
    "OPENAI_MODELS": "another",
}
"""An environment in which each variable is valid alone."""


class UnknownSettingError(Exception):
    """A variable is set by nothing that this module knows of."""


def reference(terraform: Path) -> str:
    """Return the tables of variables, of what follows from them, and the rules across variables.

    Args:
        terraform: Folder of the root module; `function_settings` of its modules/stack says what can be set.
    """
    offered = _attributes(terraform / "modules" / "stack" / "variables.tf", "function_settings")
    own_first = sorted(Settings.model_fields, key=lambda name: name not in Settings.__annotations__)
    rows = [_row(Settings.model_fields[name], offered) for name in own_first]
    return "\n\n".join(
        [
            table(("Variable", "Default", "Range", "Meaning", "Set by"), rows),
            "### Rules across variables\n\n" + "\n".join(f"- {rule}." for rule in _rules()),
            "### What follows from them\n\n" + table(("Value", "With the defaults", "Meaning"), _derived()),
        ]
    )


def names_of(field: FieldInfo) -> list[str]:
    """Return the environment variables of a field, the preferred one first."""
    alias = field.validation_alias
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [str(alias)]


def _row(field: FieldInfo, offered: set[str]) -> tuple[str, str, str, str, str]:
    names = names_of(field)
    return (
        ", ".join(map(code, names)),
        _default(field),
        _range(field),
        field.description or "",
        "; ".join(_set_by(name, offered) for name in names),
    )


def _set_by(name: str, offered: set[str]) -> str:
    if name in SET_BY_THE_STACK:
        return SET_BY_THE_STACK[name]
    if name.lower() in offered:
        return code("function_settings")
    raise UnknownSettingError(
        f"{name} is neither an attribute of function_settings in terraform/modules/stack nor in SET_BY_THE_STACK"
    )


def _attributes(path: Path, variable: str) -> set[str]:
    text = path.read_text(encoding="utf-8")
    body = text.split(f'variable "{variable}"', 1)[1].split("\nvariable ", 1)[0]
    return set(re.findall(r"^ +(\w+) += optional\(", body, re.MULTILINE))


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if field.default is None:
        return "none"
    return code(_as_variable(field.default))


def _range(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    if get_origin(annotation) is Literal:
        return ", ".join(code(value) for value in get_args(annotation))
    if annotation is bool:
        return "`true`, `false`"
    if annotation is int:
        low = next(limit.ge for limit in field.metadata if isinstance(limit, Ge))
        high = next(limit.le for limit in field.metadata if isinstance(limit, Le))
        return f"{low:,} to {high:,}"
    pattern = next((found for limit in field.metadata if (found := getattr(limit, "pattern", None))), None)
    return code(pattern) if pattern and pattern != URL else "URL, http or https"


def _rules() -> list[str]:
    faults = Settings.model_validate(BREAKS_EVERY_RULE).contradictions()
    return [re.sub(r"\b[A-Z]+(?:_[A-Z]+)+\b", lambda name: code(name[0]), fault) for fault in faults]


def _derived() -> Iterator[tuple[str, str, str]]:
    defaults = Settings.model_validate(NEEDED)
    for name in DERIVED:
        meaning = inspect.getdoc(getattr(Settings, name)) or ""
        yield code(name), f"{getattr(defaults, name)} s", " ".join(meaning.split())


def _as_variable(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
