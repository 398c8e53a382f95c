"""Contract of `core.ports.ConversationStore`.

Besides what each write does: every write may be repeated with the same effect, writes of a delivery that has no lease
any more have none, and a race has one winner.
"""

import itertools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

import pytest

from core.conversation import (
    Conversation,
    ConversationKey,
    EffectOwner,
    Failure,
    Mode,
    Reply,
    Run,
    SentPart,
    Standing,
    Status,
    Step,
    Usage,
    Waiting,
    WaitReason,
)
from core.deliveries import DeliveryStatus, MessageDelivery
from core.errors import LeaseHeldError, LostLeaseError, ProcessorError
from core.lease import Lease
from core.ports import ChatMessage, Closing, ConversationStore, Failing, Parked
from tests.fakes.clock import START

PARTIES = {"company_id": "acme", "project_id": "spring", "company_whatsapp_number": "+442079460000"}
ATTRIBUTES = {"company_name": "Acme Coffee", "project_data": '{"position":"Barista"}', "recipient_first_name": "Zoë"}
OWNER = EffectOwner("+442079460000", "AC" + "0" * 32, "whatsapp-credentials/acme/spring/twilio")
RUN = Run("conv_1", "resp_1")
TEMPLATE_REPLY = Reply(Mode.TEMPLATE, ('{"1": "Zoë", "2": "Acme"}',), Usage(120, 30))
PARTS_REPLY = Reply(Mode.FREE_FORM, ("Hello Zoë 👩‍👩‍👧", "How are you?\n\n", "Bye"), Usage(7, 0))
WAITING = Waiting(WaitReason.MODEL, START, START + timedelta(hours=1))
THREADS = 8

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Inspected:
    """What people see of a record, beside what the core reads."""

    attempts: int
    needs_attention: bool
    attributes: Mapping[str, str]
    messages: list[ChatMessage]
    processing_time_ms: int | None
    waiting: Waiting | None = None


class StoreLab(Protocol):
    @property
    def store(self) -> ConversationStore: ...

    def inspect(self, key: ConversationKey) -> Inspected:
        """Look at a record past the store."""
        ...


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def new_recipient() -> str:
    """Return a number that no other test of this run uses."""
    return f"+4477{next(_numbers):08}"


def new_key(recipient: str | None = None) -> ConversationKey:
    return ConversationKey(recipient or new_recipient(), f"conv-{next(_numbers)}")


def new_lease(key: ConversationKey, *, seconds: float = 345.125) -> Lease:
    lease = Lease(f"owner-{next(_numbers)}")
    lease.take(key, at(seconds).timestamp())
    return lease


def mark(seconds: float = 0, *, message_id: str = "m-1", receive_count: int = 1) -> Failure:
    """Return what a claim leaves as last error."""
    return Failure(Step.CLAIM, "unfinished", "an attempt is at work", at(seconds), False, message_id, receive_count)  # noqa: FBT003


def failing(**changes: Any) -> Failing:
    failure = Failure(Step.SEND, "twilio_21211", "Twilio refused", at(9), True, "m-1", 1)  # noqa: FBT003
    default = Failing(Status.FAILED_SEND, failure, sent=(), keep_intent=False, keep_run=True)
    return replace(default, **changes)


def closing(*sids: str) -> Closing:
    messages = tuple(ChatMessage(sid, f"text of {sid}", at(7), Usage(420, 30)) for sid in sids or ("SM1",))
    return Closing(messages, at(8), 8250)


class Actor:
    """A delivery and what it does to one conversation."""

    def __init__(self, store: ConversationStore, key: ConversationKey, *, seconds: float = 345.125) -> None:
        self.store = store
        self.key = key
        self.lease = new_lease(key, seconds=seconds)

    def create(
        self, attributes: Mapping[str, str] = ATTRIBUTES, *, needs_attention: bool = False
    ) -> Conversation | None:
        return self.store.create(self.key, self.lease, attributes, mark(), needs_attention=needs_attention)

    def resume(self, write_number: int, *, needs_attention: bool = False, **different: Any) -> Conversation | None:
        """Resume as a continuation does that knows the run, the number and the parties, save what is different."""
        parked = Parked(RUN, write_number, *PARTIES.values())
        parked = replace(parked, **different)
        self.lease.take(self.key, self.lease.expires_at, parked.write_number + 1)
        return self.store.resume(self.key, parked, self.lease, mark(5), needs_attention=needs_attention)

    def take_over(
        self, seen: Conversation, attributes: Mapping[str, str] = ATTRIBUTES, *, needs_attention: bool = False
    ) -> Conversation:
        """Take over as a new lease does, and again with the same write."""
        self.lease.take(self.key, self.lease.expires_at, seen.write_number + 1)
        return self.store.take_over(
            seen, self.lease, attributes, mark(5, receive_count=2), needs_attention=needs_attention
        )


class ConversationStoreContract:
    """What the core relies on."""

    @pytest.fixture
    def lab(self) -> StoreLab:
        raise NotImplementedError

    @pytest.fixture
    def store(self, lab: StoreLab) -> ConversationStore:
        return lab.store

    @pytest.fixture
    def owner(self, store: ConversationStore) -> Actor:
        """The delivery that has created the record."""
        owner = Actor(store, new_key())
        assert owner.create() is None
        return owner

    def look(self, store: ConversationStore, key: ConversationKey) -> Conversation:
        """Return a record as a delivery sees it that comes too late to create it."""
        seen = Actor(store, key).create()
        assert seen is not None
        return seen

    # Create

    def test_a_new_record_is_in_processing_with_its_lease_and_mark(self, store: ConversationStore) -> None:
        owner = Actor(store, new_key())

        existing = owner.create()

        assert existing is None
        assert self.look(store, owner.key) == Conversation(
            key=owner.key,
            status=Status.PROCESSING,
            created_at=at(0),
            lease_owner=owner.lease.owner,
            lease_expires_at=owner.lease.expires_at,
            last_error=mark(),
        )

    @pytest.mark.parametrize("needs_attention", [False, True])
    def test_a_new_record_shows_its_attributes_and_whether_people_should_look(
        self, lab: StoreLab, needs_attention: bool
    ) -> None:
        owner = Actor(lab.store, new_key())

        owner.create(needs_attention=needs_attention)

        inspected = lab.inspect(owner.key)
        assert {name: inspected.attributes[name] for name in ATTRIBUTES} == ATTRIBUTES
        assert (inspected.attempts, inspected.needs_attention) == (1, needs_attention)

    def test_creating_again_after_a_lost_answer_is_creating_once(self, lab: StoreLab, owner: Actor) -> None:
        again = owner.create()

        assert again is None
        assert lab.inspect(owner.key).attempts == 1

    def test_a_record_that_exists_is_returned_and_left_as_it_is(self, store: ConversationStore, owner: Actor) -> None:
        before = self.look(store, owner.key)
        other = Actor(store, owner.key)

        seen = other.store.create(owner.key, other.lease, {"company_name": "Other"}, mark(99), needs_attention=True)

        assert seen == before
        assert self.look(store, owner.key) == before

    def test_a_race_to_create_has_one_winner(self, lab: StoreLab) -> None:
        key = new_key()
        actors = [Actor(lab.store, key) for _ in range(THREADS)]

        seen = at_once([actor.create for actor in actors])

        winners = [actor for actor, existing in zip(actors, seen, strict=True) if existing is None]
        assert len(winners) == 1
        assert {existing.lease_owner for existing in seen if existing is not None} == {winners[0].lease.owner}
        assert lab.inspect(key).attempts == 1

    # Take over

    def test_a_lease_is_taken_over_with_the_record_as_it_is(self, lab: StoreLab, owner: Actor) -> None:
        lab.store.record_run(owner.lease, RUN, at(2))
        heir = Actor(lab.store, owner.key, seconds=800)

        taken = heir.take_over(self.look(lab.store, owner.key))

        assert taken == self.look(lab.store, owner.key)
        assert (taken.status, taken.run, taken.created_at) == (Status.PROCESSING, RUN, at(0))
        assert (taken.lease_owner, taken.lease_expires_at) == (heir.lease.owner, heir.lease.expires_at)
        assert taken.last_error == mark(5, receive_count=2)
        assert lab.inspect(owner.key).attempts == 2

    def test_an_open_intent_survives_and_its_outcome_is_unknown_from_then_on(
        self, store: ConversationStore, owner: Actor
    ) -> None:
        store.intend(owner.lease, PARTS_REPLY, [SentPart("SM1", at(3))], at(4), OWNER)

        taken = Actor(store, owner.key).take_over(self.look(store, owner.key))

        assert (taken.status, taken.intent_at, taken.outcome_unknown) == (Status.SENDING, at(4), True)
        assert (taken.reply, taken.sent) == (PARTS_REPLY, (SentPart("SM1", at(3)),))
        assert taken.pending_part == PARTS_REPLY.parts[1]

    @pytest.mark.parametrize("needs_attention", [False, True])
    def test_an_attempt_says_whether_people_should_look(
        self, lab: StoreLab, owner: Actor, needs_attention: bool
    ) -> None:
        lab.store.fail(owner.lease, failing())
        seen = self.look(lab.store, owner.key)

        Actor(lab.store, owner.key).take_over(seen, needs_attention=needs_attention)

        assert lab.inspect(owner.key).needs_attention is needs_attention

    def test_taking_over_again_after_a_lost_answer_is_taking_over_once(self, lab: StoreLab, owner: Actor) -> None:
        seen = self.look(lab.store, owner.key)
        heir = Actor(lab.store, owner.key)
        first = heir.take_over(seen)

        second = heir.take_over(seen)

        assert second == first
        assert lab.inspect(owner.key).attempts == 2

    def test_a_lease_that_another_took_is_not_taken(self, store: ConversationStore, owner: Actor) -> None:
        seen = self.look(store, owner.key)
        faster = Actor(store, owner.key)
        faster.take_over(seen)

        with pytest.raises(LeaseHeldError) as caught:
            Actor(store, owner.key).take_over(seen)

        assert caught.value.retry_after_seconds is not None
        assert self.look(store, owner.key).lease_owner == faster.lease.owner

    def test_a_lease_that_was_renewed_is_not_taken(self, store: ConversationStore, owner: Actor) -> None:
        seen = self.look(store, owner.key)
        store.renew(owner.lease, at(700).timestamp())

        with pytest.raises(LeaseHeldError):
            Actor(store, owner.key).take_over(seen)

        assert self.look(store, owner.key).lease_owner == owner.lease.owner

    def test_a_lease_that_was_given_up_meanwhile_is_not_taken_from_its_old_owner(
        self, store: ConversationStore, owner: Actor
    ) -> None:
        seen = self.look(store, owner.key)
        store.fail(owner.lease, failing())

        with pytest.raises(LeaseHeldError):
            Actor(store, owner.key).take_over(seen)

    def test_a_record_without_a_lease_is_taken(self, lab: StoreLab, owner: Actor) -> None:
        lab.store.fail(owner.lease, failing())
        heir = Actor(lab.store, owner.key)

        taken = heir.take_over(self.look(lab.store, owner.key))

        assert (taken.status, taken.lease_owner) == (Status.PROCESSING, heir.lease.owner)

    def test_a_record_that_another_delivery_has_changed_since_the_look_is_not_taken(
        self, store: ConversationStore, owner: Actor
    ) -> None:
        """Another delivery came, sent with its answer lost, and gave up: no lease shows it, but the number does."""
        store.fail(owner.lease, failing())
        seen = self.look(store, owner.key)
        other = Actor(store, owner.key)
        other.take_over(seen)
        store.record_run(other.lease, RUN, at(6))
        store.intend(other.lease, TEMPLATE_REPLY, [], at(6), OWNER)
        store.fail(other.lease, failing(keep_intent=True))

        with pytest.raises(LeaseHeldError):
            Actor(store, owner.key).take_over(seen)

        assert self.look(store, owner.key).intent_at == at(6)

    def test_a_corrected_message_replaces_what_the_record_says_of_it(self, lab: StoreLab, owner: Actor) -> None:
        lab.store.fail(owner.lease, failing())
        corrected = ATTRIBUTES | {"company_whatsapp_number": "+442079460001"}

        taken = Actor(lab.store, owner.key).take_over(self.look(lab.store, owner.key), corrected)

        assert taken.sender == "+442079460001"
        assert lab.inspect(owner.key).attributes["company_whatsapp_number"] == "+442079460001"

    @pytest.mark.parametrize(
        ("sent", "keep_intent"), [((), True), ((SentPart("SM1", at(3)),), False)], ids=["an intent", "a sent part"]
    )
    def test_once_a_part_may_be_out_the_record_keeps_what_it_says(
        self, lab: StoreLab, owner: Actor, sent: tuple[SentPart, ...], keep_intent: bool
    ) -> None:
        lab.store.intend(owner.lease, PARTS_REPLY, sent, at(4), OWNER)
        lab.store.fail(owner.lease, failing(sent=sent, keep_intent=keep_intent))

        taken = Actor(lab.store, owner.key).take_over(
            self.look(lab.store, owner.key), {"company_whatsapp_number": "+442079460001"}
        )

        assert taken.sender is None
        assert taken.owner == (OWNER if keep_intent else None)

    def test_a_closed_record_is_never_taken(self, store: ConversationStore, owner: Actor) -> None:
        seen = self.look(store, owner.key)
        store.close(owner.lease, closing())

        for look in (seen, self.look(store, owner.key)):
            with pytest.raises(LeaseHeldError):
                Actor(store, owner.key).take_over(look)

        assert self.look(store, owner.key).status is Status.SENT

    def test_a_record_that_is_gone_is_not_taken(self, store: ConversationStore) -> None:
        seen = Conversation(new_key(), Status.PROCESSING, at(0), "owner", at(5).timestamp())

        with pytest.raises(LeaseHeldError):
            Actor(store, seen.key).take_over(seen)

    def test_a_race_to_take_over_has_one_winner(self, lab: StoreLab, owner: Actor) -> None:
        seen = self.look(lab.store, owner.key)
        actors = [Actor(lab.store, owner.key) for _ in range(THREADS)]

        results = at_once([partial(actor.take_over, seen) for actor in actors])

        winners = [actor for actor, result in zip(actors, results, strict=True) if isinstance(result, Conversation)]
        assert len(winners) == 1
        assert all(isinstance(result, LeaseHeldError | Conversation) for result in results)
        assert self.look(lab.store, owner.key).lease_owner == winners[0].lease.owner
        assert lab.inspect(owner.key).attempts == 2

    def test_a_race_for_a_record_without_a_lease_has_one_winner(self, lab: StoreLab, owner: Actor) -> None:
        lab.store.fail(owner.lease, failing())
        seen = self.look(lab.store, owner.key)
        actors = [Actor(lab.store, owner.key) for _ in range(THREADS)]

        results = at_once([partial(actor.take_over, seen) for actor in actors])

        assert sum(isinstance(result, Conversation) for result in results) == 1
        assert lab.inspect(owner.key).attempts == 2

    # Annotate

    def test_a_word_is_left_in_a_record_that_stays_anothers(self, lab: StoreLab, owner: Actor) -> None:
        before = self.look(lab.store, owner.key)
        word = mark(6, message_id="m-2", receive_count=3)

        lab.store.annotate(before, word)
        lab.store.annotate(before, word)

        assert self.look(lab.store, owner.key) == replace(before, last_error=word)
        assert lab.inspect(owner.key).needs_attention

    @pytest.mark.parametrize("change", ["taken over", "closed", "given up", "sending"])
    def test_no_word_is_left_in_a_record_that_changed_meanwhile(
        self, store: ConversationStore, owner: Actor, change: str
    ) -> None:
        seen = self.look(store, owner.key)
        changes: dict[str, Callable[[], Any]] = {
            "taken over": lambda: Actor(store, owner.key).take_over(seen),
            "closed": lambda: store.close(owner.lease, closing()),
            "given up": lambda: store.fail(owner.lease, failing()),
            "sending": lambda: store.intend(owner.lease, TEMPLATE_REPLY, [], at(4), OWNER),
        }
        changes[change]()
        before = self.look(store, owner.key)

        store.annotate(seen, mark(6, message_id="m-2"))

        assert self.look(store, owner.key) == before

    def test_no_record_comes_of_a_word_about_one_that_is_gone(self, store: ConversationStore) -> None:
        key = new_key()

        store.annotate(Conversation(key, Status.PROCESSING, at(0), "owner", at(5).timestamp()), mark())

        assert Actor(store, key).create() is None

    # Fenced writes

    def test_a_run_is_recorded(self, store: ConversationStore, owner: Actor) -> None:
        store.record_run(owner.lease, RUN, at(2))

        assert self.look(store, owner.key).run == RUN

    @pytest.mark.parametrize("reply", [TEMPLATE_REPLY, PARTS_REPLY], ids=["template", "free form"])
    def test_an_intent_is_recorded_with_the_whole_reply(
        self, store: ConversationStore, owner: Actor, reply: Reply
    ) -> None:
        store.intend(owner.lease, reply, [], at(4), OWNER)

        seen = self.look(store, owner.key)
        assert (seen.status, seen.reply, seen.intent_at, seen.sent) == (Status.SENDING, reply, at(4), ())
        assert seen.may_get_answer(at(4).timestamp())

    def test_a_later_intent_replaces_the_one_before_and_awaits_an_answer_again(
        self, store: ConversationStore, owner: Actor
    ) -> None:
        store.intend(owner.lease, PARTS_REPLY, [], at(4), OWNER)
        store.record_unknown(owner.lease, at(5))

        store.intend(owner.lease, PARTS_REPLY, [SentPart("SM1", at(5))], at(6), OWNER)

        seen = self.look(store, owner.key)
        assert (seen.intent_at, seen.sent, seen.outcome_unknown) == (at(6), (SentPart("SM1", at(5)),), False)
        assert seen.pending_part == PARTS_REPLY.parts[1]

    def test_an_unknown_outcome_is_recorded(self, store: ConversationStore, owner: Actor) -> None:
        store.intend(owner.lease, TEMPLATE_REPLY, [], at(4), OWNER)

        store.record_unknown(owner.lease, at(5))

        seen = self.look(store, owner.key)
        assert (seen.outcome_unknown, seen.may_get_answer(at(4).timestamp()), seen.intent_at) == (True, False, at(4))

    def test_a_lease_is_renewed_in_the_record_alone(self, store: ConversationStore, owner: Actor) -> None:
        before = owner.lease.expires_at

        store.renew(owner.lease, at(700.25).timestamp())

        assert self.look(store, owner.key).lease_expires_at == at(700.25).timestamp()
        assert owner.lease.expires_at == before

    def test_a_closed_record_says_what_was_sent_and_nothing_of_the_work(self, lab: StoreLab, owner: Actor) -> None:
        lab.store.record_run(owner.lease, RUN, at(2))
        lab.store.intend(owner.lease, PARTS_REPLY, [SentPart("SM1", at(3))], at(4), OWNER)
        lab.store.record_unknown(owner.lease, at(5))

        lab.store.close(owner.lease, closing("SM1", "SM2", "SM3"))

        assert self.look(lab.store, owner.key) == Conversation(
            key=owner.key,
            status=Status.SENT,
            created_at=at(0),
            run=RUN,
            sent=(SentPart("SM1", at(7)), SentPart("SM2", at(7)), SentPart("SM3", at(7))),
            paid_runs=1,
            standing=Standing.CLOSED,
            held_sids=frozenset({"SM1", "SM2", "SM3"}),
        )
        inspected = lab.inspect(owner.key)
        assert inspected.messages == list(closing("SM1", "SM2", "SM3").messages)
        assert (inspected.processing_time_ms, inspected.needs_attention) == (8250, False)

    # Delivered

    @pytest.fixture
    def watched(self, lab: StoreLab, owner: Actor) -> Conversation:
        """A closed conversation of two messages whose fate is looked for."""
        lab.store.close(owner.lease, replace(closing("SM1", "SM2"), watch_until=at(3608)))
        return self.look(lab.store, owner.key)

    def test_a_closed_record_says_whose_fate_is_looked_for(self, watched: Conversation) -> None:
        accepted = MessageDelivery(DeliveryStatus.ACCEPTED, at(7))
        assert watched.deliveries == {"SM1": accepted, "SM2": accepted}
        assert watched.watch_until == at(3608)

    def test_a_record_is_found_as_it_is_now(self, store: ConversationStore, watched: Conversation) -> None:
        assert store.find(watched.key) == watched

    def test_a_record_that_is_not_there_is_not_found(self, store: ConversationStore, owner: Actor) -> None:
        assert store.find(replace(owner.key, conversation_id="conv-of-nobody")) is None

    def test_what_became_of_messages_is_recorded_and_the_watch_goes_on(
        self, lab: StoreLab, watched: Conversation
    ) -> None:
        found = {**watched.deliveries, "SM1": MessageDelivery(DeliveryStatus.DELIVERED, at(12))}

        assert lab.store.record_deliveries(watched, found, None, at(20), ends_watch=False)

        seen = lab.store.find(watched.key)
        assert seen == replace(watched, deliveries=found, delivery_writes=2)
        assert not lab.inspect(watched.key).needs_attention

    def test_a_message_that_was_not_delivered_calls_for_a_person_and_stays_sent(
        self, lab: StoreLab, watched: Conversation
    ) -> None:
        found = {**watched.deliveries, "SM2": MessageDelivery(DeliveryStatus.UNDELIVERED, at(12), 63016)}
        failure = Failure(Step.DELIVER, "twilio_63016", "it was not delivered", at(20), True, "m-9", 1)  # noqa: FBT003

        assert lab.store.record_deliveries(watched, found, failure, at(20), ends_watch=True)

        seen = lab.store.find(watched.key)
        assert seen is not None
        assert (seen.deliveries, seen.last_error, seen.watch_until, seen.status) == (found, failure, None, Status.SENT)
        assert lab.inspect(watched.key).needs_attention

    def test_of_two_looks_that_saw_the_same_record_one_takes_effect(
        self, store: ConversationStore, watched: Conversation
    ) -> None:
        first = {**watched.deliveries, "SM1": MessageDelivery(DeliveryStatus.READ, at(12))}
        second = {**watched.deliveries, "SM1": MessageDelivery(DeliveryStatus.SENT, at(11))}
        assert store.record_deliveries(watched, first, None, at(20), ends_watch=False)

        assert not store.record_deliveries(watched, second, None, at(21), ends_watch=False)

        seen = store.find(watched.key)
        assert seen is not None
        assert seen.deliveries == first

    @pytest.mark.parametrize("ends_watch", [True, False])
    def test_a_look_recorded_again_after_a_lost_answer_is_recorded_once(
        self, store: ConversationStore, watched: Conversation, *, ends_watch: bool
    ) -> None:
        found = dict.fromkeys(watched.deliveries, MessageDelivery(DeliveryStatus.FAILED, at(12), 63024))
        assert store.record_deliveries(watched, found, None, at(20), ends_watch=ends_watch)
        before = store.find(watched.key)

        assert store.record_deliveries(watched, found, None, at(20), ends_watch=ends_watch)

        assert store.find(watched.key) == before

    def test_nothing_is_recorded_once_the_watch_is_over(self, store: ConversationStore, watched: Conversation) -> None:
        store.record_deliveries(watched, watched.deliveries, None, at(20), ends_watch=True)
        over = store.find(watched.key)
        assert over is not None
        found = {**over.deliveries, "SM1": MessageDelivery(DeliveryStatus.READ, at(12))}

        assert not store.record_deliveries(over, found, None, at(30), ends_watch=False)

        assert store.find(watched.key) == over

    def test_no_record_comes_of_a_look_at_one_that_is_gone(self, store: ConversationStore, owner: Actor) -> None:
        gone = Conversation(replace(owner.key, conversation_id="conv-gone"), Status.SENT, at(0), delivery_writes=1)

        assert not store.record_deliveries(gone, {}, None, at(30), ends_watch=False)

        assert store.find(gone.key) is None

    def test_a_closed_record_needs_no_attention_any_more(self, lab: StoreLab) -> None:
        owner = Actor(lab.store, new_key())
        owner.create(needs_attention=True)

        lab.store.close(owner.lease, closing())

        assert not lab.inspect(owner.key).needs_attention

    def test_a_failed_record_says_why_and_has_no_lease(self, lab: StoreLab, owner: Actor) -> None:
        lab.store.record_run(owner.lease, RUN, at(2))
        lab.store.intend(owner.lease, TEMPLATE_REPLY, [], at(4), OWNER)

        lab.store.fail(owner.lease, failing())

        assert self.look(lab.store, owner.key) == Conversation(
            key=owner.key,
            status=Status.FAILED_SEND,
            created_at=at(0),
            run=RUN,
            reply=TEMPLATE_REPLY,
            last_error=failing().failure,
            paid_runs=1,
        )
        assert lab.inspect(owner.key).needs_attention

    def test_a_failure_keeps_an_intent_whose_outcome_is_not_known(self, store: ConversationStore, owner: Actor) -> None:
        store.intend(owner.lease, TEMPLATE_REPLY, [], at(4), OWNER)
        store.record_unknown(owner.lease, at(5))

        store.fail(owner.lease, failing(keep_intent=True))

        seen = self.look(store, owner.key)
        assert (seen.intent_at, seen.outcome_unknown, seen.pending_part) == (at(4), True, TEMPLATE_REPLY.parts[0])

    def test_a_failure_without_an_intent_knows_of_no_outcome(self, store: ConversationStore, owner: Actor) -> None:
        store.intend(owner.lease, TEMPLATE_REPLY, [], at(4), OWNER)
        store.record_unknown(owner.lease, at(5))

        store.fail(owner.lease, failing(keep_intent=False))

        assert not self.look(store, owner.key).outcome_unknown

    def test_a_failure_drops_a_run_of_no_further_use(self, store: ConversationStore, owner: Actor) -> None:
        store.record_run(owner.lease, RUN, at(2))

        store.fail(owner.lease, failing(keep_run=False))

        failed = self.look(store, owner.key)
        assert failed.run is None
        assert failed.paid_runs == 1

    def test_a_run_is_recorded_with_its_moment_and_number(self, store: ConversationStore, owner: Actor) -> None:
        store.record_run(owner.lease, Run("conv_2", "resp_2", at(2), 3), at(2))

        shown = self.look(store, owner.key)
        assert shown.run == Run("conv_2", "resp_2")
        assert (shown.run.started_at, shown.run.number, shown.paid_runs) == (at(2), 3, 3)

    def test_a_run_recorded_twice_is_paid_once(self, store: ConversationStore, owner: Actor) -> None:
        for _ in range(2):
            store.record_run(owner.lease, RUN, at(2))

        assert self.look(store, owner.key).paid_runs == 1

    def test_a_failure_carries_a_run_that_could_not_be_recorded(self, store: ConversationStore, owner: Actor) -> None:
        store.fail(owner.lease, failing(run=Run("conv_2", "resp_2", at(2), 2)))

        failed = self.look(store, owner.key)
        assert (failed.run, failed.paid_runs) == (Run("conv_2", "resp_2"), 2)

    def test_a_failure_drops_a_reply_of_no_further_use_with_its_run(
        self, store: ConversationStore, owner: Actor
    ) -> None:
        store.record_run(owner.lease, RUN, at(2))
        store.intend(owner.lease, TEMPLATE_REPLY, [], at(4), OWNER)

        store.fail(owner.lease, failing(keep_run=False, keep_reply=False))

        failed = self.look(store, owner.key)
        assert (failed.reply, failed.run, failed.intent_at, failed.pending_part) == (None, None, None, None)

    @pytest.mark.parametrize(
        ("known", "shown"),
        [
            pytest.param((), (SentPart("SM1", at(3)),), id="none of its own"),
            pytest.param(
                (SentPart("SM1", at(3)), SentPart("SM2", at(5))),
                (SentPart("SM1", at(3)), SentPart("SM2", at(5))),
                id="one more",
            ),
        ],
    )
    def test_a_failure_never_forgets_parts_that_were_sent(
        self, store: ConversationStore, owner: Actor, known: tuple[SentPart, ...], shown: tuple[SentPart, ...]
    ) -> None:
        store.intend(owner.lease, PARTS_REPLY, [SentPart("SM1", at(3))], at(4), OWNER)

        store.fail(owner.lease, failing(sent=known))

        assert self.look(store, owner.key).sent == shown

    WRITES = (
        pytest.param(lambda store, lease: store.record_run(lease, RUN, at(2)), id="record_run"),
        pytest.param(lambda store, lease: store.intend(lease, TEMPLATE_REPLY, [], at(4), OWNER), id="intend"),
        pytest.param(lambda store, lease: store.record_unknown(lease, at(5)), id="record_unknown"),
        pytest.param(lambda store, lease: store.renew(lease, at(700).timestamp()), id="renew"),
        pytest.param(lambda store, lease: store.close(lease, closing()), id="close"),
        pytest.param(lambda store, lease: store.fail(lease, failing()), id="fail"),
        pytest.param(lambda store, lease: store.record_run(lease, RUN, at(2), WAITING), id="park"),
        pytest.param(
            lambda store, lease: store.postpone(lease, failing(), WAITING, needs_attention=False), id="postpone"
        ),
    )

    @pytest.mark.parametrize("write", WRITES)
    def test_a_write_that_is_repeated_after_a_lost_answer_has_its_effect_once(
        self, lab: StoreLab, owner: Actor, write: Callable[[ConversationStore, Lease], None]
    ) -> None:
        write(lab.store, owner.lease)
        first = self.look(lab.store, owner.key), lab.inspect(owner.key)

        write(lab.store, owner.lease)

        assert (self.look(lab.store, owner.key), lab.inspect(owner.key)) == first

    @pytest.mark.parametrize("write", WRITES)
    def test_a_delivery_whose_lease_another_took_writes_nothing(
        self, lab: StoreLab, owner: Actor, write: Callable[[ConversationStore, Lease], None]
    ) -> None:
        Actor(lab.store, owner.key).take_over(self.look(lab.store, owner.key))
        before = self.look(lab.store, owner.key), lab.inspect(owner.key)

        with pytest.raises(LostLeaseError):
            write(lab.store, owner.lease)

        assert (self.look(lab.store, owner.key), lab.inspect(owner.key)) == before

    @pytest.mark.parametrize("write", WRITES)
    def test_a_delivery_whose_record_another_closed_writes_nothing(
        self, lab: StoreLab, owner: Actor, write: Callable[[ConversationStore, Lease], None]
    ) -> None:
        heir = Actor(lab.store, owner.key)
        heir.take_over(self.look(lab.store, owner.key))
        lab.store.close(heir.lease, closing("SM9"))
        before = self.look(lab.store, owner.key), lab.inspect(owner.key)

        with pytest.raises(LostLeaseError):
            write(lab.store, owner.lease)

        assert (self.look(lab.store, owner.key), lab.inspect(owner.key)) == before

    @pytest.mark.parametrize("write", WRITES)
    def test_a_delivery_that_gave_its_lease_up_or_never_had_one_writes_nothing(
        self, store: ConversationStore, owner: Actor, write: Callable[[ConversationStore, Lease], None]
    ) -> None:
        before = self.look(store, owner.key)
        owner.lease.give_up()

        with pytest.raises(LostLeaseError):
            write(store, owner.lease)

        assert self.look(store, owner.key) == before

    @pytest.mark.parametrize("write", WRITES)
    def test_a_write_to_a_record_that_is_gone_creates_none(
        self, store: ConversationStore, write: Callable[[ConversationStore, Lease], None]
    ) -> None:
        key = new_key()

        with pytest.raises(LostLeaseError):
            write(store, new_lease(key))

        assert Actor(store, key).create() is None

    @pytest.mark.parametrize("write", WRITES[:4])
    def test_a_delivery_that_has_finished_does_not_go_on(
        self, store: ConversationStore, owner: Actor, write: Callable[[ConversationStore, Lease], None]
    ) -> None:
        store.close(owner.lease, closing())

        with pytest.raises(LostLeaseError):
            write(store, owner.lease)

        assert self.look(store, owner.key).status is Status.SENT

    def test_a_failure_after_a_close_whose_answer_was_lost_leaves_the_record_closed(
        self, store: ConversationStore, owner: Actor
    ) -> None:
        store.close(owner.lease, closing())

        store.fail(owner.lease, failing())

        assert self.look(store, owner.key).status is Status.SENT

    # Waiting in the queue

    @pytest.fixture
    def parker(self, store: ConversationStore) -> Actor:
        """The delivery that leaves its record to wait for a run."""
        parker = Actor(store, new_key())
        assert parker.create(PARTIES) is None
        return parker

    def test_a_parked_record_has_its_run_and_no_lease(self, lab: StoreLab) -> None:
        owner = Actor(lab.store, new_key())
        owner.create(needs_attention=True)

        lab.store.record_run(owner.lease, RUN, at(2), WAITING)

        parked = self.look(lab.store, owner.key)
        assert (parked.status, parked.run, parked.paid_runs) == (Status.PROCESSING, RUN, 1)
        assert (parked.lease_owner, parked.last_error, parked.write_number) == (None, None, owner.lease.write_number)
        inspected = lab.inspect(owner.key)
        assert (inspected.waiting, inspected.needs_attention) == (WAITING, False)

    @pytest.mark.parametrize("needs_attention", [True, False])
    def test_a_postponed_record_keeps_its_status_and_says_what_it_waits_for(
        self, lab: StoreLab, owner: Actor, *, needs_attention: bool
    ) -> None:
        lab.store.intend(owner.lease, TEMPLATE_REPLY, [], at(4), OWNER)

        lab.store.postpone(owner.lease, failing(keep_intent=True), WAITING, needs_attention=needs_attention)

        waits = self.look(lab.store, owner.key)
        assert (waits.status, waits.intent_at, waits.reply) == (Status.SENDING, at(4), TEMPLATE_REPLY)
        assert (waits.lease_owner, waits.last_error) == (None, failing().failure)
        inspected = lab.inspect(owner.key)
        assert (inspected.waiting, inspected.needs_attention) == (WAITING, needs_attention)

    def test_a_postponed_record_keeps_what_is_certain_and_drops_the_rest(
        self, store: ConversationStore, owner: Actor
    ) -> None:
        store.intend(owner.lease, PARTS_REPLY, [], at(4), OWNER)

        store.postpone(owner.lease, failing(sent=(SentPart("SM1", at(5)),), run=RUN), WAITING, needs_attention=False)

        waits = self.look(store, owner.key)
        assert (waits.sent, waits.intent_at, waits.run) == ((SentPart("SM1", at(5)),), None, RUN)

    @pytest.mark.parametrize("ending", ["taken over", "resumed", "closed", "failed"])
    def test_a_record_that_is_worked_on_again_waits_no_more(self, lab: StoreLab, parker: Actor, ending: str) -> None:
        lab.store.record_run(parker.lease, RUN, at(2), WAITING)
        heir = Actor(lab.store, parker.key)
        if ending == "resumed":
            assert heir.resume(parker.lease.write_number) is not None
        else:
            heir.take_over(self.look(lab.store, parker.key))
        if ending == "closed":
            lab.store.close(heir.lease, closing())
        if ending == "failed":
            lab.store.fail(heir.lease, failing())

        assert lab.inspect(parker.key).waiting is None

    def test_a_parked_record_is_resumed_in_one_write(self, lab: StoreLab, parker: Actor) -> None:
        lab.store.record_run(parker.lease, Run("conv_1", "resp_1", at(2), 2), at(2), WAITING)
        heir = Actor(lab.store, parker.key)

        seen = heir.resume(parker.lease.write_number, needs_attention=True)

        assert seen == self.look(lab.store, parker.key)
        assert seen.run is not None
        assert (seen.run.started_at, seen.run.number) == (at(2), 2)
        assert (seen.lease_owner, seen.write_number) == (heir.lease.owner, parker.lease.write_number + 1)
        inspected = lab.inspect(parker.key)
        assert (inspected.attempts, inspected.needs_attention) == (2, True)

    def test_resuming_twice_with_one_lease_counts_one_attempt(self, lab: StoreLab, parker: Actor) -> None:
        lab.store.record_run(parker.lease, RUN, at(2), WAITING)
        heir = Actor(lab.store, parker.key)

        first = heir.resume(parker.lease.write_number)
        second = heir.resume(parker.lease.write_number)

        assert first == second
        assert lab.inspect(parker.key).attempts == 2

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("run", Run("conv_1", "resp_2")),
            ("run", Run("conv_2", "resp_1")),
            ("write_number", 1),
            ("write_number", 3),
            ("company_id", "umbrella"),
            ("project_id", "autumn"),
            ("sender", "+442079460999"),
        ],
    )
    def test_a_record_that_is_not_as_its_continuation_says_is_left_alone(
        self, lab: StoreLab, parker: Actor, name: str, value: Any
    ) -> None:
        lab.store.record_run(parker.lease, RUN, at(2), WAITING)
        before = self.look(lab.store, parker.key), lab.inspect(parker.key)

        given = {"write_number": parker.lease.write_number, name: value}
        seen = Actor(lab.store, parker.key).resume(**given)

        assert seen is None
        assert (self.look(lab.store, parker.key), lab.inspect(parker.key)) == before

    @pytest.mark.parametrize("state", ["held", "closed", "failed", "taken and parked again"])
    def test_a_record_that_somebody_worked_on_meanwhile_is_not_resumed(
        self, lab: StoreLab, parker: Actor, state: str
    ) -> None:
        lab.store.record_run(parker.lease, RUN, at(2), WAITING)
        write_number = parker.lease.write_number
        other = Actor(lab.store, parker.key)
        other.take_over(self.look(lab.store, parker.key))
        if state == "closed":
            lab.store.close(other.lease, closing())
        if state == "failed":
            lab.store.fail(other.lease, failing())
        if state == "taken and parked again":
            lab.store.record_run(other.lease, RUN, at(5), WAITING)
        before = self.look(lab.store, parker.key), lab.inspect(parker.key)

        assert Actor(lab.store, parker.key).resume(write_number) is None
        assert (self.look(lab.store, parker.key), lab.inspect(parker.key)) == before

    def test_there_is_nothing_to_resume_where_no_record_is(self, store: ConversationStore) -> None:
        key = new_key()

        assert Actor(store, key).resume(2) is None
        assert Actor(store, key).create() is None

    # Reject

    def test_a_refused_message_has_a_record_that_says_why(self, lab: StoreLab) -> None:
        key, failure = new_key(), replace(mark(), step=Step.VALIDATE, code="invalid_context", permanent=True)

        lab.store.reject(key, failure)
        lab.store.reject(key, failure)

        seen = self.look(lab.store, key)
        assert seen == Conversation(key, Status.FAILED_VALIDATION, at(0), last_error=failure)
        assert lab.inspect(key).needs_attention

    def test_a_message_refused_again_leaves_the_first_record_as_it_is(self, store: ConversationStore) -> None:
        key = new_key()
        store.reject(key, mark(0))

        store.reject(key, mark(60, receive_count=2))

        assert self.look(store, key).last_error == mark(0)

    @pytest.mark.parametrize("state", ["processing", "sending", "closed", "failed"])
    def test_a_refused_message_does_not_touch_a_conversation_that_exists(
        self, store: ConversationStore, owner: Actor, state: str
    ) -> None:
        changes: dict[str, Callable[[], Any]] = {
            "processing": lambda: None,
            "sending": lambda: store.intend(owner.lease, TEMPLATE_REPLY, [], at(4), OWNER),
            "closed": lambda: store.close(owner.lease, closing()),
            "failed": lambda: store.fail(owner.lease, failing()),
        }
        changes[state]()
        before = self.look(store, owner.key)

        store.reject(owner.key, mark(60))

        assert self.look(store, owner.key) == before

    def test_a_conversation_whose_message_was_mended_begins_after_all(self, lab: StoreLab) -> None:
        key = new_key()
        lab.store.reject(key, mark())
        actor = Actor(lab.store, key)
        seen = actor.create()
        assert seen is not None

        taken = actor.take_over(seen)

        assert (taken.status, taken.lease_owner) == (Status.PROCESSING, actor.lease.owner)
        assert lab.inspect(key).attempts == 1

    # Late copies

    def test_a_late_copy_of_a_write_undoes_no_later_one(self, store: ConversationStore, owner: Actor) -> None:
        """The SDK repeated a write it had no answer to; the first copy arrives when the next write is done."""
        late = copy(owner.lease)
        store.intend(owner.lease, PARTS_REPLY, [], at(4), OWNER)
        store.intend(owner.lease, PARTS_REPLY, [SentPart("SM1", at(5))], at(6), OWNER)

        with pytest.raises(LostLeaseError):
            store.intend(late, PARTS_REPLY, [], at(4), OWNER)

        seen = self.look(store, owner.key)
        assert (seen.sent, seen.intent_at) == ((SentPart("SM1", at(5)),), at(6))

    def test_a_copy_of_the_latest_write_is_that_write(self, store: ConversationStore, owner: Actor) -> None:
        same = copy(owner.lease)
        store.intend(owner.lease, PARTS_REPLY, [], at(4), OWNER)

        store.intend(same, PARTS_REPLY, [], at(4), OWNER)

        assert self.look(store, owner.key).intent_at == at(4)

    def test_a_late_renewal_does_not_shorten_a_lease(self, store: ConversationStore, owner: Actor) -> None:
        store.renew(owner.lease, at(900).timestamp())

        store.renew(owner.lease, at(700).timestamp())

        assert self.look(store, owner.key).lease_expires_at == at(900).timestamp()

    def test_the_numbers_go_on_from_owner_to_owner(self, store: ConversationStore, owner: Actor) -> None:
        store.record_run(owner.lease, RUN, at(2))
        heir = Actor(store, owner.key)

        heir.take_over(self.look(store, owner.key))
        store.intend(heir.lease, TEMPLATE_REPLY, [], at(4), OWNER)

        assert self.look(store, owner.key).write_number == 4

    # Conversations of one recipient

    def test_all_conversations_of_a_recipient_are_found(self, store: ConversationStore) -> None:
        recipient = new_recipient()
        one, two, own = (Actor(store, new_key(recipient)) for _ in range(3))
        for actor in (one, two, own, Actor(store, new_key())):
            actor.create()
        store.intend(one.lease, PARTS_REPLY, [SentPart("SM1", at(3))], at(4), OWNER)
        store.close(two.lease, closing("SM2"))

        found = {conversation.key: conversation for conversation in store.conversations_with(recipient)}

        assert set(found) == {one.key, two.key, own.key}
        assert found[one.key].pending_part == PARTS_REPLY.parts[1]
        assert found[one.key].may_get_answer(at(4).timestamp())
        assert found[one.key].held_sids == {"SM1"}
        assert found[two.key].held_sids == {"SM2"}

    def test_a_recipient_may_have_no_conversation(self, store: ConversationStore) -> None:
        assert store.conversations_with(new_recipient()) == []

    def test_conversations_are_as_they_are_now(self, store: ConversationStore, owner: Actor) -> None:
        for seconds in range(20):
            store.intend(owner.lease, TEMPLATE_REPLY, [], at(seconds), OWNER)
            (found,) = store.conversations_with(owner.key.recipient_tel)
            assert found.intent_at == at(seconds)

    def test_more_conversations_than_one_answer_holds_are_all_found(self, store: ConversationStore) -> None:
        recipient = new_recipient()
        keys = [new_key(recipient) for _ in range(4)]
        for key in keys:
            store.create(key, new_lease(key), {"project_data": "x" * 350_000}, mark(), needs_attention=False)

        found = store.conversations_with(recipient)

        assert {conversation.key for conversation in found} == set(keys)


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Make all calls at the same time and return what each returned or raised."""
    start = threading.Barrier(len(calls))

    def call(target: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return target()
        except ProcessorError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as executor:
        return list(executor.map(call, calls))
