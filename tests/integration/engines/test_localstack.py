"""LocalStack gets what is passed through, says what it lacks, and leaves nothing behind."""

import io
import os
from collections.abc import Iterator
from typing import Any

import pytest
from testcontainers.core import utils
from testcontainers.core.config import testcontainers_config

from sandbox.engines.engine import EngineError
from sandbox.engines.localstack import LocalStack

pytestmark = pytest.mark.integration


@pytest.fixture
def engine(docker: Any) -> Iterator[LocalStack]:  # noqa: ARG001 - without Docker, skip
    """LocalStack with an account's token, which the image that needs none ignores."""
    with LocalStack({**os.environ, "LOCALSTACK_AUTH_TOKEN": "ls-token"}) as engine:
        yield engine


@pytest.fixture
def image_that_needs_an_account(docker: Any) -> Iterator[str]:
    """An image that ends as LocalStack's do without a token."""
    base = LocalStack(os.environ)
    base.prepare()
    ending = "echo 'License activation failed! No credentials were found in the environment.' >&2; exit 55"
    dockerfile = f'FROM {base.image}\nENTRYPOINT ["sh", "-c", "{ending}"]\n'
    image, _ = docker.images.build(fileobj=io.BytesIO(dockerfile.encode()), rm=True)
    yield image.id
    docker.images.remove(image.id, force=True)


def test_what_is_passed_through_reaches_it_and_nothing_is_left_of_it(engine: LocalStack, docker: Any) -> None:
    (name,) = engine.containers()
    function = docker.containers.create(engine.image, name=f"{name}-lambda-of-the-test")

    variables = docker.containers.get(name).attrs["Config"]["Env"]
    before = engine.containers()
    engine.stop()

    assert "LOCALSTACK_AUTH_TOKEN=ls-token" in variables
    mapping = os.environ.get("LAMBDA_RUNTIME_IMAGE_MAPPING")
    assert mapping is None or f"LAMBDA_RUNTIME_IMAGE_MAPPING={mapping}" in variables
    assert function.name in before
    assert engine.containers() == []


def test_stopping_twice_does_no_harm(engine: LocalStack) -> None:
    engine.stop()
    engine.stop()

    assert engine.containers() == []


@pytest.mark.parametrize("is_container", [False, True], ids=["machine", "container with Docker inside"])
def test_it_is_reached_from_here_and_from_here_alone(
    docker: Any, monkeypatch: pytest.MonkeyPatch, *, is_container: bool
) -> None:
    monkeypatch.setattr(utils, "inside_container", lambda: is_container)
    for override in ("tc_host_override", "connection_mode_override"):
        monkeypatch.setattr(testcontainers_config, override, None)

    with LocalStack(os.environ) as engine:
        (name,) = engine.containers()
        published = docker.containers.get(name).attrs["NetworkSettings"]["Ports"]["4566/tcp"]

    assert [port["HostIp"] for port in published] == ["127.0.0.1"]


@pytest.mark.usefixtures("docker")
def test_image_that_can_not_be_pulled_is_named_with_what_to_do() -> None:
    engine = LocalStack({"LOCALSTACK_IMAGE": "127.0.0.1:1/localstack:none"})

    with pytest.raises(EngineError) as raised:
        engine.prepare()

    said = str(raised.value)
    assert said.startswith("The image 127.0.0.1:1/localstack:none can't be pulled: ")
    assert "docker login" in said
    assert "LOCALSTACK_IMAGE" in said


def test_missing_token_is_named_with_what_to_do_and_nothing_is_left(image_that_needs_an_account: str) -> None:
    engine = LocalStack({"LOCALSTACK_IMAGE": image_that_needs_an_account})

    with pytest.raises(EngineError, match="needs an account: set LOCALSTACK_AUTH_TOKEN"):
        engine.start()

    assert engine.containers() == []
