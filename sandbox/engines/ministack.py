"""MiniStack: AWS in a subprocess, without Docker."""

import os
import platform
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from typing import Self

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Signer

from sandbox.engines.engine import (
    DEFAULT_ACCOUNT,
    REGION,
    Ability,
    Credentials,
    EngineError,
    Target,
    Traits,
    aws_environ,
)
from sandbox.engines.ports import HOST, free_port, is_free
from sandbox.folders import remove
from tools.packaging.target import Arch

MAIN = Path(__file__).with_name("ministack_main.py")
PYTHON = Path(__file__).parents[2] / ".venv-ministack" / "bin" / "python"

START_SECONDS = 90
STOP_SECONDS = 10
CALL_SECONDS = 10
PORT_TRIES = 5
"""A port that was free may be taken before the emulator binds it."""

SHOWN_LOG_LINES = 20


TRAITS = Traits(
    name="ministack",
    title="MiniStack",
    listen_on=HOST,
    functions_see_us_as=HOST,
    keeps_state=True,
    lacks={
        Ability.METRIC_FILTERS: "MiniStack keeps metric filters and never evaluates them",
        Ability.DEAD_LETTER_REDRIVE: "MiniStack has no StartMessageMoveTask",
        Ability.MAPPING_METRICS: "MiniStack forgets the metrics configuration of an event source mapping",
        Ability.COMPLETE_ALARMS: "MiniStack leaves out fields when it describes alarms",
    },
    variables={
        "alerting": {"saved_queries": False},  # PutQueryDefinition is missing
        "queue": {"require_tls": False},  # it holds everyone to policies, and speaks no TLS
    },
)


class MiniStack:
    """The emulator in a process group, a folder and an environment of its own; a context manager.

    Functions that run in it inherit its environment, so it gets nothing of this process's but where programs are.
    """

    traits = TRAITS

    def __init__(self, python: Path = PYTHON, *, enforce_iam: bool = False) -> None:
        """Take the Python that has MiniStack installed; functions run under it too.

        Args:
            enforce_iam: Hold functions to the policies of their roles.
        """
        self._python = python
        self._enforce_iam = enforce_iam
        self._wanted_port: int | None = None
        self._state: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._either = threading.RLock()
        """Who ends it sees both folder and process, or neither: it may be starting in another thread."""
        self.credentials = Credentials.random()
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
        own = {} if account == DEFAULT_ACCOUNT else {"AWS_ACCESS_KEY_ID": account}
        return aws_environ(self.endpoint, self.credentials) | own

    @property
    def version(self) -> str:
        return f"{_version(self._python)} on Python {self.target().python}"

    def target(self) -> Target:
        python = _ask(self._python, "import sys; print('%d.%d' % sys.version_info[:2])")
        return Target(python, Arch.NATIVE, "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64")

    def prepare(self) -> None:
        """Make sure that it is installed.

        Raises:
            EngineError: It is not.
        """
        self.target()

    def keep_state_in(self, folder: Path, port: int | None = None) -> None:
        """Go on, from the next start, with what `freeze` left in a folder, if there is something.

        Args:
            port: To listen on; the URLs that it keeps have it in them. None takes a free one.
        """
        self._state, self._wanted_port = folder, port

    def freeze(self) -> None:
        """End it, and leave what it knows in the folder of `keep_state_in`.

        Raises:
            EngineError: It does not end in order.
        """
        if self._process is None or self.folder is None or self._state is None:
            raise EngineError("MiniStack does not run, or was not told where to keep its state")
        self._process.terminate()  # all but it: a function at work is not waited for
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log = self.log_tail()
            self.stop()
            raise EngineError(f"MiniStack does not end; its last words:\n{log}") from None
        shutil.rmtree(self._state, ignore_errors=True)
        shutil.copytree(self.folder / "state", self._state)
        self._wanted_port = self.port
        self.stop()

    def start(self) -> Self:
        """Return when it answers.

        Raises:
            EngineError: It is not installed, its port is taken, or it does not start.
        """
        self.target()
        if self._wanted_port is not None and not is_free(self._wanted_port):
            raise EngineError(f"Port {self._wanted_port} is taken: end what listens on it.")
        for _ in range(PORT_TRIES):
            with self._either:
                self._launch()
            if self._answers_within(START_SECONDS):
                return self
            if self._process is None:
                raise EngineError("MiniStack was ended while it started.")
            log, exit_code = self.log_tail(), self._exit_code()
            self.stop()
            if exit_code is None or "in use" not in log:
                break
        how = "did not answer" if exit_code is None else f"ended with exit code {exit_code}"
        raise EngineError(f"MiniStack {how} within {START_SECONDS} s of its start; its last words:\n{log}")

    def stop(self) -> None:
        """End it with every function in it, and remove what they left behind."""
        with self._either:
            process, self._process = self._process, None
            if process is not None:
                if process.poll() is None:
                    self._quietly_reset()
                _end_group(process)
            if self.folder is not None:
                remove(self.folder)
                self.folder = None

    def reset(self) -> None:
        """Forget everything in every account and end the functions that run.

        Raises:
            EngineError: It does not answer.
        """
        url = f"{self.endpoint}/_ministack/reset"
        reset = AWSRequest("POST", url, data=b"")
        signer = Signer(self.credentials.access_key_id, self.credentials.secret_access_key)
        SigV4Auth(signer, "ministack", REGION).add_auth(reset)
        try:
            requests.post(url, headers=dict(reset.headers), timeout=CALL_SECONDS).raise_for_status()
        except requests.RequestException as exc:
            raise EngineError(
                f"MiniStack does not answer at {self.endpoint} ({exc}); its last words:\n{self.log_tail()}"
            ) from exc

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self) -> None:
        folder = self.folder = Path(tempfile.mkdtemp(prefix="ministack-"))
        (folder / "tmp").mkdir()
        if self._state is not None and self._state.is_dir():
            shutil.copytree(self._state, folder / "state")
        self.port = self._wanted_port or free_port()
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._python, "-P", MAIN],
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
            "AWS_ACCESS_KEY_ID": self.credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.credentials.secret_access_key,
            "PERSIST_STATE": "0" if self._state is None else "1",
            "STATE_DIR": str(folder / "state"),
            "AUTH": "true" if self._enforce_iam else "false",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent.sock",
        }

    def _answers_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._process is not None and self._exit_code() is None:
            try:
                requests.get(f"{self.endpoint}/_ministack/health", timeout=CALL_SECONDS).raise_for_status()
            except requests.RequestException:
                time.sleep(0.05)
            else:
                return self._process is not None and self._exit_code() is None
        return False

    def _exit_code(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def log_tail(self, lines: int = SHOWN_LOG_LINES) -> str:
        with self._either:
            if self.folder is None:
                return ""
            return "\n".join((self.folder / "log").read_text(errors="replace", encoding="utf-8").splitlines()[-lines:])

    def how_to_end(self) -> str:
        return "" if self._process is None else f"kill -- -{self._process.pid}; rm -r {self.folder}"

    def _quietly_reset(self) -> None:
        """End busy functions, which would outlive the emulator."""
        try:
            self.reset()
        except EngineError:
            return


@cache
def _ask(python: Path, code: str) -> str:
    """Return what an interpreter prints."""
    if not python.exists():
        raise EngineError(f"there is no {python}: run `make setup`, which installs the embedded emulator")
    return subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=False, encoding="utf-8"
    ).stdout.strip()


def _version(python: Path) -> str:
    return _ask(python, "import importlib.metadata; print(importlib.metadata.version('ministack'))")


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
