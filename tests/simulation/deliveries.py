"""Deliveries: what the look back at sent messages must find, and must never do."""

from typing import Any

from core.continuation import MAX_NUMBER
from tests.simulation.expressions import Item
from tests.simulation.faults import Fault
from tests.simulation.scenario import PlannedConversation
from tests.simulation.table import ItemKey, plain
from tests.simulation.world import World

FAILED, DELIVERED = frozenset({"failed", "undelivered"}), frozenset({"delivered", "read"})
MEANT_BY = {"canceled": "failed"}

LOOK_SECONDS = {Fault.PAUSE: 1000.0, Fault.SLOW_CONNECT: 200.0}
"""How much later than it asked a process may write what it saw, after such a fault; else a minute."""

BLIND_LOOKS = 4
"""Looks in vain after which the end of a watch may have seen nothing: it is given as long again as it had."""


class Deliveries:
    """Watches what becomes of the deliveries in the records of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._written_at: dict[ItemKey, float] = {}
        self.broken: str | None = None
        world.table.watchers.append(self._check_write)

    def _check_write(self, key: ItemKey, before: Item | None, after: Item) -> None:
        was, now = _deliveries(before or {}), _deliveries(after)
        if was != now or ("delivery_watch_until" in (before or {})) != ("delivery_watch_until" in after):
            self._written_at[key] = self._world.kernel.now
        for sid, entry in was.items():
            status, later = entry["status"], now.get(sid, {}).get("status")
            if later == status or (status == "delivered" and later == "read"):
                continue
            if later is None or status in FAILED | DELIVERED or (status == "sent" and later == "accepted"):
                self.broken = self.broken or f"{key[1]}: {sid[-4:]} went from {status} to {later}"

    def check_end(self, planned: PlannedConversation) -> str | None:
        """Return what is wrong with a conversation's deliveries when nothing is left to happen."""
        item = self._world.table.items.get(planned.key)
        record = plain(item) if item is not None else {}
        if "delivery_watch_until" in record:
            return None if self._may_be_left_open(planned) else f"{planned.conversation_id} is watched by nobody"
        for sid, entry in record.get("deliveries", {}).items():
            if entry["status"] in FAILED and not self._reached_a_person(record):
                return f"{planned.conversation_id} was not delivered, and nobody is told"
            truth = self._truth(planned, sid)
            if truth is not None and self._differ(truth, entry["status"]):
                return f"{planned.conversation_id} is {truth}, and its record says {entry['status']}"
        return None

    def _differ(self, truth: str, recorded: str) -> bool:
        return MEANT_BY.get(truth, truth) in FAILED | DELIVERED and recorded not in FAILED | DELIVERED

    def _reached_a_person(self, record: dict[str, Any]) -> bool:
        error = record.get("last_error")
        return "needs_attention" in record and isinstance(error, dict) and error["step"] == "deliver"

    def _may_be_left_open(self, planned: PlannedConversation) -> bool:
        """Whether somebody is told in another way, or the queue takes nothing from the function."""
        messages = [m for m in self._world.queue.messages if m.conversation_id == planned.conversation_id]
        refused = any(
            name == "queue.put" and planned_fault.fault is Fault.REFUSE
            for planned_fault, name in self._world.injector.injected
        )
        return any(m.dead_lettered for m in messages) or not self._world.scenario.may_put or refused or self._spent()

    def _spent(self) -> bool:
        return any(line.fields.get("continuation", 0) >= MAX_NUMBER for line in self._world.telemetry.lines)

    def _truth(self, planned: PlannedConversation, sid: str) -> str | None:
        """Return what Twilio said of a message shortly before the record was written last; None if nobody could ask."""
        scenario, world = self._world.scenario, self._world
        message = next((sent.message for sent in world.twilio.sent if sent.message.sid == sid), None)
        blind = [line for line in world.telemetry.lines if line.event == "delivery_look_failed"]
        if message is None or scenario.account_changes_at is not None or len(blind) >= BLIND_LOOKS:
            return None
        faults = [planned_fault.fault for planned_fault, _ in world.injector.injected]
        late = 60.0 + sum(LOOK_SECONDS.get(fault, 0.0) for fault in faults)
        asked_at = self._written_at.get(planned.key, 0.0) - late
        return message.status(message.created_at + asked_at - self._created_at(sid))

    def _created_at(self, sid: str) -> float:
        return next(sent.at for sent in self._world.twilio.sent if sent.message.sid == sid)


def _deliveries(item: Item) -> dict[str, Any]:
    return dict(plain(item).get("deliveries", {})) if "deliveries" in item else {}
