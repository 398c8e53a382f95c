"""`python -m demo` as somebody runs it who has just cloned the repository, and as somebody ends it who has enough."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from demo.stack import NAME
from sandbox.engines import ministack
from sandbox.harness.workspace import CACHE

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.xdist_group("demo"),
    pytest.mark.skipif(not ministack.PYTHON.exists(), reason="the demo runs on MiniStack: make setup installs it"),
]

ROOT = Path(__file__).parents[3]
WHOLE_SECONDS = 240
END_SECONDS = 90

BEGINS = "Looking for what is needed ..."
APPLIES = "Terraform: apply ..."
SENDS = "Sending six Context Objects ..."


class Demo:
    """The demo in a process, a process group and a folder for temporary files of its own."""

    def __init__(self, temporary: Path, environ: dict[str, str]) -> None:
        self._temporary = temporary
        self.said: list[str] = []
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "demo"],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, words: str) -> None:
        with self._news:
            there = self._news.wait_for(lambda: words in self.text or not self._reader.is_alive(), WHOLE_SECONDS)
        assert there, f"it never said {words!r}:\n{self.text}"
        assert words in self.text, f"it never said {words!r}:\n{self.text}"

    def wait(self, seconds: float) -> int:
        code = self.process.wait(seconds)
        self._reader.join(5)
        return code

    @property
    def text(self) -> str:
        return "".join(self.said)

    def left(self) -> list[object]:
        return what_is_left(self._temporary)

    def end(self) -> None:
        """End what a failed test left."""
        for process in processes_of(self._temporary):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()

    def _read(self) -> None:
        if self.process.stdout is None:
            return
        with self.process.stdout:
            for line in self.process.stdout:
                with self._news:
                    self.said.append(line)
                    self._news.notify_all()


def processes_of(temporary: Path) -> list[psutil.Process]:
    """Return every process whose temporary files belong below a folder; all that the demo starts inherit that."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("TMPDIR", "").startswith(str(temporary)):
                found.append(process)
    return found


def what_is_left(temporary: Path) -> list[object]:
    return [*processes_of(temporary), *temporary.iterdir()]


@contextmanager
def running(temporary: Path, **environ: str) -> Iterator[Demo]:
    demo = Demo(temporary, environ)
    try:
        yield demo
    finally:
        demo.end()


@contextmanager
def somebody_elses_workspace() -> Iterator[None]:
    """Have the demo find that another one runs, so that it begins from nothing."""
    lock = CACHE / ministack.TRAITS.name / NAME / "lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w", encoding="utf-8") as file:
        with suppress(OSError):  # another demo does run
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def test_a_person_sees_the_whole_product_at_work(tmp_path: Path) -> None:
    with running(tmp_path) as demo:
        code = demo.wait(WHOLE_SECONDS)

        left = demo.left()

    assert code == 0, demo.text
    for line in (
        "Ana: first contact, by template     sent in",
        "Ben: answer, as free text           sent in",
        "Cleo: Twilio's answer gets lost     sent in",
        "Dev: has not consented              in the DLQ: invalid_context",
        "Ana again: the same Context Object  suppressed",
        "Something that is not JSON          in the DLQ: invalid_context",
        "Hi Ana, it's Carol from Acme Coffee.",
        "Hi Ben, this is Carol from Acme Coffee.",
        "Found in Twilio's list",
        "initial_message_sent",
        "failed_validation",
        "comms_consent: is not true",
        "$: not JSON (line 1, column 1)",
        "✓ Ana, Ben and Cleo each got their message once",
        "✓ Every record says how its conversation ended",
    ):
        assert line in demo.text, demo.text
    assert "BROKEN" not in demo.text
    assert "\x1b" not in demo.text
    assert max(map(len, demo.text.partition("What was sent")[2].splitlines())) <= 80
    assert left == []


@pytest.mark.parametrize(
    ("stage", "number", "to_group", "code"),
    [
        pytest.param(BEGINS, signal.SIGINT, True, 130, id="Ctrl-C at the beginning"),
        pytest.param(APPLIES, signal.SIGINT, True, 130, id="Ctrl-C in terraform apply"),
        pytest.param(SENDS, signal.SIGINT, False, 130, id="SIGINT to the process alone, in the scenes"),
        pytest.param(SENDS, signal.SIGTERM, False, 143, id="SIGTERM in the scenes"),
    ],
)
def test_whoever_ends_it_finds_nothing_left(
    stage: str, number: signal.Signals, to_group: bool, code: int, tmp_path: Path
) -> None:
    with ExitStack() as parts:
        if stage == APPLIES:
            parts.enter_context(somebody_elses_workspace())
        demo = parts.enter_context(running(tmp_path))
        demo.wait_for(stage)

        os.killpg(demo.process.pid, number) if to_group else demo.process.send_signal(number)
        ended = demo.wait(END_SECONDS)

        left = demo.left()

    assert ended == code, demo.text
    assert demo.text.rstrip().endswith("Interrupted; nothing is left running.")
    assert "Traceback" not in demo.text
    assert left == []


def test_whoever_stops_reading_finds_nothing_left(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m demo | head -n 3",
        shell=True,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=WHOLE_SECONDS,
        check=False,
        encoding="utf-8",
    )

    assert done.stdout.count("\n") == 3
    assert "Traceback" not in done.stderr
    assert what_is_left(tmp_path) == []


def test_without_terraform_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to(shutil.which("sh") or "/bin/sh")

    with running(tmp_path / "tmp", PATH=str(tmp_path / "bin")) as demo:
        code = demo.wait(WHOLE_SECONDS)

    assert code == 1
    assert "Terraform is not installed: get 1.11 or later from https://" in demo.text
    assert "Traceback" not in demo.text
    assert demo.left() == []
