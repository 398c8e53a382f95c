"""Command line of the infrastructure: `python -m tools.terraform --help`."""

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tools.infrastructure.adoption.adoption import Adoption, Found
from tools.infrastructure.adoption.census import Census
from tools.infrastructure.adoption.clients import clients_of
from tools.infrastructure.adoption.disown import Farewell, farewell_folder
from tools.infrastructure.adoption.present import present
from tools.infrastructure.deployment import Deployment, Stack, located, migrated
from tools.infrastructure.environment import Environment
from tools.infrastructure.errors import TerraformError
from tools.infrastructure.runner import CHANGES, ROOT_MODULE, check_version
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
def plan(
    *,
    env: EnvironmentName = "dev",
    allow_destroy: AllowDestroy = None,
    out: Annotated[
        Path | None, typer.Option(help="Keep the plan in this file, for `apply`. It holds what the state holds.")
    ] = None,
    check: Annotated[
        bool, typer.Option(help=f"Exit with {CHANGES} if something would change: to notice drift.")
    ] = False,
) -> None:
    """Show what a deployment would change, and whether it would be refused."""
    deployment = _opened(env)
    with deployment.stack.saved_plan() as saved:
        planned = deployment.stack.plan(saved)
        for secret in deployment.judge(planned, allow_destroy or []) if planned else []:
            if out:
                raise TerraformError(
                    f"{secret.name} is marked for deletion, and only `deploy` restores it: no plan was kept."
                )
            console.print(f"A deployment would restore {secret.name}, which is marked for deletion, and plan again.")
        if out:
            shutil.copyfile(saved, out)
            out.chmod(0o600)
    if check and planned:
        raise typer.Exit(CHANGES)


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="A plan that `plan --out` kept.")],
    *,
    env: EnvironmentName = "dev",
    allow_destroy: AllowDestroy = None,
) -> None:
    """Apply a plan that was kept, after the same checks; Terraform refuses one that is no longer true."""
    if not file.is_file():
        raise TerraformError(f"There is no plan in {file}.")
    deployment = _opened(env)
    planned = deployment.stack.read(file.resolve())
    if planned.variables.get("environment") != env:
        raise TerraformError(
            f"Nothing was changed: {file} is a plan of {planned.variables.get('environment')}, not of {env}."
        )
    if deployment.judge(planned, allow_destroy or []):
        raise TerraformError("Nothing was changed: a secret is marked for deletion since; `deploy` restores it.")
    if said := deployment.apply(file.resolve()):
        console.print(said, markup=False)


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
        said = deployment.apply(saved)
    if said:
        console.print(said, markup=False)
    console.print("Deployed. What comes after the first time (secrets, alarms, first message): docs/deploying.md")


@app.command()
def adopt(
    *,
    env: EnvironmentName = "dev",
    write: Annotated[bool, typer.Option(help="Write what is missing into the environment's file.")] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="A resource that may change as the plan says; repeatable."),
    ] = None,
    yes: Yes = False,
) -> None:
    """Take what was made by hand under Terraform, without losing anything (docs/adopting.md)."""
    environment = Environment.read(env, ROOT_MODULE, new=True)
    account = located(environment)
    notices.print(f"{env} in {account}", style="bold")
    if environment.path.is_file() and _holds_all(Deployment.opened(environment, account)):
        console.print(
            f"There is nothing to adopt: the state of {env} holds whatever of it exists. If an adoption stopped in the"
            f" middle, `make deploy ENV={env}` does the rest."
        )
        return
    found = Found.of(environment, clients_of(account.region))
    for line in found.inventory.lines():
        console.print(f"  {line}", markup=False)
    found.refuse_obstacles()
    for note in found.proposal.notes:
        console.print(f"  Note: {note}", markup=False)
    if values := found.missing():
        if not write:
            console.print(values, markup=False)
            raise TerraformError(
                f"Nothing was changed. terraform/environments/{env}.tfvars has to say these values, which keep what is"
                " there. Write them there, or have it done: pass --write."
            )
        environment = found.write()
        console.print(f"{environment.path.relative_to(ROOT_MODULE.parent)} is written: read it before you go on.")
        found = Found.of(environment, found.clients)
    if untagged := found.untagged_secrets(list(environment.tag_names.values())):
        console.print(f"  These secrets have not all of our tags yet: {', '.join(untagged)}", markup=False)
    _adopt(Adoption(found, Deployment.opened(environment, account)), accept or [], yes=yes)


def _holds_all(deployment: Deployment) -> bool:
    """Whether a state that holds something holds everything of it that exists."""
    if deployment.empty:
        return False
    with deployment.stack.saved_plan() as saved:
        return not present(deployment.stack.planned(saved), clients_of(deployment.account.region))


def _adopt(adoption: Adoption, accept: list[str], *, yes: bool) -> None:
    found, deployment = adoption.found, adoption.deployment
    env = found.environment.name
    stack = _told(deployment.stack)
    with stack.saved_plan() as saved:
        there = adoption.present(saved)
        if not there:
            console.print(f"There is nothing to adopt under the names of {env}: `make deploy ENV={env}` makes it all.")
            return
        with adoption.importing(there):
            planned = stack.plan(saved)
            if planned is None:
                return
            before = Census.taken(found.inventory, found.clients)
            console.print(f"Before: {before}")
            for change in adoption.judge(planned, before, accept):
                console.print(f"  {change}", markup=False)
            if fed := found.fed():
                raise TerraformError(
                    "Nothing was changed. The queue still feeds a function, whose code would change under it. Switch it"
                    " off, wait one visibility timeout, and come back:\n"
                    + "\n".join(f"  aws lambda update-event-source-mapping --no-enabled --uuid {uuid}" for uuid in fed)
                )
            _agree(f"Back up, and adopt {len(there)} resources of {deployment.account}?", env, yes=yes)
            for kept in adoption.back_up():
                console.print(f"Backed up: {kept}", markup=False)
            stack.apply(saved)
        console.print(f"After: {adoption.compare(before)}")
        left = adoption.left(saved)
    console.print(
        "A second plan is clean." if not left else f"A second plan would still change: {', '.join(left)}", markup=False
    )
    console.print(
        f"Adopted {len(there)} resources. Nothing feeds the function yet; the cut-over is in docs/adopting.md."
    )


@app.command()
def disown(*, env: EnvironmentName = "dev", yes: Yes = False) -> None:
    """Have the state forget an environment, and destroy nothing: the way back from `adopt`."""
    deployment = _opened(env)
    with farewell_folder() as folder:
        farewell = Farewell(Path(folder), deployment.stack)
        addresses = farewell.plan()
        if not addresses:
            console.print(f"The state of {env} holds nothing.")
            return
        for address in addresses:
            console.print(f"  {address} will be forgotten, and stays as it is", markup=False)
        _agree(f"Forget these {len(addresses)} resources of {deployment.account}?", f"disown {env}", yes=yes)
        farewell.apply()
    console.print(f"{len(addresses)} resources are no longer Terraform's. Nothing in the account was touched.")


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


def _passed_on(command: str, summary: str) -> None:
    """Offer one of Terraform's own commands, in the workspace, with the variables and the place of an environment."""

    @app.command(command, help=summary, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
    def passed(context: typer.Context, env: EnvironmentName = "dev") -> None:
        stack = _opened(env).stack
        variables = [] if command == "state" else [stack.var_file]
        stack.terraform.run(command, *variables, *context.args)


for _command, _summary in {
    "state": "Terraform's own `state ...`, in the workspace of an environment.",
    "import": "Terraform's own `import ADDRESS ID`, with the variables of an environment.",
    "console": "Terraform's own `console`, with the variables of an environment.",
}.items():
    _passed_on(_command, _summary)


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
