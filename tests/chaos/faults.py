"""Faults: everything a run may do to a conversation, each of which the conversation must survive."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sandbox.harness.aws_proxy import aws_error
from sandbox.stubs import Action, Fate, Outcome, answer, delay, drop, stall, twilio_error
from tests.chaos import neighbours
from tests.chaos.cast import Member
from tests.chaos.neighbours import Replies
from tests.chaos.site import Site
from tests.chaos.switchboard import Deed

CLOSE_TRIES = 5
"""Denials after which the function gives up on the final update (`core.close.TRIES`); the SDK repeats none of them."""

BRIEF, LONG = 2, 6
"""Throttled calls that the SDK's own retries get over, and that cost an attempt: a write, and that of its failure."""


Played = Callable[[], bool]
"""Whether the fault came to be; the conversation may have taken another way."""

Arm = Callable[[Site, Member, str], Played]
"""Set a fault up for one conversation, under a name by which it is found in the journals."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault.

    Attributes:
        arm: Sets it up.
        only_in_parts: It needs a reply in several parts.
    """

    name: str
    arm: Arm
    only_in_parts: bool = False


# Processes

MOMENTS: Mapping[str, str] = {
    "before store.create": "before the claim",
    "after store.create": "after the claim",
    "before model.open_thread": "before OpenAI's conversation is made",
    "after model.open_thread": "after OpenAI's conversation is made",
    "before model.start_run": "before OpenAI is asked",
    "after model.start_run": "after OpenAI is asked",
    "after store.record_run": "after the run is recorded",
    "after model.fetch_run": "while the run is polled",
    "before store.intend": "before the intent",
    "after store.intend": "after the intent",
    "before whatsapp.send": "before Twilio is asked to send",
    "after whatsapp.send": "after Twilio has sent",
    "before store.close": "before the final update",
    "after store.close": "after the final update",
    "after handler": "before the batch is answered",
}
"""The boundaries of the steps, in their order, by the switchboard's name for each."""


LOOKS: Mapping[str, str] = {
    "before store.find": "before a look reads the record",
    "before whatsapp.fetch": "before Twilio is asked what became of the message",
    "before store.record_deliveries": "before what became of the message is recorded",
    "after store.record_deliveries": "after what became of the message is recorded",
    "before queue.put": "before the look is put on the queue",
    "after queue.put": "after the look is put on the queue",
}
"""The boundaries of the looks back at a message that is out."""


def _process(deed: Deed, point: str, *, skip: int = 0) -> Arm:
    def arm(site: Site, member: Member, name: str) -> Played:
        switch = site.switchboard.arm(point, member.conversation_id, deed, skip=skip, name=name)
        return lambda: switch.thrown is not None

    return arm


CRASHES = [Fault(f"killed {words}", _process("die", point)) for point, words in {**MOMENTS, **LOOKS}.items()]

BETWEEN_PARTS = [
    Fault("killed between two parts", _process("die", "after store.intend", skip=1), only_in_parts=True),
    Fault("killed after the second part", _process("die", "after whatsapp.send", skip=1), only_in_parts=True),
]

TIMEOUTS = [
    Fault("Lambda times out while the model writes", _process("hang", "before model.fetch_run")),
    Fault("Lambda times out after Twilio has sent", _process("hang", "after whatsapp.send")),
]


# Vendors


def _vendor(operation: str, action: Callable[[Site], Action]) -> Arm:
    def arm(site: Site, member: Member, name: str) -> Played:
        number = site.stubs.script(operation, replace(action(site), name=name), match=member.recipient_tel)
        site.switchboard.expect(member.conversation_id)
        return lambda: _is_used(site, "scripts", number)

    return arm


def _is_used(site: Site, kind: str, number: int) -> bool:
    return all(entry["number"] != number for entry in site.stubs.pending()[kind])


def _late_acceptance(site: Site) -> Action:
    return Action(name="late", wait_seconds=site.settings.twilio_timeout_seconds * 0.6, delay_seconds=60.0)


def _and_listed_late(arm: Arm) -> Arm:
    def arm_both(site: Site, member: Member, name: str) -> Played:
        lag = site.settings.twilio_list_lag_seconds * 0.9
        site.stubs.fate(Fate(list_lag_seconds=lag), match=member.recipient_tel)
        return arm(site, member, name)

    return arm_both


def _and_list_fails(arm: Arm) -> Arm:
    def arm_both(site: Site, member: Member, name: str) -> Played:
        refusal = replace(answer(503), name="the list fails")
        site.stubs.script("twilio.messages.list", refusal, match=member.recipient_tel, times=2)
        return arm(site, member, name)

    return arm_both


_LOOK = "twilio.messages.fetch"
_SEND, _ASK, _POLL = "twilio.messages.create", "openai.responses.create", "openai.responses.get"

_ANSWER_LOST = _vendor(_SEND, lambda _: drop(after_effect=True))

TWILIO = [
    Fault("Twilio accepts, its answer is lost", _ANSWER_LOST),
    Fault("Twilio accepts, its answer is lost, it lists late", _and_listed_late(_ANSWER_LOST)),
    Fault("Twilio accepts, its answer is lost, its list fails", _and_list_fails(_ANSWER_LOST)),
    Fault("Twilio accepts and answers 500", _vendor(_SEND, lambda _: answer(500, after_effect=True))),
    Fault("Twilio accepts and answers too late", _vendor(_SEND, lambda site: delay(site.twilio_gives_up_seconds))),
    Fault("Twilio accepts and stops amid its answer", _vendor(_SEND, lambda site: stall(site.twilio_gives_up_seconds))),
    Fault("Twilio accepts late and never answers", _vendor(_SEND, _late_acceptance)),
    Fault("Twilio answers 500 and does not send", _vendor(_SEND, lambda _: answer(500))),
    Fault("Twilio hangs up and does not send", _vendor(_SEND, lambda _: drop())),
    Fault("Twilio throttles (429)", _vendor(_SEND, lambda _: answer(429, headers={"Retry-After": "1"}))),
]


def _run(outcome: Callable[[Site, Member], Outcome]) -> Arm:
    def arm(site: Site, member: Member, _: str) -> Played:
        number = site.stubs.outcome(outcome(site, member), match=member.recipient_tel)
        site.switchboard.expect(member.conversation_id)
        return lambda: _is_used(site, "outcomes", number)

    return arm


_FAILS = _run(lambda *_: Outcome(state="failed", code="server_error"))
_OUTLASTS = _run(lambda site, member: Outcome(text=member.text, duration_seconds=site.timeout_seconds + 2.0))

OPENAI = [
    Fault("OpenAI starts the run, its answer is lost", _vendor(_ASK, lambda _: drop(after_effect=True))),
    Fault("OpenAI starts the run and answers 500", _vendor(_ASK, lambda _: answer(500, after_effect=True))),
    Fault("OpenAI answers 503", _vendor(_ASK, lambda _: answer(503))),
    Fault("OpenAI throttles (429)", _vendor(_ASK, lambda _: answer(429, headers={"Retry-After": "1"}))),
    Fault("OpenAI's answer to a poll is lost", _vendor(_POLL, lambda _: drop())),
    Fault("OpenAI's run fails", _FAILS),
    Fault("OpenAI's run outlasts Lambda's timeout", _OUTLASTS),
]


# DynamoDB


def _dynamodb(action: Action, *texts: str, times: int) -> Arm:
    def arm(site: Site, member: Member, name: str) -> Played:
        named = replace(action, name=name)
        site.dynamodb.script("*", named, match=(member.conversation_id, *texts), times=times)
        site.switchboard.expect(member.conversation_id)
        return lambda: any(call.fault == name and member.conversation_id in call.body for call in site.dynamodb.calls)

    return arm


_DENIED = aws_error("AccessDeniedException")
_THROTTLED = aws_error("ProvisionedThroughputExceededException")
_FATE = "delivery_writes = :seen"
_INTENT, _FINAL = '":send_started_at"', '":messages"'

_NOT_FOUND = answer(404, twilio_error(404, 20404, "The requested resource was not found"))

LOOKING = [
    Fault("Twilio does not say what became of the message", _vendor(_LOOK, lambda _: answer(503))),
    Fault(
        "Twilio says for a moment that there is no such message",
        _vendor(_LOOK, lambda _: _NOT_FOUND),
    ),
    Fault("DynamoDB's answer to what became of it is lost", _dynamodb(drop(after_effect=True), _FATE, times=1)),
    Fault("DynamoDB does not take what became of it", _dynamodb(_DENIED, _FATE, times=2)),
]

DYNAMODB = [
    Fault("DynamoDB refuses the final update, briefly", _dynamodb(_DENIED, _FINAL, times=2)),
    Fault("DynamoDB refuses the final update, for good", _dynamodb(_DENIED, _FINAL, times=CLOSE_TRIES)),
    Fault("DynamoDB's answer to the intent is lost", _dynamodb(drop(after_effect=True), _INTENT, times=1)),
    Fault("DynamoDB throttles, briefly", _dynamodb(_THROTTLED, times=BRIEF)),
    Fault("DynamoDB throttles for long", _dynamodb(_THROTTLED, times=LONG)),
]

_SILENT = Action(name="silent", wait_seconds=12.0)
"""Longer than any client of the function waits for an answer, which comes to be when nobody waits any more."""

SILENCE = [
    Fault("DynamoDB is silent at the final update, briefly", _dynamodb(_SILENT, _FINAL, times=2)),
    Fault("DynamoDB is silent at the final update, for long", _dynamodb(_SILENT, _FINAL, times=12)),
    Fault("DynamoDB is silent at the intent", _dynamodb(_SILENT, _INTENT, times=1)),
]


# Neighbours


def _beside_a_lost_answer(*happen: Callable[[Site, Member], str], ambiguous: bool = False) -> Arm:
    """Let other programs write when Twilio has sent and its answer is lost."""

    def arm(site: Site, member: Member, name: str) -> Played:
        def write() -> None:
            site.foreign[member.conversation_id].extend(one(site, member) for one in happen)
            if ambiguous:
                site.ambiguous.add(member.conversation_id)

        site.switchboard.watch("after whatsapp.send", member.conversation_id, write)
        return _ANSWER_LOST(site, member, name)

    return arm


def _old_records(site: Site, member: Member, name: str) -> Played:
    neighbours.leave_old_records(site, member)
    return _ANSWER_LOST(site, member, name)


def _replies(point: str, *, gives_up: bool) -> Arm:
    def arm(site: Site, member: Member, _: str) -> Played:
        replies = Replies(site, member, gives_up=gives_up)
        site.neighbours[member.conversation_id] = replies
        watch = site.switchboard.watch(point, member.conversation_id, replies.answer)
        return lambda: watch.done

    return arm


NEIGHBOURS = [
    Fault(
        "answer lost, and another program wrote the same an hour ago",
        _beside_a_lost_answer(lambda site, member: neighbours.write_the_same(site, member, ago_seconds=3600.0)),
    ),
    Fault(
        "answer lost, and another program writes something else",
        _beside_a_lost_answer(neighbours.write_something_else, ambiguous=True),
    ),
    Fault(
        "answer lost, and another program writes what is not shown",
        _beside_a_lost_answer(
            lambda site, member: neighbours.write_the_same(site, member, hidden=True), ambiguous=True
        ),
    ),
    Fault("answer lost, and there are records of weeks ago", _old_records),
    Fault("a reply comes between send and close, and is answered", _replies("before store.close", gives_up=False)),
    Fault("a reply comes between send and close, and fails", _replies("before store.close", gives_up=True)),
    Fault("a reply comes while the model writes", _replies("after store.record_run", gives_up=False)),
]

FAULTS = [*CRASHES, *BETWEEN_PARTS, *TIMEOUTS, *TWILIO, *OPENAI, *DYNAMODB, *SILENCE, *LOOKING, *NEIGHBOURS]
"""All of them, in the order of the table."""
