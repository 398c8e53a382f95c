"""One Terraform root module on this machine, initialised from a mirror or the registry and run in plain sight."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tools.infrastructure.errors import TerraformError
from tools.infrastructure.mirror import REGISTRY, VARIABLE, find_mirror, locked_version, standard_folders, this_platform
from tools.interrupts import signals_deferred

ROOT_MODULE = Path(__file__).resolve().parents[2] / "terraform"
PLUGIN_CACHE = ROOT_MODULE.parent / ".cache" / "terraform-plugins"

OLDEST = (1, 11)
"""Write-only arguments came with Terraform 1.11."""

_OLDEST_AND_WHERE = f"{'.'.join(map(str, OLDEST))} or later from https://developer.hashicorp.com/terraform/install"

_COMMANDS_OF_COMMANDS = ("providers", "state", "workspace")
"""Commands that take another one as their first argument, before any option."""

CHANGES = 2
"""Exit code of `plan -detailed-exitcode` where something would change."""

_NOT_COPIED = shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfplan", "backend*.tf", "*.auto.tfvars*")


@dataclass(frozen=True, slots=True)
class Terraform:
    """A root module, and the environment its commands run in.

    `environ` decides where credentials, region, endpoint and TF_VAR_* come from; nothing else is read. With a
    `log`, what `run` would show is appended there instead.
    """

    folder: Path
    environ: Mapping[str, str]
    log: Path | None = None

    @classmethod
    def copied_to(cls, folder: Path, environ: Mapping[str, str], log: Path | None = None) -> "Terraform":
        """Copy this project's root module, without its state and backend, for a stack that comes and goes."""
        shutil.copytree(ROOT_MODULE, folder, ignore=_NOT_COPIED, dirs_exist_ok=True)
        return cls(folder, environ, log)

    def init(self, *arguments: str, upgrade: bool = False) -> Path | None:
        """Install provider and modules; return the mirror the provider came from, None for the registry.

        The lock file stays as it is unless `upgrade` is asked for: a mirror may hold less than the registry, and what
        one machine lacks must not change what the others install.
        """
        version = locked_version(self.folder)
        mirror = None if upgrade else find_mirror(version, self.environ)
        source = [] if mirror is None else [f"-plugin-dir={mirror}"]
        lock = ["-upgrade"] if upgrade else ["-lockfile=readonly"]
        environ = self._environ()
        if mirror is None:
            environ.setdefault("TF_PLUGIN_CACHE_DIR", str(PLUGIN_CACHE))
            environ.setdefault("TF_REGISTRY_CLIENT_TIMEOUT", "15")
            Path(environ["TF_PLUGIN_CACHE_DIR"]).mkdir(parents=True, exist_ok=True)
        command = ["init", "-input=false", "-no-color", *lock, *source, *arguments]
        done = self._finish(command, environ, subprocess.PIPE, subprocess.PIPE)
        if done.returncode == 0:
            return mirror
        said = (done.stdout + done.stderr).strip()
        if f"connect to {REGISTRY}" in said or "Failed to query available provider packages" in said:
            said = f"{said}\n\n{_no_provider(version, self.environ)}"
        elif "Backend configuration changed" in said:
            said = (
                f"{said}\n\nTerraform's own -migrate-state copies every environment's state into one backend."
                " To move this one alone: .venv/bin/python -m tools.terraform init --env ENV --migrate-state"
            )
        elif mirror and "match any of the\nchecksums" in said:
            said = (
                f"{said}\n\nThe lock file knows no unpacked provider for this platform. Add its hash, and commit it:\n"
                f"  terraform get && terraform providers lock -fs-mirror={mirror} -platform={this_platform()}"
            )
        raise TerraformError(f"terraform init failed in {self.folder}:\n{said}")

    def run(self, *arguments: str, accepted: Sequence[int] = (0,)) -> int:
        """Run a command in plain sight, or into the log, and return its exit code, which must be an accepted one."""
        plain = [] if self.log is None and sys.stdout.isatty() else ["-no-color"]
        words = 2 if arguments[0] in _COMMANDS_OF_COMMANDS else 1
        command = [*arguments[:words], *plain, *arguments[words:]]
        if self.log is None:
            code = self._finish(command, self._environ()).returncode
            shown = "its message is above"
        else:
            with self.log.open("a", encoding="utf-8") as log:
                code = self._finish(command, self._environ(), log, subprocess.STDOUT).returncode
            shown = f"the end of {self.log}:\n{self.log.read_text(encoding='utf-8')[-2000:]}"
        if code not in accepted:
            raise TerraformError(f"terraform {arguments[0]} failed (exit code {code}); {shown}")
        return code

    def read(self, *arguments: str) -> str:
        """Run a command and return what it printed."""
        done = self._finish(arguments, self._environ(), subprocess.PIPE, subprocess.PIPE)
        if done.returncode != 0:
            raise TerraformError(
                f"terraform {' '.join(arguments[:2])} failed in {self.folder}:\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def apply(self, variables: Mapping[str, Any]) -> None:
        """Apply without a question, with these variables; they are kept for `destroy`."""
        (self.folder / "stack.auto.tfvars.json").write_text(json.dumps(dict(variables), indent=2), encoding="utf-8")
        self.run("apply", "-input=false", "-auto-approve")

    def destroy(self) -> None:
        """Destroy without a question what `apply` made."""
        self.run("destroy", "-input=false", "-auto-approve")

    def outputs(self) -> dict[str, Any]:
        """Return the root module's outputs; empty where nothing was applied."""
        return {name: output["value"] for name, output in json.loads(self.read("output", "-json")).items()}

    def _environ(self) -> dict[str, str]:
        return {**self.environ, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}

    def _finish(
        self,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        stdout: int | IO[str] | None = None,
        stderr: int | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever the keyboard says.

        Ctrl-C reaches Terraform too, which then finishes what it began and writes its state; killing it, or leaving
        it behind, would lose both.
        """
        process = None
        while True:
            try:
                if process is None:
                    with signals_deferred():
                        process = self._start(arguments, environ, stdout, stderr)
                said, complained = process.communicate()
            except KeyboardInterrupt:
                if process is None:
                    raise
                continue
            return subprocess.CompletedProcess(process.args, process.returncode, said or "", complained or "")

    def _start(
        self, arguments: Sequence[str], environ: Mapping[str, str], stdout: int | IO[str] | None, stderr: int | None
    ) -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(
                ["terraform", *arguments],
                cwd=self.folder,
                env=environ,
                text=True,
                stdout=stdout,
                stderr=stderr,
                encoding="utf-8",
            )
        except FileNotFoundError:
            raise TerraformError(
                f"Terraform is not installed: get {_OLDEST_AND_WHERE} and put it on the PATH."
            ) from None


def check_version(environ: Mapping[str, str] = os.environ) -> None:
    """Refuse a Terraform that is missing or too old."""
    version = json.loads(Terraform(Path.cwd(), environ).read("version", "-json"))["terraform_version"]
    if tuple(int(part) for part in version.split("-")[0].split(".")[:2]) < OLDEST:
        raise TerraformError(f"Terraform {version} is too old: get {_OLDEST_AND_WHERE} and put it first on the PATH.")


def _no_provider(version: str, environ: Mapping[str, str]) -> str:
    looked = "\n".join(f"  {folder}" for folder in standard_folders(environ))
    return (
        f"hashicorp/aws {version} could not be had: {REGISTRY} does not answer, and no folder here holds it.\n"
        f"Either let this machine reach https://{REGISTRY} and https://releases.hashicorp.com,\n"
        f"or unpack the provider as {REGISTRY}/hashicorp/aws/{version}/{this_platform()}/\n"
        f"below a folder that {VARIABLE} names, or below one of these:\n{looked}"
    )
