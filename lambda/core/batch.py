"""Batch: the records of one SQS event, side by side and independent of each other."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Protocol

from core.continuation import ATTRIBUTE, read_continuation, write_continuation
from core.conversation import WaitReason
from core.delivery import Delivery, Envelope
from core.errors import LostLeaseError, ProcessorError, PutDeniedError
from core.events import Event, Metric
from core.lease import Lease
from core.outcome import Done, GivenBack, Postponed
from core.pipeline import MessagePipeline
from core.ports import Clock, ConversationStore, MessageQueue
from core.telemetry import Telemetry
from utils.context_model import ContextObject
from utils.context_processor import InvalidContextError
from utils.deadline import Deadline

MAX_HIDDEN_SECONDS = 43_200
"""In all, counted from the receive. Source: Amazon SQS API Reference, ChangeMessageVisibility."""


class Heartbeat(Protocol):
    """Keeps messages hidden and leases alive while they are processed."""

    def holding(self, deliveries: Sequence[Delivery]) -> AbstractContextManager[None]:
        """Beat from now until the context ends."""
        ...

    def settle(self, delivery: Delivery) -> None:
        """Stop holding a message, for its visibility is about to be set for good."""
        ...


class BatchProcessor:
    """Processes a batch and names the messages that SQS must deliver again."""

    def __init__(
        self,
        pipeline: MessagePipeline,
        heartbeat: Heartbeat,
        queue: MessageQueue,
        executor: Executor,
        clock: Clock,
        telemetry: Telemetry,
        new_owner: Callable[[], str],
        visibility_seconds: float,
        parse: Callable[[object], ContextObject],
    ) -> None:
        """Make a processor.

        Args:
            parse: Reads a body; raises an `InvalidContextError`.
        """
        self._parse = parse
        self._pipeline = pipeline
        self._heartbeat = heartbeat
        self._queue = queue
        self._executor = executor
        self._clock = clock
        self._telemetry = telemetry
        self._new_owner = new_owner
        self._visibility_seconds = visibility_seconds

    def process(self, records: Sequence[Mapping[str, Any]], deadline: Deadline) -> list[str]:
        """Return the ids of the messages that are not done."""
        received_at = self._clock.now().timestamp()
        deliveries = [self._delivery(record, received_at) for record in records]
        with self._heartbeat.holding(deliveries):
            groups = [
                self._executor.submit(self._process_in_turn, group, deadline) for group in by_recipient(deliveries)
            ]
            again = [message_id for group in groups for message_id in group.result()]
        self._telemetry.info(Event.BATCH_FINISHED, records=len(records), failed=len(again))
        return again

    def _process_in_turn(self, deliveries: Sequence[Delivery], deadline: Deadline) -> list[str]:
        return [delivery.message_id for delivery in deliveries if self._process_one(delivery, deadline)]

    def _process_one(self, delivery: Delivery, deadline: Deadline) -> bool:
        """Process one message, and tell whether SQS is to deliver it again."""
        try:
            outcome = self._pipeline.process(delivery, deadline)
            if isinstance(outcome, Postponed):
                outcome = self._put(delivery, outcome)
            if isinstance(outcome, GivenBack):
                self._set_visibility(delivery, outcome)
        except Exception as exc:  # noqa: BLE001 - one record's fate never touches another's
            self._telemetry.error(
                Event.MESSAGE_FAILED, message_id=delivery.message_id, exception_type=type(exc).__name__
            )
            return True
        return not isinstance(outcome, Done)

    def _put(self, delivery: Delivery, postponed: Postponed) -> Done | GivenBack:
        """Put a message on the queue again; only once SQS has it, the one that is here may go."""
        continuation, delay_seconds = postponed.continuation, postponed.delay_seconds
        is_waited_for = continuation.reason is not WaitReason.DELIVERY  # that message is out, and only looked at
        try:
            self._queue.put(delivery.envelope, write_continuation(continuation), delay_seconds)
        except ProcessorError as error:
            if isinstance(error, PutDeniedError):
                self._pipeline.stop_postponing()
            self._telemetry.warning(
                Event.MESSAGE_NOT_POSTPONED,
                **delivery.log_fields(),
                code=error.code,
                reason=postponed.code,
                delay_seconds=postponed.otherwise.delay_seconds,
            )
            if is_waited_for:
                self._telemetry.metric(Metric.MESSAGES_FAILED, code=postponed.code)
            return postponed.otherwise
        waited = (continuation.put_at - continuation.since).total_seconds() + delay_seconds
        self._telemetry.info(
            Event.MESSAGE_POSTPONED,
            **delivery.log_fields(),
            waits_for=continuation.reason,
            code=postponed.code,
            delay_seconds=delay_seconds,
        )
        self._telemetry.metric(Metric.MESSAGES_POSTPONED, code=postponed.code)
        if is_waited_for:
            self._telemetry.metric(Metric.WAITING_SECONDS, waited, code=continuation.reason)
        self._telemetry.metric(Metric.CONTINUATION_NUMBER, continuation.number)
        return Done()

    def _set_visibility(self, delivery: Delivery, given_back: GivenBack) -> None:
        self._heartbeat.settle(delivery)
        if given_back.delay_seconds is None or not delivery.receipt_handle:
            return
        held_seconds = self._clock.now().timestamp() - delivery.received_at
        seconds = max(min(given_back.delay_seconds, int(MAX_HIDDEN_SECONDS - held_seconds)), 0)
        try:
            hiding = self._queue.hide([delivery.receipt_handle], seconds)
            if not hiding.lost and not hiding.refused:
                return
            code = "receipt_handle_invalid" if hiding.lost else "visibility_refused"
        except ProcessorError as error:
            code = error.code
        self._telemetry.warning(Event.VISIBILITY_NOT_CHANGED, message_id=delivery.message_id, code=code)

    def _delivery(self, record: Mapping[str, Any], received_at: float) -> Delivery:
        attributes = record.get("attributes")
        attributes = attributes if isinstance(attributes, Mapping) else {}
        handle, body, group_id = record.get("receiptHandle"), record.get("body"), attributes.get("MessageGroupId")
        sent_at = _moment(_integer(attributes.get("SentTimestamp")))
        more = record.get("messageAttributes")
        more = more if isinstance(more, Mapping) else {}
        context: ContextObject | InvalidContextError
        try:
            context = self._parse(body)
        except InvalidContextError as error:
            context = error
        except Exception as exc:  # noqa: BLE001 - one record's fate never touches another's
            context = InvalidContextError([f"$: cannot be validated ({type(exc).__name__})"])
        return Delivery(
            message_id=str(record["messageId"]),
            receipt_handle=handle if isinstance(handle, str) else "",
            receive_count=max(_integer(attributes.get("ApproximateReceiveCount")) or 1, 1),
            sent_at=sent_at,
            context=context,
            received_at=received_at,
            hidden_until=received_at + self._visibility_seconds,
            lease=Lease(self._new_owner()),
            envelope=Envelope(
                body=body if isinstance(body, str) else "",
                attributes=more,
                group_id=group_id if isinstance(group_id, str) else None,
            ),
            continuation=read_continuation(_string_value(more.get(ATTRIBUTE)), sent_at),
        )


class LeaseRenewal:
    """Renews a delivery's lease with each heartbeat."""

    def __init__(self, store: ConversationStore, safety_margin_seconds: float) -> None:
        self._store = store
        self._safety_margin_seconds = safety_margin_seconds

    def __call__(self, delivery: Delivery) -> bool:
        """Let the lease end shortly before the message's visibility; tell whether it is still ours.

        Raises:
            ProcessorError: The table did not answer; the lease ends when it would have.
        """
        lease, expires_at = delivery.lease, delivery.hidden_until - self._safety_margin_seconds
        if not lease.renewable or expires_at <= lease.expires_at:
            return True
        try:
            self._store.renew(lease, expires_at)
        except LostLeaseError:
            return not lease.renewable  # given up while the renewal was under way: not lost, just over
        lease.expires_at = expires_at
        return True


def by_recipient(deliveries: Sequence[Delivery]) -> list[list[Delivery]]:
    """Group deliveries that must be processed one after another: those of one recipient, in their order."""
    groups: dict[str, list[Delivery]] = {}
    for index, delivery in enumerate(deliveries):
        groups.setdefault(delivery.recipient_tel or f"#{index}", []).append(delivery)
    return list(groups.values())


def _moment(epoch_ms: int | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(epoch_ms / 1000, tz=UTC) if epoch_ms else None
    except (ValueError, OverflowError, OSError):  # beyond the year 9999
        return None


def _string_value(attribute: object) -> object:
    return attribute.get("stringValue") if isinstance(attribute, Mapping) else None


def _integer(text: object) -> int | None:
    """Read one of SQS's numbers, which are texts of at most 15 digits."""
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > 15:  # noqa: PLR2004
        return None
    return int(text)
