"""The stores in memory pass the contract of the real one."""

import pytest

from core.conversation import ConversationKey
from tests.contracts.conversation_store import ConversationStoreContract, Inspected, StoreLab
from tests.contracts.dynamodb import DynamoDBLab
from tests.fakes.store import InMemoryConversationStore
from tests.simulation.table import SimulatedTable


class FakeLab:
    def __init__(self) -> None:
        self.store = InMemoryConversationStore()

    def inspect(self, key: ConversationKey) -> Inspected:
        record = self.store.records[key]
        return Inspected(
            attempts=record.attempts,
            needs_attention=record.needs_attention,
            attributes=record.attributes,
            messages=list(record.messages),
            processing_time_ms=record.processing_time_ms,
            waiting=record.waiting,
        )


class TestInMemoryConversationStore(ConversationStoreContract):
    @pytest.fixture
    def lab(self) -> StoreLab:
        return FakeLab()


class TestDynamoDBConversationStoreOnASimulatedTable(ConversationStoreContract):
    """The adapter as the simulation runs it; on an emulator it passes the same contract."""

    @pytest.fixture
    def lab(self) -> StoreLab:
        return DynamoDBLab(SimulatedTable(), "conversations")
