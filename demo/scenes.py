"""Scenes: what the demo sends, what it waits for, and which promises it then holds the function to."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.conversation import Status
from core.events import Event
from demo.ending import DemoError
from demo.examples import ANA, ANSWER, BEN, CLEO, DEV, WHY, answer, first_contact, template_reply, without_consent
from demo.observation import Observation, Observer
from sandbox.harness.deployment import Deployment
from sandbox.stubs import Outcome, StubClient, drop

TEMPLATE, FREE_FORM, LOST_ANSWER, NO_CONSENT = "ana-template", "ben-free-form", "cleo-lost-answer", "dev-no-consent"
NOT_JSON = "Hello? Is this the channel router?"

LOST_WHY = "You left your number at our stand, and the course you asked about begins in January."

WITHIN_SECONDS = 90
LOOK_EVERY_SECONDS = 0.3

Tell = Callable[[str], None]


PEOPLE = {ANA: "Ana", BEN: "Ben", CLEO: "Cleo", DEV: "Dev"}

TITLES = {
    TEMPLATE: "Ana: first contact, by template",
    FREE_FORM: "Ben: answer, as free text",
    LOST_ANSWER: "Cleo: Twilio's answer gets lost",
    NO_CONSENT: "Dev: has not consented",
}


@dataclass(frozen=True, slots=True)
class Promise:
    """Something that must be true at the end."""

    text: str
    kept: bool


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What the scenes came to.

    Attributes:
        posts: How often Twilio was asked to send something to Cleo.
    """

    observation: Observation
    posts: int

    def promises(self) -> list[Promise]:
        seen = self.observation
        got = {number: len(seen.messages_to(number)) for number in (ANA, BEN, CLEO, DEV)}
        lost = seen.story(LOST_ANSWER)
        ends = {record["conversation_id"]: record["conversation_status"] for record in seen.records}
        return [
            Promise("Ana, Ben and Cleo each got their message once", [got[n] for n in (ANA, BEN, CLEO)] == [1, 1, 1]),
            Promise(
                "Twilio's answer was lost, and still it was asked to send only once",
                self.posts == 1 and lost is not None and bool(lost.steps(Event.SEND_RECONCILED)),
            ),
            Promise("The duplicate was suppressed", is_suppressed(seen)),
            Promise("Who did not consent got nothing", got[DEV] == 0),
            Promise("Every message that can't be sent is in the DLQ, with its reason", len(seen.dead) == len(_REFUSED)),
            Promise(
                "Every record says how its conversation ended",
                ends == {**dict.fromkeys(_SENT, Status.SENT), NO_CONSENT: Status.FAILED_VALIDATION},
            ),
        ]


_SENT = (TEMPLATE, FREE_FORM, LOST_ANSWER)
_REFUSED = (NO_CONSENT, NOT_JSON)


def play(deployment: Deployment, stubs: StubClient, tell: Tell) -> Outcomes:
    """Send everything and return what came out.

    Raises:
        DemoError: It did not come to an end in time.
    """
    observer = Observer(deployment, stubs)
    first = _text(first_contact(TEMPLATE))
    stubs.outcome(Outcome(text=template_reply("Ana", WHY), duration_seconds=1), match=TEMPLATE)
    stubs.outcome(Outcome(text=ANSWER, duration_seconds=1), match=FREE_FORM)
    stubs.outcome(Outcome(text=template_reply("Cleo", LOST_WHY), duration_seconds=1), match=LOST_ANSWER)
    stubs.script("twilio.messages.create", drop(after_effect=True), match=CLEO)
    bodies: Sequence[str] = (
        first,
        _text(answer(FREE_FORM)),
        _text(first_contact(LOST_ANSWER, CLEO, "Cleo")),
        _text(without_consent(NO_CONSENT)),
        NOT_JSON,
    )
    deployment.send_together(bodies)
    _wait(observer, "3 conversations are closed and 2 messages in the DLQ", _all_ended, tell)
    deployment.send(first)
    observation = _wait(observer, "the duplicate is suppressed", is_suppressed, tell)
    return Outcomes(observation, len(stubs.journal(CLEO, operation="twilio.messages.create")))


def _wait(observer: Observer, what: str, ended: Callable[[Observation], bool], tell: Tell) -> Observation:
    deadline = time.monotonic() + WITHIN_SECONDS
    while True:
        observation = observer.look()
        tell(progress_of(observation))
        if ended(observation):
            return observation
        if time.monotonic() > deadline:
            raise DemoError(
                f"After {WITHIN_SECONDS} s it is still not so that {what}: {progress_of(observation)}.\n"
                "A very busy machine? Try again; `make dev` shows what the function does."
            )
        time.sleep(LOOK_EVERY_SECONDS)


def progress_of(observation: Observation) -> str:
    """Return in a few words how far it is."""
    counts = f"{closed_count(observation)} of {len(_SENT)} sent, {len(observation.dead)} of {len(_REFUSED)} in the DLQ"
    return counts + (", duplicate suppressed" if is_suppressed(observation) else "")


def closed_count(observation: Observation) -> int:
    return sum(record["conversation_status"] == Status.SENT for record in observation.records)


def is_suppressed(observation: Observation) -> bool:
    """Whether the second message with Ana's Context Object was; a redelivery of the first one doesn't count."""
    story = observation.story(TEMPLATE)
    return story is not None and any(
        delivery.message_id != story.deliveries[0].message_id
        and any(step.event == Event.DUPLICATE_SUPPRESSED for step in delivery.steps)
        for delivery in story.deliveries
    )


def _all_ended(observation: Observation) -> bool:
    """Whether records and DLQ say so, and the function's log has told how: an emulator is a little late with it."""
    told = [observation.story(name) for name in _SENT]
    return (
        closed_count(observation) == len(told)
        and len(observation.dead) == len(_REFUSED)
        and all(story is not None and story.steps(Event.CONVERSATION_CLOSED) for story in told)
    )


def _text(context: object) -> str:
    return json.dumps(context, ensure_ascii=False)
