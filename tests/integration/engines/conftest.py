"""Docker, for the tests of what needs it."""

import os
from typing import Any

import pytest

from sandbox.engines.choice import choose
from sandbox.engines.localstack import LocalStack, docker_client


@pytest.fixture(scope="session")
def docker() -> Any:
    """A client of Docker; without it, or where MiniStack is asked for, the test is skipped."""
    choice = choose(os.environ)
    if not isinstance(choice.engine, LocalStack):
        pytest.skip(f"needs Docker, and {choice.reason}")
    return docker_client()
