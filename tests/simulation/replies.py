"""The engine's replies service, by its public contract: it locks a conversation, answers, and writes what was said.

It works on the same records as the function and knows nothing of it. It looks at the status alone, and its last update
is lost with its history where somebody else has changed that.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from botocore.exceptions import ClientError

from tests.fakes.clock import START
from tests.simulation.kernel import Kernel
from tests.simulation.table import ItemKey, SimulatedTable, typed

LOCKED, ENDED, FAILED = "processing_reply", "reply_sent", "retry"
STATUSES = frozenset({LOCKED, ENDED, FAILED})


@dataclass
class RepliesService:
    """Answers what recipients write.

    Attributes:
        send: Sends a text to a recipient and returns its SID.
        history: Ids of the entries that it wrote, by record.
        lost: Records whose lock somebody else broke.
    """

    kernel: Kernel
    random: Random
    table: SimulatedTable
    send: Callable[[str, str], str]
    history: dict[ItemKey, list[str]] = field(default_factory=dict)
    lost: list[ItemKey] = field(default_factory=list)

    def hear(self, key: ItemKey, moment: float) -> None:
        """Let the recipient of a conversation write something at a moment."""
        self.kernel.at(moment, lambda: self._lock(key))

    def _lock(self, key: ItemKey) -> None:
        if key not in self.table.items:
            return
        try:
            self._update(key, LOCKED, condition="conversation_status <> :status")
        except ClientError:
            return
        self.kernel.log(f"replies: locks {key[1]}")
        end = self.random.choice((self._end, self._end, self._fail))
        self.kernel.at(self.kernel.now + self.random.choice((0.05, 1.0, 20.0, 90.0)), lambda: end(key))

    def _end(self, key: ItemKey) -> None:
        number = len(self.history.get(key, ())) // 2 + 1
        sid = self.send(key[0], f"You are welcome, this is answer {number}")
        entries: list[dict[str, object]] = [
            {"message_id": f"SM-from-user-{number}", "role": "user", "content": "Thank you", "timestamp": self._now()},
            {
                "message_id": sid,
                "role": "assistant",
                "content": f"You are welcome, this is answer {number}",
                "timestamp": self._now(),
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 15,
            },
        ]

        def write() -> None:
            try:
                self._update(key, ENDED, condition="conversation_status = :locked", entries=entries)
            except ClientError as exc:
                if exc.response["Error"]["Code"] == "ValidationException":
                    self.kernel.log(f"replies: can't add to what somebody else wrote in {key[1]}")
                    return
                self.kernel.log(f"replies: has lost its lock on {key[1]}")
                self.lost.append(key)
                return
            self.kernel.log(f"replies: ends {key[1]}")
            self.history.setdefault(key, []).extend(str(entry["message_id"]) for entry in entries)

        self.kernel.at(self.kernel.now + self.random.choice((0.05, 5.0)), write)

    def _fail(self, key: ItemKey) -> None:
        self.kernel.log(f"replies: gives {key[1]} up for now")
        self._update(key, FAILED)

    def _update(
        self, key: ItemKey, status: str, *, condition: str = "", entries: list[dict[str, object]] | None = None
    ) -> None:
        values: dict[str, object] = {":status": status, ":now": self._now()}
        expression = "SET conversation_status = :status, updated_at = :now"
        if ":locked" in condition:
            values[":locked"] = LOCKED
        if entries is not None:
            expression += ", messages = list_append(if_not_exists(messages, :none), :entries)"
            values |= {":none": [], ":entries": entries}
        more = {"ConditionExpression": condition} if condition else {}
        self.table.update_item(
            Key=typed({"recipient_tel": key[0], "conversation_id": key[1]}),
            UpdateExpression=expression,
            ExpressionAttributeValues=typed(values),
            **more,
        )

    def _now(self) -> str:
        return (START + timedelta(seconds=self.kernel.now)).isoformat()
