"""Properties: what must hold of every answer of the function, whatever the event was."""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import index
from core.conversation import ConversationKey, Mode, Status
from core.model import RunReport, RunState
from sandbox.context_objects import TWILIO_REFERENCE
from tests.fakes.captured_output import captured_output
from tests.fakes.cost import MAX_CPU_SECONDS, MAX_MEMORY_BYTES, peak_memory_bytes
from tests.fakes.function import SETTINGS, InMemoryFunction, StillHeart
from tests.fakes.model import Outcome
from tests.fakes.secrets import TWILIO_FREE_FORM
from tests.fakes.store import Record
from tests.fuzz import replies
from tests.fuzz.bodies import Body
from tests.fuzz.events import Case
from tests.fuzz.replies import Written
from tests.samples.context_cases import SECRET_VALUE
from tests.samples.context_schema import VALIDATOR
from utils.dynamodb_values import stored_bytes
from utils.logging_config import EventLog

MAX_LINE = 16 * 1024
"""Longest line of the log, in characters: what is said of the worst message is read by people."""

MAX_ITEM = 400 * 1024
MAX_HIDDEN_SECONDS = 12 * 60 * 60

MOST_FAULTS = 51
"""Fifty, and how many more there are."""

LONG_BODY = 100_000
LONG_SECONDS = 0.15
SAMPLED = 16
"""Memory is measured of long bodies that took long, as small objects do, and of every sixteenth of the others."""

FAULT = re.compile(r"[a-z_$][a-z_$.0-9]*: [ -~]{1,200}")
"""A fault as it is reported: where, and what it should be."""

BEYOND_SCHEMA = re.compile(
    r"half a character|\$: |: differs from |ISO 8601|printable text|1024 bytes|two kinds of secret| exceeds "
)
"""Faults that no JSON Schema can name, or that are older than any schema: of the writing itself."""

SCHEMA_LIMIT = 20_000
"""Longest text that is held against the schema, for speed."""


class Context:
    """Lambda's, with five minutes left."""

    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


class Observed:
    """One run of the function: what it answered, what it printed, what it left behind."""

    def __init__(self, case: Case) -> None:
        self.case = case
        with captured_output() as output:
            log = EventLog("DEBUG", "1.0.0", SETTINGS.metrics_namespace)
            settings = SETTINGS.model_copy(update={"inline_definitions": True})
            self.function = InMemoryFunction(telemetry=log, heartbeat_type=StillHeart, settings=settings)
            if case.written is not None:
                self._let_write(case.written)
            started = time.process_time()
            try:
                self.answer = index.handle(self.function.runtime(), case.event, Context())
            except index.InvalidEventError:
                self.answer = {"batchItemFailures": []}
                self.understood = False
            else:
                self.understood = True
            self.cpu_seconds = time.process_time() - started
            self.printed = output.text
        self.lines: list[dict[str, Any]] = [json.loads(line) for line in self.printed.splitlines() if line]
        self.again: list[str] = [entry["itemIdentifier"] for entry in self.answer["batchItemFailures"]]
        records = case.event.get("Records") if isinstance(case.event, dict) else None
        self.records: list[Any] = records if isinstance(records, list) else []
        self.named = [record for record in self.records if _is_named(record)]
        self.ids = Counter(record["messageId"] for record in self.named)

    def _let_write(self, written: Written) -> None:
        if written.mode is Mode.FREE_FORM:
            self.function.secrets.twilio_secrets[TWILIO_REFERENCE] = TWILIO_FREE_FORM
        self.function.model.outcome = Outcome(RunReport("", RunState.COMPLETED, text=written.text), 0.0)

    def failure_of(self, message_id: str) -> list[dict[str, Any]]:
        """Return the lines that say why a message failed."""
        return [
            line
            for line in self.lines
            if line.get("event") == "message_failed" and line.get("message_id") == message_id
        ]

    def stored(self, body: object) -> Record | None:
        """Return the record of a message's conversation."""
        try:
            data: Any = json.loads(body) if isinstance(body, str) else None
            key = ConversationKey(
                data["frontend_payload"]["recipient_data"]["recipient_tel"],
                data["conversation_data"]["conversation_id"],
            )
            return self.function.store.records.get(key)  # type: ignore[no-any-return]
        except (ValueError, TypeError, KeyError, RecursionError):
            return None


@dataclass
class Verdict:
    """What became of a case: records by their fate, and what must not be."""

    fates: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


def judge(case: Case) -> Verdict:
    """Run the function on a case."""
    try:
        observed = Observed(case)
    except Exception as exc:  # noqa: BLE001 - that is what is looked for
        return Verdict(violations=[f"the handler raised {type(exc).__name__}: {exc!s:.200}"])
    again = len(observed.again)
    fates = Counter({"done": len(observed.named) - again + observed.again.count(""), "given back": again})
    return Verdict(fates, list(_violations(observed)))


def _violations(observed: Observed) -> Iterator[str]:
    yield from _shape(observed)
    yield from _understood(observed)
    if observed.understood:
        yield from _fates(observed)
    yield from _visibility(observed)
    yield from _sent(observed)
    yield from _log(observed)
    yield from _cost(observed.case, observed)
    yield from _reply(observed)
    for message_id, body in observed.case.made.items():
        if observed.ids[message_id] == 1:
            yield from _as_its_maker_knows(observed, message_id, body)
            yield from _as_the_schema_says(observed, message_id, body)


def _cost(case: Case, observed: Observed) -> Iterator[str]:
    """No message takes long or much memory, whatever is in it."""
    messages = max(len(observed.records), 1)
    if observed.cpu_seconds > messages * MAX_CPU_SECONDS:
        seconds = min(Observed(case).cpu_seconds for _ in range(2))  # a busy machine adds to it
        if seconds > messages * MAX_CPU_SECONDS:
            yield f"{messages} messages took {seconds:.1f} s of processor time"
    long = any(len(body.text) > LONG_BODY for body in case.made.values())
    long |= case.written is not None and len(case.written.text) > LONG_BODY
    if long and (observed.cpu_seconds > LONG_SECONDS or case.mark.number % SAMPLED == 0):
        peak = peak_memory_bytes(lambda: Observed(case))
        if peak > messages * MAX_MEMORY_BYTES / 2:
            yield f"{messages} messages took {peak / 1e6:.0f} MB of memory"


def _is_named(record: object) -> bool:
    message_id = record.get("messageId") if isinstance(record, dict) else None
    return isinstance(message_id, str) and message_id.isascii() and message_id != ""


def _shape(observed: Observed) -> Iterator[str]:
    """Lambda can read the answer."""
    if set(observed.answer) != {"batchItemFailures"} or not all(isinstance(name, str) for name in observed.again):
        yield "the answer is no batch response"
    json.dumps(observed.answer, ensure_ascii=False).encode()


def _understood(observed: Observed) -> Iterator[str]:
    """An event that is none of SQS has no result, after which something could be deleted."""
    is_batch = isinstance(observed.case.event, dict) and isinstance(observed.case.event.get("Records"), list)
    if observed.understood != (is_batch and (bool(observed.named) or not observed.records)):
        yield "an event that is none of SQS has a result; or one that is has none"


def _fates(observed: Observed) -> Iterator[str]:
    """Every record is done, its conversation closed, or comes again, and the log says why."""
    failed = Counter(observed.again)
    if (failed.pop("", 0) > 0) != (len(observed.named) < len(observed.records)):
        yield "a record without a name, and the batch is deleted; or none, and it is not"
    if unknown := set(failed) - set(observed.ids):
        yield f"failures of unknown messages: {unknown}"
    if any(failed[message_id] > count for message_id, count in observed.ids.items()):
        yield "a message failed more often than it came"
    for record in observed.named:
        message_id = record["messageId"]
        lines = observed.failure_of(message_id)
        if len(lines) != failed[message_id]:
            yield f"{message_id}: {failed[message_id]} failures, and {len(lines)} lines that say why"
        for line in lines:
            yield from _explained(message_id, line)
        if not failed[message_id]:
            stored = observed.stored(record.get("body"))
            if stored is None or stored.conversation.status is not Status.SENT:
                yield f"{message_id}: it is done, but its conversation is not"


def _visibility(observed: Observed) -> Iterator[str]:
    """It is said when a message that failed comes again."""
    hidden = dict(observed.function.queue.hidden)
    if any(type(seconds) is not int or not 0 <= seconds <= MAX_HIDDEN_SECONDS for seconds in hidden.values()):
        yield "a visibility that SQS does not take"
    for record in observed.named:
        handle = record.get("receiptHandle")
        if record["messageId"] in observed.again and isinstance(handle, str) and handle and handle not in hidden:
            yield f"{record['messageId']}: left to the visibility it had"


def _explained(message_id: str, line: dict[str, Any]) -> Iterator[str]:
    faults = line.get("faults")
    if line.get("code") in {None, "unforeseen"}:
        yield f"{message_id}: nobody foresaw its failure: {line.get('reason') or line.get('exception_type')}"
    elif line["code"] != "invalid_context":
        if not line.get("reason"):
            yield f"{message_id}: no reason is given"
    elif not faults:
        yield f"{message_id}: no fault is named"
    else:
        if len(faults) > MOST_FAULTS:
            yield f"{message_id}: {len(faults)} faults, which nobody reads"
        for fault in faults:
            if not FAULT.fullmatch(fault) or "cannot be validated" in fault:
                yield f"{message_id}: a fault that nobody foresaw: {fault:.200}"


def _sent(observed: Observed) -> Iterator[str]:
    """Nothing is sent without consent, nothing twice, and every record can be stored."""
    agreed = 0
    for record in observed.named:
        stored = observed.stored(record.get("body"))
        if stored is not None and stored.conversation.status is Status.SENT:
            data = json.loads(record["body"])
            if data["frontend_payload"]["recipient_data"]["comms_consent"] is not True:
                yield f"{record['messageId']}: sent without consent"
            agreed += 1
    closed = [r for r in observed.function.store.records.values() if r.conversation.status is Status.SENT]
    parts = sum(len(record.messages) for record in closed)
    if len(observed.function.whatsapp.delivered) != parts or len(closed) > agreed:
        yield f"{len(observed.function.whatsapp.delivered)} messages, {parts} in {len(closed)} closed conversations"
    for stored in observed.function.store.records.values():
        try:
            size = stored_bytes(stored.attributes)
        except UnicodeEncodeError:
            yield "a record that can't be written"
            continue
        failure = stored.conversation.last_error
        if size + len(failure.message if failure else "") > MAX_ITEM:
            yield f"a record of {size} bytes"


def _reply(observed: Observed) -> Iterator[str]:
    """Nothing broken, blank or too long is sent of what the model wrote, and what is plain is sent as it is."""
    if observed.case.written is None:
        return
    contents = [delivered.part.content for delivered in observed.function.whatsapp.delivered]
    codes = {line["code"] for line in observed.lines if line.get("event") == "message_failed"}
    yield from replies.violations(observed.case.written, contents, codes, again=bool(observed.again))


def _log(observed: Observed) -> Iterator[str]:
    """No value of the input is in the log, and no line is without an end."""
    decoded = observed.printed.encode().decode("unicode_escape") if "\\" in observed.printed else observed.printed
    mark, numbers = observed.case.mark, {n for body in observed.case.made.values() for n in body.numbers}
    for forbidden in [mark.text, mark.name, str(mark.number), SECRET_VALUE, *numbers]:
        for text in {observed.printed, decoded}:
            at = text.find(forbidden)
            if at >= 0:
                yield f"a value of the input is in the log: ...{text[max(at - 120, 0) : at + 40]!r}"
    for stored in observed.function.store.records.values():
        failure = stored.conversation.last_error
        if failure is not None and mark.text in failure.message:
            yield f"a value of the input is in the record's error: {failure.message:.200}"
    if longest := [line for line in observed.printed.splitlines() if len(line) > MAX_LINE]:
        yield f"a line of {len(longest[0])} characters in the log"
    if any(line.get("service") != "whatsapp-channel-processor" for line in observed.lines):
        yield "a line that is not the function's"


def _as_its_maker_knows(observed: Observed, message_id: str, body: Body) -> Iterator[str]:
    """A valid message is done, another one refused; and all that is wrong with it is said at once."""
    if body.accepted is None:
        return
    failed = message_id in observed.again
    if failed == body.accepted:
        why = [(line.get("code"), line.get("reason"), line.get("faults")) for line in observed.failure_of(message_id)]
        yield f"{message_id}: {'a valid message failed' if failed else 'an invalid message was taken'}: {why!s:.300}"
        return
    if body.faults is None:
        return
    expected = set(body.faults)
    reported = {tuple(fault.split(": ", 1)) for line in observed.failure_of(message_id) for fault in line["faults"]}
    unexplained = {fault for fault in reported if not any(_is(fault, other) for other in expected)}
    unreported = {other for other in expected if not any(_is(fault, other) for fault in reported)}
    if unreported or unexplained:
        yield f"{message_id}: not reported: {sorted(unreported)}; reported, but not so: {sorted(unexplained)}"


def _as_the_schema_says(observed: Observed, message_id: str, body: Body) -> Iterator[str]:
    """What the published schema refuses is refused; what it accepts is refused only for what a schema can't say."""
    if body.accepted is not None or len(body.text) > SCHEMA_LIMIT:
        return
    try:
        data = json.loads(body.text)
    except (ValueError, RecursionError):
        return
    faults = [fault for line in observed.failure_of(message_id) for fault in line.get("faults", [])]
    if VALIDATOR.is_valid(data):
        if beyond := [fault for fault in faults if not BEYOND_SCHEMA.search(fault)]:
            yield f"{message_id}: the schema accepts what is refused for {beyond}"
    elif not faults:
        yield f"{message_id}: the schema refuses what is accepted"


def _is(fault: tuple[str, ...], expected: tuple[str, str]) -> bool:
    return fault[0].startswith(expected[0]) and fault[1] == expected[1]
