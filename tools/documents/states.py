"""States: the diagram of a conversation's statuses, from the table that the code is held to."""

from collections import defaultdict
from collections.abc import Mapping
from itertools import chain

from core.conversation import Status

START_OR_END = "[*]"
Transitions = Mapping[Status | None, frozenset[Status]]


def diagram(transitions: Transitions) -> str:
    """Return the transitions as a Mermaid diagram.

    Statuses that are reached from the same ones and lead to the same ones share a box, so that an arrow to or from the
    box stands for all of them.
    """
    box_of = _boxes(transitions)
    boxes: dict[str, list[Status]] = defaultdict(list)
    for status, box in box_of.items():
        boxes[box].append(status)
    arrows = dict.fromkeys(
        (box_of[before] if before else START_OR_END, box_of[after])
        for before, targets in transitions.items()
        for after in sorted(targets, key=list(Status).index)
    )
    last = [(box_of[status], START_OR_END) for status in Status if not transitions[status]]
    lines = chain(
        ["stateDiagram-v2"],
        *(_box(name, members) for name, members in boxes.items() if len(members) > 1),
        (f"  {before} --> {after}" for before, after in [*arrows, *last]),
    )
    return "\n".join(["```mermaid", *lines, "```"])


def _boxes(transitions: Transitions) -> dict[Status, str]:
    """Return the box of each status; a box of one is the status itself."""
    alike: dict[object, list[Status]] = defaultdict(list)
    for status in Status:
        reached_from = frozenset(before for before, after in transitions.items() if status in after) - {status}
        alike[reached_from, transitions[status] - {status}, status in transitions[status]].append(status)
    groups = list(alike.values())
    number = {id(group): index for index, group in enumerate((g for g in groups if len(g) > 1), 1)}
    return {
        status: f"box_{number[id(group)]}" if len(group) > 1 else str(status) for group in groups for status in group
    }


def _box(name: str, members: list[Status]) -> list[str]:
    return [f'  state "any of" as {name} {{', *(f"    {member}" for member in members), "  }"]
