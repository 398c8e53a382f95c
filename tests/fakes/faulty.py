"""A port that fails when told to, before or after its effect."""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class ProcessDied(BaseException):
    """The process ends here: nothing after this runs."""


@dataclass
class Fault:
    error: BaseException
    after_effect: bool = False


class Faulty:
    """Stands before a fake; each planned fault hits one call of its method, in order."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self._faults: dict[str, deque[Fault | None]] = defaultdict(deque)
        self.before: dict[str, Callable[[], None]] = {}
        self.calls: list[str] = []

    def plan(
        self, method: str, error: BaseException, *, after_effect: bool = False, skip: int = 0, times: int = 1
    ) -> None:
        """Let a call of `method` fail, after `skip` calls that don't."""
        self._faults[method].extend([None] * skip + [Fault(error, after_effect)] * times)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._port, name)
        if not callable(attribute):
            return attribute

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            if name in self.before:
                self.before[name]()
            fault = self._faults[name].popleft() if self._faults[name] else None
            if fault is not None and not fault.after_effect:
                raise fault.error
            result = attribute(*args, **kwargs)
            if fault is not None:
                raise fault.error
            return result

        return call
