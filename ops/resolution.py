"""Resolution: a person's word about a message that may not have been sent, or was not delivered."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from core.conversation import Conversation, SentPart, Standing
from core.errors import DeliveryUndecidedError
from ops.answers import Choice, UndecidedMessage
from ops.aws_errors import asking_for
from ops.errors import OpsError
from ops.session import Session
from ops.table import ConversationTable, Item
from services.conversation_item import (
    RECORD_VERSION,
    iso,
    read_conversation,
    read_moment,
    sent_list,
    serialize,
)
from services.dynamodb_service import INTENT, as_seen, old_item

_ATTENTION = "needs_attention"

_SID = re.compile(r"(SM|MM)[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a person decided: this message is ours, it was never sent, or its failure is dealt with."""

    choice: Choice
    sid: str | None


def undecided_rows(item: Item) -> list[UndecidedMessage]:
    """Return the messages at Twilio between which a person must decide."""
    rows = item.get("undecided")
    return [
        UndecidedMessage(
            sid=str(row.get("sid")),
            created_at=read_moment(row.get("created_at")),
            status=str(row.get("status") or ""),
            shown=row.get("shown") is True,
        )
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, Mapping)
    ]


def check(item: Item, resolution: Resolution, now: datetime) -> Conversation:
    """Return the record that a resolution is for.

    Raises:
        OpsError: The resolution makes no sense for it.
    """
    record = read_conversation(item)
    if resolution.choice is Choice.SEEN:
        _check_seen(item, record)
    else:
        _check_undecided(item, record, resolution, now)
    return record


def _check_seen(item: Item, record: Conversation) -> None:
    name, last = record.key.conversation_id, record.last_error
    if not record.closed:
        advice = "Remove the cause and redrive, as `ops show` says."
        if last is not None and last.code == DeliveryUndecidedError.code:
            advice = "Say which message it is: --adopt SID, or that there is none: --resend."
        elif "waiting" in item:
            advice = "It waits in the queue and comes again by itself."
        raise OpsError(f"{name} is open: it is not sent yet, and its message is still needed", advice)
    if _ATTENTION not in item:
        raise OpsError(f"{name} needs no attention", "There is nothing to deal with.")


def _check_undecided(item: Item, record: Conversation, resolution: Resolution, now: datetime) -> None:
    name = record.key.conversation_id
    if record.closed:
        advice = f"If you have dealt with what went wrong: ops resolve {name} --seen"
        raise OpsError(
            f"{name} is closed: its message is out",
            advice if _ATTENTION in item else "There is nothing to decide.",
        )
    if record.leased_at(now.timestamp()):
        end = datetime.fromtimestamp(record.lease_expires_at, tz=UTC)
        raise OpsError(f"A delivery is at work on {name}", f"Look again after {end:%H:%M:%S}Z.")
    is_foreign = record.standing is Standing.UNDECIDED and "record_version" not in item and "attempts" not in item
    if record.standing is Standing.UNDECIDED and not is_foreign:
        raise OpsError(f"This release cannot read what {name} says of its sending", "Use the release that wrote it.")
    last = record.last_error
    if not is_foreign and (record.intent_at is None or last is None or last.code != DeliveryUndecidedError.code):
        raise OpsError(f"{name} is not undecided", "The function finds out by itself: `ops dlq redrive`.")
    sids = [row.sid for row in undecided_rows(item)]
    if resolution.sid is not None and sids and resolution.sid not in sids:
        raise OpsError(f"{resolution.sid} is none of the messages in question", f"They are {', '.join(sids)}.")
    if resolution.sid is not None and not _SID.fullmatch(resolution.sid):
        raise OpsError(f"{resolution.sid} is no SID of a message", "It begins with SM, and 32 digits follow.")


def in_question(item: Item, resolution: Resolution) -> list[str]:
    """Return the messages that a resolution is about."""
    if resolution.choice is Choice.SEEN:
        return [sid for sid, fate in read_conversation(item).deliveries.items() if fate.status.is_failure]
    return [row.sid for row in undecided_rows(item)]


def write(session: Session, table: ConversationTable, item: Item, record: Conversation, resolution: Resolution) -> None:
    """Write a resolution into the record, with a line that tells of it, if nothing has changed meanwhile.

    Raises:
        OpsError: Something has.
    """
    aws, names, now = session.aws, session.names, session.world.now()
    if resolution.choice is Choice.SEEN:
        sets, removes = {"updated_at": iso(now)}, [_ATTENTION]
        condition, values = _no_new_failure(item)
    else:
        sets, removes = _decided(item, record, resolution, now)
        condition, values = as_seen(record)
    audit = {
        "at": iso(now),
        "choice": resolution.choice,
        "sid": resolution.sid,
        "between": in_question(item, resolution),
    }
    assignments = [f"#{name} = :{name}" for name in sets]
    assignments.append("resolutions = list_append(if_not_exists(resolutions, :none), :audit)")
    with asking_for(f"the table {names.table}", aws.where):
        try:
            aws.dynamodb.update_item(
                TableName=names.table,
                Key=serialize(table.key.attributes(record.key)),
                UpdateExpression=f"SET {', '.join(assignments)} REMOVE {', '.join(f'#{name}' for name in removes)}",
                ConditionExpression=condition,
                ExpressionAttributeNames={f"#{name}": name for name in [*sets, *removes]},
                ExpressionAttributeValues=serialize(
                    {**{f":{name}": value for name, value in sets.items()}, **values, ":none": [], ":audit": [audit]}
                ),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as exc:
            if old_item(exc) is None:
                raise
            raise OpsError("The record has changed meanwhile, so nothing was written", "Look at it again.") from exc


def _decided(
    item: Item, record: Conversation, resolution: Resolution, now: datetime
) -> tuple[dict[str, Any], list[str]]:
    """Return what the decision about an undecided message sets, and what it removes."""
    sets: dict[str, Any] = {"updated_at": iso(now), "record_version": RECORD_VERSION}
    sets["write_number"] = record.write_number + 1
    removes = [*INTENT, "undecided", "lease_owner", "lease_expires_at"]
    if resolution.sid is not None and record.intent_at is None:  # another program's record: it is done
        sets["closed_at"] = iso(now)
        removes += ["last_error", _ATTENTION]
    elif resolution.sid is not None:
        sets["sent_parts"] = sent_list([*record.sent, _part(resolution.sid, undecided_rows(item), now)])
    return sets, removes


def _no_new_failure(item: Item) -> tuple[str, dict[str, Any]]:
    """Return the condition that a record still says what the person has seen, and its values."""
    conditions = [f"attribute_exists({_ATTENTION})"]
    values: dict[str, Any] = {}
    for name in ("last_error", "delivery_writes"):
        if name in item:
            conditions.append(f"{name} = :seen_{name}")
            values[f":seen_{name}"] = item[name]
        else:
            conditions.append(f"attribute_not_exists({name})")
    return " AND ".join(conditions), values


def _part(sid: str, rows: Sequence[UndecidedMessage], now: datetime) -> SentPart:
    row = next((row for row in rows if row.sid == sid), None)
    return SentPart(sid, (row.created_at if row else None) or now, unseen=row is None or not row.shown)
