"""`python -m demo.phone`: the whole product, kept running, with a page on localhost to play with it."""

import sys
import threading
from contextlib import ExitStack, suppress
from typing import Annotated

try:
    import typer
    from rich.console import Console

    from demo.ending import Interruption, run
    from demo.phone.server import DEFAULT_PORT, PhoneServer
    from demo.phone.world import open_world
    from demo.progress import Steps
    from demo.stack import running_stack
    from sandbox.harness.progress import Timeline
    from tools.surroundings import settle
except ModuleNotFoundError as exc:
    sys.exit(f"{exc.name} is not installed for {sys.executable}: run `make dev`, which installs everything into .venv.")
except KeyboardInterrupt:
    sys.exit(130)  # nothing was started yet

Port = Annotated[int, typer.Option(min=0, max=65535, help="Where the page is; 0 takes a free port.")]


def phone(port: Port = DEFAULT_PORT) -> None:
    """Keep the whole product running on this machine, with a page to send, to watch and to let things go wrong."""
    raise typer.Exit(run(lambda console, interruption: keep_running(console, interruption, port)))


def keep_running(console: Console, interruption: Interruption, port: int) -> int:
    """Start everything, say where the page is, and end everything when somebody asks for it."""
    steps = Steps(console)
    with ExitStack() as parts:
        server = parts.enter_context(PhoneServer(port))
        with steps.shown():
            timeline = Timeline(steps)
            stack = parts.enter_context(running_stack(timeline, interruption))
            with timeline.step("Preparing the page"):
                world = parts.enter_context(open_world(stack))
        server.serve(world)
        console.print(f"\nThe local phone is at [bold]{server.url}[/bold]  (Ctrl-C ends it)", soft_wrap=True)
        console.print("Point `aws` and `ops` at its stack from another terminal:", style="dim")
        console.print(f"  {stack.exports()}", markup=False, soft_wrap=True)
        with suppress(KeyboardInterrupt):  # that is how it is meant to end
            threading.Event().wait()
    console.print("Ended; nothing is left running.")
    return 0


if __name__ == "__main__":
    settle()
    typer.run(phone)
