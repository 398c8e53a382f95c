"""Pipeline: one delivery through its five moves: claim, ask, intend, send, close."""

import traceback
from dataclasses import dataclass
from pathlib import Path

from core.attempt import Attempt, Jitter
from core.conversation import (
    FAILURE_STATUS,
    Conversation,
    ConversationKey,
    Failure,
    Mode,
    Reply,
    Status,
    Step,
)
from core.delivery import Delivery
from core.errors import (
    AlreadyFailedError,
    DeliveryUnknownError,
    FinalUpdateError,
    InvalidContextObjectError,
    LeaseHeldError,
    LostLeaseError,
    PermanentError,
    ProcessorError,
    UnforeseenError,
)
from core.events import Event, Metric
from core.keyring import Keyring
from core.openai_processor import OpenAIProcessor
from core.outbox import Outbox
from core.ports import ChatMessage, Clock, Closing, ConversationStore, Failing, Secrets, Telemetry
from core.redelivery import redelivery_delay_seconds
from utils.context_processor import InvalidContextError
from utils.deadline import Deadline

PROCESS_DIED = "process_died"
"""Code that a record shows when the last attempt that SQS allows ended without a word."""

CLOSE_TRIES = 5
CLOSE_PAUSE_SECONDS = 0.2
CLOSE_CALL_SECONDS = 3.0
"""What a last try of the final update needs before Lambda stops the process."""


@dataclass(frozen=True, slots=True)
class Redelivery:
    """The message is to come again.

    Attributes:
        delay_seconds: When; None leaves that to the visibility it has.
    """

    delay_seconds: int | None


@dataclass(frozen=True, slots=True)
class Limits:
    """Durations of the pipeline, in seconds, and the receives a message has."""

    safety_margin_seconds: float
    clock_skew_seconds: float
    max_receive_count: int


class MessagePipeline:
    """Takes one delivery from its Context Object to the closed record, or to a recorded failure."""

    def __init__(
        self,
        store: ConversationStore,
        secrets: Secrets,
        processor: OpenAIProcessor,
        outbox: Outbox,
        clock: Clock,
        telemetry: Telemetry,
        jitter: Jitter,
        limits: Limits,
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._processor = processor
        self._outbox = outbox
        self._clock = clock
        self._telemetry = telemetry
        self._jitter = jitter
        self._limits = limits

    def process(self, delivery: Delivery, deadline: Deadline) -> Redelivery | None:
        """Return None when the message may be deleted, else when it is to come again; raise nothing."""
        if isinstance(delivery.context, InvalidContextError):
            return self._refuse(delivery, delivery.context)
        attempt = Attempt(
            delivery,
            delivery.context,
            deadline,
            self._clock,
            self._jitter,
            last_receive=delivery.receive_count >= self._limits.max_receive_count,
        )
        try:
            self._open_conversation(attempt)
        except ProcessorError as error:
            return self._give_back(attempt, error)
        except Exception as exc:  # noqa: BLE001 - the record boundary
            return self._give_back(attempt, UnforeseenError(f"{type(exc).__name__} at {_location(exc)}"))
        return None

    def _open_conversation(self, attempt: Attempt) -> None:
        attempt.check_time()
        record = self._claim(attempt)
        if record.status is Status.SENT:
            self._telemetry.info(Event.DUPLICATE_SUPPRESSED, **attempt.log_fields())
            self._telemetry.metric(Metric.DUPLICATES_SUPPRESSED)
            return
        attempt.step = Step.SECRETS
        whatsapp = attempt.context.company_data_payload.channel_config.whatsapp
        twilio = Keyring(
            whatsapp.whatsapp_credentials_id,
            self._secrets.twilio,
            self._secrets.drop,
            lambda: self._telemetry.warning(Event.SECRET_REFRESHED, **attempt.log_fields()),
        )
        mode = twilio.value().mode
        reply = record.reply or self._ask(attempt, record, mode)
        attempt.step = Step.SEND
        self._outbox.send_all(attempt, reply, record.intent_at, twilio)
        attempt.step = Step.CLOSE
        self._close(attempt, record, reply)

    def _claim(self, attempt: Attempt) -> Conversation:
        """Take the conversation's lease and return the record as it stands; a closed record is left alone.

        Raises:
            LeaseHeldError: Another delivery is at work on it.
            AlreadyFailedError: This very message failed for good before.
        """
        delivery, lease, now = attempt.delivery, attempt.delivery.lease, self._clock.now()
        mark = self._mark(attempt) if attempt.last_receive else None
        lease.take(attempt.key, delivery.hidden_until - self._limits.safety_margin_seconds)
        seen = self._store.create(attempt.key, lease, attempt.context.stored_attributes(), now, mark)
        if seen is None:
            lease.confirm()
            self._telemetry.info(Event.CONVERSATION_CLAIMED, **attempt.log_fields())
            return Conversation(attempt.key, Status.PROCESSING, created_at=now)
        try:
            self._check_takeable(delivery, seen, now.timestamp())
            if seen.status is not Status.SENT:
                self._store.take_over(seen, lease, now, mark)
        except (LeaseHeldError, AlreadyFailedError):
            lease.give_up()
            raise
        if seen.status is Status.SENT:
            lease.give_up()
            return seen
        lease.confirm()
        attempt.sent = list(seen.sent)
        attempt.maybe_sent = seen.intent_at is not None
        if seen.run or seen.reply:
            self._telemetry.info(Event.CONVERSATION_RESUMED, **attempt.log_fields(), status=seen.status)
            self._telemetry.metric(Metric.RESUMED)
        else:
            self._telemetry.info(Event.CONVERSATION_CLAIMED, **attempt.log_fields(), status=seen.status)
        return seen

    def _check_takeable(self, delivery: Delivery, seen: Conversation, now: float) -> None:
        held_seconds = seen.lease_expires_at + self._limits.clock_skew_seconds - now
        if seen.lease_owner is not None and held_seconds > 0:
            raise LeaseHeldError("another delivery is at work on it", retry_after_seconds=held_seconds)
        last = seen.last_error
        if (
            last is not None
            and last.permanent
            and last.message_id == delivery.message_id
            and last.receive_count < delivery.receive_count
        ):
            raise AlreadyFailedError(last.message, code=last.code)

    def _mark(self, attempt: Attempt) -> Failure:
        """Describe beforehand what a record should say if this attempt, the last one, ends without a word."""
        return Failure(
            step=Step.CLAIM,
            code=PROCESS_DIED,
            message="the last attempt ended without recording its outcome, or is still at work",
            at=self._clock.now(),
            permanent=False,
            message_id=attempt.delivery.message_id,
            receive_count=attempt.delivery.receive_count,
        )

    def _ask(self, attempt: Attempt, record: Conversation, mode: Mode) -> Reply:
        reference = attempt.context.company_data_payload.ai_config.openai_config.whatsapp.api_key_reference
        key = Keyring(
            reference,
            self._secrets.openai,
            self._secrets.drop,
            lambda: self._telemetry.warning(Event.SECRET_REFRESHED, **attempt.log_fields()),
        )
        key.value()
        attempt.step = Step.ASK
        return self._processor.write_reply(attempt, record.run, mode, key)

    def _close(self, attempt: Attempt, record: Conversation, reply: Reply) -> None:
        """Write the final update, and again as long as Lambda lets us.

        Raises:
            LostLeaseError: Another delivery owns the record; it will find the message and close.
            FinalUpdateError: The message is out and the record does not say so.
        """
        now, lease = self._clock.now(), attempt.delivery.lease
        lease.finish()
        closing = Closing(
            messages=tuple(
                ChatMessage(part.sid, content, part.sent_at, reply.usage.tokens_out if index == 0 else 0)
                for index, (part, content) in enumerate(zip(attempt.sent, reply.parts, strict=True))
            ),
            at=now,
            processing_time_ms=round((now - record.created_at).total_seconds() * 1000),
        )
        for tries in range(1, CLOSE_TRIES + 1):
            try:
                self._store.close(lease, closing)
                break
            except LostLeaseError:
                raise
            except ProcessorError as error:
                pause = CLOSE_PAUSE_SECONDS * 2 ** (tries - 1)
                if tries == CLOSE_TRIES or attempt.deadline.until_stop_seconds() < pause + CLOSE_CALL_SECONDS:
                    self._report_final_failure(attempt, closing, error)
                    raise FinalUpdateError("the message is sent, its record could not be closed") from error
                self._clock.sleep(pause)
        lease.give_up()
        self._telemetry.info(
            Event.CONVERSATION_CLOSED,
            **attempt.log_fields(),
            status=Status.SENT,
            message_sids=[part.sid for part in attempt.sent],
            duration_ms=closing.processing_time_ms,
        )
        if attempt.delivery.sent_at is not None:
            waited = closing.at - attempt.delivery.sent_at
            self._telemetry.metric(Metric.END_TO_END_LATENCY, round(waited.total_seconds() * 1000))

    def _report_final_failure(self, attempt: Attempt, closing: Closing, error: ProcessorError) -> None:
        self._telemetry.critical(
            Event.FINAL_DB_UPDATE_FAILED,
            **attempt.log_fields(),
            code=error.code,
            message_sids=[part.sid for part in attempt.sent],
            should_have_written={
                "conversation_status": Status.SENT,
                "task_complete": 1,
                "processing_time_ms": closing.processing_time_ms,
                "messages": [
                    {"message_id": message.message_id, "timestamp": message.timestamp.isoformat()}
                    for message in closing.messages
                ],
            },
        )

    def _refuse(self, delivery: Delivery, invalid: InvalidContextError) -> Redelivery:
        """Give back a message whose Context Object is refused; its record says so where its keys are known."""
        error = InvalidContextObjectError(invalid.faults)
        failure = self._failure(delivery, Step.VALIDATE, error)
        if invalid.key is not None:
            key = ConversationKey(*invalid.key)
            try:
                self._store.reject(key, failure)
            except ProcessorError as exc:
                self._telemetry.warning(Event.FAILURE_NOT_RECORDED, message_id=delivery.message_id, code=exc.code)
        self._telemetry.error(
            Event.MESSAGE_FAILED,
            message_id=delivery.message_id,
            receive_count=delivery.receive_count,
            step=Step.VALIDATE,
            code=error.code,
            permanent=True,
            faults=error.faults,
        )
        self._telemetry.metric(Metric.MESSAGES_FAILED, code=error.code)
        return Redelivery(redelivery_delay_seconds(error, delivery.receive_count, self._jitter))

    def _give_back(self, attempt: Attempt, error: ProcessorError) -> Redelivery:
        """Record a failure, give up the lease and say when the message is to come again."""
        delivery, lease = attempt.delivery, attempt.delivery.lease
        self._record_failure(attempt, error)
        delay = redelivery_delay_seconds(error, delivery.receive_count, self._jitter)
        if lease.key is not None and delay is not None:  # it could not be given up: nobody can work before it ends
            left = lease.expires_at + self._limits.clock_skew_seconds - self._clock.now().timestamp()
            delay = max(delay, -int(-left // 1))
        log = self._telemetry.error if isinstance(error, PermanentError) else self._telemetry.warning
        log(
            Event.MESSAGE_FAILED,
            **attempt.log_fields(),
            step=attempt.step,
            code=error.code,
            reason=str(error),
            permanent=isinstance(error, PermanentError),
            delay_seconds=delay,
        )
        self._telemetry.metric(Metric.MESSAGES_FAILED, code=error.code)
        return Redelivery(delay)

    def _record_failure(self, attempt: Attempt, error: ProcessorError) -> None:
        """Write the failure status; a write that fails never hides the first error."""
        lease = attempt.delivery.lease
        if lease.key is None:
            return
        lease.finish()
        failing = Failing(
            status=FAILURE_STATUS[attempt.step],
            failure=self._failure(attempt.delivery, attempt.step, error),
            sent=tuple(attempt.sent),
            keep_intent=attempt.maybe_sent or isinstance(error, DeliveryUnknownError),
            keep_run=not error.ends_run,
        )
        try:
            self._store.fail(lease, failing)
        except LostLeaseError:
            pass
        except Exception as exc:  # noqa: BLE001 - the record boundary
            code = exc.code if isinstance(exc, ProcessorError) else type(exc).__name__
            self._telemetry.warning(Event.FAILURE_NOT_RECORDED, **attempt.log_fields(), code=code)
            return
        lease.give_up()

    def _failure(self, delivery: Delivery, step: Step, error: ProcessorError) -> Failure:
        return Failure(
            step=step,
            code=error.code,
            message=str(error),
            at=self._clock.now(),
            permanent=isinstance(error, PermanentError),
            message_id=delivery.message_id,
            receive_count=delivery.receive_count,
        )


def _location(exc: BaseException) -> str:
    """Return the innermost frames of an exception, without the values that its message may hold."""
    frames = traceback.extract_tb(exc.__traceback__)[-3:]
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
