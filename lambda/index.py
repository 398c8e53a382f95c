"""Entry point of the function."""

import json
import os
from functools import cache
from typing import Any

from composition import Runtime, build_runtime
from core.events import Event
from utils.deadline import Deadline, InvocationContext
from utils.settings import Settings, SettingsError

TOLERANCE_SECONDS = 1.0
"""What an invocation's clock may have run before it is first looked at."""


class InvalidEventError(Exception):
    """The event is none of SQS: an error, as nobody knows whose messages a result would delete."""


class TimeoutTooShortError(Exception):
    """The function's timeout leaves no time to send a message."""


def lambda_handler(event: dict[str, Any], context: InvocationContext) -> dict[str, list[dict[str, str]]]:
    """Process one SQS batch and name the records that SQS must deliver again."""
    return handle(get_runtime(), event, context)


def handle(runtime: Runtime, event: object, context: InvocationContext) -> dict[str, list[dict[str, str]]]:
    """Answer one invocation.

    Raises:
        InvalidEventError: The event is not a batch of SQS.
        TimeoutTooShortError: No message could be sent in the function's timeout.
    """
    runtime.log.begin(str(getattr(context, "aws_request_id", "")))
    try:
        check_timeout(runtime, context)
        again = process(runtime, event, Deadline.from_lambda(context, runtime.settings.safety_margin_seconds))
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}
    finally:
        runtime.log.flush()


def check_timeout(runtime: Runtime, context: InvocationContext) -> None:
    """Refuse to start in a timeout in which every message would fail three times, and end in the DLQ."""
    needed = runtime.settings.min_timeout_seconds
    if context.get_remaining_time_in_millis() / 1000 < needed - TOLERANCE_SECONDS:
        message = (
            f"the function's timeout must be at least {needed} s:"
            " SAFETY_MARGIN_SECONDS + TWILIO_TIMEOUT_SECONDS and time to work"
        )
        runtime.log.critical(Event.START_REFUSED, reason=message)
        raise TimeoutTooShortError(message)


def process(runtime: Runtime, event: object, deadline: Deadline) -> list[str]:
    """Return the ids of the records that are not done.

    A record that can't be named is answered with an empty id, after which Lambda deletes none of the batch.

    Raises:
        InvalidEventError: There is no list of records, or none of them is SQS's.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list):
        runtime.log.error(Event.INVALID_EVENT, records=0)
        raise InvalidEventError(
            "the event is not an object with a list of records: does a pipe, a rule or a test send it?"
        )
    named = [record for record in records if is_record(record)]
    again = runtime.batch.process(named, deadline) if named else []
    if len(named) < len(records):
        runtime.log.error(Event.INVALID_EVENT, records=len(records))
        if not named:
            raise InvalidEventError("no record of the event is one of SQS: what else may invoke the function?")
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
