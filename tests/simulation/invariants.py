"""Invariants: what must hold after every event of a schedule, and at its end."""

import json
from collections import Counter
from typing import Any

from greenlet import getcurrent

from core.attempt import MAX_WRITE_TRIES
from core.claim import UNFINISHED
from core.continuation import MAX_NUMBER
from core.conversation import TRANSITIONS, Status
from core.errors import LeaseHeldError
from tests.simulation.ambiguity import Ambiguity
from tests.simulation.deliveries import Deliveries
from tests.simulation.expressions import Item
from tests.simulation.faults import SURVIVABLE, Fault
from tests.simulation.scenario import RUN_DEADLINE_SECONDS, Change, PlannedConversation
from tests.simulation.sqs import MAX_RECEIVE_COUNT, Message
from tests.simulation.table import ItemKey, number, plain, text
from tests.simulation.twilio import Accepted, canonical
from tests.simulation.world import World

OURS = frozenset(Status)
FAILED = frozenset(status for status in Status if status.startswith("failed"))
UNDECIDED = "delivery_undecided"

ENDURED_FAULTS = 2
"""A message has three receives; each fault costs at most one."""

WAIT_SECONDS = 60.0
"""How much longer than the reconcile window a lost answer may keep a conversation open, where nothing else is wrong."""

OUTAGE_SECONDS, RUN_FACTOR = 900.0, 1.7
"""How long after an outage all is sent, and how much longer than a run takes it may be waited for."""

MAX_PAID_RUNS = 3
"""What the record may count. A run whose id never reached the function is not in it: the causes below come on top."""

_LOSES_AN_ANSWER = {Fault.CRASH_AFTER, Fault.LOSE, Fault.SLOW, Fault.PAUSE}
_LOSES_ITS_HOLDER = {Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.PAUSE}
_LOSES_A_WRITE = {Fault.FAIL, Fault.LOSE, Fault.OVERTAKEN, Fault.SILENT}


_ARRIVES_LATE = {Fault.OVERTAKEN, Fault.SILENT}


class ViolationError(AssertionError):
    """The promise is broken."""


class Invariants:
    """Watches a world.

    Attributes:
        undecided: Conversations that were left to a person, at any moment.
        unseen: Conversations with a message that was adopted without its text.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._table = world.table
        self._seen_version = -1
        self._ambiguity = Ambiguity(world)
        self._closed_at: dict[ItemKey, float] = {}
        self.undecided: set[ItemKey] = set()
        self._meant = Counter(
            (planned.recipient_tel, canonical(content))
            for planned in world.scenario.conversations
            for content in planned.texts
        )
        self._got: Counter[tuple[str, str]] = Counter()
        self._broken: str | None = None
        self._deliveries = Deliveries(world)
        for accepted in world.twilio.sent:
            self._got[accepted.recipient_tel, canonical(accepted.content)] += 1
        for key, item in world.table.items.items():
            if (started_at := text(item, "send_started_at")) is not None:
                self._ambiguity.note_intent(key, started_at)
        world.table.watchers.append(self._check_write)
        world.twilio.on_send.append(self._check_send)
        world.queue.on_delete.append(self._check_delete)
        world.queue.on_put.append(self._check_put)
        world.kernel.after_event = self.check_now

    @property
    def unseen(self) -> set[ItemKey]:
        return {key for key, item in self._table.items.items() if _is_unseen(plain(item))}

    def check_now(self) -> None:
        """Check what must hold at every moment."""
        if broken := self._broken or self._deliveries.broken:
            raise ViolationError(broken)
        if self._table.version == self._seen_version:
            return
        self._seen_version = self._table.version
        self._one_owner()

    def check_end(self) -> None:
        """Check what must hold when nothing is left to happen."""
        self.check_now()
        for message in self._world.queue.messages:
            if message.waiting:
                raise ViolationError(f"{message.message_id} is stuck in the queue")
            if message.was_put and json.loads(message.continuation or "")["number"] > MAX_NUMBER:
                raise ViolationError(f"{message.message_id} was put on the queue again, beyond the bound")
            if message.receive_count > MAX_RECEIVE_COUNT:
                raise ViolationError(f"{message.message_id} was received {message.receive_count} times")
        if unforeseen := [line for line in self._world.telemetry.lines if line.fields.get("code") == "unforeseen"]:
            raise ViolationError(f"nobody foresaw {unforeseen[0].fields['reason']}")
        for planned in self._world.scenario.conversations:
            self._never_lost(planned)
            self._conflicts_reach_a_person(planned)
            self._left_to_people_only_if_need_be(planned)
            self._waiting_is_over(planned)
            if undelivered := self._deliveries.check_end(planned):
                raise ViolationError(undelivered)
        self._sent_means_sent()
        self._replies_keep_their_locks_and_history()
        self._critical_line_before_the_stop()
        self._paid_once()
        self._no_waiting_past_the_end()
        self._two_faults_are_endured()
        self._waits_no_longer_than_it_must()
        self._waiting_needs_no_person()

    # At every write and every send; what is wrong is raised after the event, outside the code under test.

    def _check_write(self, key: ItemKey, before: Item | None, after: Item) -> None:
        try:
            if self._table.writer:
                self._statuses_follow_the_table(key, before or {}, after)
                self._history_is_kept(key, before or {}, after)
        except ViolationError as violation:
            self._broken = self._broken or str(violation)
        started_at = text(after, "send_started_at")
        if started_at is not None and (before is None or text(before, "send_started_at") != started_at):
            self._ambiguity.note_intent(key, started_at)
        if _error_code(after) == UNDECIDED:
            self.undecided.add(key)
        if _is_closed(after):
            self._closed_at.setdefault(key, self._world.kernel.now)

    def _check_send(self, accepted: Accepted) -> None:
        try:
            self._never_twice(accepted)
            self._effect_belongs_to_its_intent(accepted)
        except ViolationError as violation:
            self._broken = self._broken or str(violation)

    def _check_delete(self, message: Message) -> None:
        """Check that an open conversation still has a message, whatever is deleted."""
        planned = self._world.planned[message.conversation_id]
        item = self._table.items.get(planned.key)
        if (item is not None and _is_closed(item)) or self._is_anothers(planned, item):
            return
        if not any(other.alive for other in self._messages(planned)):
            self._broken = self._broken or f"{planned.conversation_id} is open, and its last message was deleted"

    def _check_put(self, conversation_id: str, delay_seconds: float) -> None:
        """Check that a continuation does not meet the lease of the delivery that puts it: the record comes first.

        Only the claim itself can come later, if nobody heard of it at all.
        """
        if self._world.scenario.silent_seconds or self._world.injector.counts().keys() & _ARRIVES_LATE:
            return
        item = self._table.items.get(self._world.planned[conversation_id].key)
        delivery = self._world.worked[getcurrent()]
        if item is None or text(item, "lease_owner") != delivery.lease.owner:
            return
        comes_at = self._world.clock.now().timestamp() + delay_seconds + 2 * self._world.scenario.clock_skew_seconds
        if number(item, "lease_expires_at") > comes_at:
            self._broken = self._broken or f"{conversation_id} waits in the queue, and its record is still leased"

    def _statuses_follow_the_table(self, key: ItemKey, before: Item, after: Item) -> None:
        was, now = text(before, "conversation_status"), text(after, "conversation_status")
        if was == now:
            return
        if was is not None and was not in OURS:
            raise ViolationError(f"{key[1]}: the status {was} of another program became {now}")
        if now not in OURS or Status(now) not in TRANSITIONS[None if was is None else Status(was)]:
            raise ViolationError(f"{key[1]} went from {was or 'no record'} to {now}")

    def _history_is_kept(self, key: ItemKey, before: Item, after: Item) -> None:
        was, now = before.get("messages", {}).get("L"), after.get("messages", {}).get("L", [])
        if was is not None and now[: len(was)] != was:
            raise ViolationError(f"{key[1]}: messages in the record were overwritten")

    def _never_twice(self, accepted: Accepted) -> None:
        what = accepted.recipient_tel, canonical(accepted.content)
        self._got[what] += 1
        if self._got[what] > self._meant[what]:
            raise ViolationError(
                f"{what[0]} got {self._got[what]} times, not {self._meant[what]}: {accepted.content[:40]!r}"
            )
        for planned in self._world.scenario.conversations:
            alone = self._meant[what] == 1 and what in {
                (planned.recipient_tel, canonical(content)) for content in planned.texts
            }
            if alone and planned.key in self.undecided:
                raise ViolationError(f"{planned.conversation_id} was left to a person, and then sent")
            if alone and planned.before is not None and not planned.before.is_open:
                raise ViolationError(f"{planned.conversation_id} was sent, though its record says {planned.before}")

    def _effect_belongs_to_its_intent(self, accepted: Accepted) -> None:
        items = [item for key, item in self._table.items.items() if key[0] == accepted.recipient_tel]
        owners = {(text(item, "send_account"), text(item, "send_from")) for item in items if "send_started_at" in item}
        if owners and owners != {(None, None)} and (accepted.message.account_sid, accepted.sender) not in owners:
            raise ViolationError(
                f"{accepted.recipient_tel} got a message from an account or a sender without an intent"
            )

    def _one_owner(self) -> None:
        latest = self._world.clock.now().timestamp() + self._world.scenario.clock_skew_seconds
        for delivery in self._world.working.values():
            lease = delivery.lease
            if not lease.renewable or lease.key is None or latest >= lease.expires_at:
                continue
            item = self._table.items.get((lease.key.recipient_tel, lease.key.conversation_id))
            if item is None or text(item, "lease_owner") != lease.owner:
                raise ViolationError(f"{delivery.receipt_handle} trusts a lease that is not its own")

    # At the end

    def _never_lost(self, planned: PlannedConversation) -> None:
        item = self._table.items.get(planned.key)
        messages = self._messages(planned)
        if item is not None and _is_closed(item):
            return
        if self._is_anothers(planned, item):
            return
        before = planned.before
        if not any(message.dead_lettered for message in messages):
            raise ViolationError(f"{planned.conversation_id} is lost: not sent, and no message of it is in the DLQ")
        refused = before is not None and (before.may_be_sent or not planned.consents)
        if item is not None and "record_version" not in item and self._store_is_away():
            return  # nothing of ours could be written to another program's record
        if item is not None and not refused and not self._says_why(item):
            raise ViolationError(f"{planned.conversation_id} is in the DLQ as {text(item, 'conversation_status')}")

    def _is_anothers(self, planned: PlannedConversation, item: Item | None) -> bool:
        """Whether the record that was there before, or what others made of it, means that nothing is to be sent."""
        before = planned.before
        if before is None:
            return False
        return (item is not None and _is_strange(item)) or (not before.is_open and not before.may_be_sent)

    def _says_why(self, item: Item) -> bool:
        """Whether a record tells why it was not sent.

        Of an attempt that died on the first receive, or was to wait in the queue, the index of what needs attention
        need not know: if the others died as well, before they wrote anything, the DLQ alone tells of it.
        """
        record = plain(item)
        error, needs_attention = record.get("last_error"), "needs_attention" in record
        if not isinstance(error, dict):
            return "waiting" in record
        if "waiting" in record and error["receive_count"] < MAX_RECEIVE_COUNT:
            return True
        if error.get("code") == UNDECIDED and not needs_attention:
            return False
        if error.get("code") not in {UNFINISHED, LeaseHeldError.code}:
            return needs_attention
        return record["conversation_status"] not in FAILED and (needs_attention or error["receive_count"] == 1)

    def _conflicts_reach_a_person(self, planned: PlannedConversation) -> None:
        item = self._table.items.get(planned.key)
        if planned.change is not Change.COMPANY or item is None or planned.before is not None:
            return
        owner = text(item, "company_id")
        messages = self._messages(planned)
        for origin in {message.origin for message in messages}:
            theirs = "umbrella" if origin.endswith("duplicate") else "acme"
            is_heard = any(message.dead_lettered for message in messages if message.origin == origin)
            if theirs != owner and not is_heard and planned.consents:
                raise ViolationError(f"{origin} is of {theirs}, the record of {owner}, and nobody hears of it")

    def _left_to_people_only_if_need_be(self, planned: PlannedConversation) -> None:
        item = self._table.items.get(planned.key)
        if item is None:
            return
        record = plain(item)
        if planned.key in self.undecided:
            if not self._ambiguity.may_be_undecided(planned):
                raise ViolationError(f"{planned.conversation_id} was left to a person, and nothing is ambiguous")
            is_over = _is_closed(item) or _is_strange(item)  # once the replies service has had it, say
            if not is_over and not any(message.dead_lettered for message in self._messages(planned)):
                raise ViolationError(f"{planned.conversation_id} is undecided, and no message of it is in the DLQ")
        if _is_unseen(record) and not self._ambiguity.may_be_adopted_unseen(planned):
            raise ViolationError(f"{planned.conversation_id} adopted a message unseen, though its text is shown")

    def _waiting_is_over(self, planned: PlannedConversation) -> None:
        """Check that a closed record says nothing of waiting."""
        item = self._table.items.get(planned.key)
        if item is not None and "closed_at" in item and "waiting" in item:
            raise ViolationError(f"{planned.conversation_id} is closed, and says that it waits")

    def _sent_means_sent(self) -> None:
        held: Counter[str] = Counter()
        for planned in self._world.scenario.conversations:
            item = self._table.items.get(planned.key)
            if item is None or not _is_closed(item) or (planned.before is not None and not planned.before.is_open):
                continue
            record = plain(item)
            theirs = set(self._world.replies.history.get(planned.key, ()))
            named = [m.get("message_id") for m in record["messages"] if isinstance(m, dict)]
            sids = [sid for sid in named if sid is not None and sid not in theirs]
            held.update(sids)
            if len(sids) != len(planned.texts):
                raise ViolationError(f"{planned.conversation_id} says {len(sids)} messages, not {len(planned.texts)}")
            for sid, content in zip(sids, planned.texts, strict=True):
                self._is_its_message(planned, record, sid, content)
        for sid, count in held.items():
            if count > 1:
                raise ViolationError(f"{sid} is claimed by {count} messages")

    def _is_its_message(self, planned: PlannedConversation, record: dict[str, Any], sid: str, content: str) -> None:
        """Check a message that a closed record names: ours, or the same to its recipient, or adopted unseen."""
        twilio, name = self._world.twilio, planned.conversation_id
        for accepted in twilio.sent:
            if accepted.message.sid == sid:
                same = accepted.recipient_tel == planned.recipient_tel
                if not same or (canonical(accepted.content) != canonical(content) and not _is_unseen(record)):
                    raise ViolationError(f"{name} says sent, and Twilio has another message")
                return
        foreign = next((message for message in twilio.foreign if message.sid == sid), None)
        if foreign is None:
            raise ViolationError(f"{name} says sent, and Twilio has no such message")
        if not self._ambiguity.in_window(planned.key, foreign):
            raise ViolationError(f"{name} adopted a message of another program from outside its window")
        asked = foreign.form.get("ContentVariables") or foreign.body
        if canonical(asked) != canonical(content) and not _is_unseen(record) and planned.texts[0][0] != "{":
            raise ViolationError(f"{name} adopted another program's message")
        if not twilio.shown(foreign) and not _is_unseen(record):
            raise ViolationError(f"{name} silently adopted a message whose text nobody sees")

    def _replies_keep_their_locks_and_history(self) -> None:
        if self._world.replies.lost:
            raise ViolationError(f"the replies service lost its lock on {self._world.replies.lost[0][1]}")
        for key, sids in self._world.replies.history.items():
            entries = plain(self._table.items[key])["messages"]
            kept = [entry.get("message_id") for entry in entries if isinstance(entry, dict)]
            if missing := [sid for sid in sids if sid not in kept]:
                raise ViolationError(f"{key[1]} lost {missing[0]}, which the replies service wrote")

    def _critical_line_before_the_stop(self) -> None:
        told = {line.fields["conversation_id"] for line in self._world.telemetry.lines if line.level == "CRITICAL"}
        if untold := [name for name in self._world.stopped_in_close if name not in told]:
            raise ViolationError(f"{untold[0]} was stopped amid its final update, and no critical line says so")

    def _paid_once(self) -> None:
        """A conversation is paid for once, and once more for each of the causes that guarantee 4 names."""
        causes = self._causes_of_a_second_run()
        for planned in self._world.scenario.conversations:
            allowed = 1 + causes.total()
            if planned.run_seconds > RUN_DEADLINE_SECONDS:
                allowed += MAX_PAID_RUNS - 1
            runs, item = self._world.model.runs_of[planned.conversation_id], self._table.items.get(planned.key)
            if runs > allowed and not self._store_is_away():
                raise ViolationError(f"{planned.conversation_id} was paid for {runs} times; causes: {dict(causes)}")
            counted = number(item, "paid_runs") if item is not None else 0
            if counted > min(runs, MAX_PAID_RUNS):
                raise ViolationError(f"{planned.conversation_id} counts {counted:.0f} runs of {runs}")

    def _store_is_away(self) -> bool:
        scenario = self._world.scenario
        return bool(scenario.silent_seconds) or any(outage.of == "store" for outage in scenario.outages)

    def _causes_of_a_second_run(self) -> Counter[str]:
        """Count the faults after which nobody knows the id of a run: nothing else is a reason to pay again."""
        injected = [(planned.fault, name) for planned, name in self._world.injector.injected]
        lost_writes = sum(name == "store.record_run" and fault in _LOSES_A_WRITE for fault, name in injected)
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
        for planned in self._world.scenario.conversations:
            item = self._table.items.get(planned.key)
            if planned.key in self.undecided or (item is not None and _is_closed(item)):
                continue
            raise ViolationError(
                f"{planned.conversation_id} did not survive {' and '.join(faults) or 'no fault at all'}"
            )

    def _waits_no_longer_than_it_must(self) -> None:
        scenario, injected = self._world.scenario, self._world.injector.injected
        lost = [name for planned, name in injected if planned.fault is Fault.LOSE]
        if not scenario.endurable or len(scenario.conversations) > 1 or scenario.foreign or scenario.replies:
            return
        if lost != ["whatsapp.send"] or len(injected) > 1:
            return
        (planned,) = scenario.conversations
        sent = [accepted.at for accepted in self._world.twilio.sent if accepted.at >= 0]
        closed_at = self._closed_at.get(planned.key)
        if not sent or closed_at is None:
            return
        waited = closed_at - sent[0]
        if waited > self._world.settings.settle_seconds + WAIT_SECONDS:
            raise ViolationError(f"{planned.conversation_id} waited {waited:.0f} s for what could be known before")

    def _waiting_needs_no_person(self) -> None:
        """Check that where nothing goes wrong but outages, nobody has to redrive, and all is sent soon after them."""
        scenario = self._world.scenario
        if not scenario.endurable or self._world.injector.injected or scenario.foreign or scenario.redriven_at:
            return
        if not scenario.exact_delays or self._store_is_away() or scenario.replies or self.undecided:
            return
        outages_end = max((outage.ends for outage in scenario.outages), default=0.0)
        for planned in scenario.conversations:
            if any(message.dead_lettered for message in self._messages(planned)):
                raise ViolationError(f"{planned.conversation_id} needs a person, and there was nothing but an outage")
            closed_at = self._closed_at.get(planned.key)
            if planned.before is not None or closed_at is None:
                continue
            run_seconds = max(planned.run_seconds, scenario.usual_seconds or 0.0)
            longest = OUTAGE_SECONDS + RUN_FACTOR * run_seconds + self._world.settings.lease_seconds
            if closed_at > max(outages_end, planned.sent_at) + longest * len(scenario.conversations):
                raise ViolationError(f"{planned.conversation_id} waited until {closed_at:.0f} for nothing")
            alone = len(scenario.conversations) == 1 and not outages_end
            if alone and closed_at > planned.sent_at + RUN_FACTOR * run_seconds + WAIT_SECONDS:
                raise ViolationError(f"{planned.conversation_id} waited until {closed_at:.0f} for the model")

    def _messages(self, planned: PlannedConversation) -> list[Message]:
        return [m for m in self._world.queue.messages if m.conversation_id == planned.conversation_id]


def _is_closed(item: Item) -> bool:
    return "closed_at" in item or text(item, "conversation_status") == Status.SENT


def _is_strange(item: Item) -> bool:
    """Whether a record is another program's, in a status that only that one knows."""
    return "record_version" not in item and text(item, "conversation_status") not in OURS


def _is_unseen(record: dict[str, Any]) -> bool:
    """Whether a record says that one of its messages was adopted without its text."""
    entries = [entry for entry in record.get("messages", ()) if isinstance(entry, dict)]
    return "adopted_unseen" in record or any(entry.get("adopted_unseen") for entry in entries)


def _error_code(item: Item) -> str | None:
    error = item.get("last_error", {}).get("M")
    return error["code"].get("S") if error and "code" in error else None
