"""Records that are there before a schedule begins: of weeks ago, of other releases, and of other programs."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from random import Random
from typing import Any

from sandbox.context_objects import SENDER, TWILIO_REFERENCE
from tests.fakes.clock import START

ACCOUNT = "AC" + "0" * 32


class Writer(StrEnum):
    """Who wrote a record."""

    RELEASE_BEFORE = "the release before"
    RELEASE_AFTER = "the release after"
    ORIGINAL = "the original component"
    STRANGER = "a program that nobody knows"


OPEN_STATUSES = ("processing", "sending", "failed_validation", "failed_secrets_fetch", "failed_to_process_ai",
                 "failed_to_send_message", "failed_unknown")  # fmt: skip
UNKNOWN_STATUSES = ("reply_sent", "retry", "processing_reply", "archived")
OTHER_CONTENT = {"free_form": "Something else", "template": '{"1": "Something else"}'}
_NEVER_SENT = ("failed_validation", "failed_secrets_fetch", "failed_to_process_ai")


@dataclass(frozen=True)
class OldRecord:
    """A record of weeks ago.

    Attributes:
        has_intent: Whether it shows an intent without an outcome; `accepted` says what Twilio knows of it.
        has_lease: Whether it shows a lease, long over; a record that is closed shows none.
        same_reply: Whether its reply is that of the schedule's first conversation.
        odd: Whether attributes have other types than ours.
    """

    writer: Writer
    status: str
    age_days: float
    has_intent: bool = False
    has_lease: bool = False
    same_reply: bool = True
    accepted: bool = False
    odd: bool = False

    @property
    def is_ours(self) -> bool:
        return self.writer in {Writer.RELEASE_BEFORE, Writer.RELEASE_AFTER}

    @property
    def is_open(self) -> bool:
        """Whether its conversation is still to be sent (design, 5c), as far as its writer and status tell."""
        if self.is_ours:
            return self.status in OPEN_STATUSES and not self.odd
        return self.status in _NEVER_SENT

    @property
    def may_be_sent(self) -> bool:
        """Whether nobody but a person can tell if it was sent."""
        if self.is_ours:
            return self.odd and self.status in OPEN_STATUSES
        return self.status in OPEN_STATUSES and self.status not in _NEVER_SENT

    def item(self, key: tuple[str, str], mode: str, parts: tuple[str, ...]) -> dict[str, Any]:
        """Return the record."""
        written_at = START - timedelta(days=self.age_days)
        common: dict[str, Any] = {
            "recipient_tel": key[0],
            "conversation_id": key[1],
            "conversation_status": self.status,
            "task_complete": int(self.status == "initial_message_sent"),
        }
        if self.writer is Writer.STRANGER:
            return common | ({"messages": "none", "lease_expires_at": "soon", "created_at": 5} if self.odd else {})
        if self.writer is Writer.ORIGINAL:
            return common | {
                "created_at": f"{written_at.isoformat()}Z",
                "updated_at": f"{written_at.isoformat()}Z",
                "thread_id": "thread_1",
                "processor_version": "1.0.0",
                "messages": ["hello", {"role": "user"}, {"role": "assistant", "content": "Hi"}] if self.odd else [],
            }
        stamp = written_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        record = common | self._ours(stamp, mode, parts if self.same_reply else (OTHER_CONTENT[mode],) * len(parts))
        if self.writer is Writer.RELEASE_AFTER:
            record |= {"record_version": 3, "write_number": 7, "mood": {"good": True}, "waiting": {"reason": "model"}}
            record |= {"company_id": "acme", "project_id": "spring"}
            if self.has_intent:
                record |= {"send_from": SENDER, "send_account": ACCOUNT, "send_credentials": TWILIO_REFERENCE}
        if self.status == "initial_message_sent":
            for name in ("last_error", "needs_attention", "lease_owner", "lease_expires_at", "waiting"):
                record.pop(name, None)
            if self.writer is Writer.RELEASE_AFTER:
                record["closed_at"] = stamp
        if self.odd:
            record |= {"sent_parts": "two", "reply": [1, 2], "last_error": "no idea"}
        return record

    def _ours(self, stamp: str, mode: str, parts: tuple[str, ...]) -> dict[str, Any]:
        error = {
            "step": "claim",
            "code": "attempt_unfinished",
            "message": "an attempt is at work",
            "at": stamp,
            "permanent": False,
            "message_id": "m-of-weeks-ago",
            "receive_count": 3,
        }
        record: dict[str, Any] = {"created_at": stamp, "updated_at": stamp, "attempts": 2, "last_error": error}
        record["needs_attention"] = "yes"
        record["last_owner"] = "somebody who is gone"
        if self.has_lease:
            record |= {
                "lease_owner": "somebody who is gone",
                "lease_expires_at": Decimal(int(START.timestamp()) - 5000),
            }
        if self.has_intent:
            reply = {"mode": mode, "parts": list(parts), "tokens_in": 9, "tokens_out": 9}
            record |= {"send_started_at": stamp, "outcome_unknown": True, "reply": reply, "sent_parts": []}
            record |= {"openai_thread_id": "conv_old", "openai_response_id": "resp_old"}
        return record


def random_old_record(random: Random) -> OldRecord:
    writer = random.choice(tuple(Writer))
    statuses = (*OPEN_STATUSES, "initial_message_sent", *UNKNOWN_STATUSES)
    status = random.choice(
        statuses if not writer.startswith("the release") else (*OPEN_STATUSES, "initial_message_sent")
    )
    ours = writer in {Writer.RELEASE_BEFORE, Writer.RELEASE_AFTER}
    has_intent = ours and (
        status == "sending" or (status in {"failed_to_send_message", "failed_unknown"} and random.random() < 0.7)
    )
    return OldRecord(
        writer=writer,
        status=status,
        age_days=random.choice((0.1, 1.0, 20.0)),
        has_intent=has_intent,
        has_lease=ours and random.random() < 0.4,
        same_reply=random.random() < 0.7,
        accepted=has_intent and random.random() < 0.3,
        odd=random.random() < 0.2,
    )
