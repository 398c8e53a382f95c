"""Command line of the infrastructure: `python -m tools.terraform --help`."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tools.infrastructure.aws import Account, who_am_i
from tools.infrastructure.errors import TerraformError
from tools.infrastructure.release import describe_release
from tools.infrastructure.runner import CHANGES, ROOT_MODULE, Terraform, check_version
from tools.infrastructure.verify import check_files, run_tests
from tools.surroundings import settle

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Plan, deploy, destroy and test terraform/.")
console = Console(highlight=False, soft_wrap=True)
notices = Console(stderr=True, highlight=False, soft_wrap=True)
"""Apart from what was asked for, so that `output` can be used in a script."""

Environment = Annotated[str, typer.Option("--env", help="An environment: terraform/environments/<env>.tfvars.")]
Yes = Annotated[bool, typer.Option("--yes", help="Ask nothing; for pipelines.")]


@app.command()
def init(
    *,
    env: Environment = "dev",
    upgrade: Annotated[bool, typer.Option(help="Move the lock file to the newest provider allowed.")] = False,
    migrate_state: Annotated[bool, typer.Option(help="Move the state to a backend just configured.")] = False,
) -> None:
    """Install provider and modules for one environment."""
    _initialised(env, *(["-migrate-state", "-force-copy"] if migrate_state else []), upgrade=upgrade)


@app.command()
def plan(env: Environment = "dev") -> None:
    """Show what a deployment would change."""
    _account(env)
    stack = _initialised(env)
    stack.run("plan", "-input=false", f"-var-file=environments/{env}.tfvars")


@app.command()
def deploy(*, env: Environment = "dev", yes: Yes = False) -> None:
    """Plan, ask, and apply exactly what was planned."""
    account = _account(env)
    stack = _initialised(env)
    saved = Path(stack.environ["TF_DATA_DIR"]) / "deploy.tfplan"
    try:
        code = stack.run(
            "plan",
            "-input=false",
            "-detailed-exitcode",
            f"-out={saved}",
            f"-var-file=environments/{env}.tfvars",
            accepted=(0, CHANGES),
        )
        if code != CHANGES:
            console.print(f"{env} is up to date.")
            return
        _agree(f"Apply this plan to {env} in {account}?", env, yes=yes)
        stack.run("apply", "-input=false", str(saved))
    finally:
        saved.unlink(missing_ok=True)
    console.print("Deployed. What comes after the first time (secrets, alarms, first message): docs/deploying.md")


@app.command()
def destroy(*, env: Environment = "dev", yes: Yes = False) -> None:
    """Destroy an environment that is not protected, after a question."""
    account = _account(env)
    stack = _initialised(env)
    if stack.outputs().get("deletion_protection"):
        raise TerraformError(
            f"{env} is protected, so nothing was touched. To destroy it all the same, set deletion_protection = false"
            f" in terraform/environments/{env}.tfvars, deploy that, and come back."
        )
    saved = Path(stack.environ["TF_DATA_DIR"]) / "destroy.tfplan"
    try:
        stack.run("plan", "-destroy", "-input=false", f"-out={saved}", f"-var-file=environments/{env}.tfvars")
        _agree(f"Destroy all of this, messages and conversations too, in {account}?", f"destroy {env}", yes=yes)
        stack.run("apply", "-input=false", str(saved))
    finally:
        saved.unlink(missing_ok=True)


@app.command()
def output(
    env: Environment = "dev", name: Annotated[str | None, typer.Argument(help="One output, as plain text.")] = None
) -> None:
    """Print the outputs of an environment."""
    stack = _initialised(env)
    stack.run("output", *(["-raw", name] if name else []))
    if name:
        console.print()


@app.command(hidden=True)
def environment(env: Environment = "dev") -> None:
    """Refuse an environment that does not exist, before anything is built for it."""
    _tfvars(env)


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


def _initialised(env: str, *arguments: str, upgrade: bool = False) -> Terraform:
    """Return the environment's stack: its own data folder, its own workspace, its backend if it has one."""
    check_version()
    _tfvars(env)
    data = ROOT_MODULE / ".terraform" / env
    environ = {name: value for name, value in os.environ.items() if name != "TF_WORKSPACE"}
    environ |= {"TF_DATA_DIR": str(data)}
    environ.setdefault("TF_VAR_release", describe_release(ROOT_MODULE.parent))
    stack = Terraform(ROOT_MODULE, environ)
    backend = ROOT_MODULE / "environments" / f"{env}.s3.tfbackend"
    mirror = stack.init(*([f"-backend-config={backend}"] if backend.is_file() else []), *arguments, upgrade=upgrade)
    notices.print(f"AWS provider from {mirror or 'the registry'}; workspace {env}", style="dim")
    stack.read("workspace", "select", "-or-create=true", env)
    return stack


def _account(env: str) -> Account:
    pinned = re.search(r'^\s*aws_region\s*=\s*"([^"]+)"', _tfvars(env).read_text(encoding="utf-8"), re.MULTILINE)
    account = who_am_i(os.environ, pinned.group(1) if pinned else None)
    notices.print(f"{env} in {account}", style="bold")
    return account


def _tfvars(env: str) -> Path:
    folder = ROOT_MODULE / "environments"
    path = folder / f"{env}.tfvars"
    if not re.fullmatch(r"[a-z][a-z0-9]{1,15}", env) or not path.is_file():
        known = ", ".join(sorted(found.stem for found in folder.glob("*.tfvars")))
        raise TerraformError(
            f"There is no environment {env!r}: terraform/environments/ has {known}. A new one is a file"
            " NAME.tfvars there; its name has 2 to 16 lower-case letters and digits, a letter first."
        )
    return path


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
