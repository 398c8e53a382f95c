"""One adoption: from the inventory to a state that holds what was made by hand, and a plan with nothing left to do."""

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tools.infrastructure.adoption.backup import back_up
from tools.infrastructure.adoption.census import Census
from tools.infrastructure.adoption.changes import Sentence, refuse_losses, refuse_unnamed, sentences
from tools.infrastructure.adoption.clients import Clients
from tools.infrastructure.adoption.inventory import Inventory
from tools.infrastructure.adoption.names import names_of
from tools.infrastructure.adoption.present import Present, present
from tools.infrastructure.adoption.proposal import Proposal, proposal
from tools.infrastructure.adoption.tfvars import hcl, missing, over
from tools.infrastructure.deployment import Deployment
from tools.infrastructure.environment import Environment
from tools.infrastructure.errors import TerraformError
from tools.infrastructure.package import refuse_mismatch
from tools.infrastructure.plan import Plan

IMPORTS = "imports.tf"
"""File of the root module that holds the import blocks while they are planned and applied."""

NO_CHANGE = (("no-op",), ("read",))


@dataclass(frozen=True, slots=True)
class Found:
    """What an account has for one environment, and what keeps it.

    Attributes:
        folder: Where everything about this adoption is written.
    """

    environment: Environment
    inventory: Inventory
    proposal: Proposal
    clients: Clients
    folder: Path

    @classmethod
    def of(cls, environment: Environment, clients: Clients) -> "Found":
        """Look at the account; nothing is changed, here or there."""
        inventory = Inventory.taken(names_of(environment.name, environment.variables), clients, environment.tag_names)
        proposed = proposal(inventory, environment.name, _settings(environment.root))
        return cls(environment, inventory, proposed, clients, environment.root.parent / "adoption" / environment.name)

    def refuse_obstacles(self) -> None:
        """Refuse what can't be adopted without a loss, unless the environment's file leaves it out.

        Raises:
            TerraformError: With a sentence for each.
        """
        said = self.environment.variables.get("existing") or {}
        left = [
            text for text in self.proposal.obstacles if not (said.get("table_arn") and text.startswith("The table"))
        ]
        if left:
            raise TerraformError(
                "Nothing was changed. This can't be adopted as it is:\n" + "\n".join(f"  {text}" for text in left)
            )

    def missing(self) -> str:
        """Return, as a file of variables, what the environment's file does not say yet; empty if it says all."""
        left = missing(self.proposal.variables, self.environment.variables)
        return hcl(left) if left else ""

    def write(self) -> Environment:
        """Write the environment's file, with what it said before; that one is kept in the adoption's folder."""
        path = self.environment.path
        self.folder.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            shutil.copy(path, self.folder / f"{path.name}.before")
        path.write_text(hcl(over(self.proposal.variables, self.environment.variables)), encoding="utf-8")
        return Environment.read(self.environment.name, self.environment.root)

    def fed(self) -> list[str]:
        """Return the UUIDs of the mappings that still feed a function from the queue."""
        return [mapping["UUID"] for mapping in self.inventory.mappings if mapping["State"] != "Disabled"]

    def untagged_secrets(self, tags: Sequence[str]) -> list[str]:
        """Return the secrets that lack a tag by which a stricter policy would know them."""
        return [
            str(secret["Name"])
            for secret in self.inventory.secrets
            if set(tags) - {tag["Key"] for tag in secret.get("Tags", [])}
        ]


@dataclass(frozen=True, slots=True)
class Adoption:
    """What is found, and the deployment whose state takes it."""

    found: Found
    deployment: Deployment

    def present(self, saved: Path) -> list[Present]:
        """Return what is to be imported: everything that a plan would create and the account has."""
        return present(self.deployment.stack.planned(saved), self.found.clients)

    @contextmanager
    def importing(self, there: Sequence[Present]) -> Iterator[None]:
        """Have the import blocks in the root module; a copy stays in the adoption's folder."""
        text = "\n".join(item.block() for item in there)
        path = self.found.environment.root / IMPORTS
        self.found.folder.mkdir(parents=True, exist_ok=True)
        (self.found.folder / IMPORTS).write_text(text, encoding="utf-8")
        path.write_text(text, encoding="utf-8")
        try:
            yield
        finally:
            path.unlink()

    def judge(self, plan: Plan, census: Census, accepted: Sequence[str]) -> list[Sentence]:
        """Return every change of what exists.

        Raises:
            TerraformError: Something would be lost, a change was not acknowledged, or the package does not fit.
        """
        environment = self.found.environment
        refuse_mismatch(plan, environment.root, environment.name, emulated=self.deployment.account.endpoint is not None)
        refuse_losses(plan, expiring=census.expiring)
        changed = sentences(plan)
        refuse_unnamed(changed, accepted)
        return changed

    def back_up(self) -> list[str]:
        now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        name = f"adopt-{self.found.environment.name}-{now}"
        return back_up(self.found.inventory, self.found.folder / "backup", name, self.found.clients)

    def compare(self, before: Census) -> Census:
        """Count once more.

        Raises:
            TerraformError: Something is fewer than before.
        """
        after = Census.taken(self.found.inventory, self.found.clients)
        for _ in range(3):
            if not after.lost(before):
                break
            after = Census.taken(self.found.inventory, self.found.clients)
        path = self.found.folder / "census.json"
        path.write_text(
            json.dumps({"before": before.document(), "after": after.document()}, indent=2), encoding="utf-8"
        )
        if lost := after.lost(before):
            raise TerraformError(
                f"Fewer than before the adoption: {', '.join(lost)}. The backup is in {self.found.folder}."
            )
        return after

    def left(self, saved: Path) -> list[str]:
        """Return what a second plan would still change."""
        plan = self.deployment.stack.planned(saved)
        return [change.address for change in plan.changes if change.actions not in NO_CHANGE]


def _settings(root: Path) -> dict[str, str]:
    """Return the attributes of `function_settings`, by the variable of the function that each becomes."""
    text = (root / "modules" / "stack" / "variables.tf").read_text(encoding="utf-8")
    body = text.split('variable "function_settings"', 1)[1].split("\nvariable ", 1)[0]
    return {name.upper(): name for name in re.findall(r"^ +(\w+) += optional\(", body, re.MULTILINE)}
