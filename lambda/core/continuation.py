"""Continuation: what a postponed message says of the wait so far, in one attribute of the message.

Whoever may put messages on the queue may write it, so nothing in it is trusted: one that can't be right counts as
absent, and what it says of a run is worth nothing until the record says the same.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from core.conversation import Run, WaitReason

ATTRIBUTE = "continuation"
"""Name of the message attribute."""

VERSION = 1

MAX_NUMBER = 200
"""Most continuations of one message; SQS and Lambda would go round for ever."""

MAX_LENGTH = 4096

CLOCK_TOLERANCE = timedelta(seconds=300)
"""How far our clock and that of SQS may be apart: AWS refuses requests whose signature is that far off."""

_ID = re.compile(r"(?!\.+\Z)[\x21-\x7e]{1,512}")


@dataclass(frozen=True, slots=True)
class Continuation:
    """How a message came to be put on the queue again.

    Attributes:
        number: Which continuation it is, counted from 1.
        origin: Id of the message that came first.
        first_sent_at: When that one was sent.
        put_at: When this one was put on the queue.
        since: Since when it waits for that reason.
        run: The run of the model that it waits for, if that is the reason.
        write_number: Number of the write with which the record was left, 0 if it was not touched.
    """

    number: int
    origin: str
    first_sent_at: datetime
    put_at: datetime
    reason: WaitReason
    since: datetime
    run: Run | None = None
    write_number: int = 0


def write_continuation(continuation: Continuation) -> str:
    """Return the attribute's text. A run whose id could not be read back is left out; its record names it."""
    run = continuation.run
    members: dict[str, Any] = {
        "version": VERSION,
        "number": continuation.number,
        "origin": continuation.origin,
        "first_sent_at": _iso(continuation.first_sent_at),
        "put_at": _iso(continuation.put_at),
        "reason": continuation.reason,
        "since": _iso(continuation.since),
    }
    if run is not None and _is_id(run.thread_id) and _is_id(run.response_id):
        started = {"started_at": _iso(run.started_at)} if run.started_at else {}
        members["run"] = {"thread_id": run.thread_id, "response_id": run.response_id, **started}
        members["write_number"] = continuation.write_number
    return json.dumps(members, separators=(",", ":"))


def read_continuation(text: object, sent_at: datetime | None) -> Continuation | None:
    """Read the attribute of a message; None if it has none, or one that can't be right.

    A message that was sent long after its continuation was written has been redriven: it begins from the start.

    Args:
        sent_at: When SQS got this message.
    """
    if not isinstance(text, str) or len(text) > MAX_LENGTH or sent_at is None:
        return None
    try:
        continuation = _read(json.loads(text))
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None
    moments = continuation.first_sent_at, continuation.since, continuation.put_at
    in_order = moments[0] <= moments[2] + CLOCK_TOLERANCE and moments[1] <= moments[2] + CLOCK_TOLERANCE
    is_of_this_put = abs(sent_at - continuation.put_at) <= CLOCK_TOLERANCE
    return continuation if in_order and is_of_this_put else None


def _read(members: Any) -> Continuation:
    """Read the members; raise where one is not what it should be."""
    number, write_number = members["number"], members.get("write_number", 0)
    if type(members["version"]) is not int or members["version"] != VERSION:
        raise ValueError("another version")
    if type(number) is not int or not 1 <= number <= MAX_NUMBER:
        raise ValueError("number")
    if type(write_number) is not int or not 0 <= write_number < 2**53:
        raise ValueError("write_number")
    if not _is_id(members["origin"]):
        raise ValueError("origin")
    return Continuation(
        number=number,
        origin=members["origin"],
        first_sent_at=_moment(members["first_sent_at"]),
        put_at=_moment(members["put_at"]),
        reason=WaitReason(members["reason"]),
        since=_moment(members["since"]),
        run=_run(members["run"]) if "run" in members else None,
        write_number=write_number,
    )


def _run(members: Any) -> Run:
    if not _is_id(members["thread_id"]) or not _is_id(members["response_id"]):
        raise ValueError("run")
    started_at = _moment(members["started_at"]) if "started_at" in members else None
    return Run(members["thread_id"], members["response_id"], started_at)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    return moment.astimezone(UTC)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
