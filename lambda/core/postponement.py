"""Postponement: whether a delivery waits in the queue, and for how long. A pure policy: it asks and changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.continuation import MAX_NUMBER, Continuation
from core.conversation import WaitReason
from core.delivery import Delivery
from core.errors import (
    AccountFaultError,
    DeadlineError,
    DeliveryUnknownError,
    FinalUpdateError,
    LeaseHeldError,
    ModelAtWorkError,
    ProcessorError,
    TransientError,
    UnforeseenError,
)

MAX_DELAY_SECONDS = 900
"""Source: Amazon SQS API Reference, SendMessage."""

MIN_OUTAGE_SECONDS = 30.0
OUTAGE_SHARE = 0.5
"""A vendor that is down is asked again after half the time waited so far: an outage is outlasted by half at most."""

FIRST_LOOK_SHARE = 0.65
NEXT_LOOK_SHARE = 0.15
UNKNOWN_LOOK_SHARE = 0.5
"""When a run is looked at: first after most of what such runs usually take, then after a small part of the time waited
so far; a larger part if nothing is known."""


@dataclass(frozen=True, slots=True)
class Wait:
    """How a delivery is postponed.

    Attributes:
        until: When the wait ends at the latest.
    """

    reason: WaitReason
    seconds: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Spent:
    """It has been postponed for as long, or as often, as it may be."""


@dataclass(frozen=True, slots=True)
class Postponement:
    """The policy.

    Attributes:
        patience: How long outages are outlasted, counted from the first message; nothing is postponed without any.
        run_deadline: After what time a run is given up.
    """

    patience: timedelta
    run_deadline: timedelta

    def plan(
        self, error: ProcessorError, delivery: Delivery, now: datetime, jitter: Callable[[], float]
    ) -> Wait | Spent | None:
        """Return how to wait for what stood in the way; None if waiting is no remedy."""
        reason = reason_of(error)
        if reason is None or not self.patience:
            return None
        patience_ends = delivery.first_sent_at + self.patience
        if delivery.continuation is not None and delivery.continuation.number >= MAX_NUMBER:
            return Spent()
        if isinstance(error, ModelAtWorkError):
            since = error.run.started_at or _since(delivery.continuation, reason, now)
            seconds = look_seconds((now - since).total_seconds(), error.usual_seconds)
            seconds = max(seconds, error.retry_after_seconds or 0.0)
            return Wait(reason, _whole(seconds), since, since + self.run_deadline)
        if now >= patience_ends:
            return Spent()
        since = _since(delivery.continuation, reason, now)
        waited = max((now - since).total_seconds(), 0.0)
        left = (patience_ends - now).total_seconds()
        return Wait(reason, _whole(min(_seconds(error, reason, waited, jitter), left)), since, patience_ends)


def reason_of(error: ProcessorError) -> WaitReason | None:
    """Return what a delivery waits for after an error; None for one that no waiting helps."""
    reasons: tuple[tuple[type[ProcessorError], WaitReason | None], ...] = (
        (FinalUpdateError, None),
        (UnforeseenError, None),
        (ModelAtWorkError, WaitReason.MODEL),
        (DeadlineError, WaitReason.TIME),
        (LeaseHeldError, WaitReason.LEASE),
        (DeliveryUnknownError, WaitReason.RECONCILE),
        (AccountFaultError, WaitReason.ACCOUNT),
        (TransientError, WaitReason.UNAVAILABLE),
    )
    return next((reason for kind, reason in reasons if isinstance(error, kind)), None)


def look_seconds(waited_seconds: float, usual_seconds: float | None) -> float:
    """Return how long from now to look at a run again."""
    if usual_seconds is None:
        return waited_seconds * UNKNOWN_LOOK_SHARE
    return max(usual_seconds * FIRST_LOOK_SHARE - waited_seconds, waited_seconds * NEXT_LOOK_SHARE)


def _seconds(error: ProcessorError, reason: WaitReason, waited: float, jitter: Callable[[], float]) -> float:
    wish = error.retry_after_seconds or 0.0 if isinstance(error, TransientError | DeliveryUnknownError) else 0.0
    if reason in {WaitReason.LEASE, WaitReason.TIME}:
        return wish
    widened = waited * OUTAGE_SHARE
    if reason is not WaitReason.RECONCILE:
        widened = max(widened, MIN_OUTAGE_SECONDS)
    return max(min(widened, MAX_DELAY_SECONDS) * (1 - jitter() / 2), wish)


def _since(continuation: Continuation | None, reason: WaitReason, now: datetime) -> datetime:
    return continuation.since if continuation is not None and continuation.reason is reason else now


def _whole(seconds: float) -> int:
    """Return whole seconds that SQS takes, at least one."""
    return max(min(-int(-seconds // 1), MAX_DELAY_SECONDS), 1)
