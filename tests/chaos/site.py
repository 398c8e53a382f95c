"""Site: where a run sets its faults up, and what it has to look back at."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from sandbox.harness import Deployment
from sandbox.harness.aws_proxy import AwsProxy
from sandbox.stubs import StubClient
from tests.chaos.switchboard import Switchboard
from utils.settings import Settings


@dataclass(frozen=True, slots=True)
class Site:
    """Where faults are set up.

    Attributes:
        foreign: SIDs of other programs' messages, by conversation.
        ambiguous: Conversations with such a message within the window of a lost answer.
        neighbours: The replies services at work, by conversation.
    """

    deployment: Deployment
    stubs: StubClient
    dynamodb: AwsProxy
    switchboard: Switchboard
    foreign: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    ambiguous: set[str] = field(default_factory=set)
    neighbours: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return self.deployment.settings

    @property
    def timeout_seconds(self) -> int:
        """Lambda's, of the function."""
        return self.deployment.timeout_seconds

    @property
    def table(self) -> Any:
        return self.deployment.aws.client("dynamodb")

    @property
    def table_name(self) -> str:
        return str(self.deployment.outputs["table_name"])

    @property
    def twilio_gives_up_seconds(self) -> float:
        """A time after which the function waits for Twilio no longer."""
        return self.settings.twilio_timeout_seconds + 2.0
