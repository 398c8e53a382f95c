"""A saved plan, as `terraform show -json` describes it.

Source: Terraform documentation, "JSON output format", "Plan representation".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DELETE = "delete"
CREATE = "create"


@dataclass(frozen=True, slots=True)
class Change:
    """What the plan does to one resource.

    Attributes:
        before: The resource as it is; empty if it does not exist.
        after: As it will be, as far as that is known; empty if it will not exist.
        unknown: What only the apply can tell: `True` in the place of an attribute.
        moved_from: The address it has in the state until then, where that is another.
        imports: Whether it exists and comes into the state.
    """

    address: str
    type: str
    actions: tuple[str, ...]
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    unknown: Mapping[str, Any] = field(default_factory=dict)
    moved_from: str | None = None
    imports: bool = False

    @property
    def deletes(self) -> bool:
        """Whether what exists goes, for good or to be replaced."""
        return DELETE in self.actions

    @property
    def replaces(self) -> bool:
        return self.deletes and CREATE in self.actions

    @property
    def creates(self) -> bool:
        return self.actions == (CREATE,)


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes of a plan to managed resources, and the variables it was made with."""

    changes: tuple[Change, ...]
    variables: Mapping[str, Any]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Plan":
        """Read the document that `terraform show -json` prints of a plan."""
        return cls(
            tuple(
                Change(
                    address=resource["address"],
                    type=resource["type"],
                    actions=tuple(resource["change"]["actions"]),
                    before=resource["change"].get("before") or {},
                    after=resource["change"].get("after") or {},
                    unknown=resource["change"].get("after_unknown") or {},
                    moved_from=resource.get("previous_address"),
                    imports="importing" in resource["change"],
                )
                for resource in document.get("resource_changes", [])
                if resource["mode"] == "managed"
            ),
            {name: variable.get("value") for name, variable in document.get("variables", {}).items()},
        )

    @classmethod
    def parse(cls, text: str) -> "Plan":
        return cls.of(json.loads(text))

    def of_type(self, kind: str) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.type == kind)
