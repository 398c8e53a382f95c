"""Progress: what is going on, with times; a live list on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from tests.harness.progress import Step

WORDS = {
    "what it needs": "Looking for what is needed",
    "package": "Building the deployment package, as production gets it",
    "stubs": "Starting OpenAI and Twilio (stubs)",
    "MiniStack": "Starting AWS (MiniStack, in a process)",
    "terraform init": "Terraform: init",
    "terraform apply": "Terraform: apply (most of it is the AWS provider waiting for queues to settle)",
    "left for the next run": "Keeping the stack's state for the next run",
    "as it was left": "Going on with the stack of the last run",
    "starting over": "Starting over",
    "six Context Objects": "Sending six Context Objects",
    "cleaning up": "Cleaning up",
}
"""Step of the harness to what it means; a step may have a name behind a comma."""

MEANWHILE = (
    ("The promise", "However often SQS redelivers, wherever the process dies: the recipient gets the message once."),
    ("1 Claim", "One conditional write creates the record, with a lease. Two deliveries can't both have it."),
    ("2 Ask", "OpenAI writes the message. The run's id is recorded, so a later delivery polls it and pays once."),
    ("3 Intend", "Before anything is sent, the record says so: from here on, a message may be out."),
    ("4 Send", "Twilio has no idempotency key. If its answer is lost, its own list is asked before sending again."),
    ("5 Close", "One write: sent, by which message, in what time. If it fails, an alarm rings and a redelivery heals."),
)

MEANWHILE_SECONDS = 8


class Steps:
    """Shows steps as they begin and end; called from several threads, one at a time."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps: list[Step] = []
        self._live: Live | None = None
        self._lock = Lock()

    @contextmanager
    def shown(self) -> Iterator["Steps"]:
        """Show what is going on during the block."""
        if not self._console.is_terminal:
            yield self
            return
        with Live(get_renderable=self._render, console=self._console, refresh_per_second=8) as self._live:
            try:
                yield self
            finally:
                with self._lock:
                    self._meanwhile_is_over()

    def __call__(self, step: Step) -> None:
        with self._lock:
            if step not in self._steps:
                self._steps.append(step)
        if not self._console.is_terminal:
            self._console.print(line_of(step), soft_wrap=True, markup=False)

    def _meanwhile_is_over(self) -> None:
        self._live = None

    def _render(self) -> RenderableType:
        with self._lock:
            steps, live = list(self._steps), self._live
        table = Table.grid(padding=(0, 1))
        table.add_column(width=2)
        table.add_column()
        table.add_column(justify="right", no_wrap=True)
        for step in steps:
            table.add_row(*_row(step))
        if live is None or all(step.seconds is not None for step in steps):
            return table
        return Group(table, Padding(meanwhile(self._console.get_time()), (1, 0, 0, 3)))


def _row(step: Step) -> tuple[RenderableType, RenderableType, str]:
    if step.seconds is None:
        return Spinner("dots"), Text(words_for(step)), ""
    what = Text(words_for(step))
    if step.note:
        what.append(f"  {step.note}", style="dim")
    return Text("✓", style="green"), what, f"{step.seconds:.1f} s"


def meanwhile(now_seconds: float) -> Text:
    """Return something to read for who waits."""
    title, text = MEANWHILE[int(now_seconds / MEANWHILE_SECONDS) % len(MEANWHILE)]
    return Text.assemble((f"{title}: ", "bold"), (text, "dim"))


def words_for(step: Step) -> str:
    name = step.what.partition(",")[0]
    return WORDS.get(name, step.what)


def line_of(step: Step) -> str:
    """Return a plain line for the beginning or the end of a step."""
    if step.seconds is None:
        return f"[{step.started:5.1f} s] {words_for(step)} ..."
    note = f" ({step.note})" if step.note else ""
    return f"[{step.started + step.seconds:5.1f} s] {words_for(step)}: {step.seconds:.1f} s{note}"
