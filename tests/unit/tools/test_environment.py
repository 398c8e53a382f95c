"""What is read from the file of an environment."""

import shutil
from pathlib import Path

import pytest

from tools.infrastructure.environment import Environment
from tools.infrastructure.errors import TerraformError
from tools.infrastructure.runner import ROOT_MODULE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a root module with nothing but what is read of it."""
    (tmp_path / "environments").mkdir()
    (tmp_path / "modules" / "processor").mkdir(parents=True)
    shutil.copy(ROOT_MODULE / "modules" / "processor" / "variables.tf", tmp_path / "modules" / "processor")
    return tmp_path


def read(root: Path, text: str) -> Environment:
    (root / "environments" / "test.tfvars").write_text(text, encoding="utf-8")
    return Environment.read("test", root)


def test_what_the_function_runs_on_is_read_however_it_is_written(root: Path) -> None:
    environment = read(
        root,
        'function={runtime:"python3.12", "architecture" = "x86_64" }\n'
        '/* function = { runtime = "python3.9" } */\n'
        '# aws_region = "us-east-1"\n'
        'aws_region = "eu-central-1" // here\n'
        'aws_account_id = "011122223333"\n',
    )

    assert (environment.python, environment.architecture) == ("3.12", "x86_64")
    assert (environment.account_id, environment.region) == ("011122223333", "eu-central-1")


@pytest.mark.parametrize("text", ["", "function = {}", "function = { runtime = null, architecture = null }"])
def test_what_it_leaves_out_is_the_modules_default(root: Path, text: str) -> None:
    environment = read(root, text)

    assert (environment.python, environment.architecture) == ("3.13", "arm64")
    assert (environment.account_id, environment.region) == (None, None)


def test_a_file_that_is_not_hcl_is_named(root: Path) -> None:
    with pytest.raises(TerraformError, match=r"test\.tfvars cannot be read"):
        read(root, "function = {")


@pytest.mark.parametrize("name", ["nowhere", "../environments/test", "Test", ""])
def test_an_environment_that_does_not_exist_is_refused_with_those_that_do(root: Path, name: str) -> None:
    read(root, "")

    with pytest.raises(TerraformError, match=r"terraform/environments/ has test\."):
        Environment.read(name, root)


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_our_own_environments_can_be_read(name: str) -> None:
    assert Environment.read(name, ROOT_MODULE).variables["environment"] == name
