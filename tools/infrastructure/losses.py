"""What would be lost if a plan were applied: data, the way to it, and the time it is kept.

One judge for every plan: `losses` names each loss by the address of its resource, `refuse` stops those who did not
name it too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.infrastructure.errors import TerraformError
from tools.infrastructure.plan import Change, Plan
from tools.infrastructure.policies import lost_statements

HOLDERS = {
    "aws_cloudwatch_log_group": "every line of the log group",
    "aws_dynamodb_table": "every record of the table",
    "aws_kms_key": "the key, and so whatever it still encrypts",
    "aws_secretsmanager_secret": "the value of the secret",
    "aws_sqs_queue": "every message of the queue",
}
"""What holds data, by type."""

LINKS = {"aws_sqs_queue_redrive_policy": "the queue's way to its DLQ: what fails for good would expire unseen"}
"""What holds nothing, but loses messages when it is gone for good; replacing it loses none."""

POLICIES = ("policy", "assume_role_policy")
"""Attributes that hold a policy, whatever the type of the resource."""


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that a plan would take away.

    Attributes:
        what: What would be lost, for a person.
        allowed: Whether naming the address is enough; otherwise something else must be deployed first.
    """

    address: str
    what: str
    allowed: bool = True

    def __str__(self) -> str:
        return f"{self.address}: {self.what}"


def losses(plan: Plan) -> list[Loss]:
    """Return everything that applying the plan would lose."""
    replaced = any(change.replaces and change.type in HOLDERS for change in plan.changes)
    found = []
    for change in plan.changes:
        if not change.before:
            continue
        if change.deletes and change.type in HOLDERS:
            found.append(_deleted(change, plan))
        elif change.type in LINKS and change.deletes and not change.replaces:
            found.append(Loss(change.address, LINKS[change.type]))
        else:
            found += _of_policies(change, consequence=replaced)
            if judge := _JUDGES.get(change.type):
                found += [Loss(change.address, what) for what in judge(change.before, change.after)]
    return found


def refuse(found: Sequence[Loss], named: Iterable[str]) -> None:
    """Refuse every loss whose address was not named.

    Raises:
        TerraformError: With each loss, and what to say if it is wanted.
    """
    names = set(named)
    if early := [loss for loss in found if not loss.allowed]:
        raise TerraformError(
            "Nothing was changed. This is never done in one deployment:\n" + "\n".join(f"  {loss}" for loss in early)
        )
    if unnamed := [loss for loss in found if loss.address not in names]:
        options = " ".join(
            f"--allow-destroy '{address}'" for address in dict.fromkeys(loss.address for loss in unnamed)
        )
        raise TerraformError(
            "Nothing was changed. This plan would lose:\n"
            + "\n".join(f"  {loss}" for loss in unnamed)
            + f"\nIf that is what you want, name it: {options}"
        )


def _deleted(change: Change, plan: Plan) -> Loss:
    what = f"{HOLDERS[change.type]}: it is {'replaced by a new one' if change.replaces else 'deleted'}"
    users = _users_of(change.before, plan) if change.type == "aws_kms_key" else []
    if not users:
        return Loss(change.address, what)
    return Loss(
        change.address,
        f"{what} while it still encrypts {', '.join(users)}. Deploy customer_managed_key = false with keep_key = true"
        " first, and let the key go in a deployment after it",
        allowed=False,
    )


def _users_of(key: Mapping[str, Any], plan: Plan) -> list[str]:
    """Return the addresses of what the key encrypts up to this plan, and what stays after it."""
    names = {key.get("arn"), key.get("key_id")} - {None}
    return [
        change.address
        for change in plan.changes
        if not (change.deletes and not change.replaces) and names & set(_keys_of(change.before))
    ]


def _keys_of(resource: Mapping[str, Any]) -> Iterator[str]:
    for source in (resource, *(resource.get("server_side_encryption") or [])):
        for name in ("kms_key_arn", "kms_key_id", "kms_master_key_id"):
            if isinstance(source.get(name), str):
                yield source[name]


def _of_policies(change: Change, *, consequence: bool) -> Iterator[Loss]:
    """Yield the statements that go.

    A policy that is unknown before the apply cannot be compared. If something that holds data is replaced, the policy
    is unknown because it names that, which is a loss already; otherwise it counts as one.
    """
    for name in POLICIES:
        before = change.before.get(name)
        if not before:
            continue
        if change.unknown.get(name) is True:
            if not consequence:
                yield Loss(change.address, f"its {name} is known only while it is applied, so it may lose statements")
            continue
        for statement in lost_statements(before, change.after.get(name)):
            yield Loss(change.address, f"the policy statement {statement}, or a part of it")


def _of_table(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("global_secondary_index", "local_secondary_index"):
        kept = {index["name"]: _shape(index) for index in after.get(kind) or []}
        for index in before.get(kind) or []:
            if index["name"] not in kept:
                yield f"the index {index['name']}"
            elif kept[index["name"]] != _shape(index):
                yield f"the index {index['name']}, which is dropped and built again"
    if before.get("stream_enabled"):
        if not after.get("stream_enabled"):
            yield "the stream, and what was not read from it yet"
        elif after.get("stream_view_type") != before.get("stream_view_type"):
            yield "the stream, which is replaced by another: its readers stay with the old one"
    for replica in {replica["region_name"] for replica in before.get("replica") or []} - {
        replica["region_name"] for replica in after.get("replica") or []
    }:
        yield f"the replica in {replica}"
    yield from _of_recovery(_block(before, "point_in_time_recovery"), _block(after, "point_in_time_recovery"))
    old, new = _block(before, "ttl"), _block(after, "ttl")
    if new.get("enabled") and (not old.get("enabled") or old.get("attribute_name") != new.get("attribute_name")):
        yield f"retention: DynamoDB would delete every record whose time in {new.get('attribute_name')} is over"


def _shape(index: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an index is; changing any of it builds another one."""
    shape = {name: index.get(name) for name in ("hash_key", "range_key", "key_schema", "projection_type")}
    attributes = sorted(index.get("non_key_attributes") or [])
    return {name: value for name, value in {**shape, "non_key_attributes": attributes}.items() if value}


def _of_recovery(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if before.get("enabled") and not after.get("enabled"):
        yield "retention: point-in-time recovery, and all its backups"
    elif (after.get("recovery_period_in_days") or 35) < (before.get("recovery_period_in_days") or 0):
        yield f"retention: backups older than {after['recovery_period_in_days']} days"


def _of_log_group(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    kept, days = before.get("retention_in_days") or 0, after.get("retention_in_days") or 0
    if days and (not kept or days < kept):
        until_now = f"{kept} days" if kept else "for ever"
        yield f"retention: log lines older than {days} days; until now they are kept {until_now}"


def _of_queue(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    kept, seconds = before.get("message_retention_seconds"), after.get("message_retention_seconds")
    if kept and seconds and seconds < kept:
        yield f"retention: messages older than {seconds} s; until now they are kept {kept} s"


def _of_key(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if before.get("is_enabled") and after.get("is_enabled") is False:
        yield "the use of the key, and with it whatever it encrypts"


def _block(resource: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    blocks = resource.get(name) or [{}]
    return blocks[0] or {}


_JUDGES: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Iterator[str]]] = {
    "aws_cloudwatch_log_group": _of_log_group,
    "aws_dynamodb_table": _of_table,
    "aws_kms_key": _of_key,
    "aws_sqs_queue": _of_queue,
}
