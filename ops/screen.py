"""Screen: where answers, notes, questions and progress go.

Answers go to standard output, everything else to standard error, so that an answer can be piped.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ops.answers import Answer, Problem
from ops.errors import NotConfirmedError, OpsError
from ops.masking import make_printable, mask_numbers

A = TypeVar("A", bound=Answer)

Tick = Callable[[int, int | None], None]
"""Tells progress: how many are done, and of how many if that is known."""


class Screen:
    """Standard output and standard error of one command."""

    def __init__(self, *, as_json: bool, someone_there: Callable[[], bool]) -> None:
        """Make a screen.

        Args:
            someone_there: Whether a person can answer a question.
        """
        self.as_json = as_json
        self._someone_there = someone_there
        self._out = Console(markup=False, highlight=False, emoji=False)
        self._notes = Console(stderr=True, markup=False, highlight=False, emoji=False)
        self._on_one_line = not self._notes.is_terminal

    def answer(self, answer: A, render: Callable[[A], RenderableType], *, unmask: bool = False) -> None:
        """Print an answer, phone numbers masked wherever they stand unless `unmask`."""
        data = answer.model_dump(mode="json")
        if not unmask:
            data = mask_numbers(data)
        if self.as_json:
            self._print_json(type(answer).model_validate(data))
        else:
            with self._out.capture() as printed:
                self._out.print(render(type(answer).model_validate(make_printable(data))))
            for line in printed.get().splitlines():
                self._out.file.write(line.rstrip() + "\n")  # tables pad their last column

    def error(self, error: OpsError) -> None:
        """Print why a command can't go on."""
        self._notes.print(make_printable(mask_numbers(f"Error: {error}")), style="red", soft_wrap=self._on_one_line)
        if self.as_json:
            message = error.args[0].rstrip(".")
            self._print_json(
                Problem(message=mask_numbers(message), advice=mask_numbers(error.advice), exit_code=error.exit_code)
            )

    def note(self, text: str) -> None:
        """Say something beside the answer."""
        self._notes.print(make_printable(mask_numbers(text)), style="dim", soft_wrap=self._on_one_line)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before something is sent or deleted.

        Raises:
            NotConfirmedError: The answer was no, or there is nobody to ask.
        """
        if yes:
            return
        if not self._someone_there():
            raise NotConfirmedError("There is nobody to ask, so nothing was done", "Pass --yes to go on unasked.")
        self._notes.print(make_printable(mask_numbers(question)), end=" ", soft_wrap=self._on_one_line)
        try:
            given = self._notes.input("[y/N] ", markup=False)
        except EOFError:
            given = ""
        if given.strip().lower() not in {"y", "yes"}:
            raise NotConfirmedError("Not confirmed, so nothing was done")

    @contextmanager
    def progress(self, what: str) -> Iterator[Tick]:
        """Show progress until the end of the block, where there is a terminal."""
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        quiet = not self._notes.is_terminal or self._notes.is_dumb_terminal
        with Progress(*columns, console=self._notes, transient=True, disable=quiet) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total and max(done, total))

    def _print_json(self, answer: Answer) -> None:
        self._out.print(answer.model_dump_json(indent=2, ensure_ascii=True), soft_wrap=True)
