"""The table in memory passes the contract of the real one."""

import pytest

from core.conversation import ConversationKey
from tests.contracts.conversation_store import ConversationStoreContract, Inspected, StoreLab
from tests.fakes.store import InMemoryConversationStore


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
        )


class TestInMemoryConversationStore(ConversationStoreContract):
    @pytest.fixture
    def lab(self) -> StoreLab:
        return FakeLab()
