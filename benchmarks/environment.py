"""One execution environment: a package's handler in a process of its own, under AWS's runtime client."""

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import psutil

from benchmarks.runtime_api import FunctionError, RuntimeApi

START_SECONDS = 60
TIMEOUT_SECONDS = 300.0
"""The function's own timeout, as its deadline is told."""

SHOWN_LOG_LINES = 15


class ExecutionEnvironment:
    """A context manager: starts the process, takes events one after another, ends it.

    Attributes:
        started_at: When the process was started, by `time.time()`.
    """

    def __init__(
        self,
        python: Path,
        package: Path,
        environ: Mapping[str, str],
    ) -> None:
        """Prepare an environment.

        Args:
            python: Has the runtime client installed.
            package: Unpacked deployment package, with `index.py`.
        """
        self._python = python
        self._package = package
        self._environ = environ
        self._api = RuntimeApi()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process: psutil.Popen | None = None
        self.started_at = 0.0

    @property
    def ready_at(self) -> float:
        """When it asked for its first event, by `time.time()`."""
        if self._api.ready_at is None:
            raise FunctionError("the function is not ready")
        return self._api.ready_at

    def __enter__(self) -> Self:
        self._api.__enter__()
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._api.__exit__()
        self._log.close()

    def invoke(self, event: object, timeout_seconds: float = TIMEOUT_SECONDS) -> tuple[Any, float]:
        """Return the handler's answer and the seconds it took.

        Raises:
            FunctionError: The handler raised, or its process ended.
        """
        started = time.perf_counter()
        invocation = self._api.submit(event, timeout_seconds)
        while not invocation.done.wait(1):
            if self._running().poll() is not None:
                raise FunctionError(f"the function's process ended:\n{self._last_words()}")
        seconds = time.perf_counter() - started
        if invocation.error is not None:
            raise FunctionError(f"the handler raised: {invocation.error}")
        return invocation.answer, seconds

    def cpu_seconds(self) -> float:
        """CPU time that the process has used, in all its threads."""
        times = self._running().cpu_times()
        return float(times.user + times.system)

    def rss_bytes(self) -> int:
        return int(self._running().memory_info().rss)

    def log_bytes(self) -> int:
        """How much the function has logged."""
        return os.fstat(self._log.fileno()).st_size

    def log_text(self) -> str:
        return os.pread(self._log.fileno(), self.log_bytes(), 0).decode(errors="replace")

    def _start(self) -> None:
        environ = {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",  # the package's folder is read-only in Lambda
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "benchmark",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "LAMBDA_TASK_ROOT": str(self._package),
            **self._environ,
        }
        command: list[str | Path] = [self._python, "-m", "awslambdaric", "index.lambda_handler"]
        self.started_at = time.time()
        self._process = psutil.Popen(
            command,
            cwd=self._package,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._api.wait_ready(0.2):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise FunctionError(f"the function did not start:\n{self._last_words()}")
        if self._api.start_error is not None:
            raise FunctionError(f"the function refused to start: {self._api.start_error}")

    def _running(self) -> "psutil.Popen":
        if self._process is None:
            raise FunctionError("the environment is not running")
        return self._process

    def _last_words(self) -> str:
        return "\n".join(self.log_text().splitlines()[-SHOWN_LOG_LINES:])
