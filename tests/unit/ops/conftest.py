import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.answers import ANSWERS
from ops.app import app
from ops.session import World
from tests.fakes.clock import FakeClock
from tests.unit.ops.fake_aws import FakeAws


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    exit_code: int
    out: str
    err: str

    @property
    def answer(self) -> Any:
        return json.loads(self.out)


@dataclass
class Ops:
    """The command line at work on an account in memory."""

    aws: FakeAws
    clock: FakeClock
    someone_there: bool = False
    columns: int = 120
    vendors: Any = None
    connect: Callable[[str | None, str | None], Any] | None = None
    connected: list[tuple[str | None, str | None]] = field(default_factory=list)

    def __call__(self, *arguments: str, given: str | None = None) -> Ended:
        """Run it.

        Args:
            given: What is typed.
        """
        world = World(
            connect=self.connect or self._connect,
            someone_there=lambda: self.someone_there,
            now=self.clock.now,
            sleep=self.clock.sleep,
            fetch=self.aws.package,
            vendors=lambda: self.vendors,
        )
        unset = ("OPS_ENV", "AWS_REGION", "AWS_PROFILE", "FORCE_COLOR", "NO_COLOR")
        environ = dict.fromkeys(unset) | {"COLUMNS": str(self.columns)}
        result = CliRunner().invoke(app, list(arguments), obj=world, input=given, env=environ)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    def json(self, *arguments: str) -> Any:
        """Run it and return its JSON, held to the model of its answer."""
        ended = self(*arguments, "--json")
        command = " ".join(arguments[: 2 if arguments[0] == "dlq" else 1])
        ANSWERS[command].model_validate(ended.answer)
        return ended.answer

    def _connect(self, profile: str | None, region: str | None) -> FakeAws:
        self.connected.append((profile, region))
        return self.aws


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def aws(clock: FakeClock) -> FakeAws:
    return FakeAws(clock)


@pytest.fixture
def ops(aws: FakeAws, clock: FakeClock) -> Ops:
    return Ops(aws, clock)
