"""Packaging: the zip that production gets, for the Python and the machine of an engine."""

import subprocess
import sys
from pathlib import Path

from tests.engines.engine import Target
from tests.harness.errors import HarnessError
from tests.harness.progress import Timeline
from tools.packaging.manifest import sha256

ROOT = Path(__file__).parents[2]
NAME = "whatsapp_processor_deployment_package.zip"


def build_package(target: Target, timeline: Timeline) -> Path:
    """Return the zip, built by tools.package, which builds nothing where nothing has changed.

    Raises:
        HarnessError: It can't be built; the message is the builder's.
    """
    package = ROOT / "build" / "engines" / f"python{target.python}-{target.package_arch}" / NAME
    command = [sys.executable, "-m", "tools.package", f"--python={target.python}", f"--arch={target.package_arch}"]
    with timeline.step("package") as step:
        before = sha256(package)
        done = subprocess.run([*command, f"--output={package}"], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise HarnessError(f"The package can't be built:\n{done.stderr.strip() or done.stdout.strip()}")
        step.note = "up to date" if "is up to date" in done.stdout else "the same" if sha256(package) == before else ""
    return package
