"""SQS heartbeat: one thread that keeps the messages of a batch hidden, and their leases alive."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Event, Lock, Thread
from typing import Generic, NamedTuple, Protocol, TypeVar


class Hiding(NamedTuple):
    """What became of an attempt to hide messages, by handle; those in neither set are hidden.

    Attributes:
        lost: The handle is dead: the message may be another receive's.
        refused: The change was not made: the message stays hidden as long as it was.
    """

    lost: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()


class Held(Protocol):
    """A message that is being processed.

    Attributes:
        hidden_until: Until when SQS hides it, seconds since the epoch.
    """

    receipt_handle: str
    hidden_until: float

    def lose(self) -> None:
        """Take note that another receive may own the message now."""
        ...


H = TypeVar("H", bound=Held)
T = TypeVar("T")


class SqsHeartbeat(Generic[H]):
    """Hides a batch's messages again and again until the batch is done.

    The thread is joined before the batch ends: a frozen thread would wake up in another invocation with stale handles.
    """

    def __init__(
        self,
        hide: Callable[[Sequence[str], int], Hiding],
        renew: Callable[[H], bool],
        now: Callable[[], float],
        on_lost: Callable[[H], None],
        on_failure: Callable[[Exception], None],
        visibility_seconds: int,
        interval_seconds: float,
    ) -> None:
        """Make a heartbeat for any number of batches, one after another.

        Args:
            hide: Hides messages by handle for a number of seconds and tells which it could not.
            renew: Renews a message's lease, to match `hidden_until`; returns whether it is still ours.
            now: Seconds since the epoch.
            on_lost: Called once for each message that can't be kept.
            on_failure: Called with what went wrong where nothing is known of the messages.
        """
        self._hide = hide
        self._renew = renew
        self._now = now
        self._on_lost = on_lost
        self._on_failure = on_failure
        self._visibility_seconds = visibility_seconds
        self._interval_seconds = interval_seconds
        self._lock = Lock()
        self._held: dict[str, H] = {}

    @contextmanager
    def holding(self, messages: Sequence[H]) -> Iterator[None]:
        """Beat from now until the context ends."""
        self._held = {message.receipt_handle: message for message in messages if message.receipt_handle}
        stop = Event()
        thread = Thread(target=self._beat_until, args=(stop,), name="sqs-heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            self._held = {}

    def settle(self, message: H) -> None:
        """Hold a message no more; after this, no beat changes its visibility."""
        with self._lock:
            self._held.pop(message.receipt_handle, None)

    def beat(self) -> None:
        """Hide every message for another visibility timeout and renew its lease."""
        with self._lock:
            hidden_until = self._now() + self._visibility_seconds
            held = dict(self._held)
            hiding = self._attempt(lambda: self._hide(list(held), self._visibility_seconds)) if held else Hiding()
            if hiding is None:
                return
            for handle in hiding.lost:
                self._lose(self._held.pop(handle))
            kept = [message for handle, message in self._held.items() if handle not in hiding.refused]
            for message in kept:
                message.hidden_until = hidden_until
        for message in kept:
            if self._attempt(partial(self._renew, message)) is False:
                self._lose(message)

    def _beat_until(self, stop: Event) -> None:
        while not stop.wait(self._interval_seconds):
            self._attempt(self.beat)

    def _lose(self, message: H) -> None:
        message.lose()
        self._on_lost(message)

    def _attempt(self, call: Callable[[], T]) -> T | None:
        """Return what `call` returns, or None where it failed; the thread must live on."""
        try:
            return call()
        except Exception as exc:  # noqa: BLE001 - a thread that dies would let every message go
            self._on_failure(exc)
            return None
