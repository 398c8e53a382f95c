"""Batch: records side by side, one's fate never another's, and when each comes again."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.batch import BatchProcessor, LeaseRenewal, by_recipient
from core.continuation import ATTRIBUTE, Continuation, read_continuation, write_continuation
from core.conversation import ConversationKey, WaitReason
from core.delivery import Delivery, Envelope
from core.errors import LostLeaseError, PermanentError, PutDeniedError, StoreUnavailableError, TransientError
from core.lease import Lease
from core.outcome import Done, GivenBack, Outcome, Postponed
from sandbox.context_objects import make_body
from tests.fakes.clock import START, FakeClock
from tests.fakes.function import VISIBILITY_SECONDS, InlineExecutor
from tests.fakes.queue import InMemoryQueue
from tests.fakes.telemetry import RecordingTelemetry
from tests.samples.sqs_events import SENT_AT_MS, make_record
from utils.context_model import ContextObject
from utils.context_processor import InvalidContextError, parse_context
from utils.deadline import Deadline
from utils.sqs_heartbeat import Hiding

DEADLINE = Deadline(lambda: 300.0, 15.0)


@dataclass
class FakeHeartbeat:
    """Notes whom it holds while."""

    log: list[str]
    held: list[Delivery] = field(default_factory=list)

    @contextmanager
    def holding(self, deliveries: Sequence[Delivery]) -> Iterator[None]:
        self.held = list(deliveries)
        self.log.append("hold")
        yield
        self.log.append("let go")

    def settle(self, delivery: Delivery) -> None:
        self.log.append(f"settle {delivery.message_id}")


@dataclass
class Batch:
    """A batch processor on a pipeline that does as it is told, by message id."""

    verdicts: dict[str, Outcome | Exception] = field(default_factory=dict)
    seen: list[Delivery] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    telemetry: RecordingTelemetry = field(default_factory=RecordingTelemetry)
    executor: Any = field(default_factory=InlineExecutor)
    while_processing: Callable[[Delivery], None] = lambda delivery: None  # noqa: ARG005

    def __post_init__(self) -> None:
        self.heartbeat = FakeHeartbeat(self.log)
        self.queue = InMemoryQueue()
        self.clock = FakeClock()

    def run(self, *records: dict[str, Any]) -> list[str]:
        owners = iter(range(100))
        processor = BatchProcessor(
            pipeline=self,  # type: ignore[arg-type]
            heartbeat=self.heartbeat,
            queue=self,
            executor=self.executor,
            clock=self.clock,
            telemetry=self.telemetry,
            new_owner=lambda: f"owner-{next(owners)}",
            visibility_seconds=VISIBILITY_SECONDS,
            parse=parse_context,
        )
        return processor.process(records, DEADLINE)

    def process(self, delivery: Delivery, deadline: Deadline) -> Outcome:
        assert deadline is DEADLINE
        self.seen.append(delivery)
        self.log.append(f"process {delivery.message_id}")
        self.while_processing(delivery)
        verdict = self.verdicts.get(delivery.message_id, Done())
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    def stop_postponing(self) -> None:
        self.log.append("stop postponing")

    def put(self, envelope: Envelope, continuation: str, delay_seconds: int) -> None:
        self.log.append(f"put {delay_seconds}")
        self.queue.put(envelope, continuation, delay_seconds)

    def hide(self, receipt_handles: Sequence[str], seconds: int) -> Hiding:
        self.log.append(f"hide {' '.join(receipt_handles)} {seconds}")
        return self.queue.hide(receipt_handles, seconds)


def records(count: int) -> list[dict[str, Any]]:
    """Return records for as many recipients."""
    return [
        make_record(message_id=f"m-{number}", body=make_body(recipient_tel=f"+4477009001{number:02}"))
        for number in range(1, count + 1)
    ]


# Verdicts


def test_what_is_done_is_not_named() -> None:
    assert Batch().run(*records(3)) == []


def test_what_is_not_done_is_named() -> None:
    batch = Batch(verdicts={"m-1": GivenBack(0), "m-3": GivenBack(23)})

    assert batch.run(*records(3)) == ["m-1", "m-3"]


def test_a_failed_message_comes_again_when_its_error_says() -> None:
    batch = Batch(verdicts={"m-1": GivenBack(0), "m-2": GivenBack(23)})

    batch.run(*records(2))

    assert batch.queue.hidden == [("m-1/1", 0), ("m-2/1", 23)]


def test_its_visibility_is_set_after_the_heartbeat_has_let_go_of_it() -> None:
    batch = Batch(verdicts={"m-1": GivenBack(23)})

    batch.run(*records(1))

    assert batch.log == ["hold", "process m-1", "settle m-1", "hide m-1/1 23", "let go"]


def test_a_message_of_another_delivery_keeps_the_visibility_it_has() -> None:
    batch = Batch(verdicts={"m-1": GivenBack(None)})

    again = batch.run(*records(1))

    assert again == ["m-1"]
    assert batch.queue.hidden == []


def test_one_records_exception_does_not_touch_the_others() -> None:
    batch = Batch(verdicts={"m-2": KeyError("text of the input")})

    again = batch.run(*records(3))

    assert again == ["m-2"]
    assert [delivery.message_id for delivery in batch.seen] == ["m-1", "m-2", "m-3"]
    line = batch.telemetry.only("message_failed")
    assert line.fields == {"message_id": "m-2", "exception_type": "KeyError"}


@pytest.mark.parametrize(
    ("fate", "error", "code"),
    [
        pytest.param("gone", None, "receipt_handle_invalid", id="the handle is of no use any more"),
        pytest.param("refused", None, "visibility_refused", id="SQS refuses the change"),
        pytest.param(None, TransientError("no answer", code="sqs_unavailable"), "sqs_unavailable", id="no answer"),
    ],
)
def test_a_visibility_that_can_not_be_set_is_logged_and_nothing_more(
    fate: str | None, error: Exception | None, code: str
) -> None:
    batch = Batch(verdicts={"m-1": GivenBack(23)})
    batch.queue.gone = {"m-1/1"} if fate == "gone" else set()
    batch.queue.refused = {"m-1/1"} if fate == "refused" else set()
    batch.queue.error = error

    again = batch.run(*records(2))

    assert again == ["m-1"]
    assert batch.telemetry.only("visibility_not_changed").fields == {"message_id": "m-1", "code": code}


def test_a_pause_ends_within_twelve_hours_of_the_receive() -> None:
    """SQS refuses a change beyond that, and the message would come at whatever moment it was hidden until."""
    batch = Batch(verdicts={"m-1": GivenBack(43_200)})
    batch.while_processing = lambda _: batch.clock.advance(250.5)

    batch.run(*records(1))

    assert batch.queue.hidden == [("m-1/1", 43_200 - 251)]


def test_a_batch_says_how_it_went() -> None:
    batch = Batch(verdicts={"m-1": GivenBack(23)})

    batch.run(*records(3))

    assert batch.telemetry.only("batch_finished").fields == {"records": 3, "failed": 1}


# Postponed

WAITS = Continuation(2, "m-0", START, START, WaitReason.UNAVAILABLE, START)


def postponed(delay_seconds: int = 42) -> Postponed:
    return Postponed(delay_seconds, WAITS, code="openai_down", otherwise=GivenBack(23))


def test_what_is_postponed_is_put_on_the_queue_and_then_not_named() -> None:
    batch = Batch(verdicts={"m-1": postponed()})
    attributes = {"campaign": {"dataType": "String", "stringValue": "spring"}}
    (record,) = records(1)
    record["messageAttributes"] = attributes
    record["attributes"]["MessageGroupId"] = "acme"

    again = batch.run(record)

    assert again == []
    assert batch.log == ["hold", "process m-1", "put 42", "let go"]
    (put,) = batch.queue.puts
    assert put.envelope == Envelope(record["body"], attributes, "acme")
    assert read_continuation(put.continuation, START) == WAITS


def test_a_postponed_message_is_told_of_and_counted() -> None:
    batch = Batch(verdicts={"m-1": postponed()})

    batch.run(*records(1))

    line = batch.telemetry.only("message_postponed")
    assert (line.level, line.fields["code"], line.fields["waits_for"]) == ("INFO", "openai_down", "unavailable")
    assert line.fields["delay_seconds"] == 42
    assert batch.telemetry.metrics == {"MessagesPostponed": 1, "WaitingSeconds": 42, "ContinuationNumber": 2}


@pytest.mark.parametrize(
    ("error", "log"),
    [
        pytest.param(TransientError("no answer", code="sqs_unavailable"), [], id="no answer"),
        pytest.param(PermanentError("too large", code="sqs_put_refused"), [], id="refused"),
        pytest.param(PutDeniedError("no right"), ["stop postponing"], id="denied"),
    ],
)
def test_a_message_that_sqs_does_not_take_is_given_back_with_one_warning(error: Exception, log: list[str]) -> None:
    batch = Batch(verdicts={"m-1": postponed()})
    batch.queue.put_error = error

    again = batch.run(*records(2))

    assert again == ["m-1"]
    assert batch.queue.hidden == [("m-1/1", 23)]
    line = batch.telemetry.only("message_not_postponed")
    assert (line.level, line.fields["code"], line.fields["reason"]) == ("WARNING", error.code, "openai_down")  # type: ignore[attr-defined]
    assert batch.telemetry.failed_codes == {"openai_down": 1}
    assert [entry for entry in batch.log if entry == "stop postponing"] == log


def test_an_exception_while_putting_gives_the_message_back() -> None:
    batch = Batch(verdicts={"m-1": postponed()})
    batch.queue.put_error = KeyError("x")

    assert batch.run(*records(1)) == ["m-1"]


def test_a_continuation_is_read_from_the_message() -> None:
    text = write_continuation(replace(WAITS, put_at=datetime.fromtimestamp(SENT_AT_MS / 1000, tz=UTC)))

    delivery = delivery_of(make_record(messageAttributes={ATTRIBUTE: {"dataType": "String", "stringValue": text}}))

    assert delivery.continuation is not None
    assert (delivery.continuation.number, delivery.origin, delivery.first_sent_at) == (2, "m-0", START)
    assert delivery.log_fields()["origin_message_id"] == "m-0"


@pytest.mark.parametrize(
    "attributes",
    [None, [], {ATTRIBUTE: None}, {ATTRIBUTE: {"binaryValue": "AA=="}}, {ATTRIBUTE: {"stringValue": "?"}}, {"x": 1}],
)
def test_a_continuation_that_can_not_be_read_is_none(attributes: Any) -> None:
    delivery = delivery_of(make_record(messageAttributes=attributes))

    assert delivery.continuation is None
    assert delivery.origin == "m-1"


# Side by side


def test_records_are_processed_at_the_same_time() -> None:
    meeting = threading.Barrier(10)

    def meet(_: Delivery) -> None:
        meeting.wait(5)

    with ThreadPoolExecutor(10) as executor:
        batch = Batch(executor=executor, while_processing=meet)

        again = batch.run(*records(10))

    assert again == []


def test_records_of_one_recipient_are_processed_one_after_another_in_their_order() -> None:
    at_work: list[str] = []
    together: list[list[str]] = []

    def note(delivery: Delivery) -> None:
        at_work.append(delivery.message_id)
        together.append(list(at_work))
        at_work.remove(delivery.message_id)

    with ThreadPoolExecutor(10) as executor:
        batch = Batch(executor=executor, while_processing=note)
        batch.run(*[make_record(message_id=f"m-{n}", body=make_body(conversation_id=f"c-{n}")) for n in range(5)])

    assert [delivery.message_id for delivery in batch.seen] == ["m-0", "m-1", "m-2", "m-3", "m-4"]
    assert all(len(ids) == 1 for ids in together)


def test_a_refused_message_waits_its_turn_if_its_recipient_is_known() -> None:
    deliveries = Batch()
    deliveries.run(
        make_record(message_id="m-1"),
        make_record(message_id="m-2", body=make_body(metadata=...)),
        make_record(message_id="m-3", body="not JSON"),
        make_record(message_id="m-4", body="not JSON either"),
    )

    groups = by_recipient(deliveries.seen)

    assert [[delivery.message_id for delivery in group] for group in groups] == [["m-1", "m-2"], ["m-3"], ["m-4"]]


# Deliveries


def delivery_of(record: dict[str, Any]) -> Delivery:
    batch = Batch()
    batch.run(record)
    (delivery,) = batch.seen
    return delivery


def test_a_record_becomes_a_delivery() -> None:
    delivery = delivery_of(make_record(message_id="m-9", receive_count=2))

    assert (delivery.message_id, delivery.receipt_handle, delivery.receive_count) == ("m-9", "m-9/2", 2)
    assert delivery.sent_at == datetime.fromtimestamp(SENT_AT_MS / 1000, tz=UTC)
    assert delivery.hidden_until == START.timestamp() + VISIBILITY_SECONDS
    assert isinstance(delivery.context, ContextObject)


def test_each_delivery_has_a_lease_of_its_own() -> None:
    batch = Batch()

    batch.run(*records(3))

    assert len({delivery.lease.owner for delivery in batch.seen}) == 3


def test_all_deliveries_are_held_from_the_start() -> None:
    batch = Batch()

    batch.run(*records(3))

    assert batch.heartbeat.held == batch.seen


@pytest.mark.parametrize("body", [..., None, "not JSON", 5])
def test_a_body_that_can_not_be_read_becomes_a_delivery_too(body: Any) -> None:
    assert isinstance(delivery_of(make_record(body=None) | {"body": body}).context, InvalidContextError)


@pytest.mark.parametrize(
    ("attributes", "receive_count", "sent_at"),
    [
        pytest.param({}, 1, None, id="none"),
        pytest.param(None, 1, None, id="null"),
        pytest.param([], 1, None, id="a list"),
        pytest.param({"ApproximateReceiveCount": "0", "SentTimestamp": "0"}, 1, None, id="zero"),
        pytest.param({"ApproximateReceiveCount": "-2", "SentTimestamp": "-1"}, 1, None, id="negative"),
        pytest.param({"ApproximateReceiveCount": 2, "SentTimestamp": 1}, 1, None, id="numbers"),
        pytest.param({"ApproximateReceiveCount": "x", "SentTimestamp": "²"}, 1, None, id="no numbers"),
        pytest.param({"ApproximateReceiveCount": "9" * 5000, "SentTimestamp": "9" * 5000}, 1, None, id="huge"),
        pytest.param({"ApproximateReceiveCount": "4", "SentTimestamp": "9" * 15}, 4, None, id="beyond the calendar"),
    ],
)
def test_attributes_that_can_not_be_read_are_left_out(
    attributes: Any, receive_count: int, sent_at: datetime | None
) -> None:
    delivery = delivery_of(make_record(attributes=attributes))

    assert (delivery.receive_count, delivery.sent_at) == (receive_count, sent_at)


@pytest.mark.parametrize("handle", [..., None, "", 5, ["h"]])
def test_a_message_without_a_handle_is_processed_and_left_to_its_visibility(handle: Any) -> None:
    batch = Batch(verdicts={"m-1": GivenBack(0)})

    again = batch.run(make_record(receiptHandle=handle))

    assert again == ["m-1"]
    assert batch.queue.hidden == []


def test_losing_a_message_loses_its_lease() -> None:
    delivery = delivery_of(make_record())
    delivery.lease.take(ConversationKey("+447700900123", "conv-0001"), START.timestamp() + 300)

    delivery.lose()

    with pytest.raises(LostLeaseError):
        delivery.lease.check(START.timestamp(), 0)


# Renewing leases


@dataclass
class FakeStore:
    """The part of a store that a renewal needs."""

    error: Exception | None = None
    renewed: list[float] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def renew(self, lease: Lease, expires_at: float) -> None:
        self.renewed.append(expires_at)
        self.meanwhile()
        if self.error is not None:
            raise self.error


def held_delivery() -> Delivery:
    delivery = delivery_of(make_record())
    delivery.lease.take(ConversationKey("+447700900123", "conv-0001"), START.timestamp() + 345)
    delivery.lease.confirm()
    delivery.hidden_until = START.timestamp() + 480
    return delivery


def renewal(store: FakeStore) -> LeaseRenewal:
    return LeaseRenewal(store, safety_margin_seconds=15)  # type: ignore[arg-type]


def test_a_lease_is_renewed_until_a_margin_before_the_visibility_ends() -> None:
    store, delivery = FakeStore(), held_delivery()

    kept = renewal(store)(delivery)

    assert kept
    assert store.renewed == [START.timestamp() + 465]
    assert delivery.lease.expires_at == START.timestamp() + 465


def test_a_lease_is_never_shortened() -> None:
    store, delivery = FakeStore(), held_delivery()
    delivery.hidden_until = START.timestamp() + 360

    kept = renewal(store)(delivery)

    assert kept
    assert store.renewed == []


@pytest.mark.parametrize("when", ["before it is taken", "about to be given up"])
def test_a_lease_that_the_record_does_not_show_is_not_renewed(when: str) -> None:
    store, delivery = FakeStore(), held_delivery()
    if when == "before it is taken":
        delivery.lease = Lease("owner")
    else:
        delivery.lease.finish()

    kept = renewal(store)(delivery)

    assert kept
    assert store.renewed == []


def test_a_lease_that_is_anothers_is_lost() -> None:
    store, delivery = FakeStore(error=LostLeaseError("taken over")), held_delivery()

    kept = renewal(store)(delivery)

    assert not kept
    assert delivery.lease.expires_at == START.timestamp() + 345


def test_a_lease_that_was_given_up_meanwhile_is_not_lost_but_over() -> None:
    delivery = held_delivery()
    store = FakeStore(error=LostLeaseError("given up"), meanwhile=delivery.lease.finish)

    assert renewal(store)(delivery)


def test_a_lease_that_could_not_be_renewed_ends_when_it_would_have() -> None:
    store, delivery = FakeStore(error=StoreUnavailableError("no answer")), held_delivery()

    with pytest.raises(StoreUnavailableError):
        renewal(store)(delivery)

    assert delivery.lease.expires_at == START.timestamp() + 345
    assert delivery.lease.renewable
