"""MiniStack: AWS in a subprocess, without Docker."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

HOST = "127.0.0.1"
REGION = "eu-west-1"
DEFAULT_ACCOUNT = "000000000000"
PYTHON = Path(__file__).parents[2] / ".venv-ministack" / "bin" / "python"

START_SECONDS = 30
STOP_SECONDS = 10
CALL_SECONDS = 10
PORT_TRIES = 5
"""A port that was free may be taken before the emulator binds it."""

SHOWN_LOG_LINES = 20


class EngineError(Exception):
    """The emulator does not start, or does not answer; the message says why and what to do."""


class MiniStack:
    """The emulator in a process group, a folder and an environment of its own; a context manager.

    Functions that run in it inherit its environment, so it gets nothing of this process's but where programs are.
    """

    def __init__(self, python: Path = PYTHON, *, enforce_iam: bool = False) -> None:
        """Take the Python that has MiniStack installed; functions run under it too.

        Args:
            enforce_iam: Hold functions to the policies of their roles.
        """
        self._python = python
        self._enforce_iam = enforce_iam
        self._process: subprocess.Popen[bytes] | None = None
        self.folder: Path | None = None
        self.port = 0

    @property
    def endpoint(self) -> str:
        """Where all services answer."""
        return f"http://{HOST}:{self.port}"

    def environ(self, account: str = DEFAULT_ACCOUNT) -> dict[str, str]:
        """Return what an AWS SDK or Terraform needs to reach it.

        Args:
            account: Twelve digits; each account has a world of its own.
        """
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test" if account == DEFAULT_ACCOUNT else account,
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def start(self) -> Self:
        """Return when it answers.

        Raises:
            EngineError: It is not installed, or does not start.
        """
        if not self._python.exists():
            raise EngineError(f"there is no {self._python}: run `make setup`, which installs the embedded emulator")
        for _ in range(PORT_TRIES):
            self._launch()
            if self._answers_within(START_SECONDS):
                return self
            log, exit_code = self._log(), self._exit_code()
            self.stop()
            if exit_code is None or "in use" not in log:
                break
        how = "did not answer" if exit_code is None else f"ended with exit code {exit_code}"
        raise EngineError(f"MiniStack {how} within {START_SECONDS} s of its start; its last words:\n{log}")

    def stop(self) -> None:
        """End it with every function in it, and remove what they left behind."""
        process, self._process = self._process, None
        if process is not None:
            if process.poll() is None:
                self._quietly_reset()
            _end_group(process)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def reset(self) -> None:
        """Forget everything in every account and end the functions that run.

        Raises:
            EngineError: It does not answer.
        """
        request = urllib.request.Request(f"{self.endpoint}/_ministack/reset", data=b"", method="POST")
        try:
            urllib.request.urlopen(request, timeout=CALL_SECONDS).close()
        except OSError as exc:
            raise EngineError(
                f"MiniStack does not answer at {self.endpoint} ({exc}); its last words:\n{self._log()}"
            ) from exc

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self) -> None:
        folder = self.folder = Path(tempfile.mkdtemp(prefix="ministack-"))
        (folder / "tmp").mkdir()
        self.port = _free_port()
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._python, "-m", "ministack"],
                cwd=folder,
                env=self._environ(folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _environ(self, folder: Path) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "TMPDIR": str(folder / "tmp"),
            "LANG": "C.UTF-8",
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": HOST,
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": REGION,
            "AUTH": "true" if self._enforce_iam else "false",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent.sock",
        }

    def _answers_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._exit_code() is None:
            try:
                urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=CALL_SECONDS).close()
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
            else:
                return self._exit_code() is None
        return False

    def _exit_code(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def _log(self) -> str:
        if self.folder is None:
            return ""
        lines = (self.folder / "log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-SHOWN_LOG_LINES:])

    def _quietly_reset(self) -> None:
        """End busy functions, which would outlive the emulator."""
        try:
            self.reset()
        except EngineError:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, signal_number)
        except ProcessLookupError:
            break
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
