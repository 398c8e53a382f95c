"""Clients of AWS, and what "it is not there" looks like in each service."""

from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from tools.infrastructure.errors import TerraformError

Clients = Callable[[str], Any]
"""Makes the client of a service by its name."""

ABSENT = {
    "AWS.SimpleQueueService.NonExistentQueue",
    "DashboardNotFoundError",
    "NoSuchEntity",
    "NotFound",
    "NotFoundException",
    "QueueDoesNotExist",
    "ResourceNotFound",
    "ResourceNotFoundException",
}
"""Error codes that say that a name is free."""


def clients_of(region: str) -> Clients:
    """Return clients of one region, made once each."""
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = boto3.client(service, region_name=region)  # type: ignore[call-overload]
        return made[service]

    return client


def found(call: Callable[..., Any], **parameters: Any) -> Any:
    """Return what a call answers, or None where it says that there is no such thing.

    Raises:
        TerraformError: It cannot be seen whether there is.
    """
    try:
        return call(**parameters)
    except ClientError as exc:
        if exc.response["Error"]["Code"] in ABSENT:
            return None
        raise TerraformError(f"What exists in this account can't be seen: {exc}") from exc
    except BotoCoreError as exc:
        raise TerraformError(f"What exists in this account can't be seen: {exc}") from exc


def pages(client: Any, operation: str, key: str, **parameters: Any) -> list[Any]:
    """Return everything that an operation lists, all pages of it; nothing where what it asks about is not there."""
    listed: list[Any] = []
    if client.can_paginate(operation):
        paginator = client.get_paginator(operation)
        found(lambda: listed.extend(item for page in paginator.paginate(**parameters) for item in page.get(key) or []))
    elif answer := found(getattr(client, operation), **parameters):
        listed = list(answer.get(key) or [])
    return listed
