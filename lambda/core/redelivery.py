"""Redelivery: when SQS is to show a failed message again."""

from collections.abc import Callable

from core.errors import (
    DeadlineError,
    DeliveryUnknownError,
    LeaseHeldError,
    LostLeaseError,
    PermanentError,
    ProcessorError,
    TransientError,
)

BASE_SECONDS, FACTOR, CAP_SECONDS = 30, 4, 900
_CAPPED_FROM_RECEIVE = 4


def redelivery_delay_seconds(error: ProcessorError, receive_count: int, jitter: Callable[[], float]) -> int | None:
    """Return the visibility timeout for a message that failed with `error`, in whole seconds.

    Permanent: 0, so that it reaches the DLQ within seconds. Unknown delivery, held lease, end of the invocation: as
    long as is known to be needed. Transient: exponential with half of it jittered, and no less than the vendor asked
    for; after 900 seconds it is asked again. Lost lease: None, the message is no longer ours to hide.

    Args:
        receive_count: Receives of the message so far, at least 1.
        jitter: Returns a random number from 0 up to 1.
    """
    if isinstance(error, LostLeaseError):
        return None
    if isinstance(error, PermanentError):
        return 0
    if isinstance(error, DeliveryUnknownError | LeaseHeldError | DeadlineError):
        return max(_rounded_up(error.retry_after_seconds or 0.0), 0)
    ceiling = min(BASE_SECONDS * FACTOR ** (min(receive_count, _CAPPED_FROM_RECEIVE) - 1), CAP_SECONDS)
    wish = error.retry_after_seconds if isinstance(error, TransientError) else None
    return _rounded_up(max(ceiling * (1 + jitter()) / 2, min(wish or 0.0, CAP_SECONDS)))


def _rounded_up(seconds: float) -> int:
    return -int(-seconds // 1)
