"""Events: SQS events as they should be, and as nobody promised that they never are."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.fuzz import bodies, replies
from tests.fuzz.bodies import Body
from tests.fuzz.replies import Written
from tests.fuzz.values import HALVES, Mark, Values
from tests.samples.sqs_events import make_event, make_record

ODD_COUNTS: list[Any] = ["0", "-1", "4", "99999999999999999999", "1.5", "", "one", "٣", "1e3", None, 3, True, [], {}]
ODD_IDS: list[Any] = [None, "", 5, True, [], {}, "é", *HALVES, ...]


@dataclass(frozen=True)
class Case:
    """One event for the function, and what its maker knows of it.

    Attributes:
        made: The bodies that were made for it, by message id.
        written: What the model writes; None for its usual answer.
    """

    kind: str
    mark: Mark
    event: Any
    made: dict[str, Body] = field(default_factory=dict)
    written: Written | None = None


def make_case(random: Random, kind: str | None = None) -> Case:
    """Draw a case; the kind too, unless it is given."""
    values = Values(random, Mark.draw(random))
    if kind is None:
        kind = values.one_of(WEIGHTED)
    if kind == "event":
        return _odd_event(values)
    if kind == "reply":
        return Case(kind, values.mark, make_event(make_record()), written=replies.draw(values))
    records, made = [], {}
    for index in range(1 + (values.random.randrange(3) if values.chance(20) else 0)):
        body = bodies.KINDS[kind](values)
        message_id = f"m-{index}"
        records.append(make_record(message_id=message_id, body=body.text))
        made[message_id] = body
    if values.chance(15):
        made["m-neighbour"] = neighbour = bodies.valid(values)
        records.insert(values.random.randrange(len(records) + 1), _record("m-neighbour", neighbour))
    return Case(kind, values.mark, make_event(*records), made)


WEIGHTED = [kind for kind, weight in {
    "valid": 14, "faults": 25, "scrambled": 27, "writing": 19, "large": 3, "event": 12, "reply": 20,
}.items() for _ in range(weight)]  # fmt: skip


def _record(message_id: str, body: Body, **overrides: Any) -> dict[str, Any]:
    return make_record(message_id=message_id, body=body.text, **overrides)


def _odd_event(values: Values) -> Case:
    if values.chance(10):
        records: Any = values.one_of([values.json(), values.text(), {"0": make_record()}, ...])
        event = values.one_of([{"Records": records}, {"records": [make_record()]}, values.json()])
        return Case("event", values.mark, event if records is not ... else {})
    made: dict[str, Body] = {}
    records = [_odd_record(values, f"m-{index}", made) for index in range(values.random.randrange(11))]
    if records and values.chance(10):
        records.append(values.one_of(records))
    return Case("event", values.mark, make_event(*records), made)


def _odd_record(values: Values, message_id: str, made: dict[str, Body]) -> Any:
    """Return a record with some odd things about it."""
    body = bodies.KINDS[values.one_of(["valid", "valid", "faults", "writing"])](values)
    record = _record(message_id, body)
    for _ in range(values.random.randrange(4)):
        record = values.one_of(ODDITIES)(values, record)
        if not isinstance(record, dict):
            return record
    if record.get("messageId") == message_id and record.get("body") == body.text:
        made[message_id] = body
    return record


def _set(name: str, draw: Callable[[Values], Any]) -> Callable[[Values, dict[str, Any]], Any]:
    def change(values: Values, record: dict[str, Any]) -> Any:
        value = draw(values)
        changed = record | {name: value}
        return {member: content for member, content in changed.items() if content is not ...}

    return change


def _set_attribute(name: str, draw: Callable[[Values], Any]) -> Callable[[Values, dict[str, Any]], Any]:
    def change(values: Values, record: dict[str, Any]) -> Any:
        attributes = record.get("attributes")
        attributes = attributes if isinstance(attributes, dict) else {}
        return record | {"attributes": attributes | {name: draw(values)}}

    return change


ODDITIES: list[Callable[[Values, dict[str, Any]], Any]] = [
    _set_attribute("ApproximateReceiveCount", lambda values: values.one_of(ODD_COUNTS)),
    _set_attribute("ApproximateReceiveCount", lambda values: values.one_of(["1", "2", "3"])),
    _set_attribute("SentTimestamp", lambda values: values.one_of([*ODD_COUNTS, "9" * 15, values.scalar()])),
    _set("attributes", lambda values: values.one_of([..., None, [], values.text(), values.object()])),
    _set("messageAttributes", Values.json),
    _set("body", lambda values: values.one_of([..., None, 5, True, values.object(), [values.text()], b"{}"])),
    _set("messageId", lambda values: values.one_of(ODD_IDS)),
    _set("receiptHandle", lambda values: values.one_of([..., None, "", 5, values.object(), "h" * 5000])),
    _set("eventSource", lambda values: values.one_of([..., None, "aws:kinesis", values.text()])),
    _set("eventSourceARN", lambda values: values.one_of([..., None, "arn:aws:sqs:::unknown", values.text()])),
    _set("md5OfBody", lambda values: values.one_of([..., None, values.text()])),
    _set("unknown", Values.json),
    lambda values, _: values.one_of([None, values.scalar(), [], {}]),
]
