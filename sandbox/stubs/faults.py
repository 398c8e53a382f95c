"""What can go wrong with one request, as a value that a script or the chaos mode hands out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What happens to one request instead of, or around, the vendor's own answer.

    Attributes:
        name: What the journal calls it.
        effect: Whether the vendor handles the request: whether the message, run or response comes to be.
        status: Status of a scripted answer; None keeps the vendor's own.
        headers: Headers of a scripted answer.
        body: JSON body of a scripted answer; with `raw` unset too, the vendor's usual body for `status`.
        raw: Body of a scripted answer as it stands, for HTML and other garbage.
        wait_seconds: Time before the request is handled: its effect is late, maybe after the caller gave up.
        delay_seconds: Time between the effect and the answer.
        stall_seconds: Send half of the answer, then nothing for this long, then reset the connection.
        drop: Reset the connection instead of answering.
    """

    name: str
    effect: bool = True
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    raw: str | None = None
    wait_seconds: float = 0.0
    delay_seconds: float = 0.0
    stall_seconds: float = 0.0
    drop: bool = False

    def __post_init__(self) -> None:
        if self.status is not None and not 200 <= self.status <= 599:
            raise ValueError(f"status must be from 200 to 599; it is {self.status}")
        if self.status is None and (self.headers or self.body is not None or self.raw is not None):
            raise ValueError("headers, body and raw belong to a scripted answer: give its status too")
        if self.body is not None and self.raw is not None:
            raise ValueError("give body or raw, not both")
        if min(self.wait_seconds, self.delay_seconds, self.stall_seconds) < 0:
            raise ValueError("wait_seconds, delay_seconds and stall_seconds must not be negative")
        if self.drop and (self.status is not None or self.stall_seconds):
            raise ValueError("a dropped connection has no answer: leave out status and stall_seconds")
        if self.status is None and not self.drop and not self.effect:
            raise ValueError("without effect there is no answer of the vendor: give a status or drop")


NO_FAULT = Action(name="none")


def answer(
    status: int,
    body: Any = None,
    *,
    raw: str | None = None,
    headers: Mapping[str, str] | None = None,
    after_effect: bool = False,
    delay_seconds: float = 0.0,
) -> Action:
    """Answer with this status; `after_effect` lets the effect happen first, as a 500 after accepting."""
    return Action(
        name=f"answer_{status}{'_after_effect' if after_effect else ''}",
        effect=after_effect,
        status=status,
        headers=headers or {},
        body=body,
        raw=raw,
        delay_seconds=delay_seconds,
    )


def drop(*, after_effect: bool = False) -> Action:
    """Reset the connection before the effect, or after it: the answer is lost."""
    return Action(name="drop_after_effect" if after_effect else "drop", effect=after_effect, drop=True)


def delay(seconds: float, *, before_effect: bool = False) -> Action:
    """Answer late; `before_effect` makes the effect late too."""
    if before_effect:
        return Action(name="late_effect", wait_seconds=seconds)
    return Action(name="delay", delay_seconds=seconds)


def stall(seconds: float) -> Action:
    """Let the effect happen, send half of the answer, nothing for this long, then reset the connection."""
    return Action(name="stall", stall_seconds=seconds)
