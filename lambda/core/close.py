"""Close: the final update of a record whose message is out."""

from datetime import timedelta

from core.attempt import Attempt
from core.conversation import Conversation, Reply, Status, Usage
from core.errors import DeadlineError, FinalUpdateError, LostLeaseError, ProcessorError
from core.events import Event, Metric
from core.ports import ChatMessage, Clock, Closing, ConversationStore
from core.telemetry import Telemetry

TRIES = 5
PAUSE_SECONDS = 0.2
CALL_SECONDS = 6.0
"""The longest that a try takes if the table is silent; the port promises it."""

LINE_SECONDS = 1.0
"""What is left for the one line that must be written before Lambda stops the process."""


class FinalUpdate:
    """Writes what a conversation came to, or raises the one alarm that must be heard."""

    def __init__(self, store: ConversationStore, clock: Clock, telemetry: Telemetry) -> None:
        self._store = store
        self._clock = clock
        self._telemetry = telemetry

    def write(self, attempt: Attempt, record: Conversation, reply: Reply, watch: timedelta) -> Closing:
        """Write the final update, and again as long as a try can end before Lambda stops the process.

        Args:
            watch: For how long the fate of the messages is to be looked for.

        Raises:
            LostLeaseError: Another delivery owns the record; it will find the message and close.
            FinalUpdateError: The message is out and the record does not say so.
        """
        closing = self._closing(attempt, record, reply, watch)
        attempt.delivery.lease.finish()
        error: ProcessorError = DeadlineError("no time was left to try")
        for tries in range(TRIES):
            pause = PAUSE_SECONDS * 2 ** (tries - 1) if tries else 0.0
            if attempt.deadline.until_stop_seconds() < pause + CALL_SECONDS + LINE_SECONDS:
                break
            if tries:
                self._clock.sleep(pause)
            try:
                self._store.close(attempt.delivery.lease, closing)
            except LostLeaseError:
                raise
            except ProcessorError as exc:
                error = exc
            else:
                attempt.delivery.lease.give_up()
                self._report_success(attempt, closing)
                return closing
        self._report_failure(attempt, closing, error)
        raise FinalUpdateError("the message is sent, its record could not be closed") from error

    def _closing(self, attempt: Attempt, record: Conversation, reply: Reply, watch: timedelta) -> Closing:
        now = self._clock.now()
        return Closing(
            messages=tuple(
                ChatMessage(
                    part.sid, part.text or content, part.sent_at, reply.usage if index == 0 else Usage(), part.unseen
                )
                for index, (part, content) in enumerate(zip(attempt.sent, reply.parts, strict=True))
            ),
            at=now,
            processing_time_ms=round((now - (record.created_at or now)).total_seconds() * 1000),
            watch_until=now + watch if watch else None,
        )

    def _report_success(self, attempt: Attempt, closing: Closing) -> None:
        self._telemetry.info(
            Event.CONVERSATION_CLOSED,
            **attempt.log_fields(),
            status=Status.SENT,
            message_sids=[message.message_id for message in closing.messages],
            duration_ms=closing.processing_time_ms,
        )
        if attempt.delivery.sent_at is not None:
            waited = closing.at - attempt.delivery.sent_at
            self._telemetry.metric(Metric.END_TO_END_LATENCY, round(waited.total_seconds() * 1000))

    def _report_failure(self, attempt: Attempt, closing: Closing, error: ProcessorError) -> None:
        self._telemetry.critical(
            Event.FINAL_DB_UPDATE_FAILED,
            **attempt.log_fields(),
            code=error.code,
            message_sids=[message.message_id for message in closing.messages],
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
