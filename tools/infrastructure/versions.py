"""Published versions of the function: the newest stay for a rollback, older ones go."""

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

KEPT = 10
"""Newest versions that stay; one that an alias names stays whatever its age."""


def prune(client: Any, function: str, *, kept: int = KEPT) -> list[str]:
    """Delete the versions that nothing names and that are not among the newest; return them, oldest first."""
    versions = [
        version["Version"]
        for page in client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
        for version in page["Versions"]
        if version["Version"] != "$LATEST"
    ]
    named = {
        version
        for page in client.get_paginator("list_aliases").paginate(FunctionName=function)
        for alias in page["Aliases"]
        for version in (alias["FunctionVersion"], *alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}))
    }
    old = [version for version in sorted(versions, key=int)[:-kept] if version not in named]
    for version in old:
        client.delete_function(FunctionName=function, Qualifier=version)
    return old


def prune_if_allowed(client: Any, function: str) -> tuple[Sequence[str], str | None]:
    """Prune after a deployment, which nothing here can make fail; return what went, and what stopped it."""
    try:
        return prune(client, function), None
    except (BotoCoreError, ClientError) as exc:
        return [], str(exc)
