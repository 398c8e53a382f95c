"""An engine is chosen with its reason; what it lacks is said at once, with what to do."""

import gc
import shutil
import socket
import socketserver
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.background_server import BackgroundServer
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


def nothing(_: Path) -> None:
    """Leave the path free."""


def forgotten_socket(path: Path) -> None:
    """Leave what a daemon leaves that was killed."""
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))


def plain_file(path: Path) -> None:
    path.touch()


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


@pytest.mark.parametrize("leave", [nothing, forgotten_socket, plain_file])
def test_asking_for_docker_leaves_no_socket_open(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leave: Callable[[Path], None]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    leave(tmp_path / "docker.sock")

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        reason = choose({"ENGINE": "", "PATH": path}).reason
        gc.collect()

    assert reason.startswith("no Docker here (Docker does not answer: ")
    assert [str(warning.message) for warning in warned] == []


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", b"hello\r\n"])
def test_socket_that_is_not_dockers_is_left_closed(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if answer:
                self.rfile.readline()
            self.wfile.write(answer)

    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with BackgroundServer(socketserver.ThreadingUnixStreamServer(f"{tmp_path}/docker.sock", Answer), "no docker"):
            reason = choose({"ENGINE": "", "PATH": path}).reason
        gc.collect()

    assert reason.startswith("no Docker here (Docker does not answer: ")
    assert [str(warning.message) for warning in warned] == []


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
