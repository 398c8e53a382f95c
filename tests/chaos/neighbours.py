"""Neighbours: what other programs do to a conversation, to its recipient and to its record.

Twilio's other customers of one sender, the replies service of the engine, and whoever wrote records weeks ago. None of
them is a fault that costs a receive, so each comes with the loss of Twilio's answer, which makes it matter.
"""

import time
from collections.abc import Callable, Sequence
from random import Random
from threading import Timer
from typing import Any

from botocore.exceptions import ClientError

from sandbox.context_objects import SENDER
from sandbox.harness import Deployment
from sandbox.stubs import TWILIO_ACCOUNT_SID, Fate
from tests.chaos.cast import Member
from tests.chaos.site import Site
from tests.simulation.old_records import random_old_record
from tests.simulation.table import typed

OLD_RECORDS = 4
SAID = "Thank you, see you soon"


def write_the_same(site: Site, member: Member, *, ago_seconds: float = 0.0, hidden: bool = False) -> str:
    """Let another program have sent what the recipient just got, and return the SID."""
    newest = site.stubs.messages(member.recipient_tel)[-1]
    form = {"To": newest["to"], "From": newest["from"], "Body": newest["body"]}
    if newest["messaging_service_sid"]:
        form["MessagingServiceSid"] = newest["messaging_service_sid"]
    fate = Fate(row={"body": ""}) if hidden else None
    return site.stubs.accept(TWILIO_ACCOUNT_SID, form, fate, ago_seconds=ago_seconds)


def write_something_else(site: Site, member: Member) -> str:
    form = {"To": f"whatsapp:{member.recipient_tel}", "From": f"whatsapp:{SENDER}", "Body": "Your parcel is on its way"}
    return site.stubs.accept(TWILIO_ACCOUNT_SID, form)


def leave_old_records(site: Site, member: Member) -> None:
    """Put records of weeks ago, of all kinds of writers, beside the conversation."""
    random = Random(member.conversation_id)
    for number in range(OLD_RECORDS):
        key = member.recipient_tel, f"{member.conversation_id}-old-{number}"
        item = random_old_record(random).item(key, "free_form", ("Hello, part 1",))
        site.table.put_item(TableName=site.table_name, Item=typed(item))


class Replies:
    """The replies service on one conversation: it locks at once, and ends or gives up some time later."""

    def __init__(self, site: Site, member: Member, *, gives_up: bool) -> None:
        self._site = site
        self._member = member
        self._gives_up = gives_up
        self.lock_lost = False
        self.said: list[str] = []

    def answer(self) -> None:
        """Lock the conversation, and finish while the function goes on."""
        self._update("processing_reply", "conversation_status <> :status")
        Timer(1.0, self._fail if self._gives_up else self._end).start()

    def _end(self) -> None:
        form = {"To": f"whatsapp:{self._member.recipient_tel}", "From": f"whatsapp:{SENDER}", "Body": SAID}
        sid = self._site.stubs.accept(TWILIO_ACCOUNT_SID, form)
        entries: list[dict[str, Any]] = [
            {"message_id": f"{sid}-question", "role": "user", "content": "Hi", "timestamp": _now()},
            {"message_id": sid, "role": "assistant", "content": SAID, "timestamp": _now(), "total_tokens": 3},
        ]
        try:
            self._update("reply_sent", "conversation_status = :locked", entries)
        except ClientError:
            self.lock_lost = True
        self.said = [entry["message_id"] for entry in entries]

    def _fail(self) -> None:
        self._update("retry", "")

    def _update(self, status: str, condition: str, entries: Sequence[dict[str, Any]] = ()) -> None:
        values: dict[str, Any] = {":status": status, ":now": _now()}
        expression = "SET conversation_status = :status, updated_at = :now"
        if ":locked" in condition:
            values[":locked"] = "processing_reply"
        if entries:
            expression += ", messages = list_append(if_not_exists(messages, :none), :entries)"
            values |= {":none": [], ":entries": list(entries)}
        self._site.table.update_item(
            TableName=self._site.table_name,
            Key=typed({"recipient_tel": self._member.recipient_tel, "conversation_id": self._member.conversation_id}),
            UpdateExpression=expression,
            ExpressionAttributeValues=typed(values),
            **({"ConditionExpression": condition} if condition else {}),
        )


def critical_line(deployment: Deployment, conversation_id: str) -> Callable[[], bool]:
    """Return whether the function has said that a final update failed, when asked."""

    def told() -> bool:
        lines = (line.json or {} for line in deployment.log.lines())
        return any(
            line.get("event") == "final_db_update_failed" and line.get("conversation_id") == conversation_id
            for line in lines
        )

    return told


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
