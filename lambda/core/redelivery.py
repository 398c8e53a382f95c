"""Redelivery: when SQS is to show a failed message again."""

from collections.abc import Callable

from core.errors import DeliveryUnknownError, LostLeaseError, PermanentError, ProcessorError, TransientError

BASE_SECONDS, FACTOR, CAP_SECONDS = 30, 4, 900
_CAPPED_FROM_RECEIVE = 4
MAX_VISIBILITY_SECONDS = 43_200
"""Source: Amazon SQS API Reference, ChangeMessageVisibility: 0 to 43,200 seconds."""


def redelivery_delay_seconds(error: ProcessorError, receive_count: int, jitter: Callable[[], float]) -> int | None:
    """Return the visibility timeout for a message that failed with `error`, in whole seconds.

    Permanent: 0, so that it reaches the DLQ within seconds. Unknown delivery: the rest of the reconcile window.
    Transient: what the vendor asked for, else exponential with half of it jittered. Lost lease: None, the message is
    no longer ours to hide.

    Args:
        receive_count: Receives of the message so far, at least 1.
        jitter: Returns a random number from 0 up to 1.
    """
    if isinstance(error, LostLeaseError):
        return None
    if isinstance(error, PermanentError):
        return 0
    asked = error.retry_after_seconds if isinstance(error, TransientError | DeliveryUnknownError) else None
    if asked is not None:
        wanted = asked
    else:
        ceiling = min(BASE_SECONDS * FACTOR ** (min(receive_count, _CAPPED_FROM_RECEIVE) - 1), CAP_SECONDS)
        wanted = ceiling * (1 + jitter()) / 2
    return min(max(-int(-wanted // 1), 0), MAX_VISIBILITY_SECONDS)
