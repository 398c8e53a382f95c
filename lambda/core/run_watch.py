"""Run watch: wait for the end of a model's run, whatever its polls come to meanwhile."""

from datetime import timedelta

from core.attempt import MIN_CALL_SECONDS, Attempt
from core.conversation import Run
from core.errors import DeadlineError, ModelAtWorkError, RunFailedError, RunGoneError, TransientError
from core.keyring import Keyring
from core.model import ModelGateway, RunReport, RunState
from core.ports import Clock
from core.postponement import look_seconds
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


LEAST_DELAY_SECONDS = 1.0
"""Shortest delay of a message: SQS counts in whole seconds."""


class RunWatch:
    """Polls one run until it has ended, or the queue is the cheaper place to wait."""

    def __init__(
        self,
        gateway: ModelGateway,
        clock: Clock,
        attempt: Attempt,
        run: Run,
        key: Keyring[Secret],
        *,
        usual_seconds: float | None,
        run_deadline: timedelta,
    ) -> None:
        self._gateway = gateway
        self._clock = clock
        self._attempt = attempt
        self._run = run
        self._key = key
        self._usual_seconds = usual_seconds
        self._run_deadline = run_deadline
        self._in_doubt_since: float | None = None
        self._doubt: TransientError | None = None

    def look(self) -> RunReport:
        """Return how the run ended; wait for it only if the next look is due sooner than the queue could bring it.

        Raises:
            ModelAtWorkError, RunGoneError, RunFailedError, TransientError, DeadlineError: As in `wait`.
        """
        is_near = look_seconds(self._age_seconds() or 0.0, self._usual_seconds) < LEAST_DELAY_SECONDS
        return self._poll(None, self._attempt.hold_seconds if is_near else 0.0)

    def wait(self, report: RunReport | None) -> RunReport:
        """Return how the run ended.

        Args:
            report: What its start was answered; None for a run of an earlier attempt, which may have ended long ago.

        Raises:
            RunGoneError: OpenAI does not know it, and it is not young any more.
            RunFailedError: It has taken longer than any run may.
            TransientError: OpenAI has said nothing of use for a while, or wants to be left alone longer than that.
            ModelAtWorkError: It goes on, and the queue is to wait for it.
            DeadlineError: The invocation's time is up; the run goes on and is recorded.
        """
        return self._poll(report, self._attempt.hold_seconds)

    def at_work(self, wish_seconds: float | None = None) -> ModelAtWorkError:
        """Return the error that leaves the rest of the wait to the queue."""
        wish = wish_seconds or 0.0
        return ModelAtWorkError(self._run, usual_seconds=self._usual_seconds, retry_after_seconds=wish)

    def _poll(self, report: RunReport | None, hold_seconds: float) -> RunReport:
        began = self._clock.monotonic()
        wish = report.poll_after_seconds if report else None
        is_first = report is None
        while True:
            if report is not None and report.state not in {RunState.PENDING, RunState.UNKNOWN}:
                return report
            if not is_first:
                if report is not None:
                    self._check_age()
                waited = self._clock.monotonic() - began
                pause = poll_pause_seconds(waited, wish)
                if waited + pause > hold_seconds:
                    raise self._doubt or self.at_work(wish)
                self._check_lease()
                self._attempt.wait(pause, wish or 0.0)
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
                self._in_doubt_since = self._doubt = None

    def _age_seconds(self) -> float | None:
        started = self._run.started_at
        return None if started is None else (self._clock.now() - started).total_seconds()

    def _check_age(self) -> None:
        age = self._age_seconds()
        if age is not None and age > self._run_deadline.total_seconds():
            raise RunFailedError("the run has taken longer than any run may", code="openai_run_overdue")

    def _check_lease(self) -> None:
        lease = self._attempt.delivery.lease
        lease.check(self._clock.now().timestamp(), 0) if lease.key is not None else lease.check_message()

    def _fetch(self) -> RunReport:
        return self._key.use(
            lambda secret: self._gateway.fetch_run(self._run, secret, self._attempt.fit(CALL_SECONDS)),
        )

    def _bear(self, error: TransientError) -> None:
        """Return if the next poll may say more than this one did, else raise its error."""
        now = self._clock.monotonic()
        if isinstance(error, RunGoneError):
            age = self._age_seconds()
            if age is None or age > YOUNG_SECONDS:
                raise error
            return
        self._doubt = error
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
