"""Story: what happened to each conversation, told from the function's log lines alone."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from core.conversation import Status, WaitReason
from core.deliveries import DeliveryStatus
from core.errors import FinalUpdateError, LeaseHeldError, LostLeaseError
from core.events import Event

Line = Mapping[str, Any]
"""One log line of the function, parsed."""


class Tone(StrEnum):
    """How a step is to be taken."""

    DONE = "done"
    GUARD = "guard"
    """A guarantee at work: something was kept from going wrong."""
    WAIT = "wait"
    TROUBLE = "trouble"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a delivery did."""

    at: datetime
    event: str
    tone: Tone
    title: str
    detail: str = ""


@dataclass(slots=True)
class Delivery:
    """One receive of one SQS message.

    Attributes:
        comes_again_at: When SQS shows the message again, as far as this delivery knew.
        refused: It failed for good; its message reaches the DLQ when its receives are used up.
    """

    message_id: str
    receive_count: int = 1
    steps: list[Step] = field(default_factory=list)
    comes_again_at: datetime | None = None
    refused: bool = False

    @property
    def started_at(self) -> datetime:
        return self.steps[0].at

    @property
    def ended_at(self) -> datetime:
        return self.steps[-1].at

    @property
    def looks_back(self) -> bool:
        """Whether it only looked at what became of a conversation's messages."""
        return all(step.event in _FOUND_LOOKING_BACK for step in self.steps)

    def add(self, line: Line) -> None:
        """Tell one more of its log lines."""
        at = moment_of(line)
        self.receive_count = int(line.get("receive_count", self.receive_count))
        self.steps.append(Step(at, line["event"], *_TOLD[line["event"]](line)))
        if line["event"] in {Event.MESSAGE_FAILED, Event.MESSAGE_POSTPONED}:
            self.refused = bool(line.get("permanent"))
            delay = line.get("delay_seconds")
            self.comes_again_at = None if self.refused or delay is None else at + timedelta(seconds=float(delay))


@dataclass(slots=True)
class Story:
    """All deliveries of one conversation; of one message, where no conversation could be read.

    Attributes:
        recipient: The masked number, as the log has it.
    """

    conversation_id: str | None
    recipient: str | None
    deliveries: list[Delivery] = field(default_factory=list)

    def message_ids(self) -> set[str]:
        return {delivery.message_id for delivery in self.deliveries}

    def steps(self, event: Event) -> list[Step]:
        return [step for delivery in self.deliveries for step in delivery.steps if step.event == event]


def tell_stories(lines: Iterable[Line]) -> list[Story]:
    """Return the stories in the order in which they began.

    A refused message names no conversation on its lines, so its story is about the message.
    """
    stories: dict[tuple[str, ...], Story] = {}
    deliveries: dict[tuple[str, object], Delivery] = {}
    for line in sorted(filter(_is_about_message, lines), key=moment_of):
        message_id, conversation_id, recipient = line["message_id"], line.get("conversation_id"), line.get("recipient")
        one_receive = (message_id, line.get("aws_request_id"))
        delivery = deliveries.get(one_receive)
        if delivery is None:
            delivery = deliveries[one_receive] = Delivery(message_id)
            about = (conversation_id, recipient or "") if conversation_id else (message_id,)
            stories.setdefault(about, Story(conversation_id, recipient)).deliveries.append(delivery)
        delivery.add(line)
    return list(stories.values())


def moment_of(line: Line) -> datetime:
    return datetime.fromisoformat(str(line["timestamp"]).replace(",", "."))


def _is_about_message(line: Line) -> bool:
    return (
        line.get("event") in _TOLD
        and isinstance(line.get("message_id"), str)
        and "timestamp" in line
        and line.get("waits_for") != WaitReason.DELIVERY  # it only comes to look back; what it finds is told
    )


Telling = Callable[[Line], tuple[Tone, str, str]]


def _always(tone: Tone, title: str, detail: str) -> Telling:
    return lambda _: (tone, title, detail)


def _claimed(line: Line) -> tuple[Tone, str, str]:
    if "status" in line:
        return (
            Tone.DONE,
            "Claimed again",
            f"The record was {line['status']}; nothing in it can be used, so it starts anew.",
        )
    return Tone.DONE, "Claimed", "One conditional write created the record, with a lease."


def _resumed(line: Line) -> tuple[Tone, str, str]:
    status = line.get("status", "unfinished")
    return (
        Tone.GUARD,
        "Resumed",
        f"The record was {status}: it goes on from there, nothing is asked or sent anew unseen.",
    )


def _asked(line: Line) -> tuple[Tone, str, str]:
    return (
        Tone.DONE,
        "Asked OpenAI",
        f"{line.get('response_id', 'The run')} is recorded: a later delivery polls this run.",
    )


def _replied(line: Line) -> tuple[Tone, str, str]:
    detail = (
        f"After {seconds(line.get('duration_ms', 0) / 1000)}; {line.get('tokens_in', 0)} tokens in,"
        f" {line.get('tokens_out', 0)} out."
    )
    status = line.get("status", "completed")
    if status == "completed":
        return Tone.DONE, "Reply received", detail
    return Tone.TROUBLE, f"The run ended {status}", detail


def _reconciled(line: Line) -> tuple[Tone, str, str]:
    sid = line.get("message_sid", "The message")
    return Tone.GUARD, "Found in Twilio's list", f"{sid} is adopted: it went out, so nothing is sent again."


def _sent(line: Line) -> tuple[Tone, str, str]:
    return Tone.DONE, "Sent" + _part(line), f"Twilio has it as {line.get('message_sid', 'a message')}."


def _part(line: Line) -> str:
    part, parts = line.get("part"), line.get("parts")
    return f", part {part} of {parts}" if parts and parts > 1 else ""


def _closed(line: Line) -> tuple[Tone, str, str]:
    took = line.get("duration_ms")
    return Tone.DONE, "Closed", "" if took is None else f"{seconds(took / 1000)} after the first claim."


def _failed(line: Line) -> tuple[Tone, str, str]:
    code, reason = line.get("code", "unknown"), line.get("reason", "")
    reason = "; ".join(line["faults"]) if line.get("faults") else _sentence(reason)
    if code == LeaseHeldError.code and not line.get("permanent"):
        return Tone.GUARD, "Another delivery is at work", "Given back until that delivery's lease ends."
    if code == LostLeaseError.code:
        return Tone.GUARD, "Stopped: the lease is lost", reason
    if line.get("permanent"):
        return Tone.TROUBLE, f"Refused: {code}", reason
    again = line.get("delay_seconds")
    return (
        Tone.WAIT,
        f"Given back: {code}",
        reason + ("" if again is None else f" Comes again in {seconds(again)}."),
    )


WAITS_FOR: Mapping[str, str] = {
    WaitReason.MODEL: "the model",
    WaitReason.UNAVAILABLE: "a vendor that does not answer",
    WaitReason.ACCOUNT: "somebody to put the account right",
    WaitReason.RECONCILE: "Twilio's list",
    WaitReason.LEASE: "another delivery",
    WaitReason.TIME: "the next invocation",
}


def _postponed(line: Line) -> tuple[Tone, str, str]:
    reason, code = line.get("waits_for", ""), line.get("code", "unknown")
    why = "" if reason == WaitReason.MODEL else f" ({code})"
    again = f"Comes again in {seconds(line.get('delay_seconds', 0))}; waiting costs no receive."
    return Tone.WAIT, f"Waits in the queue for {WAITS_FOR.get(reason, 'something')}{why}", again


def _delivered(line: Line) -> tuple[Tone, str, str]:
    status = str(line.get("status", DeliveryStatus.DELIVERED))
    return Tone.DONE, status.capitalize(), f"Twilio says so of {line.get('message_sid', 'the message')}."


def _alarm(line: Line) -> tuple[Tone, str, str]:
    detail = (
        f"The message is out ({', '.join(line.get('message_sids', ()))}), DynamoDB refused to note it"
        f" ({line.get('code', FinalUpdateError.code)}). The next delivery will find it and close."
    )
    return Tone.ALARM, "Alarm: the record could not be closed", detail


def _with_code(tone: Tone, title: str, detail: str) -> Telling:
    return lambda line: (tone, title, detail + (f" ({line['code']})" if line.get("code") else ""))


_TOLD: Mapping[str, Telling] = {
    Event.CONVERSATION_CLAIMED: _claimed,
    Event.CONVERSATION_RESUMED: _resumed,
    Event.DUPLICATE_SUPPRESSED: _always(
        Tone.GUARD, "Duplicate suppressed", f"The record says {Status.SENT}: acknowledged, nothing is sent."
    ),
    Event.RUN_STARTED: _asked,
    Event.REPLY_RECEIVED: _replied,
    Event.SEND_INTENDED: _always(
        Tone.DONE, "Intent recorded", "From here on the record says that a message may be out."
    ),
    Event.SEND_OUTCOME_UNKNOWN: _always(
        Tone.WAIT, "Twilio's answer is lost", "The message may be out, or not: Twilio is asked before anything is sent."
    ),
    Event.LIST_FAILED: _with_code(Tone.WAIT, "Twilio's list can't be read", "It is asked again"),
    Event.SEND_RECONCILED: _reconciled,
    Event.ADOPTED_UNSEEN: _always(
        Tone.GUARD, "Found without its text", "Twilio hides the text; nothing else can have sent this message."
    ),
    Event.MESSAGE_SENT: _sent,
    Event.CONVERSATION_CLOSED: _closed,
    Event.MESSAGE_DELIVERED: _delivered,
    Event.MESSAGE_UNDELIVERED: _with_code(
        Tone.TROUBLE, "Not delivered", "WhatsApp dropped the message after Twilio took it: a person is told"
    ),
    Event.DELIVERY_UNCONFIRMED: _always(
        Tone.WAIT, "Delivery not confirmed", "Twilio has no last word on it, and it is not asked again."
    ),
    Event.DELIVERY_LOOK_FAILED: _with_code(Tone.WAIT, "Twilio could not be asked", "It is asked again later"),
    Event.MESSAGE_FAILED: _failed,
    Event.MESSAGE_POSTPONED: _postponed,
    Event.MESSAGE_NOT_POSTPONED: _with_code(
        Tone.WAIT, "SQS did not take the message", "It is given back instead, which costs a receive"
    ),
    Event.SECRET_REFRESHED: _always(
        Tone.GUARD, "Key rotated", "The vendor refused the cached key; Secrets Manager had a newer one."
    ),
    Event.FINAL_DB_UPDATE_FAILED: _alarm,
    Event.FAILURE_NOT_RECORDED: _with_code(Tone.TROUBLE, "The failure could not be recorded", "Its lease will end"),
    Event.HEARTBEAT_LOST: _with_code(
        Tone.GUARD, "The heartbeat lost the message", "Another delivery may have it: this one stops"
    ),
    Event.NAME_LEFT_OUT: _always(Tone.GUARD, "A name is left out", "There is a link in it."),
    Event.THREAD_NOT_USABLE: _always(Tone.WAIT, "The given thread can't be used", "A new one is opened."),
    Event.VISIBILITY_NOT_CHANGED: _with_code(
        Tone.WAIT, "SQS did not take the time of return", "It comes again when its visibility ends"
    ),
}

_FOUND_LOOKING_BACK = frozenset(
    {
        Event.MESSAGE_DELIVERED,
        Event.MESSAGE_UNDELIVERED,
        Event.DELIVERY_UNCONFIRMED,
        Event.DELIVERY_LOOK_FAILED,
        Event.SECRET_REFRESHED,  # a delivery that sends tells more than that
    }
)

ABOUT_NO_MESSAGE = frozenset({Event.BATCH_FINISHED, Event.HEARTBEAT_FAILED, Event.INVALID_EVENT, Event.START_REFUSED})
"""Events of whole invocations: no conversation's story tells them."""


def seconds(value: float) -> str:
    """Write a duration as people read it."""
    decimals = 2 if value < 1 else 1 if value < 10 else 0  # noqa: PLR2004 - two figures that count
    return f"{value:.{decimals}f} s"


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if not text or text[-1] in ".!?" else ".")
