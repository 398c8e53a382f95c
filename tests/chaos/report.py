"""Report: the table of faults and outcomes, one line that sums it up, and the trace of what went wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table

from sandbox.harness import Conversation, Deployment
from sandbox.stubs import StubClient
from tests.chaos.faults import FAULTS
from tests.chaos.run import Part
from tests.chaos.switchboard import Switchboard
from tests.chaos.verdict import GOOD, UNHAPPY, Verdict

SHOWN_STEPS = 60


@dataclass(frozen=True, slots=True)
class Totals:
    """What is known of a whole run.

    Attributes:
        dead_letters: Messages that an operator had to redrive.
        leftovers: What is wrong with the queues at the end.
    """

    verdicts: Sequence[Verdict]
    dead_letters: int
    leftovers: Sequence[str]
    seconds: float
    seed: int

    @property
    def violations(self) -> int:
        return sum(bool(verdict.violations) for verdict in self.verdicts) + len(self.leftovers)


def table(verdicts: Sequence[Verdict]) -> Table:
    """Return one row for each kind of fault: how many conversations it hit, and what came of them."""
    shown = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    shown.add_column("fault")
    for column in ("planned", "hit", "delivered", "duplicates", "lost", "receives"):
        shown.add_column(column, justify="right", no_wrap=True)
    for name in (fault.name for fault in FAULTS):
        planned = [one for one in verdicts if name in [fault.name for fault in one.part.faults]]
        if planned:
            shown.add_row(name, str(len(planned)), *_cells([one for one in planned if name in one.faults]))
    shown.add_section()
    shown.add_row("none of its own", "", *_cells([one for one in verdicts if not one.faults]))
    shown.add_row("all", "", *_cells(verdicts), style="bold")
    return shown


def _cells(hit: Sequence[Verdict]) -> list[str]:
    receives = [one.receives for one in hit]
    return [
        str(len(hit)),
        str(sum(one.delivered for one in hit)),
        str(sum(one.duplicates for one in hit)),
        str(sum(one.lost for one in hit)),
        f"{min(receives)}-{max(receives)}" if receives else "",
    ]


def summary(totals: Totals) -> str:
    """Return the one line that says how it went."""
    verdicts = totals.verdicts
    return (
        f"{len(verdicts)} conversations, {sum(len(one.faults) for one in verdicts)} faults in {totals.seconds:.0f} s: "
        f"{sum(sum(one.messages) for one in verdicts)} of {sum(len(one.messages) for one in verdicts)} messages, "
        f"{sum(one.duplicates for one in verdicts)} duplicates, "
        f"{sum(one.lost for one in verdicts if not one.undecided)} lost, "
        f"{sum(one.undecided for one in verdicts)} left to a person, "
        f"{sum(one.unseen for one in verdicts)} adopted unseen, "
        f"{sum(one.delivery in GOOD for one in verdicts)} delivered, "
        f"{sum(one.delivery in UNHAPPY for one in verdicts)} not delivered and somebody told, "
        f"{sum(one.runs for one in verdicts)} runs of the model, {totals.dead_letters} messages redriven from the DLQ, "
        f"{totals.violations} violations (seed {totals.seed})"
    )


def trace(verdict: Verdict, deployment: Deployment, stubs: StubClient, switchboard: Switchboard, seed: int) -> str:
    """Return all that is known of a conversation that did not end as promised."""
    member = verdict.part.member
    conversation = Conversation(deployment, stubs, member.recipient_tel, member.conversation_id, slack_seconds=0)
    lines = [line.text for line in deployment.log.lines() if line.json and member.conversation_id in line.json.values()]
    return "\n".join(
        [
            f"Violation (seed {seed}): {member.conversation_id}: {'; '.join(verdict.violations)}",
            f"Planned: {', '.join(fault.name for fault in verdict.part.faults)}",
            f"Played: {', '.join(verdict.faults) or 'none'}",
            f"Suffered, from others in its batch too: {switchboard.suffered(member.conversation_id)}",
            f"Receives by message: {dict(switchboard.receives(member.conversation_id))}",
            "",
            "Steps of the processes that worked on it:",
            *(str(step) for step in switchboard.steps(member.conversation_id)[-SHOWN_STEPS:]),
            "",
            "Function log:",
            *lines[-SHOWN_STEPS:],
            "",
            conversation.evidence(),
        ]
    )


def planned(parts: Sequence[Part]) -> str:
    """Return what is about to happen, in one line."""
    return (
        f"{len(parts)} conversations, {sum(part.member.copies > 1 for part in parts)} of them sent twice,"
        f" {sum(part.member.parts > 1 for part in parts)} in two parts,"
        f" {sum(len(part.faults) for part in parts)} faults of {len({f.name for p in parts for f in p.faults})} kinds"
    )
