"""Unit tests open no socket."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.fakes.captured_output import CapturedOutput, captured_by_pytest, forget_powertools

settings.register_profile("unit", derandomize=True, deadline=None, database=None)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def no_sockets(socket_disabled: None) -> None:
    """Whoever needs a server belongs to tests/integration."""


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Iterator[CapturedOutput]:
    """Everything that an `EventLog` made in the test prints."""
    yield captured_by_pytest(capsys)
    forget_powertools()
