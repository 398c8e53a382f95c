"""Faults: what can go wrong at every call of a port, and the plans that decide where it does."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any, Protocol

from core.errors import (
    DeliveryUnknownError,
    PermanentError,
    ProcessorError,
    SecretError,
    StoreUnavailableError,
    TransientError,
)
from tests.fakes.faulty import ProcessDied
from tests.simulation.kernel import Kernel, Process


class Fault(StrEnum):
    CRASH_BEFORE = "crash before the effect"
    CRASH_AFTER = "crash after the effect"
    FAIL = "failure without effect"
    LOSE = "effect, answer lost"
    REPEAT = "effect, answer lost, repeated by the SDK"
    THROTTLE = "definite refusal that passes"
    REFUSE = "definite refusal for good"
    SLOW = "slow answer"
    PAUSE = "process frozen past its lease"


SURVIVABLE = frozenset(Fault) - {Fault.REFUSE}
"""Faults of which a conversation survives any two."""

_ALWAYS = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.FAIL, Fault.LOSE, Fault.SLOW, Fault.PAUSE)

MENU: Mapping[str, tuple[Fault, ...]] = {
    "store.create": (*_ALWAYS, Fault.REPEAT),
    "store.take_over": (*_ALWAYS, Fault.REPEAT),
    "store.annotate": _ALWAYS,
    "store.record_run": (*_ALWAYS, Fault.REPEAT),
    "store.intend": (*_ALWAYS, Fault.REPEAT),
    "store.record_unknown": (*_ALWAYS, Fault.REPEAT),
    "store.renew": (*_ALWAYS, Fault.REPEAT),
    "store.close": (*_ALWAYS, Fault.REPEAT),
    "store.fail": (*_ALWAYS, Fault.REPEAT),
    "store.reject": _ALWAYS,
    "store.conversations_with": (Fault.CRASH_BEFORE, Fault.FAIL, Fault.SLOW, Fault.PAUSE),
    "secrets.read": (Fault.CRASH_BEFORE, Fault.FAIL, Fault.REFUSE, Fault.SLOW),
    "model.open_thread": (*_ALWAYS, Fault.THROTTLE),
    "model.start_run": (*_ALWAYS, Fault.THROTTLE, Fault.REFUSE),
    "model.fetch_run": (Fault.CRASH_BEFORE, Fault.FAIL, Fault.THROTTLE, Fault.SLOW, Fault.PAUSE),
    "whatsapp.send": (*_ALWAYS, Fault.THROTTLE, Fault.REFUSE),
    "whatsapp.list_messages": (Fault.CRASH_BEFORE, Fault.FAIL, Fault.SLOW, Fault.PAUSE),
    "queue.hide": (*_ALWAYS,),
}
"""What can go wrong at each call."""

SLOW_SECONDS = {"store": 8.0, "secrets": 8.0, "model": 19.0, "whatsapp": 19.0, "queue": 8.0}
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

    def __init__(self, random: Random) -> None:
        self._random = random
        self._rate = random.choice((0.0, 0.02, 0.05, 0.1, 0.2))
        self._left = random.randint(1, self.MAX_FAULTS)

    def decide(self, call: int, name: str) -> Fault | None:
        if self._left == 0 or self._random.random() >= self._rate:
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


class Injector:
    """Counts the calls of a schedule and keeps what was injected."""

    def __init__(self, kernel: Kernel, plan: Plan) -> None:
        self.kernel = kernel
        self.calls: list[str] = []
        self.injected: list[tuple[Planned, str]] = []
        self._plan = plan

    def decide(self, name: str) -> Fault | None:
        call = len(self.calls)
        self.calls.append(name)
        fault = self._plan.decide(call, name)
        if fault is not None:
            self.injected.append((Planned(call, fault), name))
        return fault

    def counts(self) -> Counter[Fault]:
        return Counter(planned.fault for planned, _ in self.injected)


class Interposed:
    """Stands before a port of one process: every call takes time, and may fail in every way it can."""

    def __init__(self, name: str, port: Any, process: Process, injector: Injector) -> None:
        self._name = name
        self._port = port
        self._process = process
        self._injector = injector

    def __getattr__(self, method: str) -> Any:
        attribute = getattr(self._port, method)
        name = f"{self._name}.{method}"
        if name not in MENU:
            return attribute

        def call(*args: Any, **kwargs: Any) -> Any:
            if self._process.dead:
                raise ProcessDied
            if name == "whatsapp.send":
                return self._send(*args)
            return self._call(name, lambda: attribute(*args, **kwargs))

        return call

    def _call(self, name: str, effect: Callable[[], Any]) -> Any:
        kernel, random = self._injector.kernel, self._injector.kernel.random
        fault = self._before(name)
        if fault is Fault.SLOW:
            kernel.sleep(SLOW_SECONDS[self._name])
        result = effect()
        if fault is Fault.CRASH_AFTER:
            self._die()
        if fault is Fault.REPEAT:
            kernel.sleep(1.0)
            result = effect()
        if fault is Fault.LOSE:
            raise failure(name, random)
        kernel.sleep(random.random() * 0.05)
        return result

    def _before(self, name: str) -> Fault | None:
        """Let a call take its way, or end it there; return the fault that is still to come."""
        kernel, random = self._injector.kernel, self._injector.kernel.random
        fault = self._injector.decide(name)
        kernel.log(f"{name}" + (f"  !! {fault}" if fault else ""))
        if fault is Fault.PAUSE:
            kernel.pause(self._process, random.choice(PAUSE_SECONDS))
        kernel.sleep(random.random() * 0.05)
        if fault is Fault.CRASH_BEFORE:
            self._die()
        if fault is Fault.FAIL:
            raise failure(name, random)
        if fault is Fault.THROTTLE:
            raise TransientError("throttled", code="throttled", retry_after_seconds=1.0, repeatable=True)
        if fault is Fault.REFUSE:
            error: type[ProcessorError] = SecretError if name.startswith("secrets") else PermanentError
            raise error("refused", code="refused")
        return fault

    def _send(self, part: Any, credentials: Any, start_before: Any) -> Any:
        """Send: once the request is on its way, the message may come about late, whatever becomes of its sender."""
        kernel, random = self._injector.kernel, self._injector.kernel.random
        fault = self._before("whatsapp.send")
        self._port.check(part, credentials, start_before)
        late = random.choice((0.0, random.random() * TWILIO_TIMEOUT_SECONDS))
        if fault in {Fault.LOSE, Fault.CRASH_AFTER}:
            kernel.at(kernel.now + late, lambda: self._port.create(part))
            if fault is Fault.CRASH_AFTER:
                self._die()
            kernel.sleep(random.choice((0.0, TWILIO_TIMEOUT_SECONDS)))
            raise failure("whatsapp.send", random)
        if fault is Fault.SLOW:
            answer: list[Any] = []
            seconds = SLOW_SECONDS["whatsapp"]
            kernel.at(kernel.now + seconds, lambda: answer.append(self._port.create(part)))
            kernel.sleep(seconds + 0.01)
            return answer[0]
        message = self._port.create(part)
        kernel.sleep(random.random() * 0.05)
        return message

    def _die(self) -> None:
        self._injector.kernel.kill(self._process)
        raise ProcessDied


def failure(name: str, random: Random) -> ProcessorError:
    """Return what a call raises when its answer is lost, whether it had its effect or not."""
    port, method = name.split(".")
    if port == "store":
        return StoreUnavailableError("DynamoDB did not answer")
    if name == "whatsapp.send":
        return DeliveryUnknownError("Twilio's answer was lost")
    repeatable = method in {"fetch_run", "list_messages"} and random.random() < 0.5
    return TransientError(f"{port} did not answer", code=f"{port}_unavailable", repeatable=repeatable)
