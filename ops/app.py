"""The command line, put together."""

import platform
import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ops.commands.attention import attention
from ops.commands.context import replay, validate
from ops.commands.deliveries import pause, resume
from ops.commands.doctor import doctor
from ops.commands.drop import drop
from ops.commands.export import export
from ops.commands.find import find
from ops.commands.forget import forget
from ops.commands.letter import export_letters, show_letter
from ops.commands.peek import peek
from ops.commands.redrive import redrive
from ops.commands.resolve import resolve
from ops.commands.show import show
from ops.commands.stats import stats
from ops.commands.trace import trace
from ops.errors import UsageError
from ops.options import command
from ops.screen import Screen

PROGRAM = "ops"

ROOT = Path(__file__).parents[1]


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


def _say_version(*, wanted: bool) -> None:
    if wanted:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        typer.echo(f"{PROGRAM} {project['version']}, Python {platform.python_version()}")
        raise typer.Exit


app = typer.Typer(
    name=PROGRAM,
    context_settings={"help_option_names": ["-h", "--help"]},
    cls=_OneLine,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks show values
    help="Look after a deployment of the WhatsApp channel processor. Reads only, unless a command says otherwise.",
    epilog="Exit codes: 0 fine, 1 problem found, 2 usage, 3 AWS refused, 4 not confirmed. See docs/operations.md.",
)


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


dlq = typer.Typer(no_args_is_help=True, help="The dead-letter queue: what is in it and why, and the way back.")

command(app, "doctor")(doctor)
command(app, "pause")(pause)
command(app, "resume")(resume)
command(app, "attention")(attention)
command(app, "find")(find)
command(app, "show")(show)
command(app, "resolve")(resolve)
command(app, "trace")(trace)
command(app, "stats")(stats)
command(app, "export")(export)
command(app, "forget")(forget)
app.add_typer(dlq, name="dlq")
command(dlq, "peek")(peek)
command(dlq, "show")(show_letter)
command(dlq, "redrive")(redrive)
command(dlq, "drop")(drop)
command(dlq, "export")(export_letters)
app.command("validate")(validate)
command(app, "replay")(replay)
