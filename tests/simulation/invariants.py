"""Invariants: what must hold after every event of a schedule, and at its end."""

from collections import Counter

from core.attempt import MAX_WRITE_TRIES
from core.claim import UNFINISHED
from core.conversation import TRANSITIONS, ConversationKey, Status
from core.errors import LeaseHeldError
from core.ports import OutboundPart
from tests.fakes.store import Record
from tests.fakes.whatsapp import rendered
from tests.simulation.faults import SURVIVABLE, Fault
from tests.simulation.sqs import MAX_RECEIVE_COUNT
from tests.simulation.world import World

FAILED = {
    Status.FAILED_VALIDATION,
    Status.FAILED_SECRETS,
    Status.FAILED_AI,
    Status.FAILED_SEND,
    Status.FAILED_UNKNOWN,
}

ENDURED_FAULTS = 2
"""A message has three receives; each fault costs at most one."""

MAX_PAID_RUNS = 3
"""What the record may count. A run whose id never reached the function is not in it: the causes below come on top."""

_LOSES_AN_ANSWER = {Fault.CRASH_AFTER, Fault.LOSE, Fault.SLOW, Fault.PAUSE}
_LOSES_ITS_HOLDER = {Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.PAUSE}


class ViolationError(AssertionError):
    """The promise is broken."""


class Invariants:
    """Watches a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._deliveries_seen = 0
        self._statuses: dict[ConversationKey, Status] = {}
        self._meant = Counter(
            (planned.recipient_tel, rendered(OutboundPart("", "", planned.mode, text)))
            for planned in world.scenario.conversations
            for text in planned.texts
        )
        world.kernel.after_event = self.check_now

    def check_now(self) -> None:
        """Check what must hold at every moment."""
        self._never_twice()
        self._one_owner()
        self._statuses_follow_the_table()
        for message in self._world.queue.messages:
            if message.receive_count > MAX_RECEIVE_COUNT:
                raise ViolationError(f"{message.message_id} was received {message.receive_count} times")

    def check_end(self) -> None:
        """Check what must hold when nothing is left to happen."""
        self.check_now()
        for message in self._world.queue.messages:
            if message.waiting:
                raise ViolationError(f"{message.message_id} is stuck in the queue")
        for planned in self._world.scenario.conversations:
            self._never_lost(ConversationKey(planned.recipient_tel, planned.conversation_id))
        self._sent_means_sent()
        self._paid_once()
        self._no_waiting_past_the_end()
        self._two_faults_are_endured()

    def _never_twice(self) -> None:
        delivered = self._world.whatsapp.delivered
        if len(delivered) == self._deliveries_seen:
            return
        self._deliveries_seen = len(delivered)
        got = Counter((item.part.to, item.message.body) for item in delivered)
        for (recipient, body), count in got.items():
            meant = self._meant[recipient, body]
            if count > meant:
                raise ViolationError(f"{recipient} got {count} times, not {meant}: {body[:40]!r}")

    def _one_owner(self) -> None:
        for delivery in self._world.working.values():
            lease = delivery.lease
            if not lease.renewable or lease.key is None:
                continue
            latest = self._world.clock.now().timestamp() + self._world.scenario.clock_skew_seconds
            if latest >= lease.expires_at:
                continue
            record = self._world.store.records.get(lease.key)
            if record is None or record.conversation.lease_owner != lease.owner:
                raise ViolationError(f"{delivery.receipt_handle} trusts a lease that is not its own")

    def _statuses_follow_the_table(self) -> None:
        """No event holds more than one write: each port call takes time before its effect."""
        for key, record in self._world.store.records.items():
            before, now = self._statuses.get(key), Status(record.conversation.status)
            if now is before:
                continue
            if now not in TRANSITIONS[before]:
                raise ViolationError(f"{key.conversation_id} went from {before or 'no record'} to {now}")
            self._statuses[key] = now

    def _never_lost(self, key: ConversationKey) -> None:
        record = self._world.store.records.get(key)
        messages = [m for m in self._world.queue.messages if m.conversation_id == key.conversation_id]
        if record is not None and record.conversation.status is Status.SENT:
            return
        if not any(message.dead_lettered for message in messages):
            raise ViolationError(f"{key.conversation_id} is lost: not sent, and no message of it is in the DLQ")
        if record is not None and not self._says_why(record):
            raise ViolationError(f"{key.conversation_id} is in the DLQ as {record.conversation.status}")

    def _says_why(self, record: Record) -> bool:
        """Whether a record tells why it was not sent.

        Of an attempt that died on the first receive, the index of what needs attention need not know: if the others
        died as well, before they wrote anything, the DLQ alone tells of it.
        """
        error = record.conversation.last_error
        if error is None:
            return False
        if record.conversation.status in FAILED:
            return record.needs_attention
        return error.code in {UNFINISHED, LeaseHeldError.code} and (record.needs_attention or error.receive_count == 1)

    def _sent_means_sent(self) -> None:
        world = self._world
        at_twilio = {item.message.sid: item.part for item in world.whatsapp.delivered}
        held: Counter[str] = Counter()
        for key, record in world.store.records.items():
            if record.conversation.status is not Status.SENT:
                continue
            sids = [message.message_id for message in record.messages]
            held.update(sids)
            texts = world.planned[key.conversation_id].texts
            if len(sids) != len(texts):
                raise ViolationError(f"{key.conversation_id} says {len(sids)} messages, its reply has {len(texts)}")
            for sid, text in zip(sids, texts, strict=True):
                part = at_twilio.get(sid)
                if (
                    part is None
                    or part.to != key.recipient_tel
                    or " ".join(part.content.split()) != " ".join(text.split())
                ):
                    raise ViolationError(f"{key.conversation_id} says sent, and Twilio has no such message")
        for sid, count in held.items():
            if count > 1:
                raise ViolationError(f"{sid} is claimed by {count} messages")

    def _paid_once(self) -> None:
        """A conversation is paid for once, and once more for each of the causes that guarantee 4 names."""
        causes = self._causes_of_a_second_run()
        for conversation_id, runs in self._world.model.runs_of.items():
            if runs > 1 + causes.total():
                raise ViolationError(f"{conversation_id} was paid for {runs} times; causes: {dict(causes)}")
        for key, record in self._world.store.records.items():
            paid = self._world.model.runs_of[key.conversation_id]
            if record.conversation.paid_runs > min(paid, MAX_PAID_RUNS):
                raise ViolationError(f"{key.conversation_id} counts {record.conversation.paid_runs} runs of {paid}")

    def _causes_of_a_second_run(self) -> Counter[str]:
        """Count the faults after which nobody knows the id of a run: nothing else is a reason to pay again."""
        injected = [(planned.fault, name) for planned, name in self._world.injector.injected]
        lost_writes = sum(name == "store.record_run" and fault in {Fault.FAIL, Fault.LOSE} for fault, name in injected)
        return Counter(
            {
                "the answer to the question was lost": sum(
                    name == "model.start_run" and fault in _LOSES_AN_ANSWER for fault, name in injected
                ),
                "the process ended before it was recorded": sum(fault in _LOSES_ITS_HOLDER for fault, _ in injected),
                "the table took neither its record nor the failure's": lost_writes // MAX_WRITE_TRIES,
            }
        )

    def _no_waiting_past_the_end(self) -> None:
        for clock in self._world.clocks:
            if clock.overslept:
                raise ViolationError(f"a process meant to sleep {clock.overslept[0]:.0f} s past its end")

    def _two_faults_are_endured(self) -> None:
        faults = [planned.fault for planned, _ in self._world.injector.injected]
        if not self._world.scenario.endurable or len(faults) > ENDURED_FAULTS or not SURVIVABLE.issuperset(faults):
            return
        for key, record in self._world.store.records.items():
            if record.conversation.status is not Status.SENT:
                raise ViolationError(f"{key.conversation_id} did not survive {' and '.join(faults)}")
        if len(self._world.store.records) < len(self._world.scenario.conversations):
            raise ViolationError(f"a conversation without a record did not survive {' and '.join(faults)}")
