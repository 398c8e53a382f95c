"""Engine: what the tests need to know of a place that plays AWS."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, Self

REGION = "eu-west-1"
DEFAULT_ACCOUNT = "000000000000"


class EngineError(Exception):
    """The engine does not start, or does not answer; the message says why and what to do."""


class Ability(StrEnum):
    """What AWS does and an engine may not; a test that needs it names it."""

    METRIC_FILTERS = "count log lines by metric filters"
    ROLE_ENFORCEMENT = "hold the function to its role"
    POLICY_SIMULATOR = "tell what a policy allows (SimulateCustomPolicy)"
    DEAD_LETTER_REDRIVE = "move messages out of a DLQ by itself (StartMessageMoveTask)"
    VENDORS_SEEN_ALIKE = "let a function and this machine reach the stubs by one name"
    CONCURRENT_BATCHES = "run several batches of one queue at the same time"
    MAPPING_METRICS = "keep the metrics configuration of an event source mapping"
    COMPLETE_ALARMS = "show all that an alarm was made of to Terraform"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What requests to an engine are signed with."""

    access_key_id: str
    secret_access_key: str

    @classmethod
    def random(cls) -> Self:
        """Return credentials that nobody can guess."""
        return cls(f"AKIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))


@dataclass(frozen=True, slots=True)
class Traits:
    """What is always true of an engine.

    Attributes:
        listen_on: Address a server must bind to for functions to reach it.
        functions_see_us_as: Host name of this machine inside a function.
        keeps_state: It can be stopped and go on later as it was.
        lacks: Why a test that needs the ability is skipped.
        variables: Terraform variables that the engine wants, beside where it is.
    """

    name: str
    title: str
    listen_on: str
    functions_see_us_as: str
    keeps_state: bool
    lacks: Mapping[Ability, str]
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """What functions run on: a Python such as 3.13, and a machine in the words of tools.package and of Terraform."""

    python: str
    package_arch: str
    architecture: str


class Engine(Protocol):
    """A place that plays AWS, started and stopped by whoever made it."""

    traits: Traits
    credentials: Credentials

    @property
    def version(self) -> str:
        """Its version; known once it runs."""
        ...

    @property
    def endpoint(self) -> str:
        """Where all services answer."""
        ...

    def target(self) -> Target:
        """Return what its functions run on; known before it runs."""
        ...

    def prepare(self) -> None:
        """Have what it needs from elsewhere, such as an image; may take minutes the first time.

        Raises:
            EngineError: It can't be had.
        """
        ...

    def keep_state_in(self, folder: Path, port: int | None = None) -> None:
        """Go on, from the next start, with what `freeze` left in a folder; only where the engine keeps its state."""
        ...

    def freeze(self) -> None:
        """End it, and leave what it knows where `keep_state_in` said."""
        ...

    def start(self) -> "Engine":
        """Return when it answers.

        Raises:
            EngineError: It does not; nothing is left of it.
        """
        ...

    def stop(self) -> None:
        """End it with everything it started, and remove what it left behind."""
        ...

    def log_tail(self, lines: int = 20) -> str:
        """Return its own last words."""
        ...

    def how_to_end(self) -> str:
        """Return the command that ends it when nobody else does."""
        ...


def aws_environ(endpoint: str, credentials: Credentials) -> dict[str, str]:
    """Return what an AWS SDK, the AWS command line or Terraform needs to reach an engine."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
    }
