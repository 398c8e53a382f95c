"""Command line of the generated documents: `python -m tools.reference --help`."""

from typing import Annotated

import typer

from tools.documents.blocks import BlockError
from tools.documents.registry import GENERATED
from tools.surroundings import settle


def main(
    *, check: Annotated[bool, typer.Option(help="Change nothing; fail if a document is out of date.")] = False
) -> None:
    """Write what the code says into the documents: states, Context Object, settings."""
    stale = False
    for block in GENERATED:
        try:
            if block.text() == block.wanted():
                continue
            stale = True
            if not check:
                block.write()
        except (OSError, BlockError) as exc:
            typer.echo(f"{block.document}: {exc}", err=True)
            raise typer.Exit(1) from exc
        typer.echo(f"{block.document}: " + ("out of date; run `python -m tools.reference`" if check else "written"))
    raise typer.Exit(int(check and stale))


if __name__ == "__main__":
    settle()
    typer.run(main)
