"""Run: conversations go in, faults hit them, and the queue drains; then an operator redrives what is left."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from sandbox.eventually import eventually
from sandbox.harness import Deployment
from sandbox.stubs import Outcome
from tests.chaos.cast import SERVICES, Member, make_cast
from tests.chaos.faults import FAULTS, Fault, Played
from tests.chaos.site import Site

LARGEST_BURST = 3
LONGEST_PAUSE_SECONDS = 1.0
SHARE_WITH_TWO_FAULTS = 0.3
RUN_SECONDS = 1.0
"""How long the model takes where no fault says otherwise."""

PAUSE_SECONDS = 0.5
QUIET_SECONDS = 4.0
"""A queue is done when it has been empty for this long: an engine's counts lag behind."""

Heard = Callable[[int], None]
"""Is told how many conversations are closed."""


@dataclass(slots=True)
class Part:
    """What one conversation is to go through.

    Attributes:
        redriven: Messages of it that ended in the DLQ and were sent again.
    """

    member: Member
    faults: Sequence[Fault]
    played: Sequence[Played] = ()
    redriven: int = 0

    def faults_played(self) -> list[str]:
        """Return the names of the faults that came to be."""
        return [fault.name for fault, played in zip(self.faults, self.played, strict=True) if played()]


@dataclass(frozen=True, slots=True)
class Drained:
    """How a queue came to rest.

    Attributes:
        in_time: Whether it did.
    """

    in_time: bool
    seconds: float


def deal(count: int, random: Random, faults: Sequence[Fault] = FAULTS) -> list[Part]:
    """Return a cast whose members get one or two faults each, every fault about as often as the others."""
    deck: list[Fault] = []

    def draw(member: Member) -> Fault:
        nonlocal deck
        while True:
            deck = deck or random.sample(faults, len(faults))
            fault = next((one for one in deck if member.parts > 1 or not one.only_in_parts), None)
            if fault is not None:
                deck.remove(fault)
                return fault
            deck = []

    def hand(member: Member) -> list[Fault]:
        return [draw(member) for _ in range(2 if random.random() < SHARE_WITH_TWO_FAULTS else 1)]

    return [Part(member, hand(member)) for member in make_cast(count, random)]


def set_up(site: Site, parts: Sequence[Part]) -> None:
    """Set every fault up, and what the model and Twilio do besides."""
    site.stubs.configure(run_seconds=RUN_SECONDS, list_lag_seconds=site.settings.twilio_list_lag_seconds / 2)
    for service in SERVICES:
        site.stubs.show(service.sid, service.shown)
        for name, value in service.secrets().items():
            site.deployment.store_secret(name, value)
    for part in parts:
        part.played = [fault.arm(site, part.member, fault.name) for fault in part.faults]
        if part.member.text is not None:
            site.stubs.outcome(Outcome(text=part.member.text), match=part.member.recipient_tel, times=None)
        site.stubs.fate(part.member.fate, match=part.member.recipient_tel, times=None)


def feed(deployment: Deployment, parts: Sequence[Part], random: Random, told: Callable[[], None]) -> None:
    """Send all Context Objects in bursts, copies soon after; `told` is called after each burst."""
    waiting = [part for part in parts for _ in range(part.member.copies)]
    late = random.sample(range(len(waiting)), len(waiting) // 4)  # a fourth of all comes out of turn
    for place in late:
        other = min(place + random.randint(1, 8), len(waiting) - 1)
        waiting[place], waiting[other] = waiting[other], waiting[place]
    while waiting:
        size = random.randint(1, LARGEST_BURST)
        burst, waiting = waiting[:size], waiting[size:]
        _send(deployment, burst)
        told()
        time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))


def _send(deployment: Deployment, burst: Sequence[Part]) -> None:
    deployment.aws.client("sqs").send_message_batch(
        QueueUrl=deployment.outputs["queue_url"],
        Entries=[{"Id": str(index), "MessageBody": part.member.body()} for index, part in enumerate(burst)],
    )


def drain(deployment: Deployment, within_seconds: float, heard: Heard) -> Drained:
    """Return when the queue has come to rest, or time is up."""
    started = time.monotonic()
    quiet_since: list[float] = []

    def is_quiet() -> bool:
        heard(closed(deployment))
        if deployment.queued() != (0, 0):
            quiet_since.clear()
            return False
        quiet_since.append(time.monotonic())
        return quiet_since[-1] - quiet_since[0] >= QUIET_SECONDS

    try:
        eventually(is_quiet, within_seconds=within_seconds, pause_seconds=PAUSE_SECONDS)
    except AssertionError:
        return Drained(in_time=False, seconds=time.monotonic() - started)
    return Drained(in_time=True, seconds=time.monotonic() - started)


def closed(deployment: Deployment) -> int:
    """Return how many conversations are."""
    return sum("closed_at" in record for record in deployment.records())


def redrive(deployment: Deployment, parts: Sequence[Part]) -> int:
    """Send what is in the DLQ again, as an operator does who has seen that the cause is gone."""
    count = 0
    for part in parts:
        for body in deployment.delete_dead_letters(f'"{part.member.conversation_id}"'):
            deployment.send(body)
            part.redriven += 1
            count += 1
    return count
