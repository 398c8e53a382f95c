import pytest

from tests.fakes.clock import FakeClock
from tests.unit.stubbed.transports import StubTransports


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def stubs(clock: FakeClock) -> StubTransports:
    """The vendors, reached by the real SDKs."""
    return StubTransports(clock)
