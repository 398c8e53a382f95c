"""System clock: the time of the machine."""

import time
from datetime import UTC, datetime


class SystemClock:
    """`core.ports.Clock` on the machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(tz=UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
