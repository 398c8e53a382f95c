"""Choice: which engine the tests run on, and why."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.engines.engine import Engine, EngineError
from sandbox.engines.ministack import MiniStack

VARIABLE = "ENGINE"
NAMES = ("localstack", "ministack")


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine that is not started yet, and why it is this one."""

    engine: Engine
    reason: str

    def __str__(self) -> str:
        return f"{self.engine.traits.title}: {self.reason}"


def choose(environ: Mapping[str, str]) -> Choice:
    """Return the engine that `ENGINE` names; unset, Docker decides.

    Raises:
        EngineError: It can't run here; the message says what to do.
    """
    if shutil.which("terraform", path=environ.get("PATH")) is None:
        raise EngineError(
            "Terraform is not installed, and the stack under test is made by it: get 1.11 or later from"
            " https://developer.hashicorp.com/terraform/install and put it on the PATH."
        )
    wanted = environ.get(VARIABLE, "").strip().lower()
    if wanted not in ("", *NAMES):
        raise EngineError(f"{VARIABLE}={wanted} is not an engine: set {' or '.join(NAMES)}, or nothing.")
    if wanted == "ministack":
        return Choice(MiniStack(enforce_iam=True), f"{VARIABLE}=ministack asks for it")
    from sandbox.engines.localstack import LocalStack, docker_client  # noqa: PLC0415 - MiniStack needs none of it

    try:
        docker_client()
    except EngineError as exc:
        if wanted:
            raise EngineError(
                f"{VARIABLE}=localstack needs Docker. {exc}\n"
                "Start Docker (or let this user use it), or run without it: ENGINE=ministack."
            ) from exc
        return Choice(MiniStack(enforce_iam=True), f"no Docker here ({exc})")
    return Choice(LocalStack(environ), f"{VARIABLE}=localstack asks for it" if wanted else "Docker answers")
