"""Verdict: what came of each conversation, and whether that is what was promised."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.harness import Deployment, Record
from sandbox.stubs import StubClient
from tests.chaos.run import Part
from tests.chaos.switchboard import Switchboard

SENT = "initial_message_sent"
LEFT_OVER = ("lease_owner", "lease_expires_at", "send_started_at", "outcome_unknown", "last_error", "needs_attention")
"""What a closed record has no more."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one conversation.

    Attributes:
        faults: Those that hit it.
        messages: How often the recipient got each part, in their order.
        receives: Most receives that a message of it had.
        runs: How often OpenAI was asked.
        violations: What is not as promised.
    """

    part: Part
    faults: Sequence[str]
    messages: Sequence[int]
    receives: int
    runs: int
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


def judge(
    parts: Sequence[Part], deployment: Deployment, stubs: StubClient, switchboard: Switchboard, max_receives: int
) -> list[Verdict]:
    """Return a verdict on each conversation."""
    records = {record["conversation_id"]: record for record in deployment.records()}
    return [_judge(part, records.get(part.member.conversation_id), stubs, switchboard, max_receives) for part in parts]


def _judge(
    part: Part, record: Record | None, stubs: StubClient, switchboard: Switchboard, max_receives: int
) -> Verdict:
    member = part.member
    messages = stubs.messages(member.recipient_tel)
    counts = [sum(member.is_part(number, message) for message in messages) for number in range(member.parts)]
    receives = switchboard.receives(member.conversation_id)
    violations = [f"part {number + 1} was sent {count} times" for number, count in enumerate(counts) if count != 1]
    if sum(counts) != len(messages):
        violations.append(f"{len(messages) - sum(counts)} messages are not its own")
    if max(receives.values(), default=0) > max_receives:
        violations.append(f"a message was received {max(receives.values())} times")
    violations += _faults_of(record, [message["sid"] for message in messages])
    return Verdict(
        part=part,
        faults=part.faults_played(),
        messages=counts,
        receives=max(receives.values(), default=0),
        runs=len(stubs.responses(member.recipient_tel)),
        violations=violations,
    )


def _faults_of(record: Record | None, sids: Sequence[str]) -> list[str]:
    """Return what is wrong with a record that should be closed."""
    if record is None:
        return ["there is no record"]
    if record["conversation_status"] != SENT:
        reason = record.get("last_error", {}).get("code", "no reason")
        return [f"the record says {record['conversation_status']} ({reason})"]
    faults = []
    named = [message["message_id"] for message in record["messages"]]
    if Counter(named) != Counter(sids):
        faults.append(f"the record names {named}, and the recipient got {list(sids)}")
    if record["task_complete"] != 1:
        faults.append("the record is not complete")
    if left := [name for name in LEFT_OVER if name in record]:
        faults.append(f"the closed record still has {', '.join(left)}")
    return faults
