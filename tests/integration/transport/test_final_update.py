"""The final update's client against a table that is silent: it gives up in the time that the port promises."""

import socket
import time

import boto3
import pytest

from composition import CLOSING_CONFIG
from core.close import CALL_SECONDS
from core.conversation import ConversationKey, Usage
from core.errors import StoreUnavailableError
from core.lease import Lease
from core.ports import ChatMessage, Closing
from services.dynamodb_service import DynamoDBConversationStore
from tests.fakes.clock import START

pytestmark = pytest.mark.integration


def test_a_silent_table_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = boto3.client(
            "dynamodb",
            region_name="eu-west-1",
            endpoint_url=f"http://127.0.0.1:{silent.getsockname()[1]}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=CLOSING_CONFIG,
        )
        store = DynamoDBConversationStore(client, "conversations-dev")
        lease = Lease("me")
        lease.take(ConversationKey("+447700900123", "conv-1"), START.timestamp() + 300)
        began = time.monotonic()

        with pytest.raises(StoreUnavailableError):
            store.close(lease, Closing((ChatMessage("SM1", "Hello", START, Usage(420, 30)),), START, 8250))

    assert time.monotonic() - began < CALL_SECONDS / 2
