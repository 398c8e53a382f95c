"""The release before this one at work: run by a test with that release's code on the path, in a process of its own.

`write` prints a record in each of its states, as DynamoDB's JSON; `read` takes records of this release from standard
input and prints what the old reader makes of them.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from core.conversation import ConversationKey, Failure, Mode, Reply, Run, SentPart, Status, Step, Usage
from core.lease import Lease
from core.ports import ChatMessage, Closing, Failing
from services.conversation_item import deserialize, read_conversation
from services.dynamodb_service import DynamoDBConversationStore
from tests.simulation.table import SimulatedTable
from tools.surroundings import settle

COMMIT = "620ef7e"

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def written() -> dict[str, Any]:
    table = SimulatedTable()
    store: Any = DynamoDBConversationStore(table, "conversations")  # type: ignore[arg-type]
    message: Any = ChatMessage
    reply = Reply(Mode.FREE_FORM, ("Part 1", "Part 2"), Usage(420, 30))
    part = SentPart("SM1", START + timedelta(seconds=3))

    def failure(step: Any, code: str) -> Any:
        return Failure(step, code, "It failed.", START, permanent=True, message_id="m-1", receive_count=1)

    def claimed(state: str) -> Any:
        key, lease = ConversationKey("+447700900123", state), Lease("owner-1")
        lease.take(key, START.timestamp() + 345)
        context = {"company_id": "acme", "project_id": "spring", "company_whatsapp_number": "+442079460000"}
        store.create(key, lease, context, failure(Step.CLAIM, "attempt_unfinished"), needs_attention=False)
        lease.confirm()
        return lease

    def asked(state: str) -> Any:
        lease = claimed(state)
        store.record_run(lease, Run("conv_1", "resp_1"), START)
        return lease

    def intended(state: str, sent: tuple[Any, ...] = ()) -> Any:
        lease = asked(state)
        store.intend(lease, reply, sent, START)
        return lease

    def failed(lease: Any, status: Any, step: Any, *, sent: tuple[Any, ...] = (), intent: bool = False) -> None:
        error = failure(step, "twilio_21211")
        store.fail(lease, Failing(status=status, failure=error, sent=sent, keep_intent=intent, keep_run=True))

    claimed("claimed")
    asked("asked")
    intended("intended")
    intended("second part intended", (part,))
    failed(claimed("failed secrets"), Status.FAILED_SECRETS, Step.SECRETS)
    failed(intended("failed send"), Status.FAILED_SEND, Step.SEND)
    failed(intended("failed between parts"), Status.FAILED_SEND, Step.SEND, sent=(part,))
    failed(intended("unknown"), Status.FAILED_SEND, Step.SEND, intent=True)
    store.reject(ConversationKey("+447700900123", "rejected"), failure(Step.VALIDATE, "invalid_context"))
    lease = intended("closed")
    store.close(lease, Closing((message("SM1", "Hello", START, 30),), START, 8250))
    return {key[1]: item for key, item in table.items.items()}


def read(items: dict[str, Any]) -> dict[str, Any]:
    seen = {}
    for state, item in items.items():
        record = read_conversation(deserialize(item))
        seen[state] = {
            "status": record.status,
            "run": record.run and [record.run.thread_id, record.run.response_id],
            "parts": record.reply and list(record.reply.parts),
            "sent": [part.sid for part in record.sent],
            "intent": record.intent_at is not None,
            "lease": record.lease_owner,
        }
    return seen


if __name__ == "__main__":
    settle()
    print(json.dumps(written() if sys.argv[1] == "write" else read(json.load(sys.stdin))))  # noqa: T201
