"""Reconciliation: decide from Twilio's list whether a message whose answer was lost was accepted.

A pure decision: what is listed and what is recorded go in, with the time. It rests on three facts. Whoever sent a
listed message had recorded the intent before, in a record of the same recipient. A send can only have been accepted
within the window of its intent, so nothing older or later can be its message. And nobody waits for an answer any more
once the lease is over, the outcome is recorded as unknown, or the attempt has given up.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

from core.conversation import Mode
from core.ports import TwilioMessage
from core.resemblance import is_shown, matches, plain, proves

API_DIRECTION = "outbound-api"
"""Direction of what a program sent through the API."""


@dataclass(frozen=True, slots=True)
class Windows:
    """How long the effect of an intent may take.

    Attributes:
        reach: From an intent to the last moment at which its request could have been accepted.
        skew: What two clocks may differ by, and Twilio's whole seconds.
        settle: From an intent until its message is listed, if there is one.
    """

    reach: timedelta
    skew: timedelta
    settle: timedelta

    @property
    def look_back(self) -> timedelta:
        """How far before an intent the list is read: far enough to see what the rivals' windows hold as well."""
        return 3 * (self.reach + 2 * self.skew)


@dataclass(frozen=True, slots=True)
class Claimant:
    """A conversation that does not know the fate of a part: ours, or a rival of the same recipient.

    Attributes:
        answer_until: Until when one of its deliveries may get Twilio's answer, or write what it got.
        service_sid: Messaging service that its message must show, or None for none.
        any_service: The service is not known.
    """

    conversation_id: str
    mode: Mode
    content: str
    intent_at: datetime
    answer_until: datetime | None = None
    service_sid: str | None = None
    any_service: bool = False

    @property
    def order(self) -> tuple[datetime, str]:
        return self.intent_at, self.conversation_id


@dataclass(frozen=True, slots=True)
class Adopt:
    """The message was accepted, and this is it.

    Attributes:
        unseen: Its text did not prove it: it is ours because it can be nobody else's.
    """

    message: TwilioMessage
    unseen: bool


@dataclass(frozen=True, slots=True)
class NotSent:
    """It was certainly not accepted, and never will be."""


@dataclass(frozen=True, slots=True)
class Wait:
    """It can't be told before `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Undecided:
    """It can't be told from what there is: a person decides between these messages."""

    rows: tuple[TwilioMessage, ...]


Decision = Adopt | NotSent | Wait | Undecided


class Evidence(Enum):
    """Why a listed message may be a claimant's."""

    NONE = auto()
    TEXT = auto()
    EXCLUSION = auto()
    """Its text is not shown, or too short to prove anything."""


def decide(
    ours: Claimant,
    rivals: Sequence[Claimant],
    listed: Sequence[TwilioMessage],
    held_sids: AbstractSet[str],
    windows: Windows,
    now: datetime,
) -> tuple[Decision, bool]:
    """Return the decision, and whether rivals had a part in it.

    Args:
        rivals: Conversations of the same recipient, sender and account that do not know the fate of a part.
        held_sids: Messages that a record names.
    """
    rows = sorted(
        (row for row in listed if row.sid not in held_sids and row.direction != "inbound"),
        key=lambda row: (row.created_at is None, row.created_at or now, row.sid),
    )
    case = _Case(ours, list(rivals), rows, windows)
    case.drop_served_rivals()
    clear = [
        row for row in rows if case.evidence(ours, row) is Evidence.TEXT and not case.owners(row, rivals_only=True)
    ]
    if clear:
        return Adopt(like(ours, clear), unseen=False), False
    claimants, contested = case.component()
    has_rivals = len(claimants) > 1
    known_at = max(max(claimant.intent_at + windows.settle, claimant.answer_until or now) for claimant in claimants)
    if now < known_at:
        return Wait(known_at), has_rivals
    return case.settle(claimants, contested), has_rivals


@dataclass(slots=True)
class _Case:
    ours: Claimant
    rivals: list[Claimant]
    rows: list[TwilioMessage]
    windows: Windows
    served_sids: set[str] = field(default_factory=set)

    def evidence(self, claimant: Claimant, row: TwilioMessage) -> Evidence:
        if row.created_at is None or not self.in_window(claimant, row.created_at):
            return Evidence.NONE
        if not is_shown(row.body):
            return Evidence.EXCLUSION if agrees(claimant, row) else Evidence.NONE
        if not matches(claimant.mode, claimant.content, row.body):
            return Evidence.NONE
        if proves(claimant.mode, claimant.content):
            return Evidence.TEXT
        return Evidence.EXCLUSION if agrees(claimant, row) else Evidence.NONE

    def in_window(self, claimant: Claimant, moment: datetime) -> bool:
        skew = self.windows.skew
        return claimant.intent_at - skew <= moment <= claimant.intent_at + self.windows.reach + skew

    def owners(self, row: TwilioMessage, *, rivals_only: bool = False) -> list[Claimant]:
        """Return the claimants that a message may belong to."""
        claimants = self.rivals if rivals_only else [self.ours, *self.rivals]
        return [claimant for claimant in claimants if self.evidence(claimant, row) is not Evidence.NONE]

    def drop_served_rivals(self) -> None:
        """Leave out rivals that find their own message by its text, for they take no other."""
        served = set()
        for row in self.rows:
            owners = self.owners(row)
            if len(owners) == 1 and owners[0] is not self.ours and self.evidence(owners[0], row) is Evidence.TEXT:
                served.add(owners[0].conversation_id)
                self.served_sids.add(row.sid)
        self.rivals = [rival for rival in self.rivals if rival.conversation_id not in served]

    def component(self) -> tuple[list[Claimant], list[TwilioMessage]]:
        """Return every claimant that the decision depends on, and the messages between which they choose."""
        claimants, rows = {self.ours.conversation_id: self.ours}, dict[str, TwilioMessage]()
        grown = True
        while grown:
            grown = False
            for row in self.rows:
                owners = self.owners(row)
                if row.sid in rows or not any(owner.conversation_id in claimants for owner in owners):
                    continue
                rows[row.sid] = row
                claimants |= {owner.conversation_id: owner for owner in owners}
                grown = True
        return sorted(claimants.values(), key=lambda claimant: claimant.order), list(rows.values())

    def settle(self, claimants: list[Claimant], contested: list[TwilioMessage]) -> Decision:
        """Decide once nothing can change any more."""
        strange = self._strange(contested)
        if contested:
            mine = self._share(claimants, contested)
            if mine is None:
                return Undecided((*contested, *strange))
            if isinstance(mine, TwilioMessage):
                unseen = self.evidence(self.ours, mine) is not Evidence.TEXT
                if unseen and any(row.created_at is None or not is_shown(row.body) for row in strange):
                    return Undecided((*contested, *strange))
                return Adopt(mine, unseen)
        return Undecided(tuple(strange)) if strange else NotSent()

    def _share(self, claimants: list[Claimant], contested: list[TwilioMessage]) -> TwilioMessage | NotSent | None:
        """Share messages out in the order of the intents; return ours, that there is none for us, or None for no way.

        As many as there are claimants: each has one. Of equal content, it does not matter who has which, and whoever
        goes without may send. Of other content, nobody can say who goes without.
        """
        equal = all((c.mode, c.content) == (self.ours.mode, self.ours.content) for c in claimants)
        proven = all(any(self.evidence(c, row) is Evidence.TEXT for c in claimants) for row in contested)
        may_share = len(contested) == len(claimants) or (equal and (proven or len(contested) < len(claimants)))
        if not may_share:
            return None
        free, shares = list(contested), dict[str, TwilioMessage]()
        for claimant in claimants:
            possible = [row for row in free if self.evidence(claimant, row) is not Evidence.NONE]
            if possible:
                share = like(claimant, possible)
                shares[claimant.conversation_id] = share
                free.remove(share)
        if not equal and len(shares) < len(claimants):
            return None
        return shares.get(self.ours.conversation_id, NotSent())

    def _strange(self, contested: list[TwilioMessage]) -> list[TwilioMessage]:
        """Return messages that nobody is known to have sent, and that may be ours all the same."""
        known = self.served_sids | {row.sid for row in contested}
        strange = []
        for row in self.rows:
            if row.sid in known:
                continue
            if row.created_at is None:
                if not is_shown(row.body) or matches(self.ours.mode, self.ours.content, row.body):
                    strange.append(row)
            elif self.in_window(self.ours, row.created_at) and not (is_shown(row.body) and self._is_rivals(row)):
                strange.append(row)
        return strange

    def _is_rivals(self, row: TwilioMessage) -> bool:
        return bool(self.owners(row, rivals_only=True))


def like(claimant: Claimant, rows: Sequence[TwilioMessage]) -> TwilioMessage:
    """Return the first message that shows a claimant's text unaltered, else the first."""
    return next((row for row in rows if plain(row.body) == plain(claimant.content)), rows[0])


def agrees(claimant: Claimant, row: TwilioMessage) -> bool:
    """Whether what Twilio shows beside the text is what the claimant's message would show."""
    is_same_service = claimant.any_service or row.messaging_service_sid == claimant.service_sid
    return is_same_service and row.direction in {"", API_DIRECTION}
