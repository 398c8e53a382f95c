"""Redrive: from the DLQ back to the queue, without losing a message."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from ops.dead_letters import Letters, Queue
from ops.letters import Letter

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import (
        ListMessageMoveTasksResultEntryTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

BATCH_BYTES = 200 * 1024
"""Bodies of one batch of sends; every engine takes 256 KiB, attributes included."""

_UNDER_WAY = {"RUNNING", "CANCELLING"}


@dataclass
class Move:
    """Messages on their way from the DLQ to the queue, counted.

    Each is sent before it is deleted: if anything breaks between the two it is there twice, and the function
    suppresses the duplicate. The other order could lose it. Its attributes and its message group go along, all but what
    the function added to postpone it; a move task of SQS would take that along too.

    Attributes:
        moved: Sent, and deleted unless in `twice`.
        twice: Sent, but could not be deleted.
        new_ids: Message id to the id of what was sent in its place.
        refused: Codes with which the queue refused messages; these stay.
        dry_run: Only count what would be moved.
        keeps_continuation: Leave the function's own attribute on it too: it is put back where it was.
    """

    client: "SQSClient"
    destination: Queue
    dry_run: bool = False
    keeps_continuation: bool = False
    moved: int = 0
    twice: int = 0
    new_ids: dict[str, str] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)

    def move(self, letters: Sequence[Letter], source: Letters) -> None:
        if self.dry_run:
            self.moved += len(letters)
            return
        for batch in _small_enough(letters):
            sent = self._send(batch, source)
            self.moved += len(sent)
            self.twice += len(sent)
            if sent:
                self.twice -= len(sent) - len(source.delete(sent))

    def _send(self, letters: Sequence[Letter], source: Letters) -> list[Letter]:
        answer = self.client.send_message_batch(
            QueueUrl=self.destination.url,
            Entries=[self._entry(index, letter) for index, letter in enumerate(letters)],
        )
        for entry in answer.get("Failed", []):
            self.refused[entry["Code"]] = self.refused.get(entry["Code"], 0) + 1
        sent = answer.get("Successful", [])
        source.note_moved(entry["MessageId"] for entry in sent)
        self.new_ids |= {letters[int(entry["Id"])].message_id: entry["MessageId"] for entry in sent}
        return [letters[int(entry["Id"])] for entry in sent]

    def _entry(self, index: int, letter: Letter) -> "SendMessageBatchRequestEntryTypeDef":
        entry: SendMessageBatchRequestEntryTypeDef = {
            "Id": str(index),
            "MessageBody": letter.body,
            "MessageAttributes": dict(letter.attributes) if self.keeps_continuation else letter.attributes_to_keep(),
        }
        if letter.group_id:
            entry["MessageGroupId"] = letter.group_id
        return entry


def latest_move_task(client: "SQSClient", source: Queue) -> "ListMessageMoveTasksResultEntryTypeDef | None":
    tasks = client.list_message_move_tasks(SourceArn=source.arn, MaxResults=1).get("Results", [])
    return tasks[0] if tasks else None


def is_moving(client: "SQSClient", source: Queue) -> bool:
    """Whether SQS is moving messages out of the queue already; it has one task a queue."""
    try:
        task = latest_move_task(client, source)
    except (ClientError, BotoCoreError):
        return False
    return task is not None and task["Status"] in _UNDER_WAY


def _small_enough(letters: Iterable[Letter]) -> Iterator[list[Letter]]:
    """Split into batches that fit into one request; a message that is larger than that goes alone."""
    batch: list[Letter] = []
    size = 0
    for letter in letters:
        letter_bytes = len(letter.body.encode())
        if batch and size + letter_bytes > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(letter)
        size += letter_bytes
    if batch:
        yield batch
