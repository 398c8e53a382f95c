"""The way back: a state that forgets an environment and destroys nothing.

It is applied from a configuration with the same state, in which the stack is nothing but a `removed` block.
"""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.infrastructure.deployment import Stack
from tools.infrastructure.errors import TerraformError
from tools.infrastructure.migration import remembered_backend
from tools.infrastructure.plan import Plan
from tools.infrastructure.runner import Terraform
from tools.infrastructure.verify import LOCK

FORGET = ("forget",)

REMOVED = """\
removed {
  from = module.stack

  lifecycle {
    destroy = false
  }
}
"""


class Farewell:
    """A configuration in which the stack is no more, and the state that still holds it."""

    def __init__(self, folder: Path, stack: Stack) -> None:
        root = stack.environment.root
        backend = remembered_backend(root, Path(stack.terraform.environ["TF_DATA_DIR"]))
        block = {"terraform": {"backend": {backend["type"]: backend["config"]}}}
        (folder / "backend.tf.json").write_text(json.dumps(block), encoding="utf-8")
        (folder / "removed.tf").write_text(REMOVED, encoding="utf-8")
        for name in ("versions.tf", LOCK):
            shutil.copy(root / name, folder)
        environ = {
            name: value
            for name, value in stack.terraform.environ.items()
            if not name.startswith(("TF_DATA_DIR", "TF_VAR_"))
        }
        self._terraform = Terraform(folder, environ, stack.terraform.log)
        self._terraform.init("-reconfigure")
        self._terraform.read("workspace", "select", stack.environment.name)

    def plan(self) -> list[str]:
        """Plan to forget, and return the addresses.

        Raises:
            TerraformError: The plan would do anything else.
        """
        self._terraform.read("plan", "-input=false", "-refresh=false", "-out=saved.tfplan")
        plan = Plan.parse(self._terraform.read("show", "-json", "saved.tfplan"))
        if other := [change.address for change in plan.changes if change.actions != FORGET]:
            raise TerraformError(f"Nothing was changed: this would do more than forget {', '.join(other)}.")
        return [change.address for change in plan.changes]

    def apply(self) -> None:
        self._terraform.read("apply", "-input=false", "saved.tfplan")


def farewell_folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="disown-")
