"""What the file of an environment says: where it belongs, and what its function runs on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2
from lark.exceptions import LarkError

from tools.infrastructure.errors import TerraformError

TAGS: Mapping[str, str] = {"project": "Project", "environment": "Environment", "managed_by": "ManagedBy"}
"""Names of the tags by which the resources of an environment are found, unless its file gives others."""

_PLAIN = hcl2.SerializationOptions(strip_string_quotes=True, with_comments=False, explicit_blocks=False)


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment of a root module: `environments/<name>.tfvars`, and the defaults of what it leaves out."""

    name: str
    path: Path
    variables: Mapping[str, Any]
    root: Path

    @classmethod
    def read(cls, name: str, root: Path, *, new: bool = False) -> "Environment":
        """Read the file of an environment.

        Args:
            new: Whether there need be no file yet.

        Raises:
            TerraformError: There is no such environment, or its file is not HCL.
        """
        path = root / "environments" / f"{name}.tfvars"
        named = re.fullmatch(r"[a-z][a-z0-9]{1,15}", name)
        if named and new and not path.is_file():
            return cls(name, path, {"environment": name}, root)
        if not named or not path.is_file():
            known = ", ".join(sorted(found.stem for found in path.parent.glob("*.tfvars"))) or "none"
            raise TerraformError(
                f"There is no environment {name!r}: terraform/environments/ has {known}. A new one is a file"
                " NAME.tfvars there; its name has 2 to 16 lower-case letters and digits, a letter first."
            )
        return cls(name, path, _load(path), root)

    @property
    def account_id(self) -> str | None:
        """The account this environment is pinned to."""
        return _text(self.variables.get("aws_account_id"))

    @property
    def region(self) -> str | None:
        """The region this environment is pinned to."""
        return _text(self.variables.get("aws_region"))

    @property
    def tag_names(self) -> dict[str, str]:
        """The tags by which its resources are found, by what they say."""
        said = self.variables.get("tag_names") or {}
        return {name: _text(said.get(name)) or default for name, default in TAGS.items()}

    @property
    def package(self) -> Path:
        """The deployment package on this machine."""
        said = _text(self.variables.get("package_path"))
        return self.root / (said or _default(self.root / "variables.tf", "package_path"))

    @property
    def python(self) -> str:
        """The Python version its function runs on, such as `3.13`."""
        return self._function("runtime").removeprefix("python")

    @property
    def architecture(self) -> str:
        """The processor its function runs on, in AWS's words."""
        return self._function("architecture")

    def _function(self, attribute: str) -> str:
        """Return an attribute of `function`, or the default of the module that it goes to."""
        said = _text((self.variables.get("function") or {}).get(attribute))
        if said is not None:
            return said
        return _default(self.root / "modules" / "processor" / "variables.tf", attribute)


def _default(path: Path, variable: str) -> str:
    for block in _load(path)["variable"]:
        for quoted, body in block.items():
            if quoted.strip('"') == variable:
                return str(body["default"])
    raise TerraformError(f"{path} has no variable {variable!r}.")


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _load(path: Path) -> dict[str, Any]:
    try:
        return hcl2.loads(path.read_text(encoding="utf-8"), serialization_options=_PLAIN)
    except LarkError as exc:
        raise TerraformError(f"{path} cannot be read: {exc}") from exc
