"""Watch: after the close, Twilio is asked until the fate of every message is known, and nothing is ever sent by it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.continuation import MAX_NUMBER, Continuation
from core.conversation import Status, Step, WaitReason
from core.deliveries import DeliveryStatus
from core.errors import StoreUnavailableError, TransientError
from core.events import Event, Metric
from core.outcome import Done, GivenBack, Postponed
from core.watch import next_look_seconds
from sandbox.context_objects import make_body
from tests.fakes.function import SETTINGS, InMemoryFunction

WATCH_SECONDS = 3600
WATCHFUL = SETTINGS.model_copy(update={"delivery_watch_seconds": WATCH_SECONDS})
LOOKS = [10, 60, 300, 900, 1800, 2700, 3600]


class Watched:
    """A closed conversation, and the message that comes round for its looks."""

    def __init__(self, **function: Any) -> None:
        self.function = InMemoryFunction(settings=WATCHFUL, **function)
        outcome = self.function.receive()
        self.closed_at = self.function.clock.now()
        assert isinstance(outcome, Postponed)
        self.postponed: Postponed | None = outcome
        (self.delivered,) = self.function.whatsapp.delivered
        self.sid = self.delivered.message.sid

    def now_is(self, status: str, error_code: int | None = None) -> None:
        self.function.whatsapp.now_is(self.sid, status, error_code)

    def look(self, **delivery: Any) -> Any:
        """Let the message come round, and return what becomes of it."""
        assert self.postponed is not None
        self.function.clock.sleep(self.postponed.delay_seconds)
        given = {"continuation": self.postponed.continuation, "message_id": "m-look", **delivery}
        outcome = self.function.receive(**given)
        self.postponed = outcome if isinstance(outcome, Postponed) else None
        return outcome

    def look_to_the_end(self) -> list[int]:
        """Return when it was looked, in seconds after the close."""
        moments = []
        while self.postponed is not None:
            self.look()
            moments.append(round((self.function.clock.now() - self.closed_at).total_seconds()))
            assert len(moments) <= MAX_NUMBER
        return moments

    @property
    def status(self) -> DeliveryStatus:
        return self.function.record().conversation.deliveries[self.sid].status

    def count(self, metric: Metric) -> list[str | None]:
        return [code for counted, code in self.function.telemetry.counted if counted == metric]


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_message_that_nobody_delivers_is_looked_at_by_the_schedule_and_then_no_more(watched: Watched) -> None:
    watched.now_is("sent")

    assert watched.look_to_the_end() == LOOKS

    record = watched.function.record()
    assert (watched.status, record.conversation.watch_until) == (DeliveryStatus.SENT, None)
    assert watched.count(Metric.DELIVERY_UNCONFIRMED) == [None]
    assert not record.needs_attention


@pytest.mark.parametrize(("word", "metrics"), [("delivered", 0), ("read", 1)])
def test_a_delivered_message_ends_the_watch(watched: Watched, word: str, metrics: int) -> None:
    watched.now_is(word)

    assert watched.look_to_the_end() == [10]

    assert watched.status == word
    assert len(watched.count(Metric.MESSAGES_DELIVERED)) == 1
    assert len(watched.count(Metric.MESSAGES_READ)) == metrics
    assert watched.count(Metric.DELIVERY_UNCONFIRMED) == []


@pytest.mark.parametrize(
    ("word", "error_code", "code"),
    [("undelivered", 63016, "twilio_63016"), ("failed", 63024, "twilio_63024"), ("failed", None, "twilio_failed")],
)
def test_a_message_that_was_not_delivered_reaches_a_person(
    watched: Watched, word: str, error_code: int | None, code: str
) -> None:
    watched.look()
    watched.now_is(word, error_code)

    assert watched.look_to_the_end() == [60]

    record = watched.function.record()
    error = record.conversation.last_error
    assert error is not None
    assert (error.step, error.code, record.needs_attention) == (Step.DELIVER, code, True)
    assert record.conversation.status is Status.SENT
    assert watched.count(Metric.MESSAGES_UNDELIVERED) == [code]
    assert len(watched.function.sent()) == 1


def test_a_look_without_news_writes_nothing_and_reads_one_record(watched: Watched) -> None:
    writes, reads = list(watched.function.store.writes), list(watched.function.store.reads)

    watched.look()

    assert watched.function.store.writes == writes
    assert watched.function.store.reads == [*reads, "find"]


def test_a_status_that_comes_out_of_order_changes_nothing(watched: Watched) -> None:
    watched.now_is("sent")
    watched.look()
    watched.now_is("queued")
    watched.look()

    assert watched.status is DeliveryStatus.SENT


def test_a_message_that_twilio_no_longer_knows_is_said_to_be_unknown(watched: Watched) -> None:
    watched.function.whatsapp.delivered.clear()

    assert watched.look_to_the_end() == [*LOOKS, 4500, 5400, 6300, 7200]

    assert watched.status is DeliveryStatus.UNKNOWN
    assert watched.count(Metric.DELIVERY_UNCONFIRMED) == [None]


def test_a_message_that_twilio_does_not_know_yet_is_delivered_after_all(watched: Watched) -> None:
    watched.function.whatsapp.delivered.clear()
    watched.look()
    watched.function.whatsapp.delivered.append(watched.delivered)
    watched.now_is("delivered")
    watched.look()

    assert watched.status is DeliveryStatus.DELIVERED


def test_a_vendor_that_is_away_costs_no_receive_and_the_watch_outlasts_it(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise TransientError("Twilio is away", code="twilio_unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(watched.function.whatsapp, "fetch", away)
        for _ in LOOKS:
            assert isinstance(watched.look(), Postponed)
    watched.now_is("undelivered", 63016)

    watched.look()

    assert watched.function.record().needs_attention
    assert watched.function.telemetry.events().count(Event.DELIVERY_LOOK_FAILED) == len(LOOKS)


def test_a_vendor_that_stays_away_ends_the_watch_all_the_same(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise TransientError("Twilio is away", code="twilio_unavailable")

    monkeypatch.setattr(watched.function.whatsapp, "fetch", away)

    assert watched.look_to_the_end()[-1] == 2 * WATCH_SECONDS

    assert watched.count(Metric.DELIVERY_UNCONFIRMED) == [None]


@pytest.mark.parametrize("method", ["find", "record_deliveries"])
def test_a_table_that_does_not_answer_costs_no_receive(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    watched.now_is("delivered")

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailableError("DynamoDB is away")

    with monkeypatch.context() as patch:
        patch.setattr(watched.function.store, method, away)
        assert isinstance(watched.look(), Postponed)

    assert watched.look_to_the_end() == [60]
    assert watched.count(Metric.MESSAGES_DELIVERED) == [None]


def test_two_watches_of_one_conversation_count_once(watched: Watched) -> None:
    duplicate = watched.function.receive(message_id="m-duplicate")
    assert isinstance(duplicate, Postponed)
    watched.now_is("undelivered", 63016)

    watched.look()
    again = watched.function.receive(continuation=duplicate.continuation, message_id="m-duplicate-2")

    assert again == Done()
    assert watched.count(Metric.MESSAGES_UNDELIVERED) == ["twilio_63016"]


def test_a_duplicate_takes_over_a_watch_whose_time_has_passed_without_a_last_look(watched: Watched) -> None:
    watched.now_is("undelivered", 63024)
    watched.function.clock.sleep(WATCH_SECONDS * 3)

    taken = watched.function.receive(message_id="m-duplicate")

    assert isinstance(taken, Postponed)
    watched.postponed = taken
    watched.look()
    assert watched.function.record().needs_attention


def test_a_duplicate_of_a_conversation_whose_fate_is_known_is_done(watched: Watched) -> None:
    watched.now_is("delivered")
    watched.look()

    assert watched.function.receive(message_id="m-duplicate") == Done()


def test_nothing_is_looked_at_without_a_watch() -> None:
    function = InMemoryFunction(settings=SETTINGS)

    assert function.receive() == Done()

    assert function.record().conversation.watch_until is None


def test_a_record_that_was_deleted_is_not_made_again(watched: Watched) -> None:
    watched.function.store.records.clear()

    assert watched.look() == Done()

    assert watched.function.store.records == {}
    assert len(watched.function.sent()) == 1


def test_a_message_that_only_claims_to_come_for_a_look_opens_its_conversation() -> None:
    function = InMemoryFunction(settings=WATCHFUL)
    function.receive(message_id="m-0", body=make_body(frontend_payload__recipient_data__comms_consent=False))
    now = function.clock.now()
    forged = Continuation(1, "m-0", now, now, WaitReason.DELIVERY, now)

    function.receive(continuation=forged)

    assert len(function.sent()) == 1


def test_a_look_at_another_companys_conversation_is_refused(watched: Watched) -> None:
    body = make_body(company_data_payload__company_id="umbrella", frontend_payload__company_data__company_id="umbrella")
    assert watched.postponed is not None

    outcome = watched.function.receive(continuation=watched.postponed.continuation, body=body)

    assert outcome == GivenBack(0)
    assert watched.status is DeliveryStatus.ACCEPTED


def test_a_watch_ends_at_the_bound_of_continuations(watched: Watched) -> None:
    assert watched.postponed is not None
    last = replace(watched.postponed.continuation, number=MAX_NUMBER)

    assert watched.look(continuation=last) == Done()

    assert watched.count(Metric.DELIVERY_UNCONFIRMED) == [None]


def test_where_the_queue_takes_nothing_the_message_is_done() -> None:
    function = InMemoryFunction(settings=WATCHFUL)
    pipeline = function.pipeline()
    pipeline.stop_postponing()

    assert pipeline.process(function.delivery(), function.deadline()) == Done()

    assert function.record().conversation.watch_until is None


@pytest.mark.parametrize(
    ("waited", "length", "seconds"),
    [
        (0.0, 3600.0, 10),
        (0.4, 3600.0, 10),
        (9.7, 3600.0, 51),
        (60.0, 3600.0, 240),
        (300.0, 3600.0, 600),
        (3595.0, 3600.0, 5),
        (3600.0, 3600.0, 900),
        (0.0, 7.0, 7),
        (20.0, 25.0, 5),
        (99_999.0, 3600.0, 900),
        (75.0, 75.0, 18),
        (8.0, 7.0, 10),
        (90_000.0, 86_400.0, 900),
        (-5.0, 3600.0, 15),
    ],
)
def test_when_to_look_next(waited: float, length: float, seconds: int) -> None:
    assert next_look_seconds(waited, length) == seconds


def test_no_look_is_further_away_than_sqs_can_delay() -> None:
    assert all(1 <= next_look_seconds(waited / 7, 86_400.0) <= 900 for waited in range(0, 700_000, 13))


def test_looks_begin_anew_in_number_whatever_it_took_to_send(watched: Watched) -> None:
    assert watched.postponed is not None
    continuation = watched.postponed.continuation

    assert (continuation.number, continuation.origin) == (1, "m-1")
    assert continuation.since == watched.closed_at
    assert watched.postponed.otherwise == GivenBack(30)
    assert timedelta(seconds=watched.postponed.delay_seconds) == timedelta(seconds=10)
