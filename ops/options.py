"""Options that every command has, and how it gets what they lead to."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from ops.names import Names
from ops.screen import Screen
from ops.session import Session, World, reporting

_WHERE = "Which deployment"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON: docs/operations.schema.json.")]
Unmask = Annotated[bool, typer.Option("--unmask", help="Show phone numbers and personal data in full.")]
NoSecrets = Annotated[bool, typer.Option("--no-secrets", help="Read no secret and ask no vendor.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


def _where(flag: str, variable: str, what: str) -> Any:
    return Annotated[str | None, typer.Option(flag, envvar=variable, help=what, rich_help_panel=_WHERE)]


_SHARED: dict[str, tuple[Any, Any]] = {
    "env": (
        Annotated[
            str, typer.Option("--env", envvar="OPS_ENV", help="Environment; it names all else.", rich_help_panel=_WHERE)
        ],
        "dev",
    ),
    "region": (_where("--region", "AWS_REGION", "AWS region."), None),
    "profile": (_where("--profile", "AWS_PROFILE", "AWS profile."), None),
    "queue": (_where("--queue", "OPS_QUEUE", "Name of the queue."), None),
    "dead_letter_queue": (_where("--dlq", "OPS_DLQ", "Name of the DLQ."), None),
    "table": (_where("--table", "OPS_TABLE", "Name of the table."), None),
    "function": (_where("--function", "OPS_FUNCTION", "Name of the function."), None),
    "log_group": (_where("--log-group", "OPS_LOG_GROUP", "Name of the log group."), None),
    "as_json": (AsJson, False),
}
"""Parameter to its annotation and default."""


def command(app: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a command with the options above; it gets a `Session` in front of its own parameters."""

    def register(run: Callable[..., None]) -> Callable[..., None]:
        def start(ctx: typer.Context, **options: Any) -> None:
            shared = {parameter: options.pop(parameter) for parameter in _SHARED}
            world = ctx.obj or World()
            screen = Screen(as_json=shared.pop("as_json"), someone_there=world.someone_there)
            with reporting(screen):
                region, profile = shared.pop("region"), shared.pop("profile")
                names = Names.of(shared.pop("env"), **shared)
                run(Session(names, world.connect(profile, region), screen, world), **options)

        own = list(inspect.signature(run, eval_str=True).parameters.values())[1:]
        added = [
            inspect.Parameter(parameter, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for parameter, (annotation, default) in _SHARED.items()
        ]
        context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_ONLY, annotation=typer.Context)
        own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        start.__signature__ = inspect.Signature([context, *own, *added])  # type: ignore[attr-defined]
        start.__annotations__ = {parameter.name: parameter.annotation for parameter in (context, *own, *added)}
        start.__doc__ = run.__doc__
        app.command(name)(start)
        return run

    return register
