"""The life of a deployment, with the real provider: apply, plan, change one variable, destroy.

On an engine of its own, because it ends what it made.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.engines.ministack import MiniStack
from sandbox.harness.aws import Aws
from sandbox.harness.packaging import build_package
from sandbox.harness.plan import COMPANIES, QUICK, merged
from sandbox.harness.progress import Timeline, say_nothing
from sandbox.harness.startup import terraform_environ
from tools.infrastructure.losses import losses
from tools.infrastructure.plan import Plan
from tools.infrastructure.runner import Terraform

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FUNCTION = "whatsapp-channel-processor-dev"

QUIRKS = {"aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm", "aws_lambda_event_source_mapping"}
"""What MiniStack describes incompletely, so that every plan wants it again; terraform/README.md names them."""


class Lifecycle:
    """Our Terraform in a folder of its own, on one engine."""

    def __init__(self, folder: Path, engine: MiniStack) -> None:
        self.folder = folder
        self.aws = Aws("ministack", engine.endpoint, engine.credentials)
        target = engine.target()
        self._terraform = Terraform.copied_to(folder, terraform_environ(engine.environ()), folder / "terraform.log")
        self._variables = merged(
            {
                "environment": "dev",
                "deletion_protection": False,
                "secret_recovery_days": 0,
                "companies": {name: list(projects) for name, projects in COMPANIES.items()},
                "package_path": str(build_package(target, Timeline(say_nothing))),
                "function": {"runtime": f"python{target.python}", "architecture": target.architecture},
            },
            QUICK,
            engine.traits.variables,
            {"customer_managed_key": True, "keep_key": True},
        )

    def init(self) -> None:
        self._terraform.init()

    def apply(self, **variables: Any) -> None:
        """Apply, with these variables from now on."""
        self._variables = merged(self._variables, variables)
        self._terraform.apply(self._variables)

    def destroy(self) -> None:
        self._terraform.destroy()

    @contextmanager
    def in_the_layout_before(self) -> Iterator[None]:
        """Have the state as the root module left it when it composed everything itself."""
        state = self.folder / "terraform.tfstate"
        today = state.read_text(encoding="utf-8")
        state.write_text(today.replace("module.stack.", ""), encoding="utf-8")
        yield
        state.write_text(today, encoding="utf-8")

    def plan(self, **variables: Any) -> Plan:
        given = merged(self._variables, variables)
        path = self.folder / "next.tfvars.json"
        path.write_text(json.dumps(given), encoding="utf-8")
        self._terraform.run("plan", "-input=false", "-out=next.tfplan", f"-var-file={path.name}")
        return Plan.parse(self._terraform.read("show", "-json", "next.tfplan"))

    def planned(self) -> dict[str, list[str]]:
        """Return what a plan would do to which resource, where it is more than nothing."""
        return {
            change.address: list(change.actions)
            for change in self.plan().changes
            if change.actions not in (("no-op",), ("read",))
        }

    def resources(self) -> list[str]:
        return self._terraform.read("state", "list").split()

    def memory(self) -> int:
        configuration = self.aws.client("lambda").get_function_configuration(FunctionName=FUNCTION)
        return int(configuration["MemorySize"])

    # The key

    def key(self) -> str:
        return str(self._terraform.outputs()["kms_key_arn"])

    def key_state(self, key: str) -> str:
        return str(self.aws.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"])

    def role_policy(self) -> str:
        return str(self._terraform.outputs()["role_policy"])

    def encrypts(self, key: str) -> list[str]:
        """Return what still says that it is encrypted with the key."""
        said = {
            "table": self.aws.client("dynamodb").describe_table(TableName="conversations-dev"),
            "function": self.aws.client("lambda").get_function_configuration(FunctionName=FUNCTION),
            "secrets": self.aws.client("secretsmanager").list_secrets(),
            "queues": [
                self.aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
                for url in self.aws.client("sqs").list_queues()["QueueUrls"]
            ],
        }
        return [name for name, answer in said.items() if key in str(answer)]

    def forget_the_logs_key(self) -> None:
        """Do by hand what MiniStack cannot: it has no DisassociateKmsKey."""
        logs, name = self.aws.client("logs"), f"/aws/lambda/{FUNCTION}"
        logs.delete_log_group(logGroupName=name)
        logs.create_log_group(logGroupName=name)


def but_for_quirks(planned: dict[str, list[str]]) -> dict[str, list[str]]:
    """Leave out what the engine describes incompletely, and so is there and wanted again."""
    return {
        address: actions
        for address, actions in planned.items()
        if not (actions in (["update"], ["delete", "create"]) and any(f".{quirk}." in address for quirk in QUIRKS))
    }


@pytest.fixture
def lifecycle(tmp_path: Path) -> Iterator[Lifecycle]:
    with MiniStack() as engine:
        yield Lifecycle(tmp_path / "terraform", engine)


@pytest.mark.skipif(
    os.environ.get("ENGINE") == "localstack",
    reason="LocalStack never forgets a redrive-allow policy, so that Terraform never sees its queues destroyed",
)
def test_apply_plan_change_destroy(lifecycle: Lifecycle) -> None:
    """Every record, message and secret stays readable on the way, and the key goes last."""
    aws = lifecycle.aws
    lifecycle.init()
    lifecycle.apply()
    assert but_for_quirks(lifecycle.planned()) == {}
    with lifecycle.in_the_layout_before():
        kept = {address for address in lifecycle.resources() if ".data." not in address}
        assert {change.moved_from for change in lifecycle.plan().changes} == kept
        assert but_for_quirks(lifecycle.planned()) == {}
    key = lifecycle.key()

    lifecycle.forget_the_logs_key()
    memory = lifecycle.memory()
    lifecycle.apply(function={"memory_mb": memory + 64}, customer_managed_key=False)
    assert lifecycle.memory() == memory + 64
    assert lifecycle.key_state(key) == "Enabled"
    assert "DecryptWithKey" in lifecycle.role_policy()
    assert not lifecycle.encrypts(key)

    assert [loss for loss in losses(lifecycle.plan(keep_key=False)) if not loss.allowed] == []
    lifecycle.apply(keep_key=False)
    assert lifecycle.key_state(key) == "PendingDeletion"
    assert "WithKey" not in lifecycle.role_policy()

    lifecycle.destroy()
    assert lifecycle.resources() == []
    with pytest.raises(ClientError) as gone:
        lifecycle.memory()
    assert gone.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert aws.client("sqs").list_queues().get("QueueUrls", []) == []
