"""Model: what the core needs of OpenAI, by whichever of its APIs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from core.conversation import Mode, Run, Usage
from utils.assistant_definition import AssistantDefinition
from utils.redaction import Secret


class RunState(StrEnum):
    """Where a run of the model stands."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REQUIRES_ACTION = "requires_action"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run of the model as the vendor reports it.

    Attributes:
        text: The final answer; empty where there is none.
        refusal: The model refused to answer.
        reason: The vendor's code for a failed or incomplete run.
        retriable: A failed run whose code says that asking again may help.
        poll_after_seconds: How long the vendor wants to be left alone before the next poll.
        took_seconds: How long a run took that has ended, in whole seconds, where the vendor says so.
    """

    response_id: str
    state: RunState
    text: str = ""
    refusal: bool = False
    reason: str | None = None
    retriable: bool = False
    usage: Usage = field(default_factory=Usage)
    poll_after_seconds: float | None = None
    took_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One turn to be written by the model.

    Attributes:
        assistant_id: Used as it is at an Assistants server.
        definition: None only at an Assistants server.
        user_id: Stable while the key is, shows nothing of the person, and nobody else can make it.
        metadata: At most 16 pairs, values up to 512 characters.
    """

    assistant_id: str
    definition: AssistantDefinition | None
    user_message: str
    mode: Mode
    user_id: str
    metadata: Mapping[str, str]


class ModelGateway(Protocol):
    """OpenAI, by either API.

    Raises:
        CredentialsRejectedError: 401 or 403.
        TransientError: Throttled, overloaded, timed out, locked.
        RunGoneError: The run is not known; one that was just created may be known later.
        PermanentError: Anything else it refuses.
    """

    needs_definition: bool
    """Whether a request must carry an assistant definition."""

    waits_for_answer: bool
    """Whether `start_run` returns only when the run has ended."""

    def accepts_thread(self, thread_id: str) -> bool:
        """Whether an id given from outside can name a thread or conversation of this API."""
        ...

    def open_thread(self, key: Secret, timeout_seconds: float) -> str:
        """Create a thread or conversation and return its id."""
        ...

    def start_run(self, thread_id: str, request: ModelRequest, key: Secret, timeout_seconds: float) -> RunReport:
        """Add the user message and start writing; never repeated by the adapter itself."""
        ...

    def fetch_run(self, run: Run, key: Secret, timeout_seconds: float) -> RunReport: ...


class Moderation(Protocol):
    """OpenAI's moderation; it raises what a `ModelGateway` raises, and never says nothing."""

    def flags(self, text: str, key: Secret, timeout_seconds: float) -> bool:
        """Whether it finds anything in a text."""
        ...
