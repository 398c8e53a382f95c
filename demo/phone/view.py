"""View: what the page shows, as plain JSON made from one observation."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.conversation import Standing, Status
from core.deliveries import open_sids, overall
from core.events import Event
from demo.observation import Dead, Observation, number_of
from demo.phone.receipts import Ticks, receipt_of, words_of
from demo.story import WAITS_FOR, Delivery, Step, Story, Tone
from ops.masking import HIDDEN, mask_numbers
from sandbox.harness.deployment import Record
from services.conversation_item import read_deliveries, read_moment, read_standing
from utils.redaction import mask_phone

PERSONAL = frozenset(
    {
        "recipient_first_name",
        "recipient_last_name",
        "recipient_email",
        "company_rep",
        "project_data",
        "reply",
    }
)
"""Attributes of a record that say something about a person, or to one."""

CARDS = 50
"""Conversations that are told of at once, the latest; the page says how many more there are."""

LETTERS = 50
"""Dead letters that are shown at once."""

MESSAGES = 50
"""Messages of one phone that are shown, the latest."""

FAILED = frozenset(status for status in Status if status.startswith("failed_"))


@dataclass(frozen=True, slots=True)
class Sent:
    """Something that was put on the queue from the page.

    Attributes:
        recipient: Full number, and the names to show, where the body has them.
        origin: Id of the message that this one was, before it was moved out of the DLQ.
    """

    message_id: str
    at: datetime
    title: str
    conversation_id: str | None = None
    recipient: str | None = None
    first_name: str | None = None
    company: str | None = None
    origin: str | None = None


def view_of(observation: Observation, sent: Sequence[Sent], *, unmasked: bool = False) -> dict[str, Any]:
    """Return everything that changes on the page, numbers and personal data masked unless `unmasked`."""
    cards = _cards(observation, sent, unmasked=unmasked)
    view = {
        "phones": _phones(observation, sent, unmasked=unmasked),
        "conversations": cards[:CARDS],
        "more_conversations": max(len(cards) - CARDS, 0),
        "dead_letters": [_dead(dead, sent, unmasked=unmasked) for dead in observation.dead[:LETTERS]],
        "more_dead_letters": max(len(observation.dead) - LETTERS, 0),
        "paused": observation.paused,
    }
    return view if unmasked else _mask(view)


def _mask(view: dict[str, Any]) -> dict[str, Any]:
    """Mask numbers wherever they stand but in the words of a message, which are the recipient's own."""
    masked: dict[str, Any] = mask_numbers(view)
    for phone, as_sent in zip(masked["phones"], view["phones"], strict=True):
        for message, kept in zip(phone["messages"], as_sent["messages"], strict=True):
            message["text"] = kept["text"]
        if phone["messages"]:
            phone["last"] = phone["messages"][-1]
    return masked


def phone_id(recipient: str) -> str:
    """Return a name for a phone that does not show its number."""
    return "phone-" + hashlib.sha256(recipient.encode()).hexdigest()[:10]


def _phones(observation: Observation, sent: Sequence[Sent], *, unmasked: bool) -> list[dict[str, Any]]:
    """Return one phone per recipient, the one with the latest news first."""
    about: dict[str, Sent] = {item.recipient: item for item in sent if item.recipient}
    recipients = {number_of(message["to"]): None for message in observation.messages} | dict.fromkeys(about)
    arrived: dict[str, list[Mapping[str, Any]]] = {}
    for message in observation.messages:
        arrived.setdefault(number_of(message["to"]), []).append(message)
    phones = []
    for recipient in recipients:
        known, messages = about.get(recipient), arrived.get(recipient, [])
        shown = [_message(message) for message in messages[-MESSAGES:]]
        ticks = Counter(receipt_of(message["status"]).ticks for message in messages)
        moments = [message["created_at"] for message in messages] + ([known.at.timestamp()] if known else [])
        phones.append(
            {
                "id": phone_id(recipient),
                "number": recipient if unmasked else mask_phone(recipient),
                "name": (known and known.first_name) or "Somebody",
                "sender": (known and known.company) or number_of(messages[-1]["from"] or "") or "A company",
                "latest": max(moments),
                "count": len(messages),
                "arrived": ticks[Ticks.TWO] + ticks[Ticks.READ],
                "failed": ticks[Ticks.FAILED],
                "last": shown[-1] if shown else None,
                "messages": shown,
            }
        )
    return sorted(phones, key=lambda phone: -float(phone["latest"]))


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    shown = receipt_of(message["status"], message.get("error_code"))
    return {
        "sid": message["sid"],
        "text": message["body"],
        "at": iso(datetime.fromtimestamp(message["created_at"], tz=UTC)),
        "ticks": shown.ticks,
        "receipt": shown.words,
        "template": bool(message["content_sid"]),
    }


def _cards(observation: Observation, sent: Sequence[Sent], *, unmasked: bool) -> list[dict[str, Any]]:
    """Return one card per conversation, and one per message that names none, the latest first."""
    by_message = {item.message_id: item for item in sent}
    groups: dict[_Key, _Group] = {}
    for item in sent:
        groups.setdefault(_key(item), _Group()).sent.append(item)
    for record in observation.records:
        groups.setdefault(_key_of(record), _Group()).record = record
    for story in observation.stories:
        key = _key_of_story(story, by_message, observation.records)
        groups.setdefault(key, _Group()).deliveries += story.deliveries
    for dead in observation.dead:
        groups.setdefault(_key(by_message.get(dead.message_id, dead)), _Group()).dead.append(dead)
    cards = [_card(key, group, unmasked=unmasked) for key, group in groups.items()]
    return sorted(cards, key=lambda card: card["latest"], reverse=True)


class _Group:
    """All that is known of one conversation."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.record: Record | None = None
        self.deliveries: list[Delivery] = []
        self.dead: list[Dead] = []


_Key = tuple[str, ...]
"""Conversation id and masked number; the id of the message, where it names no conversation."""


def _key(item: Sent | Dead) -> _Key:
    if item.conversation_id and item.recipient:
        return item.conversation_id, mask_phone(item.recipient)
    return ((isinstance(item, Sent) and item.origin) or item.message_id,)


def _key_of(record: Record) -> _Key:
    return record["conversation_id"], mask_phone(record["recipient_tel"])


def _key_of_story(story: Story, by_message: Mapping[str, Sent], records: Iterable[Record]) -> _Key:
    """Find the conversation of a story; the lines about a refused message don't name it."""
    if story.conversation_id:
        return story.conversation_id, story.recipient or ""
    message_id = story.deliveries[0].message_id
    if message_id in by_message:
        return _key(by_message[message_id])
    refused = (record for record in records if (record.get("last_error") or {}).get("message_id") == message_id)
    return next(map(_key_of, refused), (message_id,))


def _card(key: _Key, group: _Group, *, unmasked: bool) -> dict[str, Any]:
    deliveries = _in_order_of_receives(group.deliveries)
    moments = [item.at for item in group.sent] + [delivery.ended_at for delivery in deliveries]
    record = group.record
    if not moments:
        updated = read_moment(record.get("updated_at")) if record is not None else None
        moments = [updated or datetime.fromtimestamp(0, tz=UTC)]
    state = _state(group, deliveries)
    known = next((item.recipient for item in group.sent if item.recipient), None)
    recipient = record["recipient_tel"] if record else known
    return {
        "id": hashlib.sha256(" ".join(key).encode()).hexdigest()[:12],
        "conversation_id": key[0] if len(key) > 1 else None,
        "recipient": key[1] if len(key) > 1 else None,
        "name": next((item.first_name for item in reversed(group.sent) if item.first_name), None),
        "phone": phone_id(recipient) if recipient else None,
        "title": group.sent[-1].title if group.sent else "Not sent from this page",
        "tone": state.tone,
        "state": state.words,
        "now": state.now,
        "fate": _fate(record) if record is not None else "",
        "comes_again_at": iso(state.again_at) if state.again_at else None,
        "latest": iso(max(moments)),
        "deliveries": _deliveries(deliveries),
        "record": _record(record, unmasked=unmasked) if record else [],
    }


@dataclass(frozen=True, slots=True)
class _State:
    """How a conversation stands: one thing, which is true.

    Attributes:
        now: What is being done, where something is.
        again_at: When its message is delivered again, where it waits for that.
    """

    tone: Tone
    words: str
    now: str = ""
    again_at: datetime | None = None


def _state(group: _Group, deliveries: Sequence[Delivery]) -> _State:
    record, status = group.record, group.record["conversation_status"] if group.record else None
    if record is not None and read_standing(record) is Standing.CLOSED:
        return _closed(record, deliveries)
    if group.dead:
        return _State(Tone.TROUBLE, f"in the DLQ: {group.dead[-1].code}")
    if record is not None and record.get("lease_owner"):
        return _State(Tone.WAIT, "at work", _now(record))
    again_at = deliveries[-1].comes_again_at if deliveries else None
    if any(step.tone is Tone.ALARM for delivery in deliveries[-1:] for step in delivery.steps):
        return _State(Tone.ALARM, "sent, not closed", again_at=again_at)
    if record is not None and isinstance(waiting := record.get("waiting"), Mapping):
        return _State(Tone.WAIT, "waits in the queue", _wait(waiting))
    if status in FAILED:
        return _State(Tone.WAIT, "comes again", again_at=again_at)
    if status is not None:
        return _State(Tone.WAIT, "at work")
    if deliveries and deliveries[-1].refused:
        return _State(Tone.TROUBLE, "refused")
    if not deliveries:
        return _State(Tone.WAIT, "on its way")
    failed = any(step.event == Event.MESSAGE_FAILED for step in deliveries[-1].steps)
    return _State(Tone.WAIT, "comes again", again_at=again_at) if failed else _State(Tone.WAIT, "at work")


def _closed(record: Record, deliveries: Sequence[Delivery]) -> _State:
    """Return how a closed conversation stands; a message of it that comes for a look back changes nothing."""
    if overall(read_deliveries(record.get("deliveries"))).is_failure:
        return _State(Tone.TROUBLE, "sent, not delivered")
    reconciled = any(step.event == Event.SEND_RECONCILED for delivery in deliveries for step in delivery.steps)
    return _State(Tone.GUARD, "sent once, reconciled") if reconciled else _State(Tone.DONE, "sent")


def _now(record: Record) -> str:
    """Say what a delivery is doing whose log lines are not there yet: an emulator delivers them at its end."""
    if record["conversation_status"] == Status.SENDING:
        return "The intent is recorded, the message may be at Twilio."
    if record.get("openai_response_id"):
        return "OpenAI has the question, the model is writing."
    return "The conversation is claimed."


def _wait(waiting: Mapping[str, Any]) -> str:
    until, what = str(waiting.get("until", ""))[11:16], WAITS_FOR.get(waiting.get("reason", ""), "something")
    return f"Waits in the queue for {what}, until {until} UTC at the latest."


def _fate(record: Record) -> str:
    """Say what the function has learnt of its messages by looking back, which makes no conversation an open one."""
    known = read_deliveries(record.get("deliveries"))
    if not known:
        return ""
    words = Counter(words_of(delivery.status, delivery.error_code) for delivery in known.values())
    said = ", ".join(f"{n} of {len(known)} parts {word}" if len(known) > 1 else word for word, n in words.items())
    if until := read_moment(record.get("delivery_watch_until")):
        return f"Looks back until {until:%H:%M} UTC at the latest. So far: {said}."
    if open_sids(known):
        return f"Looked back, without an answer. Last seen: {said}."
    return f"Looked back. {said[0].upper()}{said[1:]}."


def _in_order_of_receives(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Sort by time, but no receive of a message before an earlier one: their clocks may differ."""
    latest: dict[str, datetime] = {}
    began: dict[int, datetime] = {}
    ordered = sorted(deliveries, key=lambda delivery: (delivery.receive_count, delivery.started_at))
    for delivery in ordered:
        at = max(delivery.started_at, latest.get(delivery.message_id, delivery.started_at))
        began[id(delivery)] = latest[delivery.message_id] = at
    return sorted(ordered, key=lambda delivery: began[id(delivery)])


def _deliveries(deliveries: Sequence[Delivery]) -> list[dict[str, Any]]:
    """Return the deliveries; what went wrong in the same way as the last time is not told in full again."""
    before: set[tuple[str, str]] = set()
    shown = []
    for delivery in deliveries:
        shown.append(
            {
                "message_id": delivery.message_id,
                "receive_count": delivery.receive_count,
                "looks_back": delivery.looks_back,
                "at": iso(delivery.started_at),
                "took_ms": _milliseconds(delivery.started_at, delivery.ended_at),
                "steps": [_step(step, delivery.started_at, before) for step in delivery.steps],
            }
        )
        before = {(step.title, step.detail) for step in delivery.steps if step.tone is Tone.TROUBLE}
    return shown


def _step(step: Step, since: datetime, before: AbstractSet[tuple[str, str]]) -> dict[str, Any]:
    return {
        "event": step.event,
        "tone": step.tone,
        "title": step.title,
        "detail": "As before." if (step.title, step.detail) in before else step.detail,
        "after_ms": _milliseconds(since, step.at),
    }


def _record(record: Record, *, unmasked: bool) -> list[dict[str, str]]:
    """Return the attributes of a record, keys and status first."""
    first = ("recipient_tel", "conversation_id", "conversation_status", "task_complete", "attempts")
    names = [name for name in first if name in record] + sorted(record.keys() - set(first))
    shown = record if unmasked else _without_personal_data(record)
    return [{"name": name, "value": _text(shown[name])} for name in names]


def _without_personal_data(record: Record) -> Record:
    shown: Record = {name: HIDDEN if name in PERSONAL else value for name, value in record.items()}
    if "messages" in shown:
        shown["messages"] = [{**message, "content": HIDDEN} for message in shown["messages"]]
    return shown


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


def _dead(dead: Dead, sent: Sequence[Sent], *, unmasked: bool) -> dict[str, Any]:
    return {
        "message_id": dead.message_id,
        "title": next((item.title for item in sent if item.message_id == dead.message_id), ""),
        "conversation_id": dead.conversation_id,
        "recipient": dead.recipient,
        "code": dead.code,
        "reason": dead.reason,
        "excerpt": dead.body if unmasked else "",
    }


def _milliseconds(since: datetime, at: datetime) -> int:
    return round((at - since).total_seconds() * 1000)


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
