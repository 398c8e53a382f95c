"""Everything the function prints, as CloudWatch would get it."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import pytest
from aws_lambda_powertools import Metrics

from utils.logging_config import SERVICE


class CapturedOutput:
    """What went to stdout and stderr."""

    def __init__(self, read: Callable[[], tuple[str, str]]) -> None:
        """Take `read`, which returns what was printed since its last call."""
        self._read = read
        self._stdout = self._stderr = ""

    @property
    def stdout(self) -> str:
        return self._all()[0]

    @property
    def text(self) -> str:
        return "".join(self._all())

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The JSON objects that were printed, one a line."""
        return [json.loads(line) for line in self.stdout.split("\n") if line]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log lines."""
        return [line for line in self.objects if "_aws" not in line]

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The metrics, in CloudWatch's embedded metric format."""
        return [line for line in self.objects if "_aws" in line]

    def _all(self) -> tuple[str, str]:
        stdout, stderr = self._read()
        self._stdout += stdout
        self._stderr += stderr
        return self._stdout, self._stderr


@contextmanager
def captured_output() -> Iterator[CapturedOutput]:
    """Capture all output of an `EventLog` that is made within, as if the process had just started."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2)]

    def read() -> tuple[str, str]:
        stdout, stderr = (_drain(stream) for stream in streams)
        return stdout, stderr

    forget_powertools()
    with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        yield CapturedOutput(read)
    forget_powertools()


def captured_by_pytest(capsys: pytest.CaptureFixture[str]) -> CapturedOutput:
    """Return the same in a test, where pytest owns stdout and stderr."""

    def read() -> tuple[str, str]:
        stdout, stderr = capsys.readouterr()
        return stdout, stderr

    forget_powertools()
    return CapturedOutput(read)


def forget_powertools() -> None:
    """Undo what Powertools keeps for the whole process: the logger with its stdout, and metrics not yet written."""
    logger = logging.getLogger(SERVICE)
    logger.handlers.clear()
    for name in ("init", "powertools_handler"):
        logger.__dict__.pop(name, None)
    Metrics(namespace="none").clear_metrics()


def _drain(stream: io.TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    text = buffer.getvalue().decode()
    buffer.seek(0)
    buffer.truncate()
    return text
