"""The stack, called by another repository: from git, twice, with a provider passed in, in a workspace of any name."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.engines.ministack import MiniStack
from sandbox.harness.startup import terraform_environ
from tools.infrastructure.plan import Plan
from tools.infrastructure.runner import ROOT_MODULE, Terraform
from tools.infrastructure.verify import LOCK

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.environ.get("ENGINE") == "localstack", reason="its own engine is MiniStack"),
]

EXAMPLE = ROOT_MODULE / "examples" / "another-repository"
OURS = '"../../modules/stack"'


def published(folder: Path) -> str:
    """Commit terraform/ to a repository, and return the module's address in it."""
    Terraform.copied_to(folder / "terraform", {})
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "published"]):
        who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        subprocess.run(["git", *who, *command], cwd=folder, check=True)
    return f"git::file://{folder}//terraform/modules/stack"


def test_it_is_planned_from_git_in_a_workspace_of_any_name(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    shutil.copytree(EXAMPLE, theirs, ignore=shutil.ignore_patterns("tests"))
    shutil.copy(ROOT_MODULE / LOCK, theirs)
    main = (EXAMPLE / "main.tf").read_text(encoding="utf-8")
    assert OURS in main
    address = published(tmp_path / "ours")
    (theirs / "main.tf").write_text(main.replace(OURS, json.dumps(address)), encoding="utf-8")
    with MiniStack() as engine:
        terraform = Terraform(theirs, terraform_environ(engine.environ()), tmp_path / "terraform.log")
        terraform.init()
        terraform.read("workspace", "new", "messaging-eu-production")
        terraform.run("plan", "-input=false", "-var=package_sha256=aGFzaA==", "-out=saved.tfplan")
        plan = Plan.parse(terraform.read("show", "-json", "saved.tfplan"))

    functions = plan.of_type("aws_lambda_function")
    assert {change.address.split(".module.")[0] for change in functions} == {
        'module.whatsapp["acme"]',
        'module.whatsapp["globex"]',
    }
    assert {change.after["s3_bucket"] for change in functions} == {"acme-artifacts"}
    assert all(change.creates for change in plan.changes)
    assert {tuple(sorted(change.after["tags_all"])) for change in functions} == {("cost-center", "team")}
