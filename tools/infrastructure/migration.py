"""The state of one environment, moved from where it was to the backend that is configured now.

Terraform's own `init -migrate-state` copies every workspace it finds into the one backend, and empties the files that
the other environments still use. Here one workspace is read, pushed, read back and compared; the old one stays.
"""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tools.infrastructure.errors import TerraformError
from tools.infrastructure.runner import Terraform


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved, and where the old state still is."""

    resources: int
    old: str


def migrate(root: Path, workspace: str, environ: Mapping[str, str], backend: Path | None) -> Moved:
    """Copy the state of one workspace to the backend that the root module configures now.

    Args:
        root: The root module, with the new backend's block.
        workspace: The environment's.
        environ: With `TF_DATA_DIR`, whose folder remembers the old backend.
        backend: The file that completes the new backend's block, if there is one.

    Raises:
        TerraformError: There is nothing to move, another state is in the way, or what arrived is not what was sent.
    """
    old = remembered_backend(root, Path(environ["TF_DATA_DIR"]))
    with TemporaryDirectory(prefix="state-") as folder:
        source = _Store(Path(folder, "old"), environ)
        source.open(old)
        sent = source.pull(workspace) if source.has(workspace) else {}
        if not _instances(sent):
            raise TerraformError(
                f"Nothing was moved: the old state of {workspace} ({_name(old)}) holds no resources. If its backend was"
                " another, configure that one, run init, and come back."
            )
        target = _Store(Path(folder, "new"), environ)
        target.open_configured(root, backend)
        present = target.pull(workspace)
        if _instances(present):
            if not _continues(present, sent):
                raise TerraformError(
                    f"Nothing was moved: the new backend already holds {_instances(present)} resources of {workspace},"
                    " and they are not the ones that would come."
                )
            return Moved(_instances(present), _name(old))
        target.push(sent)
        arrived = target.pull(workspace)
        if _instances(arrived) != _instances(sent) or _addresses(arrived) != _addresses(sent):
            raise TerraformError(
                f"{_instances(sent)} resources of {workspace} were sent to the new backend and {_instances(arrived)}"
                f" arrived. The old state ({_name(old)}) is untouched; go on working with it."
            )
    return Moved(_instances(arrived), _name(old))


def remember_backend(root: Path, environ: Mapping[str, str], backend: Path | None) -> None:
    """Have the data folder know the configured backend, so that `init` in the root has nothing to ask.

    In the root itself Terraform finds the states that other environments still have there, and wants to copy them all,
    with -reconfigure too. So the data folder is initialised from a folder that holds nothing but the backend's block.
    """
    with TemporaryDirectory(prefix="state-") as folder:
        store = _Store(Path(folder, "new"), environ, data=Path(environ["TF_DATA_DIR"]))
        store.open_configured(root, backend)


class _Store:
    """A root module that holds nothing but a backend, so that no provider is needed to read or write a state."""

    def __init__(self, folder: Path, environ: Mapping[str, str], data: Path | None = None) -> None:
        folder.mkdir()
        self._terraform = Terraform(folder, {**environ, "TF_DATA_DIR": str((data or folder / ".terraform").resolve())})

    def open(self, backend: Mapping[str, Any]) -> None:
        block = {"terraform": {"backend": {backend["type"]: backend["config"]}}}
        (self._terraform.folder / "backend.tf.json").write_text(json.dumps(block), encoding="utf-8")
        self._init()

    def open_configured(self, root: Path, backend: Path | None) -> None:
        for path in backend_blocks(root):
            shutil.copy(path, self._terraform.folder)
        self._init(*([f"-backend-config={backend.resolve()}"] if backend else []))

    def has(self, workspace: str) -> bool:
        return workspace in self._terraform.read("workspace", "list").replace("*", "").split()

    def pull(self, workspace: str) -> dict[str, Any]:
        self._terraform.read("workspace", "select", "-or-create=true", workspace)
        state: dict[str, Any] = json.loads(self._terraform.read("state", "pull") or "{}")
        return state

    def push(self, state: Mapping[str, Any]) -> None:
        """Write a state over one that holds nothing: a new workspace has an empty one of another lineage."""
        path = self._terraform.folder / "sent.tfstate"
        path.write_text(json.dumps(state), encoding="utf-8")
        self._terraform.read("state", "push", "-force", str(path))

    def _init(self, *arguments: str) -> None:
        self._terraform.read("init", "-input=false", "-no-color", "-reconfigure", *arguments)


def local_state(root: Path, workspace: str) -> Path | None:
    """Return the file of a state that lies in the root module and holds resources."""
    path = root / "terraform.tfstate.d" / workspace / "terraform.tfstate"
    held = json.loads(path.read_text(encoding="utf-8") or "{}") if path.is_file() else {}
    return path if _instances(held) else None


def remembers_backend(data: Path) -> bool:
    """Whether a data folder was initialised with a backend."""
    path = data / "terraform.tfstate"
    return path.is_file() and bool(json.loads(path.read_text(encoding="utf-8")).get("backend"))


def backend_blocks(root: Path) -> list[Path]:
    """Return the files of a root module that configure a backend."""
    pattern = re.compile(r'^\s*backend\s+"', re.MULTILINE)
    return [path for path in sorted(root.glob("*.tf")) if pattern.search(path.read_text(encoding="utf-8"))]


def remembered_backend(root: Path, data: Path) -> dict[str, Any]:
    """Return the backend that the data folder was last initialised with; without one the state lies in the root."""
    if remembers_backend(data):
        backend = json.loads((data / "terraform.tfstate").read_text(encoding="utf-8"))["backend"]
        config = {name: value for name, value in backend["config"].items() if value is not None}
        return {"type": backend["type"], "config": _absolute(root, config) if backend["type"] == "local" else config}
    return {
        "type": "local",
        "config": {"path": str(root / "terraform.tfstate"), "workspace_dir": str(root / "terraform.tfstate.d")},
    }


def _absolute(root: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    named = {"path": "terraform.tfstate", "workspace_dir": "terraform.tfstate.d", **config}
    return {name: str(root / value) for name, value in named.items()}


def _name(backend: Mapping[str, Any]) -> str:
    config = backend["config"]
    return str(config.get("bucket") or config.get("workspace_dir") or backend["type"])


def _instances(state: Mapping[str, Any]) -> int:
    return sum(len(resource["instances"]) for resource in state.get("resources", []) if resource["mode"] == "managed")


def _addresses(state: Mapping[str, Any]) -> set[tuple[str, ...]]:
    return {
        (resource.get("module", ""), resource["type"], resource["name"], str(instance.get("index_key", "")))
        for resource in state.get("resources", [])
        for instance in resource["instances"]
    }


def _continues(state: Mapping[str, Any], earlier: Mapping[str, Any]) -> bool:
    """Whether a state is the earlier one, or what became of it."""
    return bool(state["lineage"] == earlier["lineage"] and state["serial"] >= earlier["serial"])
