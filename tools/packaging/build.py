"""Builds the package, step by step."""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tools.packaging.archive import write_zip
from tools.packaging.botocore_data import slim_botocore_data
from tools.packaging.bytecode import Compiler, compile_dependencies, compile_sources
from tools.packaging.contents import Ledger, contents_path, digests, sbom, sbom_path, write
from tools.packaging.deferred import defer_imports
from tools.packaging.manifest import Manifest, digest_of, manifest_path, sha256, shares_of
from tools.packaging.reexports import make_reexports_lazy
from tools.packaging.sources import check_imports, check_names, copy_sources, source_files
from tools.packaging.target import Target
from tools.packaging.trim import trim

Install = Callable[[Path, Target, Path], None]
Step = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Order:
    """What to build, from what, and where to put it."""

    target: Target
    sources: Path
    requirements: Path
    output: Path
    compiler: Compiler | None

    def inputs(self) -> str:
        """Return one digest of all that decides what the package holds, the builder included."""
        builder = Path(__file__).parent
        return digest_of(
            {
                "requirements.txt": self.requirements,
                **{f"lambda/{path.as_posix()}": self.sources / path for path in source_files(self.sources)},
                **{f"builder/{path.name}": path for path in builder.glob("*.py")},
            },
            str(self.target),
            self.compiler.version if self.compiler else None,
        )


def up_to_date(order: Order) -> Manifest | None:
    """Return the manifest of the package in place, if building it again would give the same."""
    manifest = Manifest.read(manifest_path(order.output))
    if not contents_path(order.output).is_file() or not sbom_path(order.output).is_file():
        return None
    if manifest is None or manifest.inputs != order.inputs() or manifest.sha256 != sha256(order.output):
        return None
    return manifest


def build(order: Order, install: Install, step: Step) -> Manifest:
    """Build the package and put it, whole, in its place.

    Raises:
        PackageError: It cannot be built; what stood in its place still does.
    """
    inputs = order.inputs()
    with tempfile.TemporaryDirectory(prefix="package-") as folder:
        tree, own, archive = Path(folder, "tree"), Path(folder, "own"), Path(folder, "package.zip")
        with step(f"Installing the dependencies for {order.target}"):
            install(order.requirements, order.target, tree)
            installed = {
                path.relative_to(tree).as_posix(): path.stat().st_size for path in tree.rglob("*") if path.is_file()
            }
            ledger = Ledger(tree)
        with step("Leaving out what is not used"):
            dropped = trim(tree)
            slim_botocore_data(tree)
            ledger.note("documentation taken out of AWS's service models", tree)
            make_reexports_lazy(tree)
            ledger.note("re-exports made lazy", tree)
            defer_imports(tree)
            ledger.note("imports deferred", tree)
            check_names(order.sources, tree)
            check_imports(order.sources, tree, dropped)
            copy_sources(order.sources, own)
        if order.compiler is not None:
            with step(f"Compiling with Python {order.compiler.version}"):
                compile_dependencies(order.compiler, tree)
                compile_sources(order.compiler, own)
        with step("Zipping"):
            ours = digests(own)
            shutil.copytree(own, tree, dirs_exist_ok=True)
            entries = write_zip(tree, archive)
        manifest = Manifest(
            inputs=inputs,
            target=str(order.target),
            compiled_by=order.compiler.version if order.compiler else None,
            sha256=sha256(archive) or "",
            shares=shares_of(installed, entries),
        )
        _put_in_place(archive, manifest, order.output)
        reasons = {path: drop.reason for path, drop in dropped.items()}
        write(contents_path(order.output), ledger.describe(order.output, ours, reasons))
        write(sbom_path(order.output), sbom(order.output))
    return manifest


def _put_in_place(archive: Path, manifest: Manifest, output: Path) -> None:
    """Replace the package in one go; nobody sees a half of it, or the manifest of another."""
    output.parent.mkdir(parents=True, exist_ok=True)
    manifest_path(output).unlink(missing_ok=True)
    partial = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        partial.write_bytes(archive.read_bytes())
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
    manifest.write(manifest_path(output))
