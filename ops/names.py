"""Names: what the resources of an environment are called."""

import re
from dataclasses import dataclass
from typing import Self

from ops.errors import UsageError

ATTENTION_INDEX = "needs-attention-index"

ALARM_PREFIX = "WhatsAppProcessor"
ALARMS = (
    "FinalDbUpdateFailure",
    "DeadLetterQueueDepth",
    "DeadLetterQueueGrowth",
    "OldestMessageAge",
    "FailedInvokeEvents",
    "Throttles",
    "Errors",
    "DurationNearTimeout",
    "HeartbeatLost",
    "AdoptedUnseen",
    "UndeliveredRate",
    "ConversationsWaiting",
    "VendorDown",
    "ConfigurationFaults",
    "RunawayContinuations",
    "Paging",
    "Notes",
)
"""Alarms that every environment has."""

COMPOSITES = {"Paging", "Notes"}
"""Alarms that tell a pager and a ticket system if they are given one; all others tell the topic."""


@dataclass(frozen=True, slots=True)
class Names:
    """Names of one environment's resources; terraform/modules/stack gives them."""

    environment: str
    queue: str
    dead_letter_queue: str
    table: str
    function: str
    log_group: str

    @classmethod
    def of(
        cls,
        environment: str,
        *,
        queue: str | None = None,
        dead_letter_queue: str | None = None,
        table: str | None = None,
        function: str | None = None,
        log_group: str | None = None,
    ) -> Self:
        """Return the names of an environment, some of them replaced.

        Raises:
            UsageError: No environment can have that name.
        """
        if not re.fullmatch(r"[a-z][a-z0-9]{1,15}", environment):
            raise UsageError(f"No environment is called {environment!r}", "Names are like dev, staging, prod.")
        function = function or f"whatsapp-channel-processor-{environment}"
        return cls(
            environment=environment,
            queue=queue or f"ai-multi-comms-whatsapp-queue-{environment}",
            dead_letter_queue=dead_letter_queue or f"ai-multi-comms-whatsapp-dlq-{environment}",
            table=table or f"conversations-{environment}",
            function=function,
            log_group=log_group or f"/aws/lambda/{function}",
        )

    @property
    def stage(self) -> str:
        """The environment as names of alarms, filter and namespace end in it."""
        return self.environment.capitalize()

    def alarm(self, about: str) -> str:
        return f"{ALARM_PREFIX}{about}Alarm-{self.stage}"

    @property
    def metric_filter(self) -> str:
        return f"FinalDbUpdateFailureFilter-{self.stage}"
