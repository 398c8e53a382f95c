"""Packaging: the zip that production gets, for the Python and the machine of an engine."""

import signal
import subprocess
import sys
from pathlib import Path

from sandbox.engines.engine import Target
from sandbox.harness.errors import HarnessError
from sandbox.harness.progress import Timeline
from tools.packaging.manifest import sha256

ROOT = Path(__file__).parents[2]
NAME = "whatsapp_processor_deployment_package.zip"


class PackageBuild:
    """A build by tools.package, which builds nothing where nothing has changed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, target: Target, timeline: Timeline) -> Path:
        """Return the zip.

        Raises:
            HarnessError: It can't be built; the message is the builder's.
        """
        package = ROOT / "build" / "engines" / f"python{target.python}-{target.package_arch}" / NAME
        command = [sys.executable, "-m", "tools.package", f"--python={target.python}", f"--arch={target.package_arch}"]
        with timeline.step("package") as step:
            before = sha256(package)
            with subprocess.Popen(
                [*command, f"--output={package}"],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            ) as self._process:
                stdout, stderr = self._process.communicate()
            if self._process.returncode != 0:
                raise HarnessError(f"The package can't be built:\n{stderr.strip() or stdout.strip()}")
            step.note = "up to date" if "is up to date" in stdout else "the same" if sha256(package) == before else ""
        return package

    def stop(self) -> None:
        """End a build that goes on, as Ctrl-C would; it cleans up and fails."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)


def build_package(target: Target, timeline: Timeline) -> Path:
    """Return the zip.

    Raises:
        HarnessError: It can't be built; the message is the builder's.
    """
    return PackageBuild().run(target, timeline)
