"""Somebody who runs `python -m tools.terraform`, in a copy of the tools and of terraform/."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from sandbox.engines.engine import REGION
from sandbox.engines.ministack import MiniStack
from sandbox.harness.aws import Aws
from sandbox.harness.packaging import build_package
from sandbox.harness.plan import QUICK, merged
from sandbox.harness.progress import Timeline, say_nothing
from sandbox.harness.startup import terraform_environ
from tools.infrastructure.runner import Terraform

REPOSITORY = Path(__file__).parents[3]
REPEATED_REQUEST = "Attempting to create a duplicate index"


class Operator:
    """Somebody with a checkout, credentials and two environments."""

    def __init__(self, folder: Path, engine: MiniStack) -> None:
        shutil.copytree(REPOSITORY / "tools", folder / "tools", ignore=shutil.ignore_patterns("__pycache__"))
        self.folder = folder
        self._root = Terraform.copied_to(folder / "terraform", {}).folder
        self._environ = terraform_environ(engine.environ())
        self._region = REGION
        self.aws = Aws("ministack", engine.endpoint, engine.credentials)
        target = self.target = engine.target()
        self.needed = {**engine.traits.variables, "package_path": str(build_package(target, Timeline(say_nothing)))}
        self.another_runtime = "python3.12" if target.python != "3.12" else "python3.13"
        self._variables = merged(
            QUICK,
            engine.traits.variables,
            {
                "deletion_protection": False,
                "secret_recovery_days": 7,
                "companies": {"acme": ["spring", "winter"]},
                "package_path": self.needed["package_path"],
                "function": {"runtime": f"python{target.python}", "architecture": target.architecture},
            },
        )

    def write(self, env: str, **variables: Any) -> None:
        """Write the file of an environment: HCL takes JSON values."""
        given = {**merged(self._variables, variables), "environment": env}
        if "companies" in variables:
            given["companies"] = variables["companies"]
        self.write_only(env, **given)

    def write_only(self, env: str, **variables: Any) -> None:
        """Write the file of an environment with nothing else in it."""
        text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in variables.items())
        (self._root / "environments" / f"{env}.tfvars").write_text(text, encoding="utf-8")

    def run(self, *arguments: str, **environ: str) -> str:
        """Run the command, which must succeed, and return all it said."""
        done = self._run(*arguments, **environ)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def adopt(self, env: str, *acknowledged: str) -> str:
        """Run `adopt`, which must succeed: by way of `disown` if the answer to the making of an index was lost.

        The SDK repeats that request, and is told that the index is there already.
        """
        arguments = ("adopt", "--env", env, "--yes", *acknowledged)
        done = self._run(*arguments)
        if done.returncode and REPEATED_REQUEST in done.stdout:
            self.run("disown", "--env", env, "--yes")
            done = self._run(*arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def refused(self, *arguments: str, **environ: str) -> str:
        done = self._run(*arguments, **environ)
        assert done.returncode == 1, done.stdout
        return done.stdout

    def _run(self, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "tools.terraform", *arguments],
            cwd=self.folder,
            env={**self._environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            encoding="utf-8",
        )

    # What is there

    def mapping(self) -> dict[str, Any]:
        mappings = self.aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        return dict(mappings[0])

    def switch(self, *, on: bool) -> None:
        self.aws.client("lambda").update_event_source_mapping(UUID=self.mapping()["UUID"], Enabled=on)

    def secret(self, name: str) -> dict[str, Any]:
        return dict(self.aws.client("secretsmanager").describe_secret(SecretId=name))
