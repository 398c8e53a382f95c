"""The replies service between any two writes of the function, in memory, on both keys of the table.

`tests/integration/neighbours` has the same with three programs at the same time.
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest

from core.outcome import Done
from sandbox.context_objects import TWILIO_REFERENCE
from sandbox.neighbours.replies import Outcome, RepliesService
from sandbox.neighbours.router import company_record, frontend_request, message
from services.conversation_item import TableKey
from services.dynamodb_service import DynamoDBConversationStore
from tests.fakes.function import InMemoryFunction
from tests.simulation.table import SimulatedTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SENDER, RECIPIENT = "+15550002222", "+447700900123"
KEYS = ["recipient_tel", "primary_channel"]
RUN, INTENT, CLOSE = 2, 3, 4
"""The function's writes, by their number: the first is the claim."""


class Meeting:
    """One conversation, one person, one table."""

    def __init__(self, partition_key: str) -> None:
        self.table = SimulatedTable(partition_key)
        client = cast("DynamoDBClient", self.table)
        self.function = InMemoryFunction(
            store=DynamoDBConversationStore(client, "conversations", table_key=TableKey(partition_key))
        )
        self.service = RepliesService(self.table, "conversations", partition_key)
        self.routed = message(
            company_record(SENDER, references=("openai-api-key/whatsapp", TWILIO_REFERENCE)),
            frontend_request(RECIPIENT),
        )
        self.key = {partition_key: RECIPIENT, "conversation_id": self.routed.conversation_id}
        self.entries: list[str] = []
        self.lost = 0
        self._writes = 0
        self._acts: dict[int, Callable[[], object]] = {}
        self._acting = False
        self.table.watchers.append(self._watch)

    def after(self, number: int, act: Callable[[], object]) -> None:
        """Act right after the function's write of that number."""
        self._acts[number] = act

    def _watch(self, *_: object) -> None:
        if self._acting:
            return
        self._writes += 1
        if act := self._acts.get(self._writes):
            self._acting = True
            act()
            self._acting = False

    def reply(self) -> None:
        reply = self.service.reply(SENDER, RECIPIENT, "Hello")
        assert reply.outcome is Outcome.REPLIED, reply
        self.entries += reply.message_ids

    def finish(self) -> None:
        reply = self.service.finish(self.key, "Hello")
        self.lost += reply.outcome is Outcome.LOST_LOCK
        self.entries += reply.message_ids

    def receive(self) -> Any:
        return self.function.receive(body=self.routed.body)

    def record(self) -> dict[str, Any]:
        record = self.table.record((RECIPIENT, self.routed.conversation_id))
        assert record is not None
        return record

    def check(self, status: str) -> None:
        """Everything that must hold once everybody is done, and again after a redelivery."""
        (sent,) = self.function.whatsapp.delivered
        before = self.record()
        assert [entry["message_id"] for entry in before["messages"]].count(sent.message.sid) == 1
        assert {entry["message_id"] for entry in before["messages"]} == {sent.message.sid, *self.entries}
        assert len(before["messages"]) == 1 + len(self.entries)
        assert before["conversation_status"] == status
        assert "closed_at" in before
        assert self.lost == 0
        assert self.receive() == Done()
        assert self.record() == before
        assert len(self.function.whatsapp.delivered) == 1


@pytest.fixture(params=KEYS)
def meeting(request: pytest.FixtureRequest) -> Meeting:
    return Meeting(request.param)


def test_the_router_and_the_function_alone(meeting: Meeting) -> None:
    assert meeting.receive() == Done()

    meeting.check("initial_message_sent")
    (entry,) = meeting.record()["messages"]
    assert entry["content"] == meeting.function.whatsapp.delivered[0].message.body
    assert entry["total_tokens"] == entry["prompt_tokens"] + entry["completion_tokens"]


@pytest.mark.parametrize("number", [RUN, INTENT, CLOSE])
def test_a_whole_reply_between_two_writes(meeting: Meeting, number: int) -> None:
    meeting.after(number, meeting.reply)

    assert meeting.receive() == Done()

    meeting.check("reply_sent")


@pytest.mark.parametrize(("first", "last"), [(1, INTENT), (1, CLOSE), (RUN, INTENT), (RUN, CLOSE), (INTENT, CLOSE)])
def test_a_lock_held_over_writes_is_kept(meeting: Meeting, first: int, last: int) -> None:
    meeting.after(first, lambda: meeting.service.lock(meeting.key))
    meeting.after(last, meeting.finish)

    assert meeting.receive() == Done()

    meeting.check("reply_sent")


@pytest.mark.parametrize("number", [1, RUN, INTENT, CLOSE])
def test_a_failing_service_keeps_its_word_in_the_status(meeting: Meeting, number: int) -> None:
    meeting.after(number, lambda: meeting.service.fail(meeting.key))

    assert meeting.receive() == Done()

    meeting.check("retry")


def test_before_the_run_the_service_lacks_the_thread_and_nothing_else(meeting: Meeting) -> None:
    seen: list[str] = []
    meeting.after(1, lambda: seen.append(meeting.service.not_usable(meeting.key)))

    meeting.receive()

    assert seen == ["thread_id"]
    assert json.loads(meeting.routed.body)["company_data_payload"]["project_status"] == "active"
