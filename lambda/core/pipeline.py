"""Pipeline: one delivery through its five moves: claim, ask, intend, send, close; or a look back at what was sent."""

import math
import traceback
from functools import partial
from pathlib import Path

from core.aftermath import Aftermath
from core.attempt import Attempt, Jitter
from core.claim import Claims
from core.close import FinalUpdate
from core.conversation import Conversation, Mode, Reply, Step
from core.delivery import Delivery
from core.errors import LostLeaseError, ModelAtWorkError, ProcessorError, UnforeseenError
from core.events import Event, Metric
from core.keyring import Keyring
from core.model import RunReport
from core.openai_processor import OpenAIProcessor
from core.outbox import Outbox
from core.outcome import Outcome
from core.outgoing_policy import OutgoingPolicy
from core.ports import Clock, Secrets, TwilioCredentials
from core.telemetry import Telemetry
from core.watch import DeliveryWatch
from utils.context_processor import InvalidContextError
from utils.deadline import Deadline
from utils.redaction import Secret


class MessagePipeline:
    """Takes one delivery from its Context Object to the closed record, or to a recorded failure."""

    def __init__(
        self,
        secrets: Secrets,
        claims: Claims,
        processor: OpenAIProcessor,
        policy: OutgoingPolicy,
        outbox: Outbox,
        final_update: FinalUpdate,
        watch: DeliveryWatch,
        aftermath: Aftermath,
        clock: Clock,
        telemetry: Telemetry,
        jitter: Jitter,
        max_receive_count: int,
        hold_seconds: float,
    ) -> None:
        """Make a pipeline.

        Args:
            hold_seconds: How long to wait for the model in the function; the queue waits for the rest.
        """
        self._secrets = secrets
        self._claims = claims
        self._processor = processor
        self._policy = policy
        self._outbox = outbox
        self._final_update = final_update
        self._watch = watch
        self._aftermath = aftermath
        self._clock = clock
        self._telemetry = telemetry
        self._jitter = jitter
        self._max_receive_count = max_receive_count
        self._hold_seconds = hold_seconds

    def process(self, delivery: Delivery, deadline: Deadline) -> Outcome:
        """Return what becomes of the message; raise nothing."""
        if isinstance(delivery.context, InvalidContextError):
            return self._aftermath.refuse(delivery, delivery.context)
        is_last = delivery.receive_count >= self._max_receive_count
        attempt = Attempt(
            delivery,
            delivery.context,
            deadline,
            self._clock,
            self._jitter,
            last_receive=is_last,
            hold_seconds=math.inf if is_last else self._hold_seconds,
        )
        try:
            return self._open_conversation(attempt)
        except ProcessorError as error:
            return self._aftermath.of(attempt, error)
        except Exception as exc:  # noqa: BLE001 - the record boundary
            return self._aftermath.of(attempt, UnforeseenError(f"{type(exc).__name__} at {_location(exc)}"))

    def stop_postponing(self) -> None:
        """Keep all waits in the function from now on: the queue takes nothing from it."""
        self._hold_seconds = math.inf
        self._aftermath.stop_postponing()
        self._watch.stop()

    def _open_conversation(self, attempt: Attempt) -> Outcome:
        attempt.check_time()
        closed = self._watch.find(attempt)
        if isinstance(closed, Outcome):
            return closed
        if closed is not None and closed.closed:
            return self._watch.look(attempt, closed, self._twilio(attempt, credentials_of(attempt)))
        attempt.step = Step.CLAIM
        report = self._look_ahead(attempt)
        record = self._claims.claim(attempt)
        if record.closed:
            self._telemetry.info(Event.DUPLICATE_SUPPRESSED, **attempt.log_fields())
            self._telemetry.metric(Metric.DUPLICATES_SUPPRESSED)
            return self._watch.begin(attempt, record.watch_until)
        if left_out := attempt.context.frontend_payload.recipient_data.names_left_out:
            paths = [f"frontend_payload.recipient_data.{name}" for name in left_out]
            self._telemetry.warning(Event.NAME_LEFT_OUT, **attempt.log_fields(), paths=paths)
        attempt.step = Step.SECRETS
        mode = self._twilio(attempt, credentials_of(attempt)).value().mode
        key = self._model_key(attempt)
        ended = report if is_of_its_run(attempt, record) else None
        reply = record.reply or self._ask(attempt, record, mode, key, ended)
        if record.intent_at is None and not record.sent:
            attempt.step = Step.ASK
            self._policy.check(attempt, reply, key)
        attempt.step = Step.SEND
        self._outbox.send_all(attempt, reply, record, partial(self._twilio, attempt))
        attempt.step = Step.CLOSE
        closing = self._final_update.write(attempt, record, reply, self._watch.length)
        return self._watch.begin(attempt, closing.watch_until)

    def _look_ahead(self, attempt: Attempt) -> RunReport | None:
        """Return how the run ended that the message waits for; None if the record has to be claimed first.

        From the second receive on it is: whoever died on the first has left no word in it.

        Raises:
            ModelAtWorkError: The message is to wait on, and the record is left as it is.
        """
        if attempt.parked is None or attempt.delivery.receive_count > 1:
            return None
        attempt.step = Step.ASK
        report = None
        try:
            report = self._processor.look(attempt, attempt.parked.run, self._model_key(attempt))
        except ModelAtWorkError as error:
            if self._aftermath.can_wait(attempt, error):
                raise
        except LostLeaseError:
            raise
        except ProcessorError:
            pass  # it comes again once the record is claimed, and is recorded then
        attempt.step = Step.CLAIM
        return report

    def _twilio(self, attempt: Attempt, reference: str) -> Keyring[TwilioCredentials]:
        return Keyring(reference, self._secrets.twilio, self._secrets.drop, lambda: self._refreshed(attempt))

    def _model_key(self, attempt: Attempt) -> Keyring[Secret]:
        reference = attempt.context.company_data_payload.ai_config.openai_config.whatsapp.api_key_reference
        return Keyring(reference, self._secrets.openai, self._secrets.drop, lambda: self._refreshed(attempt))

    def _ask(
        self, attempt: Attempt, record: Conversation, mode: Mode, key: Keyring[Secret], ended: RunReport | None
    ) -> Reply:
        key.value()
        attempt.step = Step.ASK
        return self._processor.write_reply(attempt, record, mode, key, ended)

    def _refreshed(self, attempt: Attempt) -> None:
        self._telemetry.warning(Event.SECRET_REFRESHED, **attempt.log_fields())


def credentials_of(attempt: Attempt) -> str:
    """Return the reference of the Twilio secret that the message names."""
    return attempt.context.company_data_payload.channel_config.whatsapp.whatsapp_credentials_id


def is_of_its_run(attempt: Attempt, record: Conversation) -> bool:
    """Whether the run that a continuation names is the record's: anybody may have written it."""
    return attempt.parked is not None and record.run == attempt.parked.run


def _location(exc: BaseException) -> str:
    """Return the innermost frames of an exception, without the values that its message may hold."""
    frames = traceback.extract_tb(exc.__traceback__)[-3:]
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
