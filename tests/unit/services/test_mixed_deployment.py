"""Two releases at work on one table: this one reads the records of the one before, and is read by it."""

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from core.conversation import (
    Conversation,
    ConversationKey,
    EffectOwner,
    Failure,
    Mode,
    Reply,
    Run,
    SentPart,
    Standing,
    Status,
    Step,
    Usage,
)
from core.lease import Lease
from core.ports import ChatMessage, Closing, Failing
from sandbox.context_objects import make_body
from services.conversation_item import deserialize, read_conversation
from services.dynamodb_service import DynamoDBConversationStore
from tests.fakes.clock import START
from tests.samples.release_before import COMMIT
from tests.simulation.table import SimulatedTable
from utils.context_processor import parse_context

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROOT = Path(__file__).resolve().parents[3]
FROZEN = ROOT / "tests" / "samples" / "records_before.json"
OLD_RECORDS: dict[str, dict[str, Any]] = json.loads(FROZEN.read_text(encoding="utf-8"))

OWNER = EffectOwner("+442079460000", "AC1", "whatsapp-credentials/acme/spring/twilio")
MARK = Failure(Step.CLAIM, "attempt_unfinished", "at work", START, permanent=False, message_id="m-2", receive_count=1)


@pytest.fixture(scope="module")
def old_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the release before, from the history of this clone."""
    got = subprocess.run(["git", "archive", COMMIT, "lambda"], cwd=ROOT, capture_output=True, check=False)
    if got.returncode:
        pytest.skip(f"this clone has no commit {COMMIT}: a shallow one, or an archive")
    folder = tmp_path_factory.mktemp("release-before")
    with tarfile.open(fileobj=io.BytesIO(got.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "lambda"


def run_old(code: Path, mode: str, given: Any = None) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tests.samples.release_before", mode],
        input=json.dumps(given),
        env={**os.environ, "PYTHONPATH": f"{code}{os.pathsep}{ROOT}"},
        cwd=code.parent,
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_sample_is_what_the_release_before_writes(old_code: Path) -> None:
    assert run_old(old_code, "write") == OLD_RECORDS


# This release reads what the one before wrote


def old(state: str) -> Conversation:
    return read_conversation(deserialize(OLD_RECORDS[state]))


@pytest.mark.parametrize("state", OLD_RECORDS)
def test_a_record_of_the_release_before_is_closed_if_it_is_sent_and_open_otherwise(state: str) -> None:
    assert old(state).standing is (Standing.CLOSED if state == "closed" else Standing.OPEN)


def test_its_state_is_read_in_full() -> None:
    assert old("claimed").lease_owner == "owner-1"
    assert old("asked").run is not None
    assert old("asked").run.response_id == "resp_1"  # type: ignore[union-attr]
    assert [old(state).pending_part for state in ("intended", "second part intended")] == ["Part 1", "Part 2"]
    assert old("unknown").pending_part == "Part 1"
    assert old("failed send").pending_part is None
    assert [part.sid for part in old("failed between parts").sent] == ["SM1"]
    assert [part.sid for part in old("closed").sent] == ["SM1"]
    assert (old("asked").company_id, old("asked").sender) == ("acme", "+442079460000")


@pytest.mark.parametrize("state", [state for state in OLD_RECORDS if state != "closed"])
def test_this_release_takes_it_over_and_closes_it(state: str) -> None:
    table = SimulatedTable()
    table.put_item(Item=OLD_RECORDS[state])
    store, lease, seen = store_on(table), Lease("me"), old(state)

    lease.take(seen.key, START.timestamp() + 900, seen.write_number + 1)
    store.take_over(seen, lease, attributes(), MARK, needs_attention=False)
    lease.confirm()
    store.record_run(lease, Run("conv_2", "resp_2", START), START)
    store.close(lease, Closing((ChatMessage("SM9", "Hello", START, Usage(1, 1)),), START, 1))

    record = read_conversation(deserialize(table.items[seen.key.recipient_tel, state]))
    assert record.standing is Standing.CLOSED
    assert "SM9" in record.held_sids


# The release before reads what this one wrote


def store_on(table: SimulatedTable) -> DynamoDBConversationStore:
    return DynamoDBConversationStore(cast("DynamoDBClient", table), "conversations")


def attributes() -> dict[str, Any]:
    return parse_context(make_body()).stored_attributes()


def new_records() -> dict[str, Any]:
    """Return a record of this release in each of its states."""
    table = SimulatedTable()
    store = store_on(table)
    part = SentPart("SM1", START, text="Hello Ana")
    reply = Reply(Mode.FREE_FORM, ("Part 1", "Part 2"), Usage(420, 30))

    def claimed(state: str) -> Lease:
        key, lease = ConversationKey("+447700900123", state), Lease("me")
        lease.take(key, START.timestamp() + 345)
        store.create(key, lease, attributes(), MARK, needs_attention=False)
        lease.confirm()
        return lease

    def intended(state: str, sent: tuple[SentPart, ...] = ()) -> Lease:
        lease = claimed(state)
        store.record_run(lease, Run("conv_1", "resp_1", START), START)
        store.intend(lease, reply, sent, START, OWNER)
        return lease

    claimed("claimed")
    intended("intended")
    intended("second part intended", (part,))
    store.fail(intended("failed"), Failing(Status.FAILED_SEND, MARK, sent=(part,), keep_intent=False, keep_run=True))
    store.reject(ConversationKey("+447700900123", "rejected"), MARK)
    store.close(intended("closed"), Closing((ChatMessage("SM1", "Hello", START, Usage(420, 30)),), START, 8250))
    return {key[1]: item for key, item in table.items.items()}


def test_the_release_before_reads_every_record_of_this_one(old_code: Path) -> None:
    seen = run_old(old_code, "read", new_records())

    run, parts = ["conv_1", "resp_1"], ["Part 1", "Part 2"]
    nothing: dict[str, Any] = {"run": None, "parts": None, "sent": [], "intent": False, "lease": None}
    assert seen == {
        "claimed": {**nothing, "status": "processing", "lease": "me"},
        "intended": {**nothing, "status": "sending", "run": run, "parts": parts, "intent": True, "lease": "me"},
        "second part intended": {
            "status": "sending",
            "run": run,
            "parts": parts,
            "sent": ["SM1"],
            "intent": True,
            "lease": "me",
        },
        "failed": {**nothing, "status": "failed_to_send_message", "run": run, "parts": parts, "sent": ["SM1"]},
        "rejected": {**nothing, "status": "failed_validation"},
        "closed": {**nothing, "status": "initial_message_sent", "run": run, "sent": ["SM1"]},
    }
