"""Aftermath: what becomes of a message whose delivery did not get through: it waits, comes again, or fails for good."""

from collections.abc import Callable

from core.attempt import Attempt, Jitter
from core.continuation import Continuation
from core.conversation import FAILURE_STATUS, ConversationKey, Failure, Step, Waiting
from core.delivery import Delivery
from core.errors import (
    DeliveryUndecidedError,
    DeliveryUnknownError,
    InvalidContextObjectError,
    LostLeaseError,
    ModelAtWorkError,
    PermanentError,
    ProcessorError,
    PutDeniedError,
)
from core.events import Event, Metric
from core.outcome import GivenBack, Outcome, Postponed
from core.ports import Clock, ConversationStore, Failing
from core.postponement import MAX_DELAY_SECONDS, Postponement, Spent, Wait, reason_of
from core.redelivery import redelivery_delay_seconds
from core.telemetry import Telemetry
from utils.context_processor import InvalidContextError

MODEL_CODES = {"openai_model_not_found"}
"""Faults of the model's name, which an inline definition gives."""


class Aftermath:
    """Records why a delivery did not get through, gives up its lease, and says how its message comes again."""

    def __init__(
        self,
        store: ConversationStore,
        postponement: Postponement,
        clock: Clock,
        telemetry: Telemetry,
        jitter: Jitter,
        clock_skew_seconds: float,
    ) -> None:
        self._store = store
        self._postponement = postponement
        self._clock = clock
        self._telemetry = telemetry
        self._jitter = jitter
        self._clock_skew_seconds = clock_skew_seconds
        self._postpones = True

    def stop_postponing(self) -> None:
        """Give every message back from now on: the function has no right to put it on the queue."""
        self._postpones = False
        self._telemetry.metric(Metric.CONFIGURATION_FAULTS, code=PutDeniedError.code)

    def refuse(self, delivery: Delivery, invalid: InvalidContextError) -> Outcome:
        """Give back a message whose Context Object is refused; its record says so where its keys are known."""
        error = InvalidContextObjectError(invalid.faults)
        if invalid.key is not None:
            key = ConversationKey(*invalid.key)
            try:
                self._store.reject(key, self._failure(delivery, Step.VALIDATE, error, permanent=True))
            except ProcessorError as exc:
                self._telemetry.warning(Event.FAILURE_NOT_RECORDED, message_id=delivery.message_id, code=exc.code)
        self._telemetry.error(
            Event.MESSAGE_FAILED,
            **delivery.log_fields(),
            step=Step.VALIDATE,
            code=error.code,
            permanent=True,
            faults=error.faults,
        )
        self._telemetry.metric(Metric.MESSAGES_FAILED, code=error.code)
        return GivenBack(redelivery_delay_seconds(error, delivery.receive_count, self._jitter))

    def can_wait(self, attempt: Attempt, error: ProcessorError) -> bool:
        """Whether the message would be postponed after an error."""
        return isinstance(self._plan(attempt, error), Wait)

    def of(self, attempt: Attempt, error: ProcessorError) -> Outcome:
        """Return what becomes of the message after an error."""
        self._count_configuration_fault(attempt, error)
        plan = self._plan(attempt, error)
        if isinstance(plan, Wait):
            return self._postpone(attempt, error, plan)
        is_spent = isinstance(plan, Spent) and attempt.delivery.continuation is not None
        return self._give_back(attempt, error, permanent=isinstance(error, PermanentError) or is_spent)

    def _count_configuration_fault(self, attempt: Attempt, error: ProcessorError) -> None:
        """Count what pages a person; never what one message can bring about."""
        if error.configuration and not (error.code in MODEL_CODES and _brings_its_definition(attempt)):
            self._telemetry.metric(Metric.CONFIGURATION_FAULTS, code=error.code)
        if not self._postpones and reason_of(error) is not None:
            self._telemetry.metric(Metric.CONFIGURATION_FAULTS, code=PutDeniedError.code)

    def _plan(self, attempt: Attempt, error: ProcessorError) -> Wait | Spent | None:
        if not self._postpones:
            return None
        return self._postponement.plan(error, attempt.delivery, self._clock.now(), self._jitter)

    def _postpone(self, attempt: Attempt, error: ProcessorError, wait: Wait) -> Postponed:
        """Record what the conversation waits for, so that its continuation meets a free record."""
        delivery, lease = attempt.delivery, attempt.delivery.lease
        given_back = redelivery_delay_seconds(error, delivery.receive_count, self._jitter) or 0
        if isinstance(error, ModelAtWorkError):
            given_back = wait.seconds
        failure = self._failure(delivery, attempt.step, error, permanent=False)
        waiting = Waiting(wait.reason, wait.since, wait.until)
        failing = self._failing(attempt, error, failure)
        # on the last receive, people are told in case SQS does not take it
        self._release(
            attempt,
            failing,
            lambda: self._store.postpone(lease, failing, waiting, needs_attention=attempt.last_receive),
        )
        previous = delivery.continuation
        return Postponed(
            delay_seconds=min(self._not_before_the_lease_ends(attempt, wait.seconds), MAX_DELAY_SECONDS),
            continuation=Continuation(
                number=previous.number + 1 if previous else 1,
                origin=delivery.origin,
                first_sent_at=delivery.first_sent_at,
                put_at=self._clock.now(),
                reason=wait.reason,
                since=wait.since,
                run=error.run if isinstance(error, ModelAtWorkError) else None,
                write_number=lease.write_number or (previous.write_number if previous else 0),
            ),
            code=error.code,
            otherwise=GivenBack(self._not_before_the_lease_ends(attempt, given_back)),
        )

    def _give_back(self, attempt: Attempt, error: ProcessorError, *, permanent: bool) -> GivenBack:
        """Record a failure, give up the lease and say when the message is to come again."""
        delivery, lease = attempt.delivery, attempt.delivery.lease
        failing = self._failing(attempt, error, self._failure(delivery, attempt.step, error, permanent=permanent))
        self._release(attempt, failing, lambda: self._store.fail(lease, failing))
        delay = 0 if permanent else redelivery_delay_seconds(error, delivery.receive_count, self._jitter)
        if delay is not None:
            delay = self._not_before_the_lease_ends(attempt, delay)
        log = self._telemetry.error if permanent else self._telemetry.warning
        log(
            Event.MESSAGE_FAILED,
            **attempt.log_fields(),
            step=attempt.step,
            code=error.code,
            reason=str(error),
            permanent=permanent,
            delay_seconds=delay,
            message_sids=[row.sid for row in error.rows] if isinstance(error, DeliveryUndecidedError) else [],
        )
        self._telemetry.metric(Metric.MESSAGES_FAILED, code=error.code)
        return GivenBack(delay)

    def _not_before_the_lease_ends(self, attempt: Attempt, seconds: int) -> int:
        """Return a delay after which the record is free: a lease that could not be given up has to end first."""
        lease = attempt.delivery.lease
        if lease.key is None:
            return seconds
        left = lease.expires_at + self._clock_skew_seconds - self._clock.now().timestamp()
        return max(seconds, -int(-left // 1))

    def _failing(self, attempt: Attempt, error: ProcessorError, failure: Failure) -> Failing:
        keep_intent = attempt.maybe_sent or isinstance(error, DeliveryUnknownError)
        keep_reply = not error.ends_reply or keep_intent or bool(attempt.sent)
        return Failing(
            status=FAILURE_STATUS[attempt.step],
            failure=failure,
            sent=tuple(attempt.sent),
            keep_intent=keep_intent,
            keep_run=keep_reply and not error.ends_run,
            keep_reply=keep_reply,
            run=attempt.unrecorded_run,
            undecided=error.rows if isinstance(error, DeliveryUndecidedError) else (),
        )

    def _release(self, attempt: Attempt, failing: Failing, write: Callable[[], None]) -> None:
        """Make the write that gives up the lease; one that fails never hides why it was made."""
        lease = attempt.delivery.lease
        if lease.key is None:
            return
        lease.finish()
        try:
            write() if failing.run is None else attempt.insist(write)
        except LostLeaseError:
            pass
        except Exception as exc:  # noqa: BLE001 - the record boundary
            code = exc.code if isinstance(exc, ProcessorError) else type(exc).__name__
            self._telemetry.warning(Event.FAILURE_NOT_RECORDED, **attempt.log_fields(), code=code)
            return
        lease.give_up()

    def _failure(self, delivery: Delivery, step: Step, error: ProcessorError, *, permanent: bool) -> Failure:
        return Failure(
            step=step,
            code=error.code,
            message=str(error),
            at=self._clock.now(),
            permanent=permanent,
            message_id=delivery.message_id,
            receive_count=delivery.receive_count,
        )


def _brings_its_definition(attempt: Attempt) -> bool:
    return attempt.context.company_data_payload.ai_config.openai_config.whatsapp.assistant_definition is not None
