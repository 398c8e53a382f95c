import pytest

from tests.unit.stubs.world import World


@pytest.fixture
def world() -> World:
    return World()
