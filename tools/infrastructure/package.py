"""Whether the package that a plan deploys was built for the function that it deploys it to."""

from pathlib import Path

from tools.infrastructure.errors import TerraformError
from tools.infrastructure.plan import Plan
from tools.packaging.manifest import Manifest, manifest_path
from tools.packaging.target import runs_on


def refuse_mismatch(plan: Plan, root: Path, environment: str, *, emulated: bool) -> None:
    """Refuse a package that was built for another Python or processor.

    A package without a manifest was not built here, or signed since; what it was built for cannot be seen.

    Raises:
        TerraformError: Its manifest says another target.
    """
    for change in plan.of_type("aws_lambda_function"):
        if not change.after.get("filename"):
            continue
        manifest = Manifest.read(manifest_path(root / change.after["filename"]))
        runtime, architecture = change.after["runtime"], (change.after.get("architectures") or ["x86_64"])[0]
        python = runtime.removeprefix("python")
        if manifest and not runs_on(manifest.target, python, architecture, emulated=emulated):
            raise TerraformError(
                f"Nothing was changed. The package was built for {manifest.target}, and {environment}'s function runs"
                f" {runtime} on {architecture}: no message would get through. Build it with"
                f" `make package ENV={environment}`."
            )
