"""The table of transitions is what the code does: every one of them happens, and no other one."""

from collections.abc import Callable
from typing import Any

import pytest

from core.conversation import TRANSITIONS, Conversation, ConversationKey, EffectOwner, Mode, Reply, Status
from core.errors import DeliveryUnknownError, PermanentError, SecretError, StoreUnavailableError, TransientError
from core.lease import Lease
from sandbox.context_objects import make_body
from tests.fakes.faulty import Faulty, ProcessDied
from tests.fakes.function import PATIENT, VISIBILITY_SECONDS
from tests.fakes.function import InMemoryFunction as Core
from tests.fakes.secrets import TWILIO
from tests.fakes.store import InMemoryConversationStore

UNAVAILABLE = StoreUnavailableError("DynamoDB did not answer")
TRIES_OF_A_FINAL_UPDATE = 5

Transition = tuple[Status | None, Status]


class WatchedStore(InMemoryConversationStore):
    """Keeps every status that a write sets, with the one it replaces."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[Transition] = set()

    def __getattribute__(self, name: str) -> Any:
        attribute = super().__getattribute__(name)
        if name not in {"create", "take_over", "resume", "intend", "close", "fail", "postpone", "reject"}:
            return attribute

        def write(*args: Any, **kwargs: Any) -> Any:
            before = {key: record.conversation for key, record in self.records.items()}
            try:
                return attribute(*args, **kwargs)
            finally:
                self._compare(before)

        return write

    def _compare(self, before: dict[ConversationKey, Conversation]) -> None:
        for key, record in self.records.items():
            earlier = before.get(key)
            if record.conversation is not earlier:
                self.seen.add((Status(earlier.status) if earlier else None, Status(record.conversation.status)))


class Scene:
    """One conversation, and what goes wrong with it."""

    def __init__(self) -> None:
        self.watched = WatchedStore()
        self.store = Faulty(self.watched)
        self.core = Core(store=self.store)
        self.core.secrets = self.secrets = Faulty(self.core.secrets)
        self.core.model = self.model = Faulty(self.core.model)
        self.core.whatsapp = self.whatsapp = Faulty(self.core.whatsapp)
        self._deliveries = 0

    def deliver(self, **delivery: Any) -> None:
        """Let a message of its own be received, long after everything before it."""
        self._deliveries += 1
        self.core.receive(message_id=f"m-{self._deliveries}", **delivery)
        self.core.clock.sleep(VISIBILITY_SECONDS + 10)

    def die(self, port: Faulty, method: str) -> None:
        port.plan(method, ProcessDied(), after_effect=True)
        with pytest.raises(ProcessDied):
            self.deliver()
        self.core.clock.sleep(VISIBILITY_SECONDS + 10)

    def without_secret(self) -> None:
        self.secrets.plan("twilio", SecretError("gone"))
        self.deliver()

    def with_answer_lost(self) -> None:
        """Leave the conversation with an intent whose outcome is not known."""
        self.whatsapp.plan("send", DeliveryUnknownError("Twilio's answer was lost"))
        self.whatsapp.plan("list_messages", PermanentError("refused"))
        self.deliver()


def refused_twice_then_mended(scene: Scene) -> None:
    for _ in range(2):
        scene.deliver(body=make_body(frontend_payload__recipient_data__comms_consent=False))
    scene.deliver()


def no_secret(scene: Scene) -> None:
    scene.without_secret()
    scene.deliver()


def the_model_refuses(scene: Scene) -> None:
    scene.model.plan("start_run", PermanentError("refused"))
    scene.deliver()
    scene.deliver()


def twilio_refuses(scene: Scene) -> None:
    scene.whatsapp.plan("send", PermanentError("refused"))
    scene.deliver()
    scene.deliver()


def the_intent_is_not_recorded(scene: Scene) -> None:
    scene.store.plan("intend", UNAVAILABLE)
    scene.deliver()
    scene.deliver()


def the_answer_of_a_send_is_lost(scene: Scene) -> None:
    scene.with_answer_lost()
    scene.deliver()


def the_secret_goes_while_an_outcome_is_open(scene: Scene) -> None:
    scene.with_answer_lost()
    scene.without_secret()
    scene.deliver()


def the_answer_of_a_claim_is_lost(scene: Scene) -> None:
    scene.store.plan("create", UNAVAILABLE, after_effect=True)
    scene.deliver()
    scene.deliver()


def the_answer_of_a_take_over_is_lost_while_an_outcome_is_open(scene: Scene) -> None:
    scene.with_answer_lost()
    scene.store.plan("take_over", UNAVAILABLE, after_effect=True)
    scene.deliver()
    scene.deliver()


def the_final_update_fails(scene: Scene) -> None:
    scene.store.plan("close", UNAVAILABLE, times=TRIES_OF_A_FINAL_UPDATE)
    scene.deliver()
    scene.deliver()


def the_process_dies_before_the_run_is_recorded(scene: Scene) -> None:
    scene.die(scene.store, "create")
    scene.deliver()


def the_process_dies_while_it_sends(scene: Scene) -> None:
    scene.die(scene.whatsapp, "send")
    scene.deliver()


def a_send_that_is_refused_for_now_waits_in_the_queue(scene: Scene) -> None:
    scene.core.settings = PATIENT
    scene.core.model.outcome.duration_seconds = 1.0
    scene.whatsapp.plan("send", TransientError("queue full", retry_after_seconds=300))
    scene.deliver()
    scene.deliver()


def an_intent_arrives_between_look_and_take_over(scene: Scene) -> None:
    """Its process was frozen while it wrote, and its lease has run out meanwhile."""
    scene.die(scene.model, "fetch_run")
    record = scene.core.record().conversation
    frozen = Lease("owner of m-1/1")
    frozen.take(record.key, record.lease_expires_at, record.write_number)

    def arrive() -> None:
        del scene.store.before["take_over"]
        reply = Reply(Mode.TEMPLATE, ('{"1": "Ana"}',))
        owner = EffectOwner("+442079460000", TWILIO.account_sid, "whatsapp-credentials/acme/spring/twilio")
        scene.watched.intend(frozen, reply, (), scene.core.clock.now(), owner)

    scene.store.before["take_over"] = arrive
    scene.deliver()
    scene.deliver()


SCENES: tuple[Callable[[Scene], None], ...] = (
    refused_twice_then_mended,
    no_secret,
    the_model_refuses,
    twilio_refuses,
    the_intent_is_not_recorded,
    the_answer_of_a_send_is_lost,
    the_secret_goes_while_an_outcome_is_open,
    the_answer_of_a_claim_is_lost,
    the_answer_of_a_take_over_is_lost_while_an_outcome_is_open,
    the_final_update_fails,
    the_process_dies_before_the_run_is_recorded,
    the_process_dies_while_it_sends,
    a_send_that_is_refused_for_now_waits_in_the_queue,
    an_intent_arrives_between_look_and_take_over,
)


@pytest.mark.parametrize("play", SCENES)
def test_no_scene_leaves_the_table(play: Callable[[Scene], None]) -> None:
    scene = Scene()

    play(scene)

    assert [(before, now) for before, now in scene.watched.seen if now not in TRANSITIONS[before]] == []
    assert scene.core.record().conversation.status is Status.SENT
    assert len(scene.core.sent()) == 1


def test_every_transition_of_the_table_happens() -> None:
    seen: set[Transition] = set()
    for play in SCENES:
        scene = Scene()
        play(scene)
        seen |= scene.watched.seen

    assert {(before, now) for before, after in TRANSITIONS.items() for now in after} - seen == set()


def test_the_table_speaks_of_every_status() -> None:
    assert set(TRANSITIONS) == {None, *Status}
