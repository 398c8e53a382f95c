"""Ending: how a command of the demo ends, whatever ends it, so that nothing is left behind."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from sandbox.engines.engine import EngineError
from sandbox.harness.errors import HarnessError
from sandbox.stubs import StubError
from tools.infrastructure.errors import TerraformError

FAILED = 1

WIDEST = 100
"""Lines that are longer are hard to read."""

_EXPECTED = (HarnessError, EngineError, TerraformError, StubError, ClientError, BotoCoreError)
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoError(Exception):
    """The demo can't go on; the message says why and what to do."""


class Interruption:
    """Lets the first signal end what is going on, and no further one the cleaning up after it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._ends = False
        self.asked = False
        """Somebody wanted it to end."""
        self.exit_code = 128 + signal.SIGINT
        """As a shell has it for what ended by a signal."""

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Take the signals in the block, but for those it was started to ignore, as by nohup."""
        taken = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self._on_signal) for number in taken}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def wait_for_end(self) -> None:
        """From here on everything is cleaned up, and nobody may end that."""
        self._ends = True

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._say("Cleaning up, a moment ...")
        if not self._ends:
            self._ends = self.asked = True
            self.exit_code = 128 + number
            raise KeyboardInterrupt


def run(main: Callable[[Console, Interruption], int]) -> int:
    """Run a command of the demo and return its exit code; an error is one message, not a traceback."""
    console = Console(highlight=False)
    console.width = min(console.width, WIDEST)
    interruption = Interruption(lambda text: console.print(f"\n{text}"))
    with interruption.caught():
        try:
            return main(console, interruption)
        except KeyboardInterrupt:
            console.print("Interrupted; nothing is left running.")
            return interruption.exit_code
        except (DemoError, *_EXPECTED, OSError) as exc:
            if interruption.asked:  # what was going on was ended under its feet
                console.print("Interrupted; nothing is left running.")
                return interruption.exit_code
            Console(stderr=True, highlight=False).print(f"\n{exc}", style="red", markup=False, soft_wrap=True)
            return FAILED
        finally:
            sys.stdout.flush()
