"""The core on fakes: one pipeline, driven delivery by delivery."""

from collections.abc import Callable

import pytest

from tests.fakes.function import InMemoryFunction


@pytest.fixture
def make_core() -> Callable[..., InMemoryFunction]:
    return InMemoryFunction


@pytest.fixture
def core() -> InMemoryFunction:
    return InMemoryFunction()
