"""The state of one environment moves to another backend, with Terraform itself: files and S3."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox.engines.engine import REGION
from sandbox.engines.ministack import MiniStack
from sandbox.harness.aws import Aws
from sandbox.harness.startup import terraform_environ
from tools.infrastructure.errors import TerraformError
from tools.infrastructure.migration import Moved, migrate, remember_backend
from tools.infrastructure.runner import Terraform

pytestmark = pytest.mark.integration

EMPTY = 'terraform {\n  required_version = ">= 1.11"\n}\n'


def state(*names: str, lineage: str = "mine", serial: int = 3) -> str:
    """Return a state that holds a resource with these keys; no provider is needed to move it."""
    resource = {
        "mode": "managed",
        "type": "terraform_data",
        "name": "this",
        "provider": 'provider["terraform.io/builtin/terraform"]',
        "instances": [{"index_key": name, "schema_version": 0, "attributes": {"id": name}} for name in names],
    }
    return json.dumps(
        {
            "version": 4,
            "terraform_version": "1.11.0",
            "serial": serial,
            "lineage": lineage,
            "outputs": {},
            "resources": [resource] if names else [],
        }
    )


class Root:
    """A root module with the states of its environments on disk, and a backend that is new."""

    def __init__(self, folder: Path, states: Mapping[str, str]) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "main.tf").write_text(EMPTY, encoding="utf-8")
        for name, text in states.items():
            path = self.state(name)
            path.parent.mkdir(parents=True)
            path.write_text(text, encoding="utf-8")
        self.environ = dict(os.environ)

    def state(self, name: str) -> Path:
        return self.folder / "terraform.tfstate.d" / name / "terraform.tfstate"

    def configure(self, backend: str, body: str = "") -> None:
        (self.folder / "backend.tf").write_text(
            f'terraform {{\n  backend "{backend}" {{\n{body}\n  }}\n}}\n', encoding="utf-8"
        )

    def configure_files(self, folder: Path) -> None:
        self.configure("local", f'    path = "{folder}/default.tfstate"\n    workspace_dir = "{folder}"')

    def migrate(self, name: str, backend: Path | None = None) -> Moved:
        return migrate(self.folder, name, self.environ_of(name), backend)

    def environ_of(self, name: str) -> dict[str, str]:
        return {**self.environ, "TF_DATA_DIR": str(self.folder / ".terraform" / name)}

    def pull(self, name: str, backend: Path | None = None) -> dict[str, Any]:
        """Return the state as everybody sees it from now on."""
        remember_backend(self.folder, self.environ_of(name), backend)
        terraform = Terraform(self.folder, self.environ_of(name))
        terraform.read("init", "-input=false", *([f"-backend-config={backend}"] if backend else []))
        terraform.read("workspace", "select", "-or-create=true", name)
        pulled: dict[str, Any] = json.loads(terraform.read("state", "pull") or "{}")
        return pulled


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "terraform", {"dev": state("a", "b"), "prod": state("x", "y", "z", lineage="prods")})


def held(pulled: Mapping[str, Any]) -> list[str]:
    return [instance["index_key"] for resource in pulled["resources"] for instance in resource["instances"]]


def test_one_environment_moves_and_the_other_stays_where_it_was(root: Root, tmp_path: Path) -> None:
    before = root.state("prod").read_bytes()
    root.configure_files(tmp_path / "new")

    moved = root.migrate("dev")

    assert moved.resources == 2
    assert held(root.pull("dev")) == ["a", "b"]
    assert root.state("prod").read_bytes() == before
    assert not (tmp_path / "new" / "prod").exists()
    assert held(json.loads(root.state("dev").read_text(encoding="utf-8"))) == ["a", "b"]


def test_each_environment_moves_in_its_turn(root: Root, tmp_path: Path) -> None:
    root.configure_files(tmp_path / "new")

    root.migrate("dev")
    root.migrate("prod")

    assert held(root.pull("dev")) == ["a", "b"]
    assert held(root.pull("prod")) == ["x", "y", "z"]


@pytest.mark.parametrize("text", [None, "", state()], ids=["no state", "an empty file", "a state without resources"])
def test_nothing_is_not_moved(tmp_path: Path, text: str | None) -> None:
    root = Root(tmp_path / "terraform", {} if text is None else {"dev": text})
    root.configure_files(tmp_path / "new")

    with pytest.raises(TerraformError, match="holds no resources"):
        root.migrate("dev")


def test_a_state_that_is_there_already_is_not_written_over(root: Root, tmp_path: Path) -> None:
    other = tmp_path / "new" / "dev" / "terraform.tfstate"
    other.parent.mkdir(parents=True)
    other.write_text(state("c", lineage="another"), encoding="utf-8")
    root.configure_files(tmp_path / "new")

    with pytest.raises(TerraformError, match="already holds 1 resources"):
        root.migrate("dev")
    assert other.read_text(encoding="utf-8") == state("c", lineage="another")


def test_what_has_moved_and_was_changed_since_is_left_alone(root: Root, tmp_path: Path) -> None:
    root.configure_files(tmp_path / "new")
    root.migrate("dev")
    moved = tmp_path / "new" / "dev" / "terraform.tfstate"
    moved.write_text(state("a", "b", "c", serial=9), encoding="utf-8")

    assert root.migrate("dev").resources == 3
    assert held(root.pull("dev")) == ["a", "b", "c"]


def test_a_backend_can_be_left_for_another(root: Root, tmp_path: Path) -> None:
    """The data folder remembers where the state was."""
    root.configure_files(tmp_path / "first")
    root.migrate("dev")
    root.pull("dev")
    root.configure_files(tmp_path / "second")

    assert root.migrate("dev").resources == 2
    assert held(root.pull("dev")) == ["a", "b"]
    assert (tmp_path / "second" / "dev" / "terraform.tfstate").is_file()


def test_a_new_workspace_that_terraform_has_touched_is_no_obstacle(root: Root, tmp_path: Path) -> None:
    """Whoever ran a plan before the migration left an empty state of another lineage."""
    root.configure_files(tmp_path / "new")
    touched = tmp_path / "new" / "dev" / "terraform.tfstate"
    touched.parent.mkdir(parents=True)
    touched.write_text(state(lineage="touched", serial=7), encoding="utf-8")

    root.migrate("dev")

    assert held(root.pull("dev")) == ["a", "b"]


@pytest.fixture
def engine() -> Iterator[MiniStack]:
    with MiniStack() as running:
        yield running


def test_two_environments_move_to_their_buckets(root: Root, engine: MiniStack, tmp_path: Path) -> None:
    root.environ = terraform_environ(engine.environ())
    root.configure("s3", '    key = "whatsapp-channel-processor.tfstate"\n    use_lockfile = true')
    files = {}
    for name in ("dev", "prod"):
        Aws("ministack", engine.endpoint, engine.credentials).client("s3").create_bucket(
            Bucket=f"states-of-{name}", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        files[name] = tmp_path / f"{name}.s3.tfbackend"
        files[name].write_text(
            f'bucket = "states-of-{name}"\nregion = "{REGION}"\nuse_path_style = true\n'
            "skip_credentials_validation = true\nskip_requesting_account_id = true\n",
            encoding="utf-8",
        )

    assert root.migrate("dev", files["dev"]).resources == 2
    assert root.migrate("prod", files["prod"]).resources == 3

    assert held(root.pull("dev", files["dev"])) == ["a", "b"]
    assert held(root.pull("prod", files["prod"])) == ["x", "y", "z"]
