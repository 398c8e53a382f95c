"""Command line of the infrastructure: `python -m tools.terraform --help`."""

from typing import Annotated

import typer
from rich.console import Console

from tools.infrastructure.deployment import Deployment, Stack, located, migrated
from tools.infrastructure.environment import Environment
from tools.infrastructure.errors import TerraformError
from tools.infrastructure.runner import ROOT_MODULE, check_version
from tools.infrastructure.verify import check_files, run_tests
from tools.surroundings import settle

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Plan, deploy, destroy and test terraform/.")
console = Console(highlight=False, soft_wrap=True)
notices = Console(stderr=True, highlight=False, soft_wrap=True)
"""Apart from what was asked for, so that `output` can be used in a script."""

EnvironmentName = Annotated[str, typer.Option("--env", help="An environment: terraform/environments/<env>.tfvars.")]
AllowDestroy = Annotated[
    list[str] | None, typer.Option(metavar="ADDRESS", help="A resource that may lose what the plan says; repeatable.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Ask nothing; for pipelines.")]


@app.command()
def init(
    *,
    env: EnvironmentName = "dev",
    upgrade: Annotated[bool, typer.Option(help="Move the lock file to the newest provider allowed.")] = False,
    migrate_state: Annotated[
        bool, typer.Option(help="Move this environment's state to a backend just configured.")
    ] = False,
) -> None:
    """Install provider and modules for one environment."""
    environment = Environment.read(env, ROOT_MODULE)
    if migrate_state:
        moved = migrated(environment)
        console.print(
            f"{moved.resources} resources of {env} are in the new backend. The old state stays in {moved.old}, as a"
            " backup; delete it when a plan shows no change."
        )
    _told(Stack.initialised(environment, upgrade=upgrade))


@app.command()
def plan(env: EnvironmentName = "dev", allow_destroy: AllowDestroy = None) -> None:
    """Show what a deployment would change, and whether it would be refused."""
    deployment = _opened(env)
    with deployment.stack.saved_plan() as saved:
        planned = deployment.stack.plan(saved)
        if planned is None:
            return
        for secret in deployment.judge(planned, allow_destroy or []):
            console.print(f"A deployment would restore {secret.name}, which is marked for deletion, and plan again.")


@app.command()
def deploy(*, env: EnvironmentName = "dev", allow_destroy: AllowDestroy = None, yes: Yes = False) -> None:
    """Plan, refuse what would be lost, ask, and apply exactly what was planned."""
    deployment = _opened(env)
    with deployment.stack.saved_plan() as saved:
        planned = deployment.stack.plan(saved)
        restored = deployment.judge(planned, allow_destroy or []) if planned else []
        if restored:
            names = ", ".join(secret.name for secret in restored)
            _agree(f"Take {names} back, values included, in {deployment.account}?", env, yes=yes)
            for secret in restored:
                deployment.restore(secret)
            planned = deployment.stack.plan(saved)
            if planned:
                deployment.judge(planned, allow_destroy or [])
        if planned is None:
            console.print(f"{env} is up to date.")
            return
        _agree(f"Apply this plan to {env} in {deployment.account}?", env, yes=yes)
        deployment.stack.apply(saved)
    console.print("Deployed. What comes after the first time (secrets, alarms, first message): docs/deploying.md")


@app.command()
def destroy(*, env: EnvironmentName = "dev", allow_destroy: AllowDestroy = None, yes: Yes = False) -> None:
    """Destroy an environment that is not protected, after a question."""
    deployment = _opened(env)
    stack = deployment.stack
    if stack.terraform.outputs().get("deletion_protection"):
        raise TerraformError(
            f"{env} is protected, so nothing was touched. To destroy it all the same, set deletion_protection = false"
            f" in terraform/environments/{env}.tfvars, deploy that, and come back."
        )
    with stack.saved_plan() as saved:
        planned = stack.plan(saved, "-destroy")
        if planned is None:
            console.print(f"{env} holds nothing.")
            return
        deployment.judge_destruction(planned, allow_destroy or [])
        _agree(
            f"Destroy all of this, messages and conversations too, in {deployment.account}?", f"destroy {env}", yes=yes
        )
        stack.apply(saved)


@app.command()
def output(
    env: EnvironmentName = "dev", name: Annotated[str | None, typer.Argument(help="One output, as plain text.")] = None
) -> None:
    """Print the outputs of an environment."""
    stack = _told(Stack.initialised(Environment.read(env, ROOT_MODULE)))
    stack.terraform.run("output", *(["-raw", name] if name else []))
    if name:
        console.print()


@app.command(hidden=True)
def environment(env: EnvironmentName = "dev") -> None:
    """Refuse an environment that does not exist, before anything is built for it."""
    Environment.read(env, ROOT_MODULE)


@app.command()
def check() -> None:
    """Format and validity of every file; needs no credentials and changes nothing."""
    check_version()
    check_files(console)


@app.command("test")
def run_suites(
    module: Annotated[list[str] | None, typer.Option(help="Only this module, `root` or an environment.")] = None,
) -> None:
    """Run `terraform test` on root, environments and modules with a mocked provider."""
    check_version()
    run_tests(console, module or [])


def _opened(env: str) -> Deployment:
    """Say where a command will work, and refuse the wrong place before anything else happens."""
    environment = Environment.read(env, ROOT_MODULE)
    account = located(environment)
    notices.print(f"{env} in {account}", style="bold")
    deployment = Deployment.opened(environment, account)
    _told(deployment.stack)
    return deployment


def _told(stack: Stack) -> Stack:
    source = stack.mirror or "the registry"
    notices.print(f"AWS provider from {source}; workspace {stack.environment.name}", style="dim")
    return stack


def _agree(question: str, answer: str, *, yes: bool) -> None:
    if yes:
        return
    try:
        given = console.input(f"{question} Type [bold]{answer}[/] to go on: ")
    except EOFError:
        raise TerraformError("There is nobody to ask: pass --yes to go on without a question.") from None
    if given.strip() != answer:
        raise TerraformError("Not confirmed; nothing was changed.")


def main() -> None:
    """Run the command line; an error is one red message and exit code 1."""
    try:
        app()
    except TerraformError as exc:
        notices.print(str(exc), style="red", markup=False)
        raise SystemExit(1) from exc


if __name__ == "__main__":
    settle()
    main()
