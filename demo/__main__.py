"""`python -m demo`: the whole product, from queue to WhatsApp, on this machine and without an account."""

import sys
import time
from functools import partial

try:
    from rich.console import Console

    from demo.ending import FAILED, Interruption, run
    from demo.progress import Steps
    from demo.report import report
    from demo.scenes import play
    from demo.stack import running_stack
    from sandbox.harness.progress import Timeline
    from tools.surroundings import settle
except ModuleNotFoundError as exc:
    sys.exit(
        f"{exc.name} is not installed for {sys.executable}: run `make demo`, which installs everything into .venv."
    )
except KeyboardInterrupt:
    sys.exit(130)  # nothing was started yet


def demo(console: Console, interruption: Interruption) -> int:
    """Start the stack, play the scenes, show what came out, and end everything."""
    begun = time.monotonic()
    steps = Steps(console)
    timeline = Timeline(steps)
    with steps.shown(), running_stack(timeline, interruption) as stack, timeline.step("six Context Objects") as step:
        outcomes = play(stack.deployment(), stack.stubs, partial(steps.note, step))
    for part in report(outcomes):
        console.print(part)
    console.print()
    console.print(f"{time.monotonic() - begun:.0f} s in all. Play with it on a page of its own: make dev", style="dim")
    return 0 if all(promise.kept for promise in outcomes.promises()) else FAILED


if __name__ == "__main__":
    settle()
    sys.exit(run(demo))
