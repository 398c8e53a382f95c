"""Run times: what the runs of each assistant usually take, as this execution environment has seen."""

from collections import OrderedDict, deque
from statistics import median
from threading import Lock

MAX_ASSISTANTS = 256
MAX_RUNS = 15


class RunTimes:
    """Remembers the latest runs of the assistants used lately."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._seconds: OrderedDict[str, deque[float]] = OrderedDict()

    def note(self, assistant_id: str, seconds: float) -> None:
        """Note how long a run took."""
        with self._lock:
            self._seconds.setdefault(assistant_id, deque(maxlen=MAX_RUNS)).append(seconds)
            self._seconds.move_to_end(assistant_id)
            while len(self._seconds) > MAX_ASSISTANTS:
                self._seconds.popitem(last=False)

    def usual(self, assistant_id: str) -> float | None:
        """Return what its runs usually take, in seconds; None if nothing is known."""
        with self._lock:
            seconds = self._seconds.get(assistant_id)
            return median(seconds) if seconds else None
