"""The file of an environment, written: values that keep what exists, under what the file already says."""

import json
import re
from collections.abc import Mapping
from typing import Any


def hcl(variables: Mapping[str, Any]) -> str:
    """Return variables as a tfvars file.

    What looks like a template is escaped, so that it is none; in a value that was read from a file it is already.
    """
    blocks = [f"{name} = {json.dumps(value, indent=2, ensure_ascii=False)}" for name, value in variables.items()]
    return "\n\n".join(re.sub(r"(?<![$%])([$%])\{", r"\1\1{", block) for block in blocks) + "\n"


def over(proposed: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Return both, object by object; what the file says wins."""
    both = dict(proposed)
    for name, value in said.items():
        below = both.get(name)
        both[name] = over(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return both


def missing(proposed: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is proposed and not said."""
    left = {}
    for name, value in proposed.items():
        if name not in said or said[name] is None:
            left[name] = value
        elif isinstance(value, Mapping) and isinstance(said[name], Mapping) and (rest := missing(value, said[name])):
            left[name] = rest
    return left
