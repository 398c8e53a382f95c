"""`forget`: one person out of table, queues, OpenAI and Twilio, with a report of what went and what did not."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from core.errors import ProcessorError
from ops.answers import Forgetting, Forgotten
from ops.dead_letters import Letters, Queue, find_queue
from ops.errors import ExitCode, OpsError
from ops.forgetting import Markers, VendorItem, is_at_work, kept_until, key_of, vendor_items
from ops.letters import Letter
from ops.options import Unmask, Yes
from ops.patient import Patient
from ops.recipients import require_number
from ops.redrive import Move
from ops.render import BAD, DIM, GOOD, STRONG, WARN, counted, indented, moment
from ops.session import Session
from ops.table import FORGOTTEN_AT, ConversationTable, Item
from ops.twilio_word import VendorAccess

MOST_WAITING = 1000
"""Messages on the queue that are looked through: each look takes one receive of every message."""

PLACES = ("table", "OpenAI", "Twilio", "DLQ", "queue")

AGAIN = "run this again"


@dataclass
class Tally:
    """What was found in one place, and what became of it."""

    found: int = 0
    gone: int = 0
    left: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def forget(
    session: Session,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The person's number, such as +447700900123.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what there is; delete nothing.")] = False,
    unmask: Unmask = False,
    yes: Yes = False,
) -> None:
    """Delete everything about a person: records, messages in queue and DLQ, and what OpenAI and Twilio keep.

    It looks first, says what there is, and asks. It may be run again, and says when nothing is left to do.
    """
    recipient = require_number(number)
    work = Forgetter(session, recipient)
    work.look()
    if not dry_run:
        session.screen.confirm(
            f"Delete for good, of {recipient}, in {session.names.environment} (account {work.account},"
            f" {session.aws.where}): {work.summary()}?",
            yes=yes,
        )
        work.delete()
    answer = work.answer(dry_run=dry_run)
    session.screen.answer(answer, _render, unmask=unmask)
    if not dry_run and not answer.done:
        raise typer.Exit(ExitCode.PROBLEM)


class Forgetter:
    """Looks for a person in every place, then deletes what it has found."""

    def __init__(self, session: Session, recipient: str) -> None:
        self._session = session
        self._recipient = recipient
        self._patient = Patient(session.aws, session.names)
        self._table = ConversationTable(session.aws, session.names)
        self._markers = Markers(session.aws, self._table, session.names.table)
        self._access = VendorAccess(session)
        self._tallies = {place: Tally() for place in PLACES}
        self._items: list[Item] = []
        self._queue = find_queue(session.aws, session.names.queue)
        self._dead = find_queue(session.aws, session.names.dead_letter_queue)
        now = session.world.now()
        self._end = kept_until(now, self._patient.queue, self._patient.dead_letter_queue)

    @property
    def account(self) -> str:
        return self._queue.account

    def look(self) -> None:
        """Look at the table and the DLQ. The queue is looked through while deleting: a look costs receives."""
        self._items = self._table.of_recipient(self._recipient)
        self._tallies["table"].found = sum(FORGOTTEN_AT not in item for item in self._items)
        for one in (one for item in self._items for one in vendor_items(item)):
            self._tallies[one.vendor].found += 1
        with Letters(self._session.aws.sqs, self._dead) as letters:
            for batch in letters.batches() if self._dead.messages else ():
                self._tallies["DLQ"].found += sum(self._is_theirs(letter) for letter in batch)

    def summary(self) -> str:
        found = [f"{counted(tally.found, 'item')} in {place}" for place, tally in self._tallies.items() if tally.found]
        return ", ".join([*found, f"and what is on the queue ({counted(self._queue.messages, 'message')})"])

    def delete(self) -> None:
        """Delete, letters first: one that is delivered meanwhile must not open what was closed."""
        self._delete_letters("DLQ", self._dead)
        if self._queue.messages > MOST_WAITING:
            self._tallies["queue"].left.append(
                f"{self._queue.messages} messages wait, too many to look through: {AGAIN} when the queue is shorter"
            )
        else:
            self._delete_letters("queue", self._queue)
        for item in self._items:
            self._forget_record(item)
        known = {key_of(item) for item in self._items}
        for item in self._table.of_recipient(self._recipient):
            if key_of(item) not in known:
                self._tallies["table"].left.append(f"{item['conversation_id']} was opened meanwhile: {AGAIN}")

    def answer(self, *, dry_run: bool) -> Forgotten:
        places = [
            Forgetting(place=place, found=tally.found, gone=tally.gone, left=tally.left, notes=tally.notes)
            for place, tally in self._tallies.items()
        ]
        return Forgotten(
            recipient=self._recipient,
            dry_run=dry_run,
            done=not dry_run and not any(place.left for place in places),
            places=places,
            kept_until=None if dry_run or not self._items else self._end,
        )

    def _is_theirs(self, letter: Letter) -> bool:
        return letter.recipient == self._recipient

    def _delete_letters(self, place: str, queue: Queue) -> None:
        tally = self._tallies[place]
        before, tally.found = tally.found, 0
        with (
            self._session.screen.progress(f"looking at the {place}") as tick,
            Letters(self._session.aws.sqs, queue) as letters,
        ):
            looked_at = 0
            for batch in letters.batches() if queue.messages else ():
                looked_at += len(batch)
                tick(looked_at, queue.messages)
                theirs = [letter for letter in batch if self._is_theirs(letter)]
                tally.found += len(theirs)
                if theirs:
                    self._keep_away(theirs)
                    failed = letters.delete(theirs)
                    tally.gone += len(theirs) - len(failed)
                    tally.left += [f"message {one.message_id} could not be deleted: {AGAIN}" for one in failed]
                if place == "queue":
                    self._give_back(letters, [letter for letter in batch if not self._is_theirs(letter)])
        if unseen := queue.hidden + queue.delayed:
            tally.notes.append(
                f"{counted(unseen, 'message')} at work, delayed or hidden, not looked at: `ops find` says later whether"
                " one was theirs"
            )
        if tally.found < before:
            tally.left.append(f"{counted(before - tally.found, 'message')} seen before and hidden now: {AGAIN}")

    def _give_back(self, letters: Letters, others: list[Letter]) -> None:
        """Put messages back as new ones whose last receive this look has taken, so that it costs nobody a message."""
        worn = [letter for letter in others if letter.receive_count >= self._patient.max_receive_count]
        Move(self._session.aws.sqs, self._queue, keeps_continuation=True).move(worn, letters)

    def _keep_away(self, letters: Iterable[Letter]) -> None:
        """Leave markers for conversations that have no record yet: a duplicate of the message may come."""
        known = {key_of(item) for item in self._items}
        for key in {letter.key for letter in letters if letter.key is not None} - known:
            nothing: Item = {"recipient_tel": key.recipient_tel, "conversation_id": key.conversation_id}
            marker = self._markers.replace(nothing, [], self._session.world.now(), self._end, new=True)
            self._items.append(marker or nothing)
            if marker is None:
                self._tallies["table"].left.append(f"{key.conversation_id} has just been opened: {AGAIN}")

    def _forget_record(self, item: Item) -> None:
        """Close the record without its personal data, have the vendors delete, then leave the keys alone."""
        key, table, now = key_of(item), self._tallies["table"], self._session.world.now()
        items = vendor_items(item)
        if FORGOTTEN_AT in item and not items:
            return
        if is_at_work(item, now):
            table.left.append(f"a delivery is at work on {key.conversation_id}: {AGAIN} in a few minutes")
            return
        marker = self._replace(item, items)
        if marker is None:
            return
        table.gone += FORGOTTEN_AT not in item
        left = [one for one in items if not self._erase(one)]
        if items:
            self._replace(marker, left)

    def _replace(self, item: Item, left: list[VendorItem]) -> Item | None:
        marker = self._markers.replace(item, left, self._session.world.now(), self._end)
        if marker is None:
            self._tallies["table"].left.append(f"{item['conversation_id']} has changed meanwhile: {AGAIN}")
        return marker

    def _erase(self, one: VendorItem) -> bool:
        tally = self._tallies[one.vendor]
        try:
            self._ask(one)
        except (OpsError, ProcessorError) as error:
            tally.left.append(f"{one.kind} {one.id}: {str(error).rstrip('.')}")
            return False
        tally.gone += 1
        return True

    def _ask(self, one: VendorItem) -> None:
        if one.reference is None:
            raise OpsError("its record does not say which secret opens the account", "Delete it by hand.")
        eraser, settings = self._session.world.vendors().eraser(), self._access.settings
        if one.kind == "message":
            eraser.message(one.id, self._access.twilio(one.reference), settings)
            return
        erase: dict[str, Callable[..., None]] = {
            "conversation": eraser.conversation,
            "thread": eraser.thread,
            "response": eraser.response,
        }
        erase[one.kind](one.id, self._access.openai(one.reference), settings)


def _render(answer: Forgotten) -> RenderableType:
    verb = "found" if answer.dry_run else "gone"
    blocks: list[RenderableType] = [Text(answer.recipient, STRONG)]
    for place in answer.places:
        count = place.found if answer.dry_run else f"{place.gone} of {place.found}"
        style = WARN if place.left else ""
        if answer.dry_run and place.place == "queue":
            blocks.append(Text("  queue   looked through when deleting", DIM))
            continue
        blocks.append(Text(f"  {place.place:<6}  {count} {verb}", style))
        blocks += [indented(Text(why, BAD), 10) for why in place.left]
        blocks += [indented(Text(why, DIM), 10) for why in place.notes]
    if answer.dry_run:
        blocks.append(Text("\nNothing was deleted: this was a dry run."))
        return Group(*blocks)
    done = "Nothing is left to do." if answer.done else "Not everything is gone: see above, and run this again."
    blocks.append(Text(f"\n{done}", GOOD if answer.done else BAD))
    if answer.kept_until:
        blocks.append(
            Text(
                f"The keys of the conversations stay until {moment(answer.kept_until)}, so that a message on its way"
                " can't bring the person back. The log has masked numbers only.",
                DIM,
            )
        )
    return Group(*blocks)
