"""How a run of the model goes: scripted end and timing, shared by responses and Assistants runs."""

from dataclasses import dataclass

END_STATES = ("completed", "failed", "incomplete", "cancelled", "expired", "requires_action")
RUNS_ONLY = ("expired", "requires_action")
"""States that an Assistants run can have and a response cannot."""

QUEUED_SHARE = 0.2
"""Part of its time that a run is queued."""

RUN_EXPIRES_SECONDS = 600
"""An Assistants run that waits for its caller expires after this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ends.

    Attributes:
        state: Its end.
        text: The reply; None for the default reply, or for no text at all where the run does not complete.
        silent: Complete without any message.
        refusal: Refuse with these words instead of replying.
        commentary: Messages of phase `commentary` before the answer.
        reasoning: Put a reasoning item before the message.
        code: Error code of a failed run.
        message: Error message of a failed run.
        reason: Why a run is incomplete; None for running out of output tokens.
        duration_seconds: How long it takes; None for the stub's setting.
        input_tokens: Usage; None for an estimate from the length.
        output_tokens: Usage; None for an estimate from the length.
        unknown_seconds: How long a new run is not found by those who ask for it (404).
        copies: How many equal final messages it writes.
        citation: Marker of a source that ends the reply; a run's message annotates it.
        tool_name: Function that a run in `requires_action` asks for.
    """

    state: str = "completed"
    text: str | None = None
    silent: bool = False
    refusal: str | None = None
    commentary: tuple[str, ...] = ()
    reasoning: bool = False
    code: str = "server_error"
    message: str = "The server had an error while processing your request. Sorry about that!"
    reason: str | None = None
    duration_seconds: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    tool_name: str = "look_up_order"
    unknown_seconds: float = 0.0
    copies: int = 1
    citation: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "commentary", tuple(self.commentary))
        if self.state not in END_STATES:
            raise ValueError(f"state must be one of {', '.join(END_STATES)}; it is {self.state!r}")
        if self.duration_seconds is not None and self.duration_seconds < 0:
            raise ValueError("duration_seconds must not be negative")
        if self.copies < 1 or self.unknown_seconds < 0:
            raise ValueError("copies must be at least 1, unknown_seconds must not be negative")


@dataclass(slots=True)
class Execution:
    """One run in time."""

    outcome: Outcome
    started: float
    seconds: float

    def state(self, now: float) -> str:
        """Return where the run stands."""
        if now < self.ended_at:
            return "in_progress" if now >= self.ended_at - self.seconds * (1 - QUEUED_SHARE) else "queued"
        if self.outcome.state != "requires_action":
            return self.outcome.state
        return "requires_action" if now < self.started + RUN_EXPIRES_SECONDS else "expired"

    @property
    def ended_at(self) -> float:
        """When it ends, or ended; for a run that waits for its caller, when it began to wait."""
        return self.started + self.seconds

    def is_known(self, now: float) -> bool:
        """Tell whether it is found by its id already."""
        return now >= self.started + self.outcome.unknown_seconds

    def is_active(self, now: float) -> bool:
        """Tell whether the conversation or thread is still taken by this run."""
        return self.state(now) in ("queued", "in_progress", "requires_action")


def usage_tokens(outcome: Outcome, asked: str, answered: str) -> tuple[int, int, int]:
    """Return input, output and reasoning tokens; about four characters make a token."""
    reasoning = 64 if outcome.reasoning else 0
    given_in, given_out = outcome.input_tokens, outcome.output_tokens
    tokens_in = max(len(asked) // 4, 1) if given_in is None else given_in
    tokens_out = max(len(answered) // 4, 1) + reasoning if given_out is None else given_out
    return tokens_in, tokens_out, min(reasoning, tokens_out)
