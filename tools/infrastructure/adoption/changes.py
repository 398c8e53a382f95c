"""What a plan changes about what exists, each change in a sentence; and what it would lose, which is refused."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.infrastructure.errors import TerraformError
from tools.infrastructure.losses import HOLDERS, Loss, losses
from tools.infrastructure.plan import Change, Plan

OF_THE_STATE = {
    "allow_overwrite",
    "filename",
    "force_destroy",
    "force_overwrite_replica_secret",
    "id",
    "publish",
    "recovery_window_in_days",
    "skip_destroy",
    "source_code_hash",
    "tags_all",
    "timeouts",
}
"""Attributes that only Terraform's state knows, or that others say too; code is told by `filename` being new."""

HIDDEN = {"environment"}
"""Attributes whose values are not shown: somebody may have kept a password there."""

LONGEST = 120
"""Characters of a value that are shown."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What will be other than it was, at one address."""

    address: str
    text: str

    def __str__(self) -> str:
        return f"{self.address}: {self.text}"


def sentences(plan: Plan) -> list[Sentence]:
    """Return every change of what exists; what is only added to it or imported as it is has none."""
    return [
        Sentence(change.address, "; ".join(parts))
        for change in plan.changes
        if change.before and not change.deletes and (parts := list(_parts(change)))
    ]


def refuse_losses(plan: Plan, *, expiring: int) -> None:
    """Refuse a plan that loses anything at all; there is no option for it.

    Args:
        expiring: Records that have a time in the attribute that the table's TTL looks at. With none, TTL loses nothing.

    Raises:
        TerraformError: With each loss.
    """
    found = [loss for loss in losses(plan) if expiring or "every record whose time in" not in loss.what]
    found += [
        Loss(change.address, "it exists, and would be deleted" + (" and made again" if change.replaces else ""))
        for change in plan.changes
        if change.deletes and change.type not in HOLDERS
    ]
    if found:
        raise TerraformError(
            "Nothing was changed. This adoption would lose:\n"
            + "\n".join(f"  {loss}" for loss in found)
            + "\nSay in the environment's file what keeps it (docs/adopting.md), or leave the resource outside"
            " Terraform by `existing`."
        )


def refuse_unnamed(changed: Sequence[Sentence], named: Iterable[str]) -> None:
    """Refuse changes whose addresses were not acknowledged.

    Raises:
        TerraformError: With each of them, and what to say.
    """
    names = set(named)
    if unnamed := [sentence for sentence in changed if sentence.address not in names]:
        raise TerraformError(
            "Nothing was changed. The adoption would change what exists:\n"
            + "\n".join(f"  {sentence}" for sentence in unnamed)
            + "\nAcknowledge each that you want, and keep the others by the environment's file:\n"
            + " ".join(f"--accept '{sentence.address}'" for sentence in unnamed)
        )


def _parts(change: Change) -> Iterator[str]:
    if change.type == "aws_lambda_function" and not change.before.get("filename") and change.after.get("filename"):
        yield "its code becomes ours"
    for name in sorted({*change.before, *change.after}):
        before, after = change.before.get(name), change.after.get(name)
        if name in OF_THE_STATE or change.unknown.get(name) is True or _same(before, after):
            continue
        if name in HIDDEN:
            yield f"{name} changes: {_variables(before, after)}"
        elif name == "tags":
            yield _tags(before or {}, after or {})
        else:
            yield f"{name} changes from {_shown(before)} to {_shown(after)}"


def _tags(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    return f"tags: {_words(before, after)}"


def _variables(before: Any, after: Any) -> str:
    """Name the variables that come, go or change, without a value."""
    old, new = ((blocks or [{}])[0].get("variables") or {} for blocks in (before, after))
    return _words(old, new)


def _words(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Name what comes, goes or changes, without a value."""
    words = {
        "come": sorted(set(new) - set(old)),
        "go": sorted(set(old) - set(new)),
        "change": sorted(name for name in set(old) & set(new) if old[name] != new[name]),
    }
    return "; ".join(f"{', '.join(names)} {word}" for word, names in words.items() if names)


def _same(before: Any, after: Any) -> bool:
    """Whether two values are the same to the service: nothing is as good as empty."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return all(_same(before.get(name), after.get(name)) for name in {*before, *after})
    empty: tuple[Any, ...] = (None, "", [], {}, False, 0)
    return before == after or (before in empty and after in empty)


def _shown(value: Any) -> str:
    if value in (None, "", [], {}):
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
