"""Entry point of the function."""

import json
import os
from functools import cache
from typing import Any

from composition import Runtime, build_runtime
from core.events import Event
from utils.deadline import Deadline, InvocationContext
from utils.settings import Settings, SettingsError


def lambda_handler(event: dict[str, Any], context: InvocationContext) -> dict[str, list[dict[str, str]]]:
    """Process one SQS batch and name the records that SQS must deliver again."""
    return handle(get_runtime(), event, context)


def handle(runtime: Runtime, event: object, context: InvocationContext) -> dict[str, list[dict[str, str]]]:
    """Answer one invocation."""
    runtime.log.begin(str(getattr(context, "aws_request_id", "")))
    try:
        again = process(runtime, event, Deadline.from_lambda(context, runtime.settings.safety_margin_seconds))
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}
    finally:
        runtime.log.flush()


def process(runtime: Runtime, event: object, deadline: Deadline) -> list[str]:
    """Return the ids of the records that are not done.

    A record that can't be named is answered with an empty id, after which Lambda deletes none of the batch.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        runtime.log.error(Event.INVALID_EVENT, records=0)
        return []
    named = [record for record in records if is_record(record)]
    again = runtime.batch.process(named, deadline) if named else []
    if len(named) < len(records):
        runtime.log.error(Event.INVALID_EVENT, records=len(records))
        return [*again, ""]
    return again


def is_record(record: object) -> bool:
    """Whether it is a record that a batch response can name."""
    message_id = record.get("messageId") if isinstance(record, dict) else None
    return isinstance(message_id, str) and message_id.isascii() and bool(message_id)


@cache
def get_runtime() -> Runtime:
    """Build the runtime from the environment, once.

    Raises:
        SettingsError: The environment is not usable.
    """
    return build_runtime(Settings.from_environ(os.environ))


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:  # the init phase has a whole core, an invocation its share of one
    try:
        get_runtime()
    except SettingsError as exc:
        print(json.dumps({"level": "CRITICAL", "event": Event.START_REFUSED, "message": str(exc)}))  # noqa: T201
        raise
