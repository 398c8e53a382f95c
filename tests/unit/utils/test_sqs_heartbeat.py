"""SQS heartbeat: what a beat does, and that its thread lives exactly as long as the batch."""

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from utils.sqs_heartbeat import Hiding, SqsHeartbeat

NOW = 1_800_000_000.0
VISIBILITY = 360


@dataclass
class Message:
    receipt_handle: str
    hidden_until: float = NOW
    lost: bool = False

    def lose(self) -> None:
        self.lost = True


@dataclass
class World:
    """What a heartbeat asks of others, and what it told them."""

    gone: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    hide_error: Exception | None = None
    renew_errors: dict[str, Exception] = field(default_factory=dict)
    hidden: list[tuple[list[str], int]] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    while_hiding: Callable[[], None] = lambda: None
    while_renewing: Callable[[Message], None] = lambda message: None  # noqa: ARG005
    report_error: Exception | None = None
    moments: Iterator[float] = field(default_factory=lambda: itertools.repeat(NOW))

    def heartbeat(self, interval_seconds: float = 3600) -> SqsHeartbeat[Message]:
        return SqsHeartbeat(
            hide=self._hide,
            renew=self._renew,
            now=lambda: next(self.moments),
            on_lost=self._report,
            on_failure=self.failures.append,
            visibility_seconds=VISIBILITY,
            interval_seconds=interval_seconds,
        )

    def _hide(self, handles: Sequence[str], seconds: int) -> Hiding:
        self.hidden.append((list(handles), seconds))
        self.while_hiding()
        if self.hide_error is not None:
            raise self.hide_error
        return Hiding(frozenset(handles) & self.gone, frozenset(handles) & self.refused)

    def _report(self, message: Message) -> None:
        self.lost.append(message.receipt_handle)
        if self.report_error is not None:
            raise self.report_error

    def _renew(self, message: Message) -> bool:
        self.renewed.append(message.receipt_handle)
        self.while_renewing(message)
        if message.receipt_handle in self.renew_errors:
            raise self.renew_errors[message.receipt_handle]
        return message.receipt_handle not in self.taken


@pytest.fixture
def world() -> World:
    return World()


def messages(count: int) -> list[Message]:
    return [Message(f"h-{number}") for number in range(1, count + 1)]


def test_a_beat_hides_all_messages_in_one_call_and_renews_each_lease(world: World) -> None:
    heartbeat, held = world.heartbeat(), messages(3)

    with heartbeat.holding(held):
        heartbeat.beat()

    assert world.hidden == [(["h-1", "h-2", "h-3"], VISIBILITY)]
    assert world.renewed == ["h-1", "h-2", "h-3"]
    assert [message.hidden_until for message in held] == [NOW + VISIBILITY] * 3
    assert world.lost == []


def test_the_new_visibility_is_known_before_the_lease_is_renewed_to_match(world: World) -> None:
    heartbeat, (message,) = world.heartbeat(), messages(1)
    seen: list[float] = []
    world.while_renewing = lambda held: seen.append(held.hidden_until)

    with heartbeat.holding([message]):
        heartbeat.beat()

    assert seen == [NOW + VISIBILITY]


def test_the_visibility_is_counted_from_before_the_call(world: World) -> None:
    """An answer that takes long must not make us believe in more time than there is."""
    world.moments = iter([NOW, NOW + 50])
    heartbeat, (message,) = world.heartbeat(), messages(1)

    with heartbeat.holding([message]):
        heartbeat.beat()

    assert message.hidden_until == NOW + VISIBILITY


def test_a_refused_change_is_not_a_dead_handle_and_touches_no_other_message(world: World) -> None:
    """It stays hidden as long as it was, and its lease is not renewed beyond that."""
    heartbeat, held = world.heartbeat(), messages(2)
    before = held[0].hidden_until
    world.refused = {"h-1"}

    with heartbeat.holding(held):
        heartbeat.beat()
        heartbeat.beat()

    assert [message.lost for message in held] == [False, False]
    assert (held[0].hidden_until, held[1].hidden_until) == (before, NOW + VISIBILITY)
    assert world.renewed == ["h-2", "h-2"]
    assert world.hidden == [(["h-1", "h-2"], VISIBILITY)] * 2


def test_a_message_that_can_not_be_kept_is_lost_once_and_not_hidden_again(world: World) -> None:
    heartbeat, held = world.heartbeat(), messages(2)
    world.gone = {"h-1"}

    with heartbeat.holding(held):
        heartbeat.beat()
        heartbeat.beat()

    assert [message.lost for message in held] == [True, False]
    assert held[0].hidden_until == NOW
    assert world.lost == ["h-1"]
    assert world.renewed == ["h-2", "h-2"]
    assert [handles for handles, _ in world.hidden] == [["h-1", "h-2"], ["h-2"]]


def test_a_message_whose_lease_is_anothers_is_lost(world: World) -> None:
    heartbeat, held = world.heartbeat(), messages(2)
    world.taken = {"h-2"}

    with heartbeat.holding(held):
        heartbeat.beat()

    assert [message.lost for message in held] == [False, True]
    assert world.lost == ["h-2"]


def test_nothing_is_known_of_messages_when_the_queue_does_not_answer(world: World) -> None:
    heartbeat, held = world.heartbeat(), messages(2)
    world.hide_error = TimeoutError("no answer")

    with heartbeat.holding(held):
        heartbeat.beat()

    assert world.failures == [world.hide_error]
    assert not any(message.lost for message in held)
    assert [message.hidden_until for message in held] == [NOW, NOW]
    assert world.renewed == []


def test_a_renewal_that_fails_is_reported_and_does_not_touch_the_others(world: World) -> None:
    heartbeat, held = world.heartbeat(), messages(3)
    world.renew_errors["h-2"] = ValueError("anything at all")

    with heartbeat.holding(held):
        heartbeat.beat()

    assert world.renewed == ["h-1", "h-2", "h-3"]
    assert world.failures == [world.renew_errors["h-2"]]
    assert not any(message.lost for message in held)


def test_a_settled_message_is_left_alone(world: World) -> None:
    heartbeat, held = world.heartbeat(), messages(2)

    with heartbeat.holding(held):
        heartbeat.settle(held[0])
        heartbeat.settle(held[0])
        heartbeat.beat()

    assert world.hidden == [(["h-2"], VISIBILITY)]
    assert world.renewed == ["h-2"]


def test_settling_waits_for_a_beat_that_is_under_way(world: World) -> None:
    """Otherwise the beat would undo the visibility that is set for good right after."""
    heartbeat, (message,) = world.heartbeat(), messages(1)
    order: list[str] = []
    settling: list[threading.Thread] = []

    def settle() -> None:
        heartbeat.settle(message)
        order.append("settled")

    def settle_meanwhile() -> None:
        settling.append(threading.Thread(target=settle))
        settling[0].start()
        settling[0].join(0.05)
        order.append("hidden")

    world.while_hiding = settle_meanwhile
    with heartbeat.holding([message]):
        heartbeat.beat()
        settling[0].join()

    assert order == ["hidden", "settled"]


def test_a_message_without_a_handle_is_not_held(world: World) -> None:
    heartbeat = world.heartbeat()

    with heartbeat.holding([Message("")]):
        heartbeat.beat()

    assert world.hidden == []


def test_it_beats_on_its_own_until_the_batch_ends(world: World) -> None:
    beats = threading.Semaphore(0)
    world.while_hiding = beats.release
    heartbeat = world.heartbeat(interval_seconds=0.001)

    with heartbeat.holding(messages(1)):
        seen = [beats.acquire(timeout=5) for _ in range(3)]
    count = len(world.hidden)

    assert seen == [True, True, True]
    assert heartbeat_threads() == []
    assert len(world.hidden) == count


def test_it_lives_on_after_a_beat_that_failed(world: World) -> None:
    beats = threading.Semaphore(0)
    world.while_hiding = beats.release
    world.hide_error = RuntimeError("anything at all")
    heartbeat = world.heartbeat(interval_seconds=0.001)

    with heartbeat.holding(messages(1)):
        seen = [beats.acquire(timeout=5) for _ in range(3)]

    assert seen == [True, True, True]


def test_it_lives_on_after_a_report_that_failed(world: World) -> None:
    beats = threading.Semaphore(0)
    world.while_hiding = beats.release
    world.gone = {"h-1"}
    world.report_error = RuntimeError("nobody listens")
    heartbeat = world.heartbeat(interval_seconds=0.001)

    with heartbeat.holding(messages(2)):
        seen = [beats.acquire(timeout=5) for _ in range(3)]

    assert seen == [True, True, True]
    assert world.failures == [world.report_error]


def test_the_thread_ends_with_the_batch_even_if_the_batch_raises(world: World) -> None:
    heartbeat = world.heartbeat()

    with pytest.raises(KeyError), heartbeat.holding(messages(1)):
        raise KeyError("batch")

    assert heartbeat_threads() == []


def test_a_batch_ends_only_after_a_beat_that_is_under_way(world: World) -> None:
    """A thread that Lambda freezes would wake up in another invocation, with stale handles."""
    hiding, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        hiding.set()
        go_on.wait(5)

    world.while_hiding = hang
    heartbeat = world.heartbeat(interval_seconds=0.001)
    ended: list[bool] = []

    def batch() -> None:
        with heartbeat.holding(messages(1)):
            hiding.wait(5)
        ended.append(True)

    thread = threading.Thread(target=batch)
    thread.start()
    hiding.wait(5)
    thread.join(0.05)
    ended_early = list(ended)
    go_on.set()
    thread.join(5)

    assert ended_early == []
    assert ended == [True]
    assert heartbeat_threads() == []


def test_a_heartbeat_serves_one_batch_after_another(world: World) -> None:
    heartbeat = world.heartbeat()

    for number in (1, 2):
        with heartbeat.holding([Message(f"batch-{number}")]):
            heartbeat.beat()

    assert [handles for handles, _ in world.hidden] == [["batch-1"], ["batch-2"]]


def heartbeat_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "sqs-heartbeat"]
