"""Observation: what can be seen of a running stack from outside, at one moment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demo.story import Line, Story, tell_stories
from ops.aws import Aws
from ops.letters import Letter, read_body
from ops.names import Names
from ops.reasons import find_reasons
from ops.table import ConversationTable
from sandbox.engines.engine import REGION
from sandbox.harness.deployment import DeadLetter, Deployment, Record
from sandbox.stubs import StubClient


@dataclass(frozen=True, slots=True)
class Dead:
    """A message in the DLQ, and why it is there.

    Attributes:
        recipient: Full number, where the body has one.
    """

    message_id: str
    body: str
    conversation_id: str | None
    recipient: str | None
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Observation:
    """What there was at one moment.

    Attributes:
        messages: What Twilio accepted, oldest first, as the stub shows it.
        records: All records of the table.
        stories: What the function's log tells.
        paused: Nothing is taken from the queue.
    """

    messages: Sequence[Mapping[str, Any]] = ()
    records: Sequence[Record] = ()
    stories: Sequence[Story] = ()
    dead: Sequence[Dead] = ()
    paused: bool = False

    def record(self, conversation_id: str) -> Record | None:
        return next((record for record in self.records if record["conversation_id"] == conversation_id), None)

    def story(self, conversation_id: str) -> Story | None:
        return next((story for story in self.stories if story.conversation_id == conversation_id), None)

    def messages_to(self, recipient_tel: str) -> list[Mapping[str, Any]]:
        return [message for message in self.messages if number_of(message["to"]) == recipient_tel]


class Observer:
    """Looks at a deployment and the stubs, and leaves both as they are."""

    def __init__(self, deployment: Deployment, stubs: StubClient) -> None:
        self._deployment = deployment
        self._stubs = stubs
        self._since_ms = deployment.now_ms()
        self._table = ConversationTable(ops_aws(deployment), Names.of(deployment.environment))

    def look(self) -> Observation:
        return Observation(
            messages=self._stubs.messages(),
            records=self._deployment.records(),
            stories=tell_stories(self._lines()),
            dead=self._dead(self._deployment.dead_letters()),
            paused=not self._deployment.delivers(),
        )

    def _lines(self) -> Iterable[Line]:
        return (line.json for line in self._deployment.log.lines(self._since_ms) if line.json is not None)

    def _dead(self, letters: Iterable[DeadLetter]) -> list[Dead]:
        return [
            Dead(
                message_id=letter.message_id,
                body=letter.body,
                conversation_id=letter.conversation_id,
                recipient=letter.recipient,
                code=reason.code,
                reason=reason.explanation,
            )
            for letter, reason, _ in find_reasons(map(_as_read_by_ops, letters), self._table)
        ]


def ops_aws(deployment: Deployment) -> Aws:
    """Return the deployment's clients as the operations command takes them."""
    return Aws(deployment.aws.client, REGION, deployment.aws.endpoint)


def number_of(address: str) -> str:
    """Return the number of an address as Twilio writes it, `whatsapp:+44...`."""
    return address.removeprefix("whatsapp:")


def _as_read_by_ops(letter: DeadLetter) -> Letter:
    return read_body(letter.body, message_id=letter.message_id)
