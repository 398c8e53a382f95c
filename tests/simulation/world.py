"""World: the queue, the table, OpenAI and Twilio of one schedule, and the processes that work on it."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from greenlet import getcurrent

import core.wiring
import services.twilio_service
from core.batch import BatchProcessor
from core.continuation import ATTRIBUTE, MAX_NUMBER, Continuation, write_continuation
from core.conversation import Mode, Run, Usage, WaitReason
from core.delivery import Delivery
from core.model import ModelRequest, RunReport, RunState
from core.ports import TwilioCredentials
from core.wiring import Ports, wire
from sandbox.context_objects import OPENAI_REFERENCE, SENDER
from sandbox.stubs import Fate
from services.dynamodb_service import DynamoDBConversationStore
from services.twilio_service import TwilioWhatsApp
from tests.fakes.clock import START
from tests.fakes.model import InMemoryModel, InMemoryModeration
from tests.fakes.secrets import TWILIO, TWILIO_FREE_FORM, InMemorySecrets, SecretsSource
from tests.fakes.telemetry import RecordingTelemetry
from tests.simulation.faults import Injector, Plan
from tests.simulation.kernel import Kernel, Process, TaskExecutor, TaskFuture, TaskLock
from tests.simulation.old_records import OTHER_CONTENT
from tests.simulation.replies import RepliesService
from tests.simulation.scenario import (
    CHANGED_REFERENCE,
    FREE_FORM_REFERENCE,
    RUN_DEADLINE_SECONDS,
    ForeignMessage,
    Forgery,
    Likeness,
    PlannedConversation,
    Scenario,
)
from tests.simulation.sqs import Message, SimulatedQueue
from tests.simulation.table import SimulatedTable
from tests.simulation.twilio import CHANNEL, Accepted, SimulatedTwilio
from tests.simulation.wire import NamedStore, PortWire, StoreWire, TwilioWire
from utils.assistant_definition import AssistantDefinitions
from utils.context_processor import parse_context
from utils.deadline import Deadline
from utils.redaction import Secret
from utils.settings import Settings
from utils.sqs_heartbeat import SqsHeartbeat

parsed_once = lru_cache(maxsize=4096)(parse_context)
"""A body is the same in every receive, and validating it takes longer than most schedules' other steps."""

TIMEOUT_SECONDS = 300.0
HEARTBEAT_SECONDS = {360: 120, 90: 20}
"""By visibility: the default, and leases so short that a long run lives on its heartbeat."""


@lru_cache
def settings_of(visibility_seconds: int, patience_seconds: int, watch_seconds: int) -> Settings:
    return Settings.from_environ(
        {
            "CONVERSATIONS_TABLE_NAME_DEV": "conversations-dev",
            "WHATSAPP_QUEUE_URL": "https://sqs.test/queue",
            "VISIBILITY_TIMEOUT_SECONDS": str(visibility_seconds),
            "HEARTBEAT_INTERVAL_SECONDS": str(HEARTBEAT_SECONDS[visibility_seconds]),
            "PATIENCE_SECONDS": str(patience_seconds),
            "OPENAI_RUN_DEADLINE_SECONDS": str(RUN_DEADLINE_SECONDS),
            "DELIVERY_WATCH_SECONDS": str(watch_seconds),
        }
    )


SERVICE = "MG" + "2" * 32
ASSISTANT = "first-contact"
OTHER_ATTRIBUTES = {"campaign": {"dataType": "String", "stringValue": "spring"}}
"""What a message has besides: the function must keep it."""

OTHER_ACCOUNT = "AC" + "9" * 32
DAY_SECONDS = 86_400.0

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
        self.process = process
        self._ends_at = ends_at
        self.overslept: list[float] = []

    def now(self) -> datetime:
        return super().now() + self._skew

    def sleep(self, seconds: float) -> None:
        if self._kernel.now + seconds > self._ends_at + self.process.paused_seconds:
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
    """One schedule's world.

    Attributes:
        worked: The delivery that each task works on, or has worked on last.
        stopped_in_close: Conversations whose final update was under way when Lambda stopped the process.
    """

    def __init__(self, random: Random, scenario: Scenario, plan: Plan) -> None:
        self.kernel = Kernel(random)
        self.scenario = scenario
        self.planned = {planned.conversation_id: planned for planned in scenario.conversations}
        self.injector = Injector(self.kernel, plan)
        self.clock = WorldClock(self.kernel)
        self.table = SimulatedTable()
        self.model = SimulatedModel(self.clock, self.planned)
        self.twilio = SimulatedTwilio(self.kernel, random, scenario.list_lag_seconds, scenario.fates)
        self.replies = RepliesService(self.kernel, random, self.table, self._send_reply)
        self.settings = settings_of(scenario.visibility_seconds, scenario.patience_seconds, scenario.watch_seconds)
        self.injector.outages = scenario.outages
        self.queue = SimulatedQueue(self.kernel, scenario.batch_size, scenario.visibility_seconds)
        self.queue.deliver = self._invoke
        self.queue.exact = scenario.exact_delays
        self.queue.denies = not scenario.may_put
        self.secrets = self._secrets()
        self.processes: list[Process] = []
        self.clocks: list[ProcessClock] = []
        self.wires: dict[str, StoreWire] = {}
        self.telemetry = RecordingTelemetry()
        self.working: dict[Any, Delivery] = {}
        self.worked: dict[Any, Delivery] = {}
        self.stopped_in_close: list[str] = []
        self._begin_twilio()
        self._begin_records()
        self._schedule()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the Twilio adapter of each process reach this world."""

        def wired(_timeout: float, now: Any, start_before: datetime | None = None) -> TwilioWire:
            process = now.__self__.process
            return TwilioWire(self.twilio, process, self.injector, now, start_before)

        with (
            patch.object(services.twilio_service, "OneShotHttpClient", wired),
            patch.object(core.wiring, "parse_context", parsed_once),
        ):
            yield

    def _secrets(self) -> SecretsSource:
        source = SecretsSource()
        source.twilio[FREE_FORM_REFERENCE] = TWILIO_FREE_FORM
        if self.scenario.with_service:
            for reference, secret in source.twilio.items():
                source.twilio[reference] = replace(secret, messaging_service_sid=SERVICE)
        source.twilio[CHANGED_REFERENCE] = self._elsewhere(source.twilio[self.scenario.conversations[0].reference])
        return source

    def _elsewhere(self, secret: TwilioCredentials) -> TwilioCredentials:
        return replace(secret, account_sid=OTHER_ACCOUNT, auth_token=Secret("twilio-token-9"))

    def _begin_twilio(self) -> None:
        twilio, scenario = self.twilio, self.scenario
        twilio.tokens = {TWILIO.account_sid: {"twilio-token-1"}, OTHER_ACCOUNT: {"twilio-token-9"}}
        for account_sid in (TWILIO.account_sid, OTHER_ACCOUNT):
            twilio.views.set(SERVICE if scenario.with_service else account_sid, scenario.shown)
        if scenario.foreign or scenario.crowd or scenario.replies:
            twilio.on_send.append(self._others_write)

        if scenario.silent_seconds:
            twilio.on_send.append(self._fall_silent)

    def _fall_silent(self, _: Accepted) -> None:
        if len(self.twilio.sent) == 1:
            self.injector.silent_until = self.kernel.now + self.scenario.silent_seconds

    def _begin_records(self) -> None:
        """Write what is there before, and let Twilio know of what was sent then."""
        first = self.scenario.conversations[0]
        records = [(old, first, (first.recipient_tel, f"conv-old-{n}")) for n, old in enumerate(self.scenario.old)]
        records += [(planned.before, planned, planned.key) for planned in self.planned.values() if planned.before]
        for old, planned, key in records:
            self.table.put(**old.item(key, planned.mode, planned.texts))
            if old.accepted:
                form = self._form(planned, planned.texts[0] if old.same_reply else OTHER_CONTENT[planned.mode])
                message = self.twilio.write(TWILIO.account_sid, form, ago_seconds=old.age_days * DAY_SECONDS - 1)
                if key == planned.key:
                    self.twilio.foreign.remove(message)
                    self.twilio.sent.append(Accepted(message, planned.texts[0], -old.age_days * DAY_SECONDS))

    def _form(self, planned: PlannedConversation, content: str) -> dict[str, str]:
        form = {"To": CHANNEL + planned.recipient_tel, "From": CHANNEL + SENDER}
        if planned.mode is Mode.TEMPLATE and content.startswith("{"):
            form |= {"ContentSid": str(TWILIO.template_sid), "ContentVariables": content}
        else:
            form["Body"] = content
        return form | ({"MessagingServiceSid": SERVICE} if self.scenario.with_service else {})

    def _others_write(self, accepted: Accepted) -> None:
        """Let other programs write around the first send to a recipient."""
        scenario = self.scenario
        to_same = [p for p in scenario.conversations if p.recipient_tel == accepted.recipient_tel]
        if sum(sent.message.to == accepted.message.to for sent in self.twilio.sent) == 1:
            for foreign in scenario.foreign:
                if scenario.conversations[foreign.conversation] in to_same:
                    self._write_foreign(foreign)
            for planned in to_same:
                for _ in range(scenario.replies):
                    moment = self.kernel.random.choice((0.0, 0.02, 0.1, 5.0, 60.0, 400.0))
                    self.replies.hear(planned.key, self.kernel.now + moment)
        if scenario.crowd:
            form = {"To": accepted.message.to, "From": accepted.message.from_ or "", "Body": "Ten per cent off"}
            moment = self.kernel.now + 70.0

            def crowd() -> None:
                for _ in range(scenario.crowd):
                    self.twilio.write(accepted.message.account_sid, form)

            self.kernel.at(moment, crowd)

    def _write_foreign(self, foreign: ForeignMessage) -> None:
        planned = self.scenario.conversations[foreign.conversation]
        form = self._form(planned, planned.texts[0])
        row: dict[str, Any] = {} if foreign.dated else {"date_created": None}
        if foreign.likeness is Likeness.SIMILAR:
            body = "Dear all: " + " / ".join(self._values(planned)) + " and more"
            form = self._form(planned, body)
        elif foreign.likeness is Likeness.OTHER:
            form = self._form(planned, "Your parcel is on its way")
        elif foreign.likeness is Likeness.HIDDEN:
            row["body"] = ""
        fate = Fate(status=foreign.status, row=row)

        def write(ago_seconds: float = 0.0) -> None:
            message = self.twilio.write(TWILIO.account_sid, form, fate, ago_seconds=ago_seconds)
            self.kernel.log(
                f"another program writes {message.sid[-4:]} ({foreign.likeness}, {foreign.after_send:.0f} s)"
            )

        if foreign.after_send <= 0:
            write(-foreign.after_send)
        else:
            self.kernel.at(self.kernel.now + foreign.after_send, write)

    def _values(self, planned: PlannedConversation) -> list[str]:
        if planned.mode is Mode.TEMPLATE:
            return list(json.loads(planned.texts[0]).values())
        return [planned.texts[0][:1000]]

    def _send_reply(self, recipient_tel: str, text: str) -> str:
        form = {"To": CHANNEL + recipient_tel, "From": CHANNEL + SENDER, "Body": text}
        return self.twilio.write(TWILIO.account_sid, form).sid

    def _schedule(self) -> None:
        for planned in self.scenario.conversations:
            name = planned.conversation_id.replace("conv", "m")
            forged = self._forged(planned, planned.sent_at) if planned.duplicate_after is None else {}
            self.queue.send(
                name, planned.conversation_id, planned.body, planned.sent_at, attributes=forged | OTHER_ATTRIBUTES
            )
            if planned.duplicate_after is not None:
                self._send_duplicate(planned, f"{name}-duplicate")
            if planned.received_again_after is not None:
                message = next(m for m in self.queue.messages if m.message_id == name)
                self.kernel.at(
                    planned.sent_at + planned.received_again_after,
                    lambda message=message: self.queue.receive_again(message),  # type: ignore[misc]
                )
            for _ in range(self.scenario.replies):
                self.replies.hear(planned.key, planned.sent_at + self.kernel.random.random() * 600)
        if self.scenario.rotates_at is not None:
            self.kernel.at(self.scenario.rotates_at, self._rotate)
        if self.scenario.account_changes_at is not None:
            self.kernel.at(self.scenario.account_changes_at, self._change_account)
        if self.scenario.redriven_at is not None:
            self.kernel.at(self.scenario.redriven_at, self.queue.redrive)

    def _send_duplicate(self, planned: PlannedConversation, name: str) -> None:
        again_at = planned.sent_at + (planned.duplicate_after or 0.0)
        forged = self._forged(planned, again_at) | OTHER_ATTRIBUTES
        self.queue.send(name, planned.conversation_id, planned.second_body, again_at, attributes=forged)

    def _forged(self, planned: PlannedConversation, at: float) -> dict[str, Any]:
        """Return the continuation that somebody made up for a message sent at a moment."""
        if planned.forged is None:
            return {}
        moment = START + timedelta(seconds=at)
        others = self.kernel.random.randint(1, 3)
        true = Continuation(
            number=1,
            origin="m-forged",
            first_sent_at=moment,
            put_at=moment,
            reason=WaitReason.MODEL,
            since=moment,
            run=Run(f"conv_{others}", f"resp_{others}", moment),
            write_number=self.kernel.random.randint(1, 4),
        )
        day = timedelta(days=1)
        wrong = {
            Forgery.FUTURE: replace(true, first_sent_at=moment + day, since=moment + day, put_at=moment + day),
            Forgery.BEYOND_THE_BOUND: replace(true, number=10_000),
            Forgery.AT_THE_BOUND: replace(true, number=MAX_NUMBER),
            Forgery.LONG_AGO: replace(true, first_sent_at=moment - day, since=moment - day),
        }
        text = write_continuation(wrong.get(planned.forged, true))
        return {ATTRIBUTE: {"dataType": "String", "stringValue": "?" if planned.forged is Forgery.NO_JSON else text}}

    def _rotate(self) -> None:
        self.kernel.log("both secrets are rotated")
        for reference, secret in self.secrets.twilio.items():
            if secret.account_sid == TWILIO.account_sid:
                self.secrets.twilio[reference] = replace(secret, auth_token=Secret("twilio-token-2"))
        self.secrets.openai[OPENAI_REFERENCE] = Secret("sk-test-2")
        self.twilio.tokens[TWILIO.account_sid] = {"twilio-token-2"}
        self.model.accepted_keys = {Secret("sk-test-2")}

    def _change_account(self) -> None:
        self.kernel.log("the Twilio secrets name another account")
        for reference, secret in self.secrets.twilio.items():
            self.secrets.twilio[reference] = self._elsewhere(secret)
        if not self.scenario.account_stays:
            self.twilio.tokens[TWILIO.account_sid] = set()

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
        for task, method in self.wires[process.name].doing.items():
            if method == "close" and task in self.working:
                context = self.working[task].context
                self.stopped_in_close.append(context.conversation_data.conversation_id)  # type: ignore[union-attr]
        self.kernel.kill(process)

    def _batch(self, process: Process, ends_at: float) -> BatchProcessor:
        """Wire the real core and adapters to this world, with faults in between."""
        skew = (self.kernel.random.random() * 2 - 1) * self.scenario.clock_skew_seconds
        clock = ProcessClock(self.kernel, skew, process, ends_at)
        self.clocks.append(clock)
        store_wire = self.wires[process.name] = StoreWire(self.table, process, self.injector)

        def wired(name: str, port: Any) -> Any:
            return PortWire(name, port, process, self.injector)

        ports = Ports(
            store=self._store(store_wire),
            secrets=InMemorySecrets(wired("secrets", self.secrets)),
            model=wired("model", self.model),
            moderation=InMemoryModeration(),
            whatsapp=TwilioWhatsApp(self.settings.twilio_timeout_seconds, clock.now),
            queue=wired("queue", self.queue),
            definitions=DEFINITIONS,
            clock=clock,
            telemetry=self.telemetry,
            executor=TaskExecutor(self.kernel, process, self.settings.max_concurrent_messages),  # type: ignore[arg-type]
            jitter=self.kernel.random.random,
            new_owner=lambda: f"owner {self.kernel.random.getrandbits(64):016x}",
        )
        heartbeat_type = type("Heartbeat", (SimulatedHeartbeat,), {"kernel": self.kernel, "process": process})
        batch = wire(self.settings, ports, heartbeat_type)
        if self.scenario.usual_seconds is not None:
            batch._pipeline._processor._times.note(ASSISTANT, self.scenario.usual_seconds)
        self._watch(batch)
        return batch

    def _store(self, wire: StoreWire) -> NamedStore:
        store = DynamoDBConversationStore(wire, "conversations", closing_client=wire.closing())  # type: ignore[arg-type]
        return NamedStore(store, wire)

    def _watch(self, batch: BatchProcessor) -> None:
        """Know which task works on which delivery."""
        process_one = batch._pipeline.process

        def watched(delivery: Delivery, deadline: Deadline) -> Any:
            self.working[getcurrent()] = self.worked[getcurrent()] = delivery
            try:
                return process_one(delivery, deadline)
            finally:
                self.working.pop(getcurrent(), None)

        batch._pipeline.process = watched  # type: ignore[method-assign]
