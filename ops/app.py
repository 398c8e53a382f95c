"""The command line, put together."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from ops.commands.attention import attention
from ops.commands.context import replay, validate
from ops.commands.doctor import doctor
from ops.commands.peek import peek
from ops.commands.redrive import redrive
from ops.commands.resolve import resolve
from ops.commands.show import show
from ops.commands.trace import trace
from ops.errors import UsageError
from ops.options import command
from ops.screen import Screen

PROGRAM = "ops"


class _OneLine(TyperGroup):
    """Says in one line what is wrong with a command line."""

    def main(self, *args: Any, **options: Any) -> Any:
        try:
            code = super().main(*args, **options | {"standalone_mode": False})
        except typer.TyperException as error:
            if message := error.format_message().rstrip("."):  # empty where help was shown instead
                context = getattr(error, "ctx", None)
                advice = f"See `{context.command_path if context else PROGRAM} --help`."
                as_json = "--json" in (options.get("args") or sys.argv)
                Screen(as_json=as_json, someone_there=lambda: False).error(UsageError(message, advice))
            sys.exit(error.exit_code)
        sys.exit(code)


app = typer.Typer(
    name=PROGRAM,
    cls=_OneLine,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show values
    help="Look after a deployment of the WhatsApp channel processor. Reads only, unless a command says otherwise.",
    epilog="Exit codes: 0 fine, 1 problem found, 2 usage, 3 AWS refused, 4 not confirmed. See docs/operations.md.",
)
dlq = typer.Typer(no_args_is_help=True, help="The dead-letter queue: what is in it and why, and the way back.")

command(app, "doctor")(doctor)
command(app, "attention")(attention)
command(app, "show")(show)
command(app, "resolve")(resolve)
command(app, "trace")(trace)
app.add_typer(dlq, name="dlq")
command(dlq, "peek")(peek)
command(dlq, "redrive")(redrive)
app.command("validate")(validate)
command(app, "replay")(replay)
