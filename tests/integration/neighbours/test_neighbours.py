"""The router before the function and the replies service behind it: three programs, one table, both of its keys.

On a stack of their own, for people write back at every moment of the pipeline: a proxy holds single writes of the
function back, so that each gap between two of them is wide enough for a whole reply.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum

import pytest

from sandbox.engines.choice import choose
from sandbox.eventually import eventually
from sandbox.harness import Deployment, Plan, Record, Stack
from sandbox.harness.aws_proxy import AwsProxy
from sandbox.harness.plan import QUICK, merged, openai_secret, twilio_secret
from sandbox.neighbours import ChannelRouter, Outcome, RepliesService, Routed, Style, company_record, frontend_request
from sandbox.stubs import delay

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("neighbours")]

CONVERSATIONS = 100
SENDER = "+15550002222"
GAP_SECONDS = 1.0
"""How long a write is held back; a reply takes some 50 ms."""

LONG_LOCK_SECONDS = 2.5
"""Longer than all that is left of the pipeline."""

DEADLINE_SECONDS = 240.0

PAUSE_SECONDS = 0.2
"""Between two looks of one person; two dozen look side by side."""

PATIENT = {
    "queue": {"visibility_timeout_seconds": 60},
    "function": {"timeout_seconds": 45},
    "function_settings": {"heartbeat_interval_seconds": 5},
}
"""A hundred conversations at once are a crowd on a small machine: no receive is to be lost by that."""

TABLE = {"replies_index": True}
PLANS = {
    "dev": Plan("dev", merged(QUICK, PATIENT, {"table": TABLE})),
    "engine": Plan("engine", merged(QUICK, PATIENT, {"table": {**TABLE, "partition_key": "primary_channel"}})),
}


class Moment(StrEnum):
    """When a person writes back, and what the replies service does about it."""

    NEVER = "never"
    AT_ONCE = "as soon as the conversation can be found"
    BEFORE_INTENT = "between the run and the intent"
    LOCKED_THROUGHOUT = "locked from before the intent until after the close"
    BETWEEN_SEND_AND_CLOSE = "between send and close"
    LOCKED_OVER_CLOSE = "locked from before the close until after it"
    FAILS_BEFORE_CLOSE = "the service fails between send and close"
    AFTER_CLOSE = "after the close"
    TWICE = "before and after the close"
    FAILS_AFTER_CLOSE = "the service fails after the close"


HELD_BACK = {
    Moment.BEFORE_INTENT: "send_started_at",
    Moment.LOCKED_THROUGHOUT: "send_started_at",
    Moment.BETWEEN_SEND_AND_CLOSE: "closed_at",
    Moment.LOCKED_OVER_CLOSE: "closed_at",
    Moment.FAILS_BEFORE_CLOSE: "closed_at",
    Moment.TWICE: "closed_at",
}
"""The write that is held back, by an attribute that it alone sets."""

AFTER_SEND = {
    Moment.BETWEEN_SEND_AND_CLOSE,
    Moment.LOCKED_OVER_CLOSE,
    Moment.FAILS_BEFORE_CLOSE,
    Moment.TWICE,
}
AFTER_CLOSE = {Moment.AFTER_CLOSE, Moment.FAILS_AFTER_CLOSE}


@dataclass
class Person:
    """Somebody whom a company writes to, and what became of what they wrote back."""

    tel: str
    number: int
    moment: Moment
    style: Style
    routed: Routed | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)
    open_at_reply: bool | None = None


class Meeting:
    """One environment and everybody in it."""

    def __init__(self, stack: Stack, deployment: Deployment) -> None:
        self.stack = stack
        self.deployment = deployment
        self.partition_key = str(deployment.outputs["table_partition_key"])
        self.router = ChannelRouter(stack.aws.client("sqs"), deployment.outputs["queue_url"])
        moments = list(Moment)
        self.people = [
            Person(
                f"+44770{8 + list(PLANS).index(deployment.environment)}{number:05d}",
                number,
                moments[number % len(moments)],
                list(Style)[number // len(moments) % len(Style)],
            )
            for number in range(CONVERSATIONS)
        ]

    def record(self, person: Person) -> Record | None:
        assert person.routed is not None
        return self.deployment.record(person.tel, person.routed.conversation_id)

    def service(self, think_seconds: float = 0.0) -> RepliesService:
        dynamodb = self.stack.aws.client("dynamodb")
        table = self.deployment.outputs["table_name"]
        return RepliesService(dynamodb, table, self.partition_key, lambda: time.sleep(think_seconds))

    def send(self, person: Person) -> None:
        """Have the router send the person's request, as their company's record has it."""
        person.routed = self.router.route(company_record(SENDER, style=person.style), frontend_request(person.tel))

    def live(self, person: Person) -> None:
        """Write back at the person's moment."""
        if person.moment is Moment.NEVER:
            return
        if person.moment in AFTER_SEND:
            self._wait(person, lambda: self.stack.stubs.messages(person.tel))
        if person.moment in AFTER_CLOSE:
            self._wait(person, lambda: self._is_closed(person))
        if person.moment in (Moment.FAILS_BEFORE_CLOSE, Moment.FAILS_AFTER_CLOSE):
            self._fail(person)
            return
        long = person.moment in (Moment.LOCKED_THROUGHOUT, Moment.LOCKED_OVER_CLOSE)
        self._reply(person, LONG_LOCK_SECONDS if long else 0.0)
        if person.moment is Moment.TWICE:
            self._wait(person, lambda: self._is_closed(person))
            self._reply(person, 0.0)

    def _reply(self, person: Person, think_seconds: float) -> None:
        service = self.service(think_seconds)
        ends = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < ends:
            was_open = not self._is_closed(person)
            reply = service.reply(SENDER, person.tel, f"Hello, {person.number} here")
            if reply.outcome in (Outcome.REPLIED, Outcome.LOST_LOCK):
                person.outcomes.append(reply.outcome)
                person.entries += reply.message_ids
                person.open_at_reply = was_open if person.open_at_reply is None else person.open_at_reply
                return
            time.sleep(0.05)
        raise AssertionError(f"{person}: the replies service never could: {reply}")

    def _fail(self, person: Person) -> None:
        service = self.service()
        self._wait(person, lambda: service.find(SENDER, person.tel))
        key = service.find(SENDER, person.tel)
        assert key is not None
        assert service.lock(key)
        service.fail(key)

    def _is_closed(self, person: Person) -> bool:
        return "closed_at" in (self.record(person) or {})

    def _wait(self, person: Person, look: Callable[[], object]) -> None:
        try:
            eventually(look, within_seconds=DEADLINE_SECONDS, pause_seconds=PAUSE_SECONDS)
        except AssertionError as error:
            queued, dead = self.deployment.queued(), len(self.deployment.dead_letters())
            state = f"queue {queued}, {dead} dead letters, record {self.record(person)}"
            raise AssertionError(f"{person}: {error}; {state}") from None


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack.start(choose(os.environ).engine, name="neighbours", plans=list(PLANS.values())) as running:
        first = running.deployment("dev")
        first.store_secret(Style.PREFIXED.openai, openai_secret())
        first.store_secret(Style.PREFIXED.twilio("acme", "spring"), twilio_secret(template_sid="HX" + "1" * 32))
        yield running


@pytest.mark.parametrize("environment", PLANS)
def test_nothing_is_lost_overwritten_or_said_twice(stack: Stack, environment: str) -> None:
    deployment = stack.deployment(environment)
    meeting = Meeting(stack, deployment)
    with (
        AwsProxy(stack.address.endpoint, stack.traits) as proxy,
        deployment.changed(AWS_ENDPOINT_URL_DYNAMODB=proxy.url),
        ThreadPoolExecutor(24) as pool,
    ):
        for person in meeting.people:
            if person.moment in HELD_BACK:
                wait = delay(GAP_SECONDS, before_effect=True)
                proxy.script("UpdateItem", wait, match=(f"{person.tel[1:]}", HELD_BACK[person.moment]), times=1)
        for person in meeting.people:
            meeting.send(person)
        lives = [pool.submit(meeting.live, person) for person in meeting.people]
        for life in lives:
            life.result()
        eventually(lambda: deployment.queued() == (0, 0), within_seconds=DEADLINE_SECONDS)
        before = {person.number: meeting.record(person) for person in meeting.people}
        for person in meeting.people:
            assert person.routed is not None
            deployment.send(person.routed.body)
        eventually(lambda: deployment.queued() == (0, 0), within_seconds=DEADLINE_SECONDS)
    after = {person.number: meeting.record(person) for person in meeting.people}

    faults = [fault for person in meeting.people for fault in faults_of(meeting, person, before[person.number])]
    assert faults == []
    assert after == before
    assert deployment.dead_letters() == []
    during = Counter(person.moment for person in meeting.people if person.open_at_reply)
    assert all(during[moment] for moment in HELD_BACK if moment is not Moment.FAILS_BEFORE_CLOSE), during
    print(f"{environment}: {CONVERSATIONS} conversations, replies while open: {sum(during.values())}")  # noqa: T201


def faults_of(meeting: Meeting, person: Person, record: Record | None) -> Iterator[str]:
    """Yield what is wrong with a conversation after everybody is done."""
    sent = meeting.stack.stubs.messages(person.tel)
    if len(sent) != 1:
        yield f"{person}: {len(sent)} messages"
        return
    if record is None or "closed_at" not in record:
        yield f"{person}: not closed: {record}"
        return
    if Outcome.LOST_LOCK in person.outcomes:
        yield f"{person}: the replies service lost its lock"
    entries = Counter(entry["message_id"] for entry in record["messages"])
    if entries != Counter([sent[0]["sid"], *person.entries]):
        yield f"{person}: messages are {entries}"
    ours = next(entry for entry in record["messages"] if entry["message_id"] == sent[0]["sid"])
    if ours["content"] != sent[0]["body"] or ours["total_tokens"] != ours["prompt_tokens"] + ours["completion_tokens"]:
        yield f"{person}: our entry is {ours}"
    failed = person.moment in (Moment.FAILS_BEFORE_CLOSE, Moment.FAILS_AFTER_CLOSE)
    status = "retry" if failed else "reply_sent" if person.entries else "initial_message_sent"
    if record["conversation_status"] != status:
        yield f"{person}: the status is {record['conversation_status']}"
    if record["thread_id"] != record["openai_thread_id"] or "needs_attention" in record or "lease_owner" in record:
        yield f"{person}: {record}"
