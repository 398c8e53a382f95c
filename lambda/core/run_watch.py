"""Run watch: wait for the end of a model's run, whatever its polls come to meanwhile."""

from datetime import timedelta

from core.attempt import MIN_CALL_SECONDS, Attempt
from core.conversation import Run
from core.errors import DeadlineError, RunGoneError, TransientError
from core.keyring import Keyring
from core.model import ModelGateway, RunReport, RunState
from core.ports import Clock
from utils.redaction import Secret

CALL_SECONDS = 20.0
"""Longest time of one call; a run itself may take as long as the invocation."""

FIRST_POLL_SECONDS = 0.25
POLL_SHARE = 0.08
"""A poll takes time too, and both together stay under a tenth of the run."""

MAX_POLL_SECONDS = 10.0
"""Longest pause of ours; the vendor may want a longer one."""

YOUNG_SECONDS = 45.0
"""A run of this age is known to OpenAI, if it exists. Source: dotnet/extensions issue 7704, up to 33 s seen."""

PATIENCE_SECONDS = 60.0
"""How long polls that say nothing are made again: a healthy run goes on meanwhile. The queue waits for the rest."""


class RunWatch:
    """Polls one run until it has ended."""

    def __init__(self, gateway: ModelGateway, clock: Clock, attempt: Attempt, run: Run, key: Keyring[Secret]) -> None:
        self._gateway = gateway
        self._clock = clock
        self._attempt = attempt
        self._run = run
        self._key = key
        self._in_doubt_since: float | None = None

    def wait(self, report: RunReport | None) -> RunReport:
        """Return how the run ended.

        Args:
            report: What its start was answered; None for a run of an earlier attempt, which may have ended long ago.

        Raises:
            RunGoneError: OpenAI does not know it, and it is not young any more.
            TransientError: OpenAI has said nothing of use for a while, or wants to be left alone longer than that.
            DeadlineError: The invocation's time is up; the run goes on and is recorded.
        """
        began = self._clock.monotonic()
        wish = report.poll_after_seconds if report else None
        is_first = report is None
        while True:
            if report is not None and report.state not in {RunState.PENDING, RunState.UNKNOWN}:
                return report
            if not is_first:
                self._attempt.delivery.lease.check(self._clock.now().timestamp(), 0)
                self._attempt.wait(poll_pause_seconds(self._clock.monotonic() - began, wish), wish or 0.0)
            is_first = False
            try:
                report = self._fetch()
            except DeadlineError:
                raise
            except TransientError as error:
                self._bear(error)
                report, wish = None, error.retry_after_seconds
                continue
            wish = report.poll_after_seconds
            if report.state is RunState.UNKNOWN:
                self._bear(TransientError("the run is in a state that is not known", code="openai_run_state_unknown"))
            else:
                self._in_doubt_since = None

    def _fetch(self) -> RunReport:
        return self._key.use(
            lambda secret: self._gateway.fetch_run(self._run, secret, self._attempt.fit(CALL_SECONDS)),
        )

    def _bear(self, error: TransientError) -> None:
        """Return if the next poll may say more than this one did, else raise its error."""
        now = self._clock.monotonic()
        if isinstance(error, RunGoneError):
            started = self._run.started_at
            if started is None or self._clock.now() - started > timedelta(seconds=YOUNG_SECONDS):
                raise error
            return
        self._in_doubt_since = now if self._in_doubt_since is None else self._in_doubt_since
        wish = error.retry_after_seconds or 0.0
        left = min(
            self._in_doubt_since + PATIENCE_SECONDS - now, self._attempt.deadline.remaining_seconds() - MIN_CALL_SECONDS
        )
        if wish >= left:
            raise error


def poll_pause_seconds(elapsed_seconds: float, wish_seconds: float | None) -> float:
    """Return how long to wait before a poll: a small part of the time waited so far, or the vendor's longer wish."""
    own = min(max(elapsed_seconds * POLL_SHARE, FIRST_POLL_SECONDS), MAX_POLL_SECONDS)
    return max(own, wish_seconds or 0.0)
