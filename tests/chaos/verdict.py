"""Verdict: what came of each conversation, and whether that is what was promised."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.harness import Record
from tests.chaos.neighbours import Replies, critical_line
from tests.chaos.run import Part
from tests.chaos.site import Site

SENT = "initial_message_sent"
UNDECIDED = "delivery_undecided"
LEFT_OVER = ("lease_owner", "lease_expires_at", "send_started_at", "outcome_unknown", "last_error", "needs_attention")
"""What a closed record has no more."""

UNDELIVERED = ("last_error", "needs_attention")
"""What it has after all if one of its messages was not delivered."""

GOOD, UNHAPPY = frozenset({"delivered", "read"}), frozenset({"failed", "undelivered"})
FINAL = GOOD | UNHAPPY


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one conversation.

    Attributes:
        faults: Those that hit it.
        messages: How often the recipient got each part, in their order.
        receives: Most receives that a message of it had.
        runs: How often OpenAI was asked.
        unseen: Whether a message was adopted without its text.
        delivery: What became of its messages, as its record says.
        undecided: Whether it was left to a person.
        violations: What is not as promised.
    """

    part: Part
    faults: Sequence[str]
    messages: Sequence[int]
    receives: int
    runs: int
    unseen: bool
    delivery: str | None
    undecided: bool
    violations: Sequence[str]

    @property
    def delivered(self) -> bool:
        return all(count > 0 for count in self.messages)

    @property
    def duplicates(self) -> int:
        return sum(max(count - 1, 0) for count in self.messages)

    @property
    def lost(self) -> int:
        return sum(count == 0 for count in self.messages)


def judge(parts: Sequence[Part], site: Site, max_receives: int) -> list[Verdict]:
    """Return a verdict on each conversation."""
    records = {record["conversation_id"]: record for record in site.deployment.records()}
    return [_judge(part, records.get(part.member.conversation_id), site, max_receives) for part in parts]


def is_undecided(record: Record) -> bool:
    """Whether a conversation was left to a person."""
    error = record.get("last_error")
    return isinstance(error, dict) and error.get("code") == UNDECIDED


def _judge(part: Part, record: Record | None, site: Site, max_receives: int) -> Verdict:
    member = part.member
    name = member.conversation_id
    replies: Replies | None = site.neighbours.get(name)
    others = {*site.foreign[name], *(replies.said if replies else ())}
    messages = [message for message in site.stubs.messages(member.recipient_tel) if message["sid"] not in others]
    counts = [sum(member.is_part(number, message) for message in messages) for number in range(member.parts)]
    receives = site.switchboard.receives(name)
    undecided = record is not None and is_undecided(record)
    violations = [f"part {number + 1} was sent {count} times" for number, count in enumerate(counts) if count > 1]
    if sum(counts) != len(messages):
        violations.append(f"{len(messages) - sum(counts)} messages are not its own")
    if max(receives.values(), default=0) > max_receives:
        violations.append(f"a message was received {max(receives.values())} times")
    if record is None:
        violations.append("there is no record")
    elif undecided:
        violations += _faults_of_an_undecided(record, site)
    else:
        violations += [f"part {number + 1} was never sent" for number, count in enumerate(counts) if count == 0]
        violations += _faults_of_a_closed(record, [message["sid"] for message in messages], replies)
        if site.settings.delivery_watch_seconds:
            violations += _faults_of_the_watch(record, messages, replies)
    violations += _faults_of_silence(part, site)
    return Verdict(
        part=part,
        faults=part.faults_played(),
        messages=counts,
        receives=max(receives.values(), default=0),
        runs=len(site.stubs.responses(member.recipient_tel)),
        unseen=record is not None and is_unseen(record),
        delivery=record.get("delivery_status") if record is not None else None,
        undecided=undecided,
        violations=violations,
    )


def is_unseen(record: Record) -> bool:
    """Whether a record says that a message was adopted without its text."""
    return "adopted_unseen" in record or any(message.get("adopted_unseen") for message in record.get("messages", ()))


def _faults_of_an_undecided(record: Record, site: Site) -> list[str]:
    """Return what is wrong with a conversation that was left to a person."""
    faults = []
    name = record["conversation_id"]
    if name not in site.ambiguous:
        faults.append("it was left to a person, and nothing is ambiguous")
    if "needs_attention" not in record or not record.get("undecided"):
        faults.append("it was left to a person who is not told between which messages")
    if not site.deployment.dead_letters(f'"{name}"'):
        faults.append("it was left to a person, and no message of it is in the DLQ")
    return faults


def _faults_of_a_closed(record: Record, sids: Sequence[str], replies: Replies | None) -> list[str]:
    """Return what is wrong with a record that should be closed."""
    if "closed_at" not in record:
        reason = record.get("last_error", {}).get("code", "no reason")
        return [f"the record says {record['conversation_status']} ({reason})"]
    faults = []
    named = [message["message_id"] for message in record["messages"]]
    if replies is not None:
        if replies.lock_lost:
            faults.append("the replies service lost its lock")
        if missing := [one for one in replies.said if one not in named]:
            faults.append(f"{missing} of the replies service is gone")
        named = [one for one in named if one not in replies.said]
    elif record["conversation_status"] != SENT or record["task_complete"] != 1:
        faults.append(f"the closed record says {record['conversation_status']}, complete {record['task_complete']}")
    if Counter(named) != Counter(sids) and not is_unseen(record):
        faults.append(f"the record names {named}, and the recipient got {list(sids)}")
    may_say = UNDELIVERED if is_undelivered(record) else ()
    if left := [name for name in LEFT_OVER if name in record and name not in may_say]:
        faults.append(f"the closed record still has {', '.join(left)}")
    return faults


def _faults_of_the_watch(record: Record, messages: Sequence[Mapping[str, Any]], replies: Replies | None) -> list[str]:
    """Return where a record does not say what Twilio says of its messages, and where nobody is told."""
    faults = ["it is still watched"] if "delivery_watch_until" in record else []
    deliveries, error = record.get("deliveries", {}), record.get("last_error")
    for message in messages:
        sid, truth = message["sid"], message["status"]
        said = deliveries.get(sid, {}).get("status")
        if {said, truth} & FINAL and said != truth and not (said in GOOD and truth in {*GOOD, "sent"}):
            faults.append(f"{sid} is {truth}, and its record says {said}")
        if truth in UNHAPPY and "needs_attention" not in record:
            faults.append(f"{sid} is {truth}, and nobody is told")
        code = f"twilio_{message['error_code']}"
        if truth in UNHAPPY and replies is None and (not isinstance(error, dict) or error["code"] != code):
            faults.append(f"{sid} is {truth} ({code}), and its record says {error}")
    return faults


def is_undelivered(record: Record) -> bool:
    """Whether a record says that one of its messages did not arrive."""
    return record.get("delivery_status") in UNHAPPY


def _faults_of_silence(part: Part, site: Site) -> list[str]:
    """Return whether the function was silent itself about a final update that it gave up."""
    name = part.member.conversation_id
    if "DynamoDB is silent at the final update, for long" not in part.faults_played():
        return []
    return [] if critical_line(site.deployment, name)() else ["no critical line about the final update"]
