"""Pipeline: one delivery through its five moves: claim, ask, intend, send, close."""

import traceback
from dataclasses import dataclass
from pathlib import Path

from core.attempt import Attempt, Jitter
from core.claim import Claims
from core.close import FinalUpdate
from core.conversation import (
    FAILURE_STATUS,
    Conversation,
    ConversationKey,
    Failure,
    Mode,
    Reply,
    Step,
)
from core.delivery import Delivery
from core.errors import (
    DeliveryUndecidedError,
    DeliveryUnknownError,
    InvalidContextObjectError,
    LostLeaseError,
    PermanentError,
    ProcessorError,
    UnforeseenError,
)
from core.events import Event, Metric
from core.keyring import Keyring
from core.openai_processor import OpenAIProcessor
from core.outbox import Outbox
from core.outgoing_policy import OutgoingPolicy
from core.ports import Clock, ConversationStore, Failing, Secrets, TwilioCredentials
from core.redelivery import redelivery_delay_seconds
from core.telemetry import Telemetry
from utils.context_processor import InvalidContextError
from utils.deadline import Deadline
from utils.redaction import Secret


@dataclass(frozen=True, slots=True)
class Redelivery:
    """The message is to come again.

    Attributes:
        delay_seconds: When; None leaves that to the visibility it has.
    """

    delay_seconds: int | None


class MessagePipeline:
    """Takes one delivery from its Context Object to the closed record, or to a recorded failure."""

    def __init__(
        self,
        store: ConversationStore,
        secrets: Secrets,
        claims: Claims,
        processor: OpenAIProcessor,
        policy: OutgoingPolicy,
        outbox: Outbox,
        final_update: FinalUpdate,
        clock: Clock,
        telemetry: Telemetry,
        jitter: Jitter,
        max_receive_count: int,
        clock_skew_seconds: float,
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._claims = claims
        self._processor = processor
        self._policy = policy
        self._outbox = outbox
        self._final_update = final_update
        self._clock = clock
        self._telemetry = telemetry
        self._jitter = jitter
        self._max_receive_count = max_receive_count
        self._clock_skew_seconds = clock_skew_seconds

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
            last_receive=delivery.receive_count >= self._max_receive_count,
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
        record = self._claims.claim(attempt)
        if record.closed:
            self._telemetry.info(Event.DUPLICATE_SUPPRESSED, **attempt.log_fields())
            self._telemetry.metric(Metric.DUPLICATES_SUPPRESSED)
            return
        if left_out := attempt.context.frontend_payload.recipient_data.names_left_out:
            paths = [f"frontend_payload.recipient_data.{name}" for name in left_out]
            self._telemetry.warning(Event.NAME_LEFT_OUT, **attempt.log_fields(), paths=paths)
        attempt.step = Step.SECRETS

        def keyring(reference: str) -> Keyring[TwilioCredentials]:
            return Keyring(reference, self._secrets.twilio, self._secrets.drop, lambda: self._refreshed(attempt))

        reference = attempt.context.company_data_payload.channel_config.whatsapp.whatsapp_credentials_id
        mode = keyring(reference).value().mode
        key = self._model_key(attempt)
        reply = record.reply or self._ask(attempt, record, mode, key)
        if record.intent_at is None and not record.sent:
            attempt.step = Step.ASK
            self._policy.check(attempt, reply, key)
        attempt.step = Step.SEND
        self._outbox.send_all(attempt, reply, record, keyring)
        attempt.step = Step.CLOSE
        self._final_update.write(attempt, record, reply)

    def _model_key(self, attempt: Attempt) -> Keyring[Secret]:
        reference = attempt.context.company_data_payload.ai_config.openai_config.whatsapp.api_key_reference
        return Keyring(reference, self._secrets.openai, self._secrets.drop, lambda: self._refreshed(attempt))

    def _ask(self, attempt: Attempt, record: Conversation, mode: Mode, key: Keyring[Secret]) -> Reply:
        key.value()
        attempt.step = Step.ASK
        return self._processor.write_reply(attempt, record, mode, key)

    def _refreshed(self, attempt: Attempt) -> None:
        self._telemetry.warning(Event.SECRET_REFRESHED, **attempt.log_fields())

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
            left = lease.expires_at + self._clock_skew_seconds - self._clock.now().timestamp()
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
            message_sids=[row.sid for row in error.rows] if isinstance(error, DeliveryUndecidedError) else [],
        )
        self._telemetry.metric(Metric.MESSAGES_FAILED, code=error.code)
        return Redelivery(delay)

    def _record_failure(self, attempt: Attempt, error: ProcessorError) -> None:
        """Write the failure status; a write that fails never hides the first error."""
        lease = attempt.delivery.lease
        if lease.key is None:
            return
        lease.finish()
        keep_intent = attempt.maybe_sent or isinstance(error, DeliveryUnknownError)
        keep_reply = not error.ends_reply or keep_intent or bool(attempt.sent)
        failing = Failing(
            status=FAILURE_STATUS[attempt.step],
            failure=self._failure(attempt.delivery, attempt.step, error),
            sent=tuple(attempt.sent),
            keep_intent=keep_intent,
            keep_run=keep_reply and not error.ends_run,
            keep_reply=keep_reply,
            run=attempt.unrecorded_run,
            undecided=error.rows if isinstance(error, DeliveryUndecidedError) else (),
        )
        try:
            if failing.run is None:
                self._store.fail(lease, failing)
            else:
                attempt.insist(lambda: self._store.fail(lease, failing))
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
