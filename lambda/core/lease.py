"""Lease: one delivery's right to a conversation, as the pipeline and the heartbeat both see it."""

from core.conversation import ConversationKey
from core.errors import LostLeaseError


class Lease:
    """The right of one delivery to work on one conversation.

    It is taken by the pipeline, renewed by the heartbeat's thread and checked before each side effect. Attributes
    change one at a time, which CPython makes atomic.

    Attributes:
        owner: Unique to this delivery.
        expires_at: When the right ends unless renewed, seconds since the epoch; 0 before it is taken.
        key: The conversation, while the record may show this lease.
        write_number: Number of this delivery's latest fenced write; the pipeline alone writes, one write at a time.
    """

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.expires_at = 0.0
        self.key: ConversationKey | None = None
        self.write_number = 0
        self._renewable = False
        self._lost = False

    @property
    def renewable(self) -> bool:
        """Whether the heartbeat is to renew it: the record shows it, and nobody is about to give it up."""
        return self._renewable and not self._lost

    def take(self, key: ConversationKey, expires_at: float, write_number: int = 1) -> None:
        """Note what is being asked for, before the write: its answer may be lost."""
        self.expires_at = expires_at
        self.key = key
        self.write_number = write_number

    def next_number(self) -> int:
        """Return the number of the write that is about to be made: greater than any of the record's."""
        self.write_number += 1
        return self.write_number

    def confirm(self) -> None:
        """The record shows this lease."""
        self._renewable = True

    def finish(self) -> None:
        """The next write gives it up."""
        self._renewable = False

    def give_up(self) -> None:
        """The record does not show this lease, or no longer."""
        self._renewable = False
        self.key = None

    def lose(self) -> None:
        """Mark it lost: SQS or the record says that another delivery owns the message."""
        self._lost = True

    def check(self, now: float, needed_seconds: float) -> None:
        """Make sure the right outlasts what is about to start.

        Raises:
            LostLeaseError: It is lost, or ends within `needed_seconds` from `now` (seconds since the epoch).
        """
        self.check_message()
        if now + needed_seconds >= self.expires_at:
            raise LostLeaseError("the lease ends before the next step would")

    def check_message(self) -> None:
        """Make sure that the message is still this delivery's.

        Raises:
            LostLeaseError: It is not, or the lease is lost.
        """
        if self._lost:
            raise LostLeaseError("the message or the lease was lost to another delivery")
