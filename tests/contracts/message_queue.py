"""Contract of `core.ports.MessageQueue`."""

from typing import Protocol

import pytest

from core.delivery import Envelope
from core.ports import MessageQueue
from tests.fakes.queue import Put
from utils.sqs_heartbeat import Hiding

CAMPAIGN = {"campaign": {"dataType": "String", "stringValue": "spring"}}


class QueueLab(Protocol):
    @property
    def queue(self) -> MessageQueue: ...

    def receive(self, count: int) -> list[str]:
        """Send as many messages, receive them and return their handles."""
        ...

    def delete(self, handle: str) -> None:
        """Delete a message: its handle can't be kept any more."""
        ...

    def put(self) -> list[Put]:
        """Return what was put on the queue and is visible after its delay; receive each once."""
        ...

    def visible(self, handles: list[str]) -> set[str]:
        """Return the handles whose messages can be received again at once."""
        ...


class MessageQueueContract:
    """What the core relies on."""

    @pytest.fixture
    def lab(self) -> QueueLab:
        raise NotImplementedError

    def test_a_message_is_hidden_for_longer(self, lab: QueueLab) -> None:
        handles = lab.receive(2)

        hiding = lab.queue.hide(handles, 600)

        assert hiding == Hiding()
        assert lab.visible(handles) == set()

    def test_a_message_can_be_shown_again_at_once(self, lab: QueueLab) -> None:
        first, second = lab.receive(2)

        hiding = lab.queue.hide([first], 0)

        assert hiding == Hiding()
        assert lab.visible([first, second]) == {first}

    def test_a_message_that_is_gone_is_lost_and_the_others_are_not(self, lab: QueueLab) -> None:
        first, second, third = handles = lab.receive(3)
        lab.delete(second)

        hiding = lab.queue.hide(handles, 600)

        assert hiding == Hiding(lost=frozenset({second}))
        assert lab.visible([first, third]) == set()

    def test_a_message_that_is_put_comes_back_as_it_was(self, lab: QueueLab) -> None:
        lab.queue.put(Envelope("the body", CAMPAIGN, None), "the first", 0)
        (first,) = lab.put()

        lab.queue.put(first.envelope, "the second", 0)
        (second,) = lab.put()

        assert (first.envelope.body, first.continuation) == ("the body", "the first")
        assert (second.envelope.body, second.continuation) == ("the body", "the second")
        assert second.envelope.attributes["campaign"]["stringValue"] == "spring"

    def test_no_message_is_no_call(self, lab: QueueLab) -> None:
        assert lab.queue.hide([], 600) == Hiding()

    def test_more_messages_than_one_call_takes_are_all_hidden(self, lab: QueueLab) -> None:
        handles = lab.receive(12)
        lab.delete(handles[11])

        hiding = lab.queue.hide(handles, 0)

        assert hiding == Hiding(lost=frozenset({handles[11]}))
        assert lab.visible(handles[:11]) == set(handles[:11])
