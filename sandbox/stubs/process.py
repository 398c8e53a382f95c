"""The stubs in a process of their own, as a context manager."""

import json
import os
import selectors
import subprocess
import sys
from pathlib import Path
from typing import Self

from sandbox.stubs.client import StubClient, StubError
from sandbox.stubs.server import StubUrls

_ROOT = Path(__file__).parents[2]
_START_SECONDS = 30
_STOP_SECONDS = 10


class StubProcess:
    """Starts `python -m sandbox.stubs` and stops it; same interface as `StubServer`, without its `app`."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, journal_limit: int | None = None) -> None:
        limit = () if journal_limit is None else ("--journal-limit", str(journal_limit))
        self._command = [sys.executable, "-m", "sandbox.stubs", "--host", host, "--port", str(port), *limit]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Self:
        """Return when the stubs answer.

        Raises:
            StubError: They did not start; their own words are on stderr.
        """
        # Its own process group: Ctrl-C reaches the one who started it, who then stops the stubs in due order.
        process = subprocess.Popen(
            self._command,
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            encoding="utf-8",
        )
        self._process = process
        line = _first_line(process)
        if not line:
            self.stop()
            raise StubError(f"the stubs did not start (exit code {process.returncode}): {' '.join(self._command)}")
        ready = json.loads(line)
        self.port: int = ready["port"]
        self.urls = StubUrls(ready["openai"], ready["twilio"], ready["control"])
        self.client = StubClient(self.urls.control)
        return self

    def urls_for(self, host: str) -> StubUrls:
        """As seen by someone who knows this machine as `host`, for example a container."""
        return StubUrls.at(host, self.port)

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the stubs are not running")
        return self._process.pid

    def stop(self) -> int | None:
        """Stop the process and return its exit code."""
        if self._process is None:
            return None
        process, self._process = self._process, None
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
        return process.returncode

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _first_line(process: "subprocess.Popen[str]") -> str:
    if process.stdout is None:
        return ""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return process.stdout.readline() if selector.select(_START_SECONDS) else ""
