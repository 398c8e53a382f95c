"""World: the queue, the table, OpenAI and Twilio of one schedule, and the processes that work on it."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from greenlet import getcurrent

from core.batch import BatchProcessor
from core.conversation import Usage
from core.delivery import Delivery
from core.model import ModelRequest, RunReport, RunState
from core.wiring import Ports, wire
from sandbox.context_objects import OPENAI_REFERENCE
from tests.fakes.clock import START
from tests.fakes.model import InMemoryModel
from tests.fakes.secrets import TWILIO_FREE_FORM, InMemorySecrets, SecretsSource
from tests.fakes.store import InMemoryConversationStore
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.whatsapp import InMemoryWhatsApp
from tests.simulation.faults import Injector, Interposed, Plan
from tests.simulation.kernel import Kernel, Process, TaskExecutor, TaskFuture, TaskLock
from tests.simulation.scenario import FREE_FORM_REFERENCE, PlannedConversation, Scenario
from tests.simulation.sqs import Message, SimulatedQueue
from utils.assistant_definition import AssistantDefinitions
from utils.deadline import Deadline
from utils.redaction import Secret
from utils.settings import Settings
from utils.sqs_heartbeat import SqsHeartbeat

TIMEOUT_SECONDS = 300.0
SETTINGS = {
    visibility: Settings.from_environ(
        {
            "CONVERSATIONS_TABLE_NAME_DEV": "conversations-dev",
            "WHATSAPP_QUEUE_URL": "https://sqs.test/queue",
            "VISIBILITY_TIMEOUT_SECONDS": str(visibility),
            "HEARTBEAT_INTERVAL_SECONDS": str(heartbeat),
        }
    )
    for visibility, heartbeat in ((360, 120), (90, 20))
}
"""The defaults, and leases so short that a long run lives on its heartbeat."""

DEFINITIONS = AssistantDefinitions(Path(__file__).parents[2] / "lambda" / "assistants")


class WorldClock:
    """True time, for what is not ours."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def now(self) -> datetime:
        return START + timedelta(seconds=self._kernel.now)

    def monotonic(self) -> float:
        return self._kernel.now

    def sleep(self, seconds: float) -> None:
        self._kernel.sleep(seconds)


class ProcessClock(WorldClock):
    """The clock of one process, which is a little off; nothing may sleep past the process's end."""

    def __init__(self, kernel: Kernel, skew_seconds: float, process: Process, ends_at: float) -> None:
        super().__init__(kernel)
        self._skew = timedelta(seconds=skew_seconds)
        self._process = process
        self._ends_at = ends_at
        self.overslept: list[float] = []

    def now(self) -> datetime:
        return super().now() + self._skew

    def sleep(self, seconds: float) -> None:
        if self._kernel.now + seconds > self._ends_at + self._process.paused_seconds:
            self.overslept.append(seconds)
        self._kernel.sleep(seconds)


class SimulatedModel(InMemoryModel):
    """OpenAI: each conversation gets its reply after its time."""

    def __init__(self, clock: WorldClock, conversations: dict[str, PlannedConversation]) -> None:
        super().__init__(clock)
        self._conversations = conversations
        self.runs_of: Counter[str] = Counter()

    def start_run(self, thread_id: str, request: ModelRequest, key: Secret, timeout_seconds: float) -> RunReport:
        planned = self._conversations[request.metadata["conversation_id"]]
        self.outcome.duration_seconds = planned.run_seconds
        self.unknown_for_seconds = planned.unknown_for_seconds
        self.outcome.report = RunReport("", RunState.COMPLETED, text="\n\n".join(planned.texts), usage=Usage(100, 20))
        report = super().start_run(thread_id, request, key, timeout_seconds)
        self.runs_of[planned.conversation_id] += 1
        return report


class SimulatedHeartbeat(SqsHeartbeat[Delivery]):
    """The real beat, as a task instead of a thread."""

    kernel: Kernel
    process: Process

    def holding(self, messages: Any) -> Any:
        return _Beating(self, messages)


class _Beating:
    def __init__(self, heartbeat: SimulatedHeartbeat, messages: Any) -> None:
        self._heartbeat = heartbeat
        self._messages = messages
        self._stopped = False
        self._future = TaskFuture(heartbeat.kernel)

    def __enter__(self) -> None:
        heartbeat = self._heartbeat
        heartbeat._lock = TaskLock(heartbeat.kernel)  # type: ignore[assignment]
        heartbeat._held = {message.receipt_handle: message for message in self._messages}
        heartbeat.kernel.spawn(lambda: self._future.run(self._beat), heartbeat.process)

    def __exit__(self, *_: object) -> None:
        """Stop; a beat that is under way ends before the batch does."""
        self._stopped = True
        if not self._heartbeat.process.dead and self._beats_now:
            self._future.result()

    _beats_now = False

    def _beat(self) -> None:
        while not self._stopped:
            self._heartbeat.kernel.sleep(self._heartbeat._interval_seconds)
            if self._stopped:
                return
            self._beats_now = True
            self._heartbeat.beat()
            self._beats_now = False


class World:
    """One schedule's world."""

    def __init__(self, random: Random, scenario: Scenario, plan: Plan) -> None:
        self.kernel = Kernel(random)
        self.scenario = scenario
        self.planned = {planned.conversation_id: planned for planned in scenario.conversations}
        self.injector = Injector(self.kernel, plan)
        self.clock = WorldClock(self.kernel)
        self.store = InMemoryConversationStore()
        self.model = SimulatedModel(self.clock, self.planned)
        self.whatsapp = InMemoryWhatsApp(self.clock, lambda: random.random() * scenario.list_lag_seconds)
        self.settings = SETTINGS[scenario.visibility_seconds]
        self.queue = SimulatedQueue(self.kernel, scenario.batch_size, scenario.visibility_seconds)
        self.queue.deliver = self._invoke
        self.secrets = SecretsSource()
        self.secrets.twilio[FREE_FORM_REFERENCE] = TWILIO_FREE_FORM
        self.processes: list[Process] = []
        self.clocks: list[ProcessClock] = []
        self.telemetry = RecordingTelemetry()
        self.working: dict[Any, Delivery] = {}
        self._schedule()

    def _schedule(self) -> None:
        for planned in self.scenario.conversations:
            name = planned.conversation_id.replace("conv", "m")
            self.queue.send(name, planned.conversation_id, planned.body, planned.sent_at)
            if planned.duplicate_after is not None:
                again_at = planned.sent_at + planned.duplicate_after
                self.queue.send(f"{name}-duplicate", planned.conversation_id, planned.body, again_at)
            if planned.received_again_after is not None:
                message = next(m for m in self.queue.messages if m.message_id == name)
                self.kernel.at(
                    planned.sent_at + planned.received_again_after,
                    lambda message=message: self.queue.receive_again(message),  # type: ignore[misc]
                )
        if self.scenario.rotates_at is not None:
            self.kernel.at(self.scenario.rotates_at, self._rotate)

    def _rotate(self) -> None:
        self.kernel.log("both secrets are rotated")
        for reference, secret in self.secrets.twilio.items():
            self.secrets.twilio[reference] = replace(secret, auth_token=Secret("twilio-token-2"))
        self.secrets.openai[OPENAI_REFERENCE] = Secret("sk-test-2")
        self.whatsapp.accepted_tokens = {Secret("twilio-token-2")}
        self.model.accepted_keys = {Secret("sk-test-2")}

    def _invoke(self, messages: list[Message], records: list[dict[str, Any]]) -> None:
        """Start an execution environment for a batch."""
        process = Process(f"lambda-{len(self.processes) + 1}")
        self.processes.append(process)
        ends_at = self.kernel.now + TIMEOUT_SECONDS
        received = [(message, message.handle) for message in messages]
        self.kernel.log(f"{process.name} gets {', '.join(m.handle for m in messages)}")

        def main() -> None:
            failed = self._batch(process, ends_at).process(
                records,
                Deadline(
                    lambda: ends_at + process.paused_seconds - self.kernel.now, self.settings.safety_margin_seconds
                ),
            )
            self.kernel.log(f"answers {failed or 'all done'}")
            self.queue.finish(received, failed)
            self.kernel.kill(process)

        self.kernel.spawn(main, process)
        self.kernel.at(ends_at, lambda: self._time_out(process))

    def _time_out(self, process: Process) -> None:
        """Stop a process at Lambda's timeout; one that was frozen gets the frozen time on top."""
        if process.dead:
            return
        if process.paused_seconds and self.kernel.now < process.paused_until + TIMEOUT_SECONDS:
            self.kernel.at(process.paused_until + TIMEOUT_SECONDS, lambda: self._time_out(process))
            return
        self.kernel.log(f"{process.name} is stopped by Lambda")
        self.kernel.kill(process)

    def _batch(self, process: Process, ends_at: float) -> BatchProcessor:
        """Wire the real core to this world, with faults in between."""
        skew = (self.kernel.random.random() * 2 - 1) * self.scenario.clock_skew_seconds
        clock = ProcessClock(self.kernel, skew, process, ends_at)
        self.clocks.append(clock)

        def interposed(name: str, port: Any) -> Any:
            return Interposed(name, port, process, self.injector)

        ports = Ports(
            store=interposed("store", self.store),
            secrets=InMemorySecrets(interposed("secrets", self.secrets)),
            model=interposed("model", self.model),
            whatsapp=interposed("whatsapp", self.whatsapp),
            queue=interposed("queue", self.queue),
            definitions=DEFINITIONS,
            clock=clock,
            telemetry=self.telemetry,
            executor=TaskExecutor(self.kernel, process, self.settings.max_concurrent_messages),  # type: ignore[arg-type]
            jitter=self.kernel.random.random,
            new_owner=lambda: f"owner {self.kernel.random.getrandbits(64):016x}",
        )
        heartbeat_type = type("Heartbeat", (SimulatedHeartbeat,), {"kernel": self.kernel, "process": process})
        batch = wire(self.settings, ports, heartbeat_type)
        self._watch(batch)
        return batch

    def _watch(self, batch: BatchProcessor) -> None:
        """Know which task works on which delivery."""
        process_one = batch._pipeline.process

        def watched(delivery: Delivery, deadline: Deadline) -> Any:
            self.working[getcurrent()] = delivery
            try:
                return process_one(delivery, deadline)
            finally:
                self.working.pop(getcurrent(), None)

        batch._pipeline.process = watched  # type: ignore[method-assign]
