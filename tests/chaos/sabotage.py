"""Sabotage: puts the saboteur beside the code that is deployed, and takes it away again."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from zipfile import ZIP_DEFLATED, ZipFile

import requests

from sandbox.eventually import eventually
from sandbox.harness import Deployment
from sandbox.harness.deployment import CHANGE_SECONDS
from tests.chaos.switchboard import Switchboard

SABOTEUR = Path(__file__).with_name("saboteur.py")
HANDLER = "saboteur.lambda_handler"
DOWNLOAD_SECONDS = 60


@contextmanager
def sabotaged(
    deployment: Deployment, switchboard: Switchboard, *, mutant: str | None = None, **environment: str
) -> Iterator[None]:
    """Run the function with a saboteur in it, until the end of the block.

    Args:
        mutant: One of `saboteur.MUTANTS`, to break the promise on purpose.
        environment: Further environment variables of the function.
    """
    before, package = deployment.function_configuration(), deployed_package(deployment)
    variables = before["Environment"]["Variables"]
    more = {"CHAOS_SWITCHBOARD_URL": switchboard.url, **({"CHAOS_MUTANT": mutant} if mutant else {}), **environment}
    _deploy(deployment, with_saboteur(package), HANDLER, {**variables, **more})
    try:
        yield
    finally:
        _deploy(deployment, package, before["Handler"], variables)


@contextmanager
def one_at_a_time(deployment: Deployment) -> Iterator[None]:
    """Feed the function one message per batch, until the end of the block: nobody dies of another's fault."""
    functions, uuid = deployment.aws.client("lambda"), deployment.outputs["event_source_mapping_uuid"]
    before = functions.get_event_source_mapping(UUID=uuid)["BatchSize"]

    def feed(batch_size: int) -> None:
        functions.update_event_source_mapping(UUID=uuid, BatchSize=batch_size)
        eventually(
            lambda: functions.get_event_source_mapping(UUID=uuid)["State"] == "Enabled", within_seconds=CHANGE_SECONDS
        )

    feed(1)
    try:
        yield
    finally:
        feed(before)


def with_saboteur(package: bytes) -> bytes:
    """Return the package with one more module in it, if it has not got it, and everything else as it was."""
    archive = io.BytesIO(package)
    with ZipFile(archive, "a", ZIP_DEFLATED) as zip_file:
        if SABOTEUR.name not in zip_file.namelist():
            zip_file.write(SABOTEUR, SABOTEUR.name)
    return archive.getvalue()


def deployed_package(deployment: Deployment) -> bytes:
    """Return the zip that the function runs."""
    function = deployment.aws.client("lambda").get_function(FunctionName=deployment.outputs["function_name"])
    # An engine in a container names itself as functions see it.
    location = urlsplit(function["Code"]["Location"])._replace(netloc=urlsplit(deployment.aws.endpoint).netloc)
    answer = requests.get(location._replace(scheme="http").geturl(), timeout=DOWNLOAD_SECONDS)
    answer.raise_for_status()
    return answer.content


def _deploy(deployment: Deployment, package: bytes, handler: str, variables: dict[str, str]) -> None:
    functions, name = deployment.aws.client("lambda"), deployment.outputs["function_name"]

    def wait() -> None:
        eventually(
            lambda: deployment.function_configuration()["LastUpdateStatus"] == "Successful",
            within_seconds=CHANGE_SECONDS,
        )

    functions.update_function_code(FunctionName=name, ZipFile=package)
    wait()
    functions.update_function_configuration(FunctionName=name, Handler=handler, Environment={"Variables": variables})
    wait()
