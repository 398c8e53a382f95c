"""Ambiguity: where nobody who sees only the table and Twilio's lists could tell whether a part was sent.

There, and only there, may a conversation be left to a person or a message be adopted unseen.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from core.conversation import Mode
from sandbox.stubs import Shown
from sandbox.stubs.twilio_messages import Message
from tests.fakes.clock import START
from tests.simulation.scenario import PlannedConversation
from tests.simulation.table import ItemKey
from tests.simulation.twilio import CHANNEL
from tests.simulation.world import World
from utils.settings import CLOCK_SKEW_SECONDS

VISIBLE_CHARACTERS = 12
"""A template whose values have fewer in all proves nothing by its text (design, 4)."""


@dataclass(frozen=True)
class Intent:
    """When the record said that a part was about to be sent, in seconds of the schedule."""

    at: float


class Ambiguity:
    """What can be told from outside, in one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.intents: dict[ItemKey, list[Intent]] = {}

    def note_intent(self, key: ItemKey, started_at: str) -> None:
        at = (datetime.fromisoformat(started_at) - START).total_seconds()
        self.intents.setdefault(key, []).append(Intent(at))

    def in_window(self, key: ItemKey, message: Message) -> bool:
        """Whether a message may have come of one of a conversation's intents, by its time alone."""
        at = message.created_at - START.timestamp()
        return any(first <= at <= last for first, last in self._windows(key))

    def may_be_undecided(self, planned: PlannedConversation) -> bool:
        """Whether something in the world looks like the message of a conversation, or hides it."""
        world, scenario = self._world, self._world.scenario
        if planned.before is not None and (planned.before.may_be_sent or (planned.before.odd and scenario.replies)):
            return True
        if not self.intents.get(planned.key):
            return False
        if scenario.account_changes_at is not None or planned.change is not None:
            return True
        others = [m for m in self._to(planned) if not self._is_own(planned, m)]
        if any(self.in_window(planned.key, message) or _undated(message) for message in others):
            return True
        if any(_undated(message) or _odd(message) for message in self._to(planned)):
            return True
        rivals = [key for key in self.intents if key != planned.key and key[0] == planned.recipient_tel]
        unclear = planned.mode is Mode.TEMPLATE or self.is_unseen(planned)
        return unclear and any(self._overlap(planned.key, rival) for rival in rivals) and bool(world.twilio)

    def may_be_adopted_unseen(self, planned: PlannedConversation) -> bool:
        """Whether a message without its text stands where the conversation's may stand."""
        hidden = [message for message in self._to(planned) if not self._world.twilio.shown(message)]
        return self.is_unseen(planned) or any(
            self.in_window(planned.key, message) or _undated(message) for message in hidden
        )

    def is_unseen(self, planned: PlannedConversation) -> bool:
        """Whether Twilio does not show the conversation's text, or too little of it."""
        scenario = self._world.scenario
        if scenario.shown is Shown.HIDDEN or any(fate.row.get("body", "") is None for fate in scenario.fates):
            return True
        return any(is_weak(text) for text in planned.texts)

    def _to(self, planned: PlannedConversation) -> list[Message]:
        twilio = self._world.twilio
        messages = [*twilio.foreign, *(accepted.message for accepted in twilio.sent)]
        return [message for message in messages if message.to == CHANNEL + planned.recipient_tel]

    def _is_own(self, planned: PlannedConversation, message: Message) -> bool:
        """Whether only this conversation can have sent a message of the function."""
        if message in self._world.twilio.foreign:
            return False
        alone = [p for p in self._world.scenario.conversations if p.recipient_tel == planned.recipient_tel]
        return len(alone) == 1 or not self.is_unseen(planned)

    def _windows(self, key: ItemKey) -> list[tuple[float, float]]:
        settings = self._world.settings
        slack = 2 * CLOCK_SKEW_SECONDS + 2
        length = settings.send_start_seconds + settings.twilio_timeout_seconds
        return [(intent.at - slack, intent.at + length + slack) for intent in self.intents.get(key, ())]

    def _overlap(self, one: ItemKey, other: ItemKey) -> bool:
        return any(a[0] <= b[1] and b[0] <= a[1] for a in self._windows(one) for b in self._windows(other))


def is_weak(content: str) -> bool:
    """Whether content variables are too few to tell a message by."""
    try:
        values = json.loads(content)
    except ValueError:
        return False
    return isinstance(values, dict) and sum(len("".join(v.split())) for v in values.values()) < VISIBLE_CHARACTERS


def _undated(message: Message) -> bool:
    return "date_created" in message.fate.row


def _odd(message: Message) -> bool:
    return "direction" in message.fate.row
