"""`python -m tools.terraform`, as an operator runs it: what it refuses, and what a deployment leaves alone.

The command runs in a copy of the tools and of terraform/, against an engine that comes and goes.
"""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from sandbox.engines.engine import REGION
from sandbox.engines.ministack import MiniStack
from sandbox.harness.aws import Aws
from sandbox.harness.packaging import build_package
from sandbox.harness.plan import QUICK, merged
from sandbox.harness.progress import Timeline, say_nothing
from sandbox.harness.startup import terraform_environ
from tools.infrastructure.runner import Terraform

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("ENGINE") == "localstack", reason="its own engine is MiniStack"),
]

REPOSITORY = Path(__file__).parents[3]
OPENAI = "openai-api-key/whatsapp"
TWILIO = "whatsapp-credentials/acme/winter/twilio"
TWILIO_ADDRESS = f'module.stack.module.secrets.aws_secretsmanager_secret.this["{TWILIO}"]'
POLICY_ADDRESS = "module.stack.module.processor.aws_iam_role_policy.this"


class Operator:
    """Somebody with a checkout, credentials and two environments."""

    def __init__(self, folder: Path, engine: MiniStack) -> None:
        shutil.copytree(REPOSITORY / "tools", folder / "tools", ignore=shutil.ignore_patterns("__pycache__"))
        self._folder = folder
        self._root = Terraform.copied_to(folder / "terraform", {}).folder
        self._environ = terraform_environ(engine.environ())
        self._region = REGION
        self.aws = Aws("ministack", engine.endpoint, engine.credentials)
        target = engine.target()
        self.another_runtime = "python3.12" if target.python != "3.12" else "python3.13"
        self._variables = merged(
            QUICK,
            engine.traits.variables,
            {
                "deletion_protection": False,
                "secret_recovery_days": 7,
                "companies": {"acme": ["spring", "winter"]},
                "package_path": str(build_package(target, Timeline(say_nothing))),
                "function": {"runtime": f"python{target.python}", "architecture": target.architecture},
            },
        )

    def write(self, env: str, **variables: Any) -> None:
        """Write the file of an environment: HCL takes JSON values."""
        given = {**merged(self._variables, variables), "environment": env}
        if "companies" in variables:
            given["companies"] = variables["companies"]
        text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in given.items())
        (self._root / "environments" / f"{env}.tfvars").write_text(text, encoding="utf-8")

    def run(self, *arguments: str, **environ: str) -> str:
        """Run the command, which must succeed, and return all it said."""
        done = self._run(*arguments, **environ)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def refused(self, *arguments: str, **environ: str) -> str:
        done = self._run(*arguments, **environ)
        assert done.returncode == 1, done.stdout
        return done.stdout

    def _run(self, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "tools.terraform", *arguments],
            cwd=self._folder,
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


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    with MiniStack() as engine:
        yield Operator(tmp_path, engine)


def empty_zip() -> bytes:
    """Return the smallest code that the engine takes; nobody calls it."""
    data = io.BytesIO()
    with ZipFile(data, "w") as package:
        package.writestr("index.py", "")
    return data.getvalue()


def test_what_an_operator_can_do_wrong_is_refused_and_nothing_is_lost(operator: Operator) -> None:
    """One stack and one story, because each apply waits for SQS."""
    secrets = operator.aws.client("secretsmanager")
    operator.write("dev")
    operator.run("deploy", "--env", "dev", "--yes")
    assert operator.mapping()["State"] == "Disabled", "the secrets are empty"

    for name in (OPENAI, TWILIO):
        secrets.put_secret_value(SecretId=name, SecretString=f"value of {name}")
    operator.switch(on=True)

    # Another region, another account.
    said = operator.refused("deploy", "--env", "dev", "--yes", AWS_REGION="us-east-1")
    assert "it would build a second stack" in said
    operator.write("dev", aws_region=REGION)
    assert f"pinned to region {REGION}" in operator.refused("deploy", "--env", "dev", "--yes", AWS_REGION="us-east-1")
    operator.write("dev", aws_account_id="111122223333")
    assert "pinned to account 111122223333" in operator.refused("deploy", "--env", "dev", "--yes")
    operator.write("dev")
    assert "aws_region is us-east-1" in operator.refused(
        "deploy", "--env", "dev", "--yes", TF_VAR_aws_region="us-east-1"
    )

    # A package for another Python.
    operator.write("dev", function={"runtime": operator.another_runtime})
    assert "The package was built for" in operator.refused("deploy", "--env", "dev", "--yes")

    # A second environment that would create the same secrets.
    operator.write("stage")
    assert f"{TWILIO}: exists, made by dev" in operator.refused("plan", "--env", "stage")

    # A company goes, by name, and comes back with its value. Deliveries go on.
    operator.write("dev", companies={"acme": ["spring"]})
    said = operator.refused("deploy", "--env", "dev", "--yes")
    assert f"--allow-destroy '{TWILIO_ADDRESS}'" in said
    assert "DeletedDate" not in operator.secret(TWILIO)
    assert f"--allow-destroy '{POLICY_ADDRESS}'" in said, "it loses the right to read that secret"
    operator.run(
        "deploy", "--env", "dev", "--yes", "--allow-destroy", TWILIO_ADDRESS, "--allow-destroy", POLICY_ADDRESS
    )
    assert "DeletedDate" in operator.secret(TWILIO)
    operator.write("dev")
    operator.run("deploy", "--env", "dev", "--yes")
    assert secrets.get_secret_value(SecretId=TWILIO)["SecretString"] == f"value of {TWILIO}"
    assert operator.mapping()["State"] == "Enabled", "who started deliveries wants them on"

    # What was stopped stays stopped.
    operator.switch(on=False)
    operator.write("dev", function={"memory_mb": 512})
    operator.run("deploy", "--env", "dev", "--yes")
    assert operator.mapping()["State"] == "Disabled", "who stopped deliveries wants them off"

    # Another environment lives on dev's secrets.
    functions = operator.aws.client("lambda")
    functions.create_function(
        FunctionName="whatsapp-channel-processor-prod",
        Role="arn:aws:iam::000000000000:role/any",
        Runtime="python3.13",
        Handler="index.lambda_handler",
        Code={"ZipFile": empty_zip()},
        Tags={"Project": "whatsapp-channel-processor", "Environment": "prod"},
    )
    assert "prod has no openai-api-key secret of its own" in operator.refused("destroy", "--env", "dev", "--yes")
    functions.delete_function(FunctionName="whatsapp-channel-processor-prod")
    operator.run("destroy", "--env", "dev", "--yes")
    assert functions.list_functions()["Functions"] == []
