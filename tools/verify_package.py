"""Command line that checks a package: `python -m tools.verify_package --help`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from tools.package import OUTPUT, ROOT
from tools.packaging.contents import contents_path, sbom_path
from tools.packaging.errors import PackageError
from tools.packaging.verification import faults_of, summary
from tools.surroundings import settle

SHOWN = 20


def main(
    package: Annotated[Path, typer.Argument(metavar="ZIP", help="The package, for example one that Lambda gave back.")],
    described: Annotated[
        Path,
        typer.Option(
            help="The package as it was released; what is in it stands beside it.",
            show_default=str(OUTPUT.relative_to(ROOT)),
        ),
    ] = OUTPUT,
) -> None:
    """Check a package against the contents and the SBOM that were written when it was built."""
    console, complaints = (
        Console(highlight=False, soft_wrap=True),
        Console(stderr=True, highlight=False, soft_wrap=True),
    )
    try:
        contents, sbom = _read(contents_path(described)), _read(sbom_path(described))
        faults = faults_of(package, contents, sbom)
    except (PackageError, OSError) as exc:
        complaints.print(str(exc), style="red", markup=False)
        raise typer.Exit(1) from exc
    for fault in faults[:SHOWN]:
        complaints.print(fault, style="red", markup=False)
    if faults:
        rest = f" and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        complaints.print(f"{package} is not {described.name} as it was built{rest}.", style="red", markup=False)
        raise typer.Exit(1)
    console.print(f"{package}: {summary(contents)}; {len(sbom['components'])} libraries as in the SBOM.", markup=False)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except ValueError as exc:
        raise PackageError(f"{path} is not JSON: build the package again.") from exc
    if not isinstance(document, dict):
        raise PackageError(f"{path} is not what a build writes: build the package again.")
    return document


if __name__ == "__main__":
    settle()
    typer.run(main)
