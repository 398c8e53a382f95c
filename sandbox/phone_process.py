"""Phone process: the local phone as people start it, in a process of its own."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

ROOT = Path(__file__).parents[1]

START_SECONDS = 240
"""The first start builds the package and waits for Terraform."""

END_SECONDS = 120
"""What it started ends in order, on a busy machine too."""


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
        self._news = threading.Condition()
        self._is_silent = False
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
        self.launch()
        try:
            self.url = self.wait_for("The local phone is at ").split()[5]
        except PhoneDidNotStartError:
            self.end()
            raise
        return self

    def launch(self) -> None:
        """Start it, and wait for nothing."""
        process = self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, args=(process,), daemon=True, name="what the phone says")
        self._reader.start()

    def wait_for(self, words: str) -> str:
        """Return the first line with these words.

        Raises:
            PhoneDidNotStartError: It ended, or said nothing of the kind in time.
        """
        with self._news:
            self._news.wait_for(lambda: self._is_silent or words in self.said, START_SECONDS)
        for line in self.said.splitlines():
            if words in line:
                return line
        raise PhoneDidNotStartError(f"{' '.join(self._command)} never said {words!r}:\n{self.said}")

    def end(self) -> int:
        """End it as a terminal does, which tells all of the group, and return its exit code.

        What does not end in time is killed with everything that it started: nothing may hold the pipe, or a port.
        """
        process, self._process = self._process, None
        if process is None or self._reader is None:
            raise PhoneDidNotStartError("it was not started")
        with suppress(ProcessLookupError):  # it ended by itself
            os.killpg(process.pid, signal.SIGINT)
        try:
            self.exit_code = process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            for child in psutil.Process(process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    child.kill()
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
        if process.stdout is not None:
            with process.stdout:
                for line in process.stdout:
                    with self._news:
                        self._said.append(line)
                        self._news.notify_all()
        with self._news:
            self._is_silent = True
            self._news.notify_all()
