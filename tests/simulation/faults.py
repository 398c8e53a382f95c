"""Faults: what can go wrong at every call, and the plans that decide where it does."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Protocol

from tests.simulation.kernel import Kernel


class Fault(StrEnum):
    CRASH_BEFORE = "crash before the effect"
    CRASH_AFTER = "crash after the effect"
    FAIL = "failure without effect"
    LOSE = "effect, answer lost"
    REPEAT = "effect, answer lost, repeated by the SDK"
    LATE = "repeated by the SDK, and the original arrives late"
    OVERTAKEN = "answer lost, and the request arrives late"
    SILENT = "no answer until the SDK gives up"
    THROTTLE = "definite refusal that passes"
    REFUSE = "definite refusal for good"
    SLOW = "slow answer"
    SLOW_CONNECT = "slow connection"
    GARBLE = "answer that can't be read"
    PAUSE = "process frozen past its lease"


SURVIVABLE = frozenset(Fault) - {Fault.REFUSE, Fault.OVERTAKEN}
"""Faults of which a conversation survives any two; a lease that a dead process takes late can cost it more than one."""

ON_THE_WAY = frozenset({Fault.REPEAT, Fault.LATE, Fault.OVERTAKEN, Fault.SILENT, Fault.SLOW_CONNECT, Fault.GARBLE})
"""Faults of one request that have nothing to do with other conversations."""

_ALWAYS = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.FAIL, Fault.LOSE, Fault.SLOW, Fault.PAUSE)
_WRITE = (*_ALWAYS, Fault.REPEAT, Fault.LATE, Fault.OVERTAKEN, Fault.SILENT)
_READ = (Fault.CRASH_BEFORE, Fault.FAIL, Fault.SLOW, Fault.PAUSE)

MENU: Mapping[str, tuple[Fault, ...]] = {
    **dict.fromkeys(
        (
            "store.create",
            "store.take_over",
            "store.resume",
            "store.annotate",
            "store.record_run",
            "store.intend",
            "store.record_unknown",
            "store.renew",
            "store.close",
            "store.fail",
            "store.postpone",
            "store.reject",
            "store.record_deliveries",
        ),
        _WRITE,
    ),
    "store.query": (*_READ, Fault.SILENT),
    "secrets.read": (Fault.CRASH_BEFORE, Fault.FAIL, Fault.REFUSE, Fault.SLOW),
    "model.open_thread": (*_ALWAYS, Fault.THROTTLE),
    "model.start_run": (*_ALWAYS, Fault.THROTTLE, Fault.REFUSE),
    "model.fetch_run": (*_READ, Fault.THROTTLE),
    "whatsapp.send": (*_ALWAYS, Fault.THROTTLE, Fault.REFUSE, Fault.SLOW_CONNECT),
    "whatsapp.list_messages": (*_READ, Fault.GARBLE, Fault.SLOW_CONNECT),
    "whatsapp.fetch": (*_READ, Fault.THROTTLE, Fault.GARBLE, Fault.SLOW_CONNECT),
    "queue.hide": (*_ALWAYS,),
    "queue.put": (*_ALWAYS, Fault.REPEAT, Fault.REFUSE),
}
"""What can go wrong at each call."""

SLOW_SECONDS = {"store": 8.0, "secrets": 8.0, "model": 19.0, "whatsapp": 19.0, "queue": 8.0}
SILENT_SECONDS, CLOSING_SILENT_SECONDS = 15.0, 2.5
"""How long the SDK waits before it gives up on DynamoDB (`composition.AWS_CONFIG`, `CLOSING_CONFIG`)."""

LATE_SECONDS = (0.5, 5.0, 45.0, 200.0)
CONNECT_SECONDS = (4.0, 12.0, 25.0, 100.0)
PAUSE_SECONDS = (5.0, 60.0, 400.0)
TWILIO_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class Planned:
    """A fault and the call it hits, counted from the start of the schedule."""

    call: int
    fault: Fault


class Plan(Protocol):
    def decide(self, call: int, name: str) -> Fault | None: ...


class RandomPlan:
    """Faults at random, some schedules many and some few; none after so many calls that nothing could end."""

    MAX_FAULTS = 12
    DEAR: Mapping[str, float] = {"whatsapp.send": 4.0, "store.close": 2.0}
    """Calls that are hit so much more often than others: what matters most happens around them."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._rate = random.choice((0.0, 0.02, 0.05, 0.1, 0.2))
        self._left = random.randint(1, self.MAX_FAULTS)

    def decide(self, call: int, name: str) -> Fault | None:
        if self._left == 0 or self._random.random() >= self._rate * self.DEAR.get(name, 1.0):
            return None
        self._left -= 1
        return self._random.choice(MENU[name])


class ExactPlan:
    """Exactly these faults, where the call they are planned for can have them."""

    def __init__(self, *planned: Planned) -> None:
        self._planned = {plan.call: plan.fault for plan in planned}

    def decide(self, call: int, name: str) -> Fault | None:
        fault = self._planned.get(call)
        return fault if fault in MENU[name] else None


@dataclass(frozen=True)
class Outage:
    """A time in which a system answers nobody, or refuses everybody.

    Attributes:
        of: `model`, `whatsapp`, `secrets`, `store` or `queue`.
    """

    of: str
    begins: float
    ends: float


class Injector:
    """Counts the calls of a schedule and keeps what was injected.

    Attributes:
        silent_until: Until when DynamoDB answers nobody.
        outages: When which system is away; its calls fail without being planned to.
    """

    def __init__(self, kernel: Kernel, plan: Plan) -> None:
        self.kernel = kernel
        self.silent_until = 0.0
        self.outages: tuple[Outage, ...] = ()
        self.calls: list[str] = []
        self.injected: list[tuple[Planned, str]] = []
        self._plan = plan

    def decide(self, name: str) -> Fault | None:
        call = len(self.calls)
        self.calls.append(name)
        fault = self._plan.decide(call, name)
        if fault is not None:
            self.injected.append((Planned(call, fault), name))
        elif self._is_away(name) and Fault.FAIL in MENU[name]:
            return Fault.FAIL
        return fault

    def _is_away(self, name: str) -> bool:
        system = name.partition(".")[0]
        return any(outage.of == system and outage.begins <= self.kernel.now < outage.ends for outage in self.outages)

    def counts(self) -> Counter[Fault]:
        return Counter(planned.fault for planned, _ in self.injected)
