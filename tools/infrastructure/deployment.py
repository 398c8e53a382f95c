"""One environment, in one account and region, with its state: every check that comes before a change."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import boto3

from tools.infrastructure.adoption.clients import clients_of
from tools.infrastructure.adoption.present import SECRET, present, refuse_present
from tools.infrastructure.aws import Account, who_am_i
from tools.infrastructure.environment import Environment
from tools.infrastructure.errors import TerraformError
from tools.infrastructure.losses import losses, refuse
from tools.infrastructure.migration import (
    Moved,
    backend_blocks,
    local_state,
    migrate,
    remember_backend,
    remembers_backend,
)
from tools.infrastructure.package import refuse_mismatch
from tools.infrastructure.place import check_pins, check_state
from tools.infrastructure.plan import Plan
from tools.infrastructure.release import deployed_release, describe_release
from tools.infrastructure.runner import CHANGES, ROOT_MODULE, Terraform, check_version
from tools.infrastructure.secret_names import TakenName, refuse_foreign, restore, taken_names
from tools.infrastructure.sharing import refuse_shared
from tools.infrastructure.versions import KEPT, prune_if_allowed


@dataclass(frozen=True, slots=True)
class Stack:
    """An environment's Terraform: its own data folder, its own workspace, its backend if it has one."""

    environment: Environment
    terraform: Terraform
    mirror: Path | None

    @classmethod
    def initialised(cls, environment: Environment, *, region: str | None = None, upgrade: bool = False) -> "Stack":
        """Install provider and modules, and select the workspace."""
        check_version()
        terraform = Terraform(environment.root, terraform_environ(environment, region))
        _find_backend(environment, terraform.environ)
        backend = _backend_file(environment)
        mirror = terraform.init(*([f"-backend-config={backend}"] if backend else []), upgrade=upgrade)
        terraform.read("workspace", "select", "-or-create=true", environment.name)
        return cls(environment, terraform, mirror)

    @property
    def var_file(self) -> str:
        return f"-var-file={self.environment.path.relative_to(self.environment.root).as_posix()}"

    @contextmanager
    def saved_plan(self) -> Iterator[Path]:
        """Yield where a plan is saved; it is gone afterwards, for it holds what the state holds."""
        saved = Path(self.terraform.environ["TF_DATA_DIR"]) / "saved.tfplan"
        try:
            yield saved
        finally:
            saved.unlink(missing_ok=True)

    def plan(self, saved: Path, *arguments: str) -> Plan | None:
        """Plan in plain sight, save it, and return it; None if nothing would change."""
        code = self.terraform.run(
            "plan",
            *arguments,
            "-input=false",
            "-detailed-exitcode",
            f"-out={saved}",
            self.var_file,
            accepted=(0, CHANGES),
        )
        return self.read(saved) if code == CHANGES else None

    def planned(self, saved: Path) -> Plan:
        """Plan without showing it, and return all of it."""
        self.terraform.read("plan", "-input=false", f"-out={saved}", self.var_file)
        return self.read(saved)

    def read(self, saved: Path) -> Plan:
        return Plan.parse(self.terraform.read("show", "-json", str(saved)))

    def apply(self, saved: Path) -> None:
        self.terraform.run("apply", "-input=false", str(saved))


@dataclass(frozen=True, slots=True)
class Deployment:
    """A stack in the one place that its state belongs to.

    Attributes:
        empty: Whether the state holds nothing yet.
    """

    account: Account
    stack: Stack
    empty: bool = False

    @classmethod
    def opened(cls, environment: Environment, account: Account) -> "Deployment":
        """Initialise the stack, and compare its state with the account.

        Raises:
            TerraformError: The state belongs to another account or region.
        """
        stack = Stack.initialised(environment, region=account.region)
        state = stack.terraform.read("state", "pull")
        check_state(environment.name, state, account)
        if "TF_VAR_release" not in os.environ and (release := deployed_release(state, environment.package)):
            environ = {**stack.terraform.environ, "TF_VAR_release": release}
            stack = replace(stack, terraform=replace(stack.terraform, environ=environ))
        return cls(account, stack, empty=not json.loads(state or "{}").get("resources"))

    def judge(self, plan: Plan, named: Sequence[str]) -> list[TakenName]:
        """Return the secrets to restore before the plan is applied.

        Raises:
            TerraformError: The plan would lose something whose address was not named, create what exists, fail half
                way, work in another region, or deploy a package that does not run there.
        """
        environment = self.stack.environment
        if plan.variables.get("aws_region") not in (None, self.account.region):
            raise TerraformError(
                f"Nothing was changed. aws_region is {plan.variables['aws_region']} for Terraform, and this would work"
                f" in {self.account}: say it in {environment.path.name} alone, not by TF_VAR_aws_region."
            )
        refuse_mismatch(plan, environment.root, environment.name, emulated=self.account.endpoint is not None)
        refuse(losses(plan), named)
        there = present(plan, clients_of(self.account.region), without=(SECRET,))
        refuse_present(there, environment.name, empty=self.empty)
        secrets = boto3.client("secretsmanager", region_name=self.account.region)
        taken = taken_names(plan, secrets, environment.tag_names)
        refuse_foreign(taken, environment.name)
        return taken

    def judge_destruction(self, plan: Plan, named: Sequence[str]) -> None:
        """Refuse to delete secrets that another environment of the account lives on."""
        tagging = boto3.client("resourcegroupstaggingapi", region_name=self.account.region)
        environment = self.stack.environment
        refuse_shared(plan, environment.name, tagging, list(named), environment.tag_names)

    def apply(self, saved: Path) -> str | None:
        """Apply a plan, then delete old versions of the function; return what was done about them, for a person."""
        self.stack.apply(saved)
        outputs = self.stack.terraform.outputs()
        function = str(outputs.get("function_name") or "")
        if not function:
            return None
        client = boto3.client("lambda", region_name=self.account.region)
        gone, stopped = prune_if_allowed(client, function)
        if stopped:
            return f"Old versions of the function were left: {stopped}"
        return f"Versions {', '.join(gone)} of the function are deleted; the newest {KEPT} stay." if gone else None

    def restore(self, secret: TakenName) -> None:
        """Take back the deletion of a secret of ours, and give it its place in the state."""
        restore(secret, boto3.client("secretsmanager", region_name=self.account.region))
        self.stack.terraform.run("import", "-input=false", self.stack.var_file, secret.address, secret.arn)


def located(environment: Environment) -> Account:
    """Return the account and region that commands would work in.

    Raises:
        TerraformError: The environment is pinned to others.
    """
    account = who_am_i(os.environ, environment.region)
    check_pins(environment, account)
    return account


def migrated(environment: Environment) -> Moved:
    """Move the environment's state to the backend that is configured now, and work there from now on."""
    check_version()
    environ = terraform_environ(environment)
    moved = migrate(environment.root, environment.name, environ, _backend_file(environment))
    remember_backend(environment.root, environ, _backend_file(environment))
    return moved


def _find_backend(environment: Environment, environ: Mapping[str, str]) -> None:
    """Have a new data folder take the backend that is configured.

    Raises:
        TerraformError: The environment's state still lies beside the configuration.
    """
    if not backend_blocks(environment.root) or remembers_backend(Path(environ["TF_DATA_DIR"])):
        return
    if left := local_state(environment.root, environment.name):
        raise TerraformError(
            f"The state of {environment.name} is still in {left}, and a backend is configured. Move it first:\n"
            f"  .venv/bin/python -m tools.terraform init --env {environment.name} --migrate-state"
        )
    remember_backend(environment.root, environ, _backend_file(environment))


def _backend_file(environment: Environment) -> Path | None:
    path = environment.path.with_name(f"{environment.name}.s3.tfbackend")
    return path if path.is_file() else None


def terraform_environ(environment: Environment, region: str | None = None) -> dict[str, str]:
    """Return the variables that Terraform runs with: this process's, with the environment's own data folder."""
    environ = {name: value for name, value in os.environ.items() if name != "TF_WORKSPACE"}
    environ["TF_DATA_DIR"] = str(environment.root / ".terraform" / environment.name)
    environ.setdefault("TF_VAR_release", describe_release(ROOT_MODULE.parent))
    if region:
        environ["AWS_REGION"] = region
    return environ
