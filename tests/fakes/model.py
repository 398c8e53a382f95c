"""OpenAI in memory: threads with their lock, and runs that take time."""

from dataclasses import dataclass, field, replace

from core.conversation import Run, Usage
from core.errors import CredentialsRejectedError, PermanentError, RunGoneError, TransientError
from core.model import ModelRequest, RunReport, RunState
from core.ports import Clock
from tests.fakes.secrets import OPENAI
from utils.redaction import Secret

USAGE = Usage(tokens_in=120, tokens_out=30)


@dataclass
class FakeRun:
    thread_id: str
    request: ModelRequest
    report: RunReport
    ends_at: float
    known_at: float


@dataclass
class Outcome:
    """What the next runs become, and after how long."""

    report: RunReport = field(
        default_factory=lambda: RunReport("", RunState.COMPLETED, text='{"1": "Ana", "2": "Acme"}', usage=USAGE)
    )
    duration_seconds: float = 3.0


class InMemoryModel:
    """OpenAI.

    Attributes:
        start_seconds: How long the start of a run takes.
        unknown_for_seconds: How long a new run is not known yet to those who ask for it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.accepted_keys = {OPENAI}
        self.outcome = Outcome()
        self.needs_definition = True
        self.waits_for_answer = False
        self.start_seconds = 0.0
        self.unknown_for_seconds = 0.0
        self.threads: list[str] = []
        self.runs: dict[str, FakeRun] = {}

    def accepts_thread(self, thread_id: str) -> bool:
        return thread_id.startswith("conv_")

    def open_thread(self, key: Secret, timeout_seconds: float) -> str:
        self._authenticate(key)
        thread_id = f"conv_{len(self.threads) + 1}"
        self.threads.append(thread_id)
        return thread_id

    def start_run(self, thread_id: str, request: ModelRequest, key: Secret, timeout_seconds: float) -> RunReport:
        self._authenticate(key)
        if self.needs_definition and request.definition is None:
            raise PermanentError("the model needs a definition", code="assistant_definition_missing")
        if any(run.thread_id == thread_id and self._pending(run) for run in self.runs.values()):
            raise TransientError("locked", code="openai_conversation_locked", retry_after_seconds=5, repeatable=True)
        if self.start_seconds:
            self._clock.sleep(self.start_seconds)
        response_id = f"resp_{len(self.runs) + 1}"
        self.runs[response_id] = FakeRun(
            thread_id,
            request,
            replace(self.outcome.report, response_id=response_id),
            self._clock.monotonic() + self.outcome.duration_seconds,
            self._clock.monotonic() + self.unknown_for_seconds,
        )
        return self._report(response_id)

    def fetch_run(self, run: Run, key: Secret, timeout_seconds: float) -> RunReport:
        self._authenticate(key)
        known = self.runs.get(run.response_id)
        if known is None or self._clock.monotonic() < known.known_at:
            raise RunGoneError("unknown")
        return self._report(run.response_id)

    def _report(self, response_id: str) -> RunReport:
        run = self.runs[response_id]
        return RunReport(response_id, RunState.PENDING) if self._pending(run) else run.report

    def _pending(self, run: FakeRun) -> bool:
        return self._clock.monotonic() < run.ends_at

    def _authenticate(self, key: Secret) -> None:
        if key not in self.accepted_keys:
            raise CredentialsRejectedError("OpenAI rejected the key", code="openai_invalid_api_key")


class InMemoryModeration:
    """OpenAI's moderation.

    Attributes:
        words: It flags every text that holds one of them.
        asked: The texts it was shown.
        error: What it raises instead, if anything.
    """

    def __init__(self) -> None:
        self.words: set[str] = set()
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.accepted_keys = {OPENAI}

    def flags(self, text: str, key: Secret, timeout_seconds: float) -> bool:
        if key not in self.accepted_keys:
            raise CredentialsRejectedError("OpenAI rejected the key", code="openai_invalid_api_key")
        self.asked.append(text)
        if self.error is not None:
            raise self.error
        return any(word in text for word in self.words)
