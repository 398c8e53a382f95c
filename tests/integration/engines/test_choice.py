"""An engine is chosen with its reason; what it lacks is said at once, with what to do."""

import shutil
from pathlib import Path

import pytest

from sandbox.engines.choice import choose
from sandbox.engines.engine import EngineError
from sandbox.engines.localstack import IMAGE, LocalStack
from sandbox.engines.ministack import MiniStack

pytestmark = pytest.mark.integration

NOWHERE = "tcp://127.0.0.1:1"


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH with Terraform on it."""
    terraform = tmp_path / "terraform"
    terraform.touch(mode=0o755)
    return str(tmp_path)


@pytest.fixture
def without_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)


def test_ministack_is_taken_where_it_is_asked_for(path: str) -> None:
    choice = choose({"ENGINE": "ministack", "PATH": path})

    assert isinstance(choice.engine, MiniStack)
    assert str(choice) == "MiniStack: ENGINE=ministack asks for it"


@pytest.mark.usefixtures("without_docker")
def test_ministack_is_taken_where_docker_does_not_answer(path: str) -> None:
    choice = choose({"ENGINE": "", "PATH": path})

    assert isinstance(choice.engine, MiniStack)
    assert choice.reason.startswith("no Docker here (Docker does not answer: ")


@pytest.mark.usefixtures("docker")
@pytest.mark.parametrize(
    ("wanted", "reason"), [("", "Docker answers"), ("LocalStack", "ENGINE=localstack asks for it")]
)
def test_localstack_is_taken_where_docker_answers(path: str, wanted: str, reason: str) -> None:
    choice = choose({"ENGINE": wanted, "PATH": path})

    assert isinstance(choice.engine, LocalStack)
    assert choice.engine.image == IMAGE
    assert choice.reason == reason


@pytest.mark.usefixtures("without_docker")
def test_localstack_without_docker_says_what_to_do(path: str) -> None:
    with pytest.raises(EngineError) as raised:
        choose({"ENGINE": "localstack", "PATH": path})

    said = str(raised.value)
    assert said.startswith("ENGINE=localstack needs Docker. Docker does not answer: ")
    assert "ENGINE=ministack" in said


def test_unknown_engine_is_refused_with_the_names_there_are(path: str) -> None:
    with pytest.raises(EngineError, match="ENGINE=moto is not an engine: set localstack or ministack"):
        choose({"ENGINE": "moto", "PATH": path})


def test_missing_terraform_is_named_with_what_to_do(tmp_path: Path) -> None:
    assert shutil.which("terraform", path=str(tmp_path)) is None

    with pytest.raises(EngineError, match=r"Terraform is not installed.*put it on the PATH"):
        choose({"ENGINE": "ministack", "PATH": str(tmp_path)})
