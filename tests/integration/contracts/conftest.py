"""The emulator and the stubs that the adapters are held to their contracts on."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from boto3.session import Session
from botocore.config import Config

from sandbox.engines.ministack import MiniStack
from sandbox.stubs import StubServer

AWS_CONFIG = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})


@pytest.fixture(scope="session")
def ministack() -> Iterator[MiniStack]:
    with MiniStack() as engine:
        yield engine


@pytest.fixture(scope="session")
def stub_server() -> Iterator[StubServer]:
    with StubServer() as server:
        yield server


@pytest.fixture
def stubs(stub_server: StubServer) -> StubServer:
    stub_server.client.reset()
    return stub_server


@pytest.fixture(scope="session")
def aws_client(ministack: MiniStack) -> Callable[[str], Any]:
    """Return a client of an AWS service: expensive to make, so one for all tests."""
    environ = ministack.environ()
    session = Session(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], region_name=environ["AWS_REGION"])
    return cache(lambda service: session.client(service, endpoint_url=ministack.endpoint, config=AWS_CONFIG))
