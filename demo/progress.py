"""Progress: what is going on, with times; a live list on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, RLock, Thread

from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from sandbox.harness.progress import Step

WORDS = {
    "what it needs": "Looking for what is needed",
    "package": "Building the deployment package",
    "stubs": "Starting OpenAI and Twilio",
    "MiniStack": "Starting AWS",
    "terraform init": "Terraform: init",
    "terraform apply": "Terraform: apply",
    "left for the next run": "Keeping the stack's state for the next run",
    "as it was left": "Going on with the stack of the last run",
    "starting over": "Starting over",
    "the function": "Starting the function",
    "six Context Objects": "Sending six Context Objects",
    "cleaning up": "Cleaning up",
}
"""Step of the harness to what it means; a step may have a name behind a comma."""

HINTS = {
    "package": "the zip that production gets",
    "stubs": "stubs, as HTTP servers",
    "MiniStack": "an emulator in a process of its own",
    "terraform init": "the AWS provider is large, so the first time takes longest",
    "terraform apply": "about a minute: the provider waits until queues have settled",
    "the function": "a cold start",
}
"""What to know about a step while it lasts."""

MEANWHILE = (
    ("The promise", "However often SQS redelivers, wherever the process dies: the recipient gets the message once."),
    ("1 Claim", "One conditional write creates the record, with a lease. Two deliveries can't both have it."),
    ("2 Ask", "OpenAI writes the message. The run's id is recorded, so a later delivery polls it and pays once."),
    ("3 Intend", "Before anything is sent, the record says so: from here on, a message may be out."),
    ("4 Send", "Twilio has no idempotency key. If its answer is lost, its own list is asked before sending again."),
    ("5 Close", "One write: sent, by which message, in what time. If it fails, an alarm rings and a redelivery heals."),
)

MEANWHILE_SECONDS = 8
REMIND_SECONDS = 15

ROOM_FOR_ECHO = 4
"""A terminal shows Ctrl-C as ^C behind the last character; were there no room, the list would slip by a line."""


class Steps:
    """Shows steps as they begin and end; called from several threads, one at a time.

    The lock may be taken twice: a signal interrupts the thread that holds it, and then says something.
    """

    def __init__(self, console: Console, remind_seconds: float = REMIND_SECONDS) -> None:
        """Take where to show them.

        Args:
            console: What it is decides how they are shown.
            remind_seconds: Without a terminal, a step that lasts says so in this rhythm.
        """
        self._console = console
        self._remind_seconds = remind_seconds
        self._begun: list[tuple[Step, float]] = []
        self._waits = True
        self._lock = RLock()

    @contextmanager
    def shown(self) -> Iterator["Steps"]:
        """Show what is going on during the block."""
        if self._console.is_terminal:
            with Live(get_renderable=self._render, console=self._console, refresh_per_second=8):
                try:
                    yield self
                finally:
                    self._waits = False
            return
        ended = Event()
        reminder = Thread(target=self._remind_until, args=(ended,), name="reminder", daemon=True)
        reminder.start()
        try:
            yield self
        finally:
            ended.set()
            reminder.join()

    def __call__(self, step: Step) -> None:
        with self._lock:
            if all(step is not begun for begun, _ in self._begun):
                self._begun.append((step, self._console.get_time()))
            if not self._console.is_terminal:
                self._tell(line_of(step))

    def note(self, step: Step, note: str) -> None:
        """Say how far a step is."""
        with self._lock:
            if note == step.note:
                return
            step.note = note
            if not self._console.is_terminal:
                self._tell(f"          {note}")

    def _tell(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, markup=False)

    def _remind_until(self, ended: Event) -> None:
        while not ended.wait(self._remind_seconds):
            with self._lock:
                now = self._console.get_time()
                for step, since in self._begun:
                    if step.seconds is None and now - since >= self._remind_seconds:
                        self._tell(f"          {words_for(step)}: {now - since:.0f} s so far")

    def _render(self) -> RenderableType:
        with self._lock:
            begun = list(self._begun)
        now = self._console.get_time()
        table = Table.grid(padding=(0, 1))
        table.add_column(width=1, no_wrap=True)
        table.add_column()
        table.add_column(justify="right", no_wrap=True)
        for step, since in begun:
            table.add_row(*_row(step, now - since))
        if not self._waits or all(step.seconds is not None for step, _ in begun):
            return table
        return Group(table, "", Constrain(meanwhile(now), self._console.width - ROOM_FOR_ECHO))


_SPINNER = Spinner("dots", style="cyan")


def _row(step: Step, so_far: float) -> tuple[RenderableType, RenderableType, Text]:
    remark = step.note or (HINTS.get(_name_of(step), "") if step.seconds is None else "")
    what = Text.assemble(words_for(step), (f"  {remark}" if remark else "", "dim"))
    if step.seconds is None:
        return _SPINNER, what, Text(f"{so_far:.0f} s", "dim")
    return Text("✗", "red") if step.failed else Text("✓", "green"), what, Text(f"{step.seconds:.1f} s")


def meanwhile(now_seconds: float) -> Text:
    """Return something to read for who waits."""
    title, text = MEANWHILE[int(now_seconds / MEANWHILE_SECONDS) % len(MEANWHILE)]
    return Text.assemble((f"{title}: ", "bold"), (text, "dim"))


def words_for(step: Step) -> str:
    return WORDS.get(_name_of(step), step.what)


def _name_of(step: Step) -> str:
    return step.what.partition(",")[0]


def line_of(step: Step) -> str:
    """Return a plain line for the beginning or the end of a step."""
    if step.seconds is None:
        hint = HINTS.get(_name_of(step))
        return f"[{step.started:5.1f} s] {words_for(step)} ..." + (f" ({hint})" if hint else "")
    note = f" ({step.note})" if step.note else ""
    ended = "ended after " if step.failed else ""
    return f"[{step.started + step.seconds:5.1f} s] {words_for(step)}: {ended}{step.seconds:.1f} s{note}"
