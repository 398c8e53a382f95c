"""The queue in memory passes the contract of the real one."""

import itertools

import pytest

from tests.contracts.message_queue import MessageQueueContract, QueueLab
from tests.fakes.queue import InMemoryQueue, Put


class FakeLab:
    def __init__(self) -> None:
        self.queue = InMemoryQueue()
        self._numbers = itertools.count(1)

    def receive(self, count: int) -> list[str]:
        return [f"handle-{next(self._numbers)}" for _ in range(count)]

    def delete(self, handle: str) -> None:
        self.queue.gone.add(handle)

    def put(self) -> list[Put]:
        puts, self.queue.puts = self.queue.puts, []
        return puts

    def visible(self, handles: list[str]) -> set[str]:
        last = dict(self.queue.hidden)
        return {handle for handle in handles if last.get(handle) == 0}


class TestInMemoryQueue(MessageQueueContract):
    @pytest.fixture
    def lab(self) -> QueueLab:
        return FakeLab()
