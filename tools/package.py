"""Command line of the package builder: `python -m tools.package --help`."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tools.infrastructure.environment import Environment
from tools.infrastructure.errors import TerraformError
from tools.infrastructure.runner import ROOT_MODULE
from tools.packaging.build import Order, build, up_to_date
from tools.packaging.bytecode import NO_BYTECODE, find_compiler
from tools.packaging.dependencies import install_dependencies
from tools.packaging.errors import PackageError
from tools.packaging.report import size_of, steps, table_of
from tools.packaging.target import Arch, Target
from tools.surroundings import settle

ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "dist" / "whatsapp_processor_deployment_package.zip"


def main(
    env: Annotated[
        str, typer.Option(help="An environment, whose tfvars say which Python and machine its function runs on.")
    ] = "dev",
    python: Annotated[str | None, typer.Option(help="Another Python version than the environment's.")] = None,
    arch: Annotated[
        Arch | None, typer.Option(help="Another machine; native: this one, for an embedded engine.")
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            help="Where the zip goes; what is in it is written beside it.", show_default=str(OUTPUT.relative_to(ROOT))
        ),
    ] = OUTPUT,
) -> None:
    """Build the zip that Lambda runs, unless the one in place is up to date."""
    console = Console(highlight=False)
    try:
        environment = Environment.read(env, ROOT_MODULE)
        target = Target(python or environment.python, arch or _machine(environment))
        compiler = find_compiler(target, os.environ)
        order = Order(target, ROOT / "lambda", ROOT / "requirements.txt", output, compiler)
        manifest = up_to_date(order)
        if manifest is not None:
            console.print(
                f"{output} is up to date ({size_of(output)}): nothing it is built from has changed.", soft_wrap=True
            )
        else:
            manifest = build(order, install_dependencies, steps(console))
            console.print(table_of(manifest))
            console.print(f"{output}: {size_of(output)}, sha256 {manifest.sha256}", soft_wrap=True)
    except (PackageError, TerraformError) as exc:
        Console(stderr=True, highlight=False).print(str(exc), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from exc
    if compiler is None:
        console.print(NO_BYTECODE.format(version=target.python), style="yellow", soft_wrap=True)


def _machine(environment: Environment) -> Arch:
    try:
        return Arch(environment.architecture)
    except ValueError:
        raise PackageError(f"{environment.path}: {environment.architecture!r} is not arm64 or x86_64.") from None


if __name__ == "__main__":
    settle()
    typer.run(main)
