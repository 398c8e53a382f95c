"""The life of a deployment, with the real provider: apply, plan, change one variable, destroy.

On an engine of its own, because it ends what it made.
"""

import json
import os
from collections.abc import Iterator
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
from tools.infrastructure.runner import Terraform

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FUNCTION = "whatsapp-channel-processor-dev"

QUIRKS = {"aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm", "aws_lambda_event_source_mapping"}
"""What MiniStack describes incompletely, so that every plan wants it again; terraform/README.md names them."""


class Lifecycle:
    """Our Terraform in a folder of its own, on one engine."""

    def __init__(self, folder: Path, engine: MiniStack) -> None:
        self.folder = folder
        self.aws = Aws("ministack", engine.endpoint)
        target = engine.target()
        self._terraform = Terraform.copied_to(folder, terraform_environ(engine.endpoint), folder / "terraform.log")
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
        )

    def init(self) -> None:
        self._terraform.init()

    def apply(self, **variables: Any) -> None:
        self._terraform.apply(merged(self._variables, variables))

    def destroy(self) -> None:
        self._terraform.destroy()

    def planned(self) -> dict[str, list[str]]:
        """Return what a plan would do to which resource, where it is more than nothing."""
        self._terraform.run("plan", "-input=false", "-out=next.tfplan")
        plan = json.loads(self._terraform.read("show", "-json", "next.tfplan"))
        return {
            change["address"]: change["change"]["actions"]
            for change in plan["resource_changes"]
            if change["change"]["actions"] not in (["no-op"], ["read"])
        }

    def resources(self) -> list[str]:
        return self._terraform.read("state", "list").split()

    def memory(self) -> int:
        configuration = self.aws.client("lambda").get_function_configuration(FunctionName=FUNCTION)
        return int(configuration["MemorySize"])


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
    lifecycle.init()
    lifecycle.apply()
    assert but_for_quirks(lifecycle.planned()) == {}

    memory = lifecycle.memory()
    lifecycle.apply(function={"memory_mb": memory + 64})
    assert lifecycle.memory() == memory + 64

    lifecycle.destroy()
    assert lifecycle.resources() == []
    with pytest.raises(ClientError) as gone:
        lifecycle.memory()
    assert gone.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert lifecycle.aws.client("sqs").list_queues().get("QueueUrls", []) == []
