"""Unit tests open no socket."""

import pytest


@pytest.fixture(autouse=True)
def no_sockets(socket_disabled: None) -> None:
    """Whoever needs a server belongs to tests/integration."""
