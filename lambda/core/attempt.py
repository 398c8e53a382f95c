"""Attempt: how far one delivery has come, and how it may wait and repeat."""

import math
from collections.abc import Callable
from typing import TypeVar

from core.conversation import ConversationKey, Run, SentPart, Step
from core.delivery import Delivery
from core.errors import DeadlineError, LostLeaseError, ProcessorError, TransientError
from core.ports import Clock, Parked
from core.telemetry import DeliveryFields
from utils.context_model import ContextObject
from utils.deadline import Deadline

T = TypeVar("T")

Jitter = Callable[[], float]
"""Returns a random number from 0 up to 1."""

MAX_TRIES = 3
BASE_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 5.0
"""A vendor that wants a longer pause gets it from the queue, where waiting costs nothing."""

MAX_WRITE_TRIES = 5
WRITE_PAUSE_SECONDS = 0.2
WRITE_SECONDS = 3.0
"""What the last try of a write needs before Lambda stops the process."""

MIN_CALL_SECONDS = 1.0
"""A call that would have less time is not started."""


class Attempt:
    """One delivery's attempt at one conversation.

    Attributes:
        last_receive: The message goes to the DLQ if it is given back once more.
        hold_seconds: How long to wait for the model in the function, rather than in the queue.
        step: What the attempt is doing.
        sent: Parts known to be sent, by this attempt or an earlier one.
        maybe_sent: The part after those may be at Twilio without our knowing its id; so it is until the record is read.
        unrecorded_run: A run that is paid for and not in the record yet; a failure carries it there.
    """

    def __init__(
        self,
        delivery: Delivery,
        context: ContextObject,
        deadline: Deadline,
        clock: Clock,
        jitter: Jitter,
        *,
        last_receive: bool,
        hold_seconds: float = math.inf,
    ) -> None:
        self.delivery = delivery
        self.context = context
        self.deadline = deadline
        self.last_receive = last_receive
        self.hold_seconds = hold_seconds
        self.step = Step.CLAIM
        self.sent: list[SentPart] = []
        self.maybe_sent = True
        self.unrecorded_run: Run | None = None
        self._clock = clock
        self._jitter = jitter

    @property
    def parked(self) -> Parked | None:
        """The record as the message's continuation says that it waits for a run, if it says so."""
        continuation, company = self.delivery.continuation, self.context.company_data_payload
        if continuation is None or continuation.run is None:
            return None
        return Parked(
            continuation.run,
            continuation.write_number,
            company.company_id,
            company.project_id,
            company.channel_config.whatsapp.company_whatsapp_number,
        )

    @property
    def key(self) -> ConversationKey:
        return ConversationKey(
            self.context.frontend_payload.recipient_data.recipient_tel,
            self.context.conversation_data.conversation_id,
        )

    def log_fields(self) -> DeliveryFields:
        """What every line about this attempt says."""
        return self.delivery.log_fields()

    def check_time(self, needed_seconds: float = MIN_CALL_SECONDS) -> None:
        """Make sure that what is about to start can end before the deadline.

        Raises:
            DeadlineError: It could not.
        """
        if self.deadline.remaining_seconds() < needed_seconds:
            raise DeadlineError("the invocation's time is up; the next attempt goes on from what is recorded")

    def fit(self, wanted_seconds: float) -> float:
        """Return a timeout of at most `wanted_seconds` that ends before the deadline; raise if there is none."""
        self.check_time()
        return min(wanted_seconds, self.deadline.remaining_seconds())

    def wait(self, seconds: float, wish_seconds: float = 0.0) -> None:
        """Sleep, unless the deadline would come before the next call could be made.

        Args:
            wish_seconds: What the vendor wants of it, which the queue is then left to wait for.
        """
        if self.deadline.remaining_seconds() < seconds + MIN_CALL_SECONDS:
            raise DeadlineError("the invocation's time is up; the run goes on", retry_after_seconds=wish_seconds)
        self._clock.sleep(seconds)

    def insist(self, write: Callable[[], None]) -> None:
        """Make a write that must not be lost, up to five times, for as long as Lambda lets the process live.

        Raises:
            LostLeaseError: The conversation is another delivery's.
            ProcessorError: The table did not take it.
        """
        for tries in range(1, MAX_WRITE_TRIES + 1):
            try:
                return write()
            except LostLeaseError:
                raise
            except ProcessorError:
                pause = WRITE_PAUSE_SECONDS * 2 ** (tries - 1)
                if tries == MAX_WRITE_TRIES or self.deadline.until_stop_seconds() < pause + WRITE_SECONDS:
                    raise
                self._clock.sleep(pause)
        raise AssertionError("unreachable")  # pragma: no cover - the loop returns or raises

    def repeat(self, call: Callable[[], T]) -> T:
        """Make a call, and again after a pause where it certainly had no effect.

        The one retry policy of calls to the vendors: at most three tries, with exponential pauses and jitter that are
        no shorter than the vendor's wish. Everything longer is left to the queue.
        """
        for tries in range(1, MAX_TRIES + 1):
            try:
                return call()
            except TransientError as error:
                pause = BASE_PAUSE_SECONDS * 2 ** (tries - 1) * (1 + self._jitter())
                pause = max(pause, error.retry_after_seconds or 0.0)
                if tries == MAX_TRIES or not error.repeatable or pause > MAX_PAUSE_SECONDS:
                    raise
                if pause + MIN_CALL_SECONDS > self.deadline.remaining_seconds():
                    raise
                self._clock.sleep(pause)
        raise AssertionError("unreachable")  # pragma: no cover - the loop returns or raises
