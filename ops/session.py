"""Session: what a command works with."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer
from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Aws, connect
from ops.aws_errors import explain
from ops.checks.package import fetch
from ops.errors import ExitCode, OpsError
from ops.names import Names
from ops.screen import Screen

if TYPE_CHECKING:
    from ops.vendors import Vendors


def _open(profile: str | None, region: str | None) -> Aws:
    return connect(os.environ, profile, region)


def _vendors() -> "Vendors":
    from ops.vendors import Vendors  # noqa: PLC0415 - the vendors' SDKs take long to import

    return Vendors()


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside: tests bring their own as the context's object."""

    connect: Callable[[str | None, str | None], Aws] = _open
    someone_there: Callable[[], bool] = field(default=lambda: sys.stdin.isatty())  # noqa: PLW0108 - a test replaces sys.stdin
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    sleep: Callable[[float], None] = time.sleep
    fetch: Callable[[str], bytes] = fetch
    vendors: "Callable[[], Vendors]" = _vendors


@dataclass(frozen=True, slots=True)
class Session:
    """One command at work on one environment."""

    names: Names
    aws: Aws
    screen: Screen
    world: World


@contextmanager
def reporting(screen: Screen) -> Iterator[None]:
    """Let an error end the command with one line and the exit code that it has."""
    try:
        yield
    except OpsError as error:
        screen.error(error)
        raise typer.Exit(error.exit_code) from error
    except (ClientError, BotoCoreError) as exc:
        explained = explain(exc, "AWS", "this region")
        screen.error(explained)
        raise typer.Exit(explained.exit_code) from exc
    except KeyboardInterrupt as exc:
        screen.note("Interrupted.")
        raise typer.Exit(ExitCode.INTERRUPTED) from exc
