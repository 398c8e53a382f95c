"""Phone process: the local phone as people start it, in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[1]

START_SECONDS = 240
"""The first start builds the package and waits for Terraform."""

END_SECONDS = 60

_URL = re.compile(r"The local phone is at (http://\S+)")


class PhoneDidNotStartError(Exception):
    """The local phone does not start; the message has what it said."""


class PhoneProcess:
    """Starts `python -m demo.phone`, as `make dev` does, and ends it as Ctrl-C does; a context manager.

    Attributes:
        url: Where the page is.
        exit_code: None while it runs.
    """

    def __init__(self, port: int = 0) -> None:
        self._command = [sys.executable, "-m", "demo.phone", "--port", str(port)]
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._said: list[str] = []
        self._answered = threading.Event()
        self.url = ""
        self.exit_code: int | None = None

    @property
    def said(self) -> str:
        return "".join(self._said)

    @property
    def pid(self) -> int:
        if self._process is None:
            raise PhoneDidNotStartError("it was not started")
        return self._process.pid

    def start(self) -> Self:
        """Return when the page is there.

        Raises:
            PhoneDidNotStartError: It ended, or took too long.
        """
        process = self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(process,), daemon=True, name="what the phone says")
        self._reader.start()
        self._answered.wait(START_SECONDS)
        if not self.url:
            self.end()
            raise PhoneDidNotStartError(f"{' '.join(self._command)} did not start:\n{self.said}")
        return self

    def end(self) -> int:
        """End it and return its exit code."""
        process, self._process = self._process, None
        if process is None or self._reader is None:
            raise PhoneDidNotStartError("it was not started")
        process.send_signal(signal.SIGINT)
        try:
            self.exit_code = process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            self.exit_code = process.wait()
        self._reader.join()
        return self.exit_code

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.end()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        if process.stdout is None:
            return
        with process.stdout:
            for line in process.stdout:
                self._said.append(line)
                if found := _URL.search(line):
                    self.url = found.group(1)
                    self._answered.set()
        self._answered.set()
