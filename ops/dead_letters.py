"""Dead letters: the messages of a DLQ, looked at without changing it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Aws
from ops.aws_errors import asking_for
from ops.letters import Letter, read_letter

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

HIDE_SECONDS = 120
"""How long a message is hidden from others while it is looked at; it is shown again as soon as that is done."""

LATER = f"Look again in {HIDE_SECONDS // 60} minutes."

WAIT_SECONDS = 1
"""A receive that waits asks all of SQS's servers, one that does not wait only some."""

BATCH_LIMIT = 10
"""Source: Amazon SQS API Reference: messages of one receive and entries of one batch, at most."""

CLOCK_ALLOWANCE = timedelta(seconds=2)
"""A `Date` header has whole seconds, a message's time milliseconds, and two servers of AWS two clocks."""

QUIET_RECEIVES = 2
"""A queue that gave nothing new this often in a row has nothing more."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue as it was when it was looked up.

    Attributes:
        looked_up_at: By the clock of the one who answered, in whole seconds.
    """

    name: str
    url: str
    arn: str
    visible: int
    hidden: int
    delayed: int
    looked_up_at: datetime

    @property
    def messages(self) -> int:
        return self.visible + self.hidden

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]


def find_queue(aws: Aws, name: str) -> Queue:
    """Look a queue up by its name.

    Raises:
        AwsError: There is none, or it may not be looked at.
    """
    with asking_for(f"the queue {name}", aws.where):
        url = aws.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        answer = aws.sqs.get_queue_attributes(
            QueueUrl=url,
            AttributeNames=[
                "QueueArn",
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ],
        )
    attributes, headers = answer["Attributes"], answer["ResponseMetadata"]["HTTPHeaders"]
    return Queue(
        name=name,
        url=url,
        arn=attributes["QueueArn"],
        visible=int(attributes["ApproximateNumberOfMessages"]),
        hidden=int(attributes["ApproximateNumberOfMessagesNotVisible"]),
        delayed=int(attributes.get("ApproximateNumberOfMessagesDelayed", 0)),
        looked_up_at=parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC),
    )


class Letters:
    """The messages of a DLQ, each received once and shown again at the end of the block.

    Looking costs a message one receive, which nobody counts in a DLQ, and hides it from others for that time.

    Attributes:
        later: Messages left alone because they came after the queue was looked up, moved ones included that failed
            again.
    """

    def __init__(self, client: "SQSClient", queue: Queue) -> None:
        self._client = client
        self._queue = queue
        self._hidden: dict[str, str] = {}
        self._seen: set[str] = set()
        self._moved: set[str] = set()
        self.later = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show everything again that was received and not deleted; what can't be comes back by itself."""
        handles = list(self._hidden.values())
        self._hidden.clear()
        with suppress(ClientError, BotoCoreError):
            for first in range(0, len(handles), BATCH_LIMIT):
                self._client.change_message_visibility_batch(
                    QueueUrl=self._queue.url,
                    Entries=[
                        {"Id": str(index), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                        for index, handle in enumerate(handles[first : first + BATCH_LIMIT])
                    ],
                )

    def batches(self, limit: int | None = None) -> Iterator[list[Letter]]:
        """Yield messages that were not seen before, up to ten at a time.

        A message that is moved and fails again at once comes back as a new one: without an end to what is looked at,
        it would be moved for ever.
        """
        quiet = 0
        while quiet < QUIET_RECEIVES:
            wanted = BATCH_LIMIT if limit is None else min(BATCH_LIMIT, limit - len(self._seen))
            if wanted <= 0:
                return
            messages = self._client.receive_message(
                QueueUrl=self._queue.url,
                MaxNumberOfMessages=wanted,
                VisibilityTimeout=HIDE_SECONDS,
                WaitTimeSeconds=WAIT_SECONDS,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["SentTimestamp", "MessageGroupId", "ApproximateReceiveCount"],
            ).get("Messages", [])
            new = [read_letter(message) for message in messages if message["MessageId"] not in self._seen]
            for message in messages:
                self._hidden[message["MessageId"]] = message["ReceiptHandle"]
            self._seen.update(letter.message_id for letter in new)
            due = [letter for letter in new if not self._is_later(letter)]
            self.later += len(new) - len(due)
            quiet = 0 if due else quiet + 1
            if due:
                yield due

    def note_moved(self, message_ids: Iterable[str]) -> None:
        """Leave messages alone that were sent from here, should they come back."""
        self._moved.update(message_ids)

    def _is_later(self, letter: Letter) -> bool:
        """Whether it came after the queue was looked up; in doubt it was there, or nobody would ever move it."""
        if letter.message_id in self._moved:
            return True
        return letter.sent_at is not None and letter.sent_at >= self._queue.looked_up_at + CLOCK_ALLOWANCE

    def delete(self, letters: Sequence[Letter]) -> list[Letter]:
        """Delete messages for good and return those that could not be."""
        answer = self._client.delete_message_batch(
            QueueUrl=self._queue.url,
            Entries=[
                {"Id": str(index), "ReceiptHandle": self._hidden[letter.message_id]}
                for index, letter in enumerate(letters)
            ],
        )
        failed = {int(entry["Id"]) for entry in answer.get("Failed", [])}
        for index, letter in enumerate(letters):
            if index not in failed:
                del self._hidden[letter.message_id]
        return [letter for index, letter in enumerate(letters) if index in failed]
