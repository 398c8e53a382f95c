"""Mutants: the code under test, deliberately broken; a search that can't find the break is no search."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import core.pipeline
import core.reconciler
import core.run_watch
from core.attempt import Attempt
from core.batch import LeaseRenewal
from core.claim import Claims
from core.conversation import FAILURE_STATUS, Conversation, Status, Step
from core.errors import DeliveryUnknownError
from core.lease import Lease
from core.outbox import Outbox
from core.pipeline import MessagePipeline
from core.ports import Failing
from core.reconciler import Reconciler
from core.reconciliation import Adopt, NotSent, decide
from core.redelivery import redelivery_delay_seconds
from tests.fakes.store import InMemoryConversationStore
from tests.fakes.whatsapp import InMemoryWhatsApp
from tests.simulation.scenario import Scenario
from tests.simulation.schedule import Result, run_schedule
from tests.simulation.search import search_exhaustively
from utils.settings import Settings

Mutation = Callable[[], Any]


def no_intent_record() -> Any:
    return patch.object(Outbox, "_intend", lambda self, *_: self._clock.now())


def no_check_between_lease_and_send() -> Any:
    """Neither the lease, nor the fence of the intent, nor the moment until which a send may start."""
    intend = InMemoryConversationStore.intend

    def unfenced(self: InMemoryConversationStore, lease: Lease, *args: Any) -> None:
        record = self.records[lease.key] if lease.key else None
        if record is not None and record.conversation.lease_owner == lease.owner:
            intend(self, lease, *args)

    stack = ExitStack()
    stack.enter_context(patch.object(Lease, "check", lambda *_: None))
    stack.enter_context(patch.object(InMemoryConversationStore, "intend", unfenced))
    stack.enter_context(sends_start_at_any_time())
    return stack


def adopt_any_sid() -> Any:
    def careless(_ours: Any, _rivals: Any, listed: Any, *_: Any) -> Any:
        return (Adopt(listed[0], unseen=False) if listed else NotSent()), False

    return patch.object(core.reconciler, "decide", careless)


def adopt_what_may_be_anothers() -> Any:
    return patch.object(core.reconciler, "decide", lambda ours, _rivals, *args: decide(ours, [], *args))


def ignore_what_others_may_have_sent() -> Any:
    """Only rivals of equal content count."""

    def alone(ours: Any, rivals: Any, *args: Any) -> Any:
        return decide(ours, [rival for rival in rivals if rival.content == ours.content], *args)

    return patch.object(core.reconciler, "decide", alone)


def resend_at_once_after_a_timeout() -> Any:
    return patch.object(Reconciler, "find", lambda *_: None)


def reconcile_window_too_short() -> Any:
    return patch.object(Settings, "settle_seconds", 3.0)


def lease_renewed_in_memory_only() -> Any:
    def renew(self: LeaseRenewal, delivery: Any) -> bool:
        delivery.lease.expires_at = delivery.hidden_until - self._safety_margin_seconds
        return True

    return patch.object(LeaseRenewal, "__call__", renew)


def lease_outlives_the_visibility() -> Any:
    make = Claims.__init__

    def longer(self: Claims, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        self._safety_margin_seconds = -60

    return patch.object(Claims, "__init__", longer)


def no_fencing() -> Any:
    return patch.object(InMemoryConversationStore, "_own", lambda self, lease: self.records[lease.key])


def claim_without_a_condition() -> Any:
    create = InMemoryConversationStore.create

    def overwrite(self: InMemoryConversationStore, key: Any, *args: Any, **kwargs: Any) -> Any:
        self.records.pop(key, None)
        return create(self, key, *args, **kwargs)

    return patch.object(InMemoryConversationStore, "create", overwrite)


def take_over_without_a_condition() -> Any:
    take_over = InMemoryConversationStore.take_over

    def steal(self: InMemoryConversationStore, seen: Conversation, *args: Any, **kwargs: Any) -> Conversation:
        return take_over(self, self.records[seen.key].conversation, *args, **kwargs)

    return patch.object(InMemoryConversationStore, "take_over", steal)


def leases_are_ignored() -> Any:
    make = Claims.__init__

    def careless(self: Claims, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        self._clock_skew_seconds = -10_000

    return patch.object(Claims, "__init__", careless)


def failures_are_acknowledged() -> Any:
    give_back = MessagePipeline._give_back

    def acknowledge(self: MessagePipeline, attempt: Attempt, error: Any) -> None:
        give_back(self, attempt, error)

    return patch.object(MessagePipeline, "_give_back", acknowledge)


def failures_are_not_recorded() -> Any:
    return patch.object(MessagePipeline, "_record_failure", lambda *_: None)


def failed_sends_are_the_models_fault() -> Any:
    """No promise is broken but the record's: only the table of transitions tells."""
    return patch.dict(FAILURE_STATUS, {Step.SEND: Status.FAILED_AI})


def nobody_leaves_word() -> Any:
    mark = Claims._mark
    return patch.object(Claims, "_mark", lambda self, *args: replace(mark(self, *args), code="nothing"))


def intent_forgotten_when_the_outcome_is_unknown() -> Any:
    return patch.object(core.pipeline, "Failing", lambda **fields: Failing(**{**fields, "keep_intent": False}))


def intent_forgotten_when_the_record_was_not_read() -> Any:
    make = Attempt.__init__

    def careless(self: Attempt, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        self.maybe_sent = False

    return patch.object(Attempt, "__init__", careless)


def visibility_zero_on_unknown_delivery() -> Any:
    def impatient(error: Any, *args: Any) -> int | None:
        return 0 if isinstance(error, DeliveryUnknownError) else redelivery_delay_seconds(error, *args)

    return patch.object(core.pipeline, "redelivery_delay_seconds", impatient)


def sent_parts_are_not_recorded() -> Any:
    intend = InMemoryConversationStore.intend
    return patch.object(
        InMemoryConversationStore,
        "intend",
        lambda self, lease, reply, _sent, *args: intend(self, lease, reply, [], *args),
    )


def sends_start_at_any_time() -> Any:
    check = InMemoryWhatsApp.check
    return patch.object(
        InMemoryWhatsApp, "check", lambda self, part, secret, _: check(self, part, secret, self._clock.now())
    )


def run_is_not_recorded() -> Any:
    return patch.object(InMemoryConversationStore, "record_run", lambda *_: None)


def a_run_is_forgotten_when_it_can_not_be_recorded() -> Any:
    return patch.object(Attempt, "insist", lambda _self, write: write())


def a_young_run_that_is_not_known_is_gone() -> Any:
    return patch.object(core.run_watch, "YOUNG_SECONDS", -1.0)


def polls_past_the_deadline() -> Any:
    return patch.object(Attempt, "wait", lambda self, seconds, _=0.0: self._clock.sleep(seconds + 60))


EXHAUSTIVELY: tuple[Mutation, ...] = (
    no_intent_record,
    no_check_between_lease_and_send,
    resend_at_once_after_a_timeout,
    reconcile_window_too_short,
    lease_outlives_the_visibility,
    no_fencing,
    claim_without_a_condition,
    failures_are_acknowledged,
    failures_are_not_recorded,
    failed_sends_are_the_models_fault,
    intent_forgotten_when_the_outcome_is_unknown,
    intent_forgotten_when_the_record_was_not_read,
    visibility_zero_on_unknown_delivery,
    sent_parts_are_not_recorded,
    sends_start_at_any_time,
    run_is_not_recorded,
    a_run_is_forgotten_when_it_can_not_be_recorded,
)
"""Mutants that a pair of faults shows up."""

WITH_TWINS: tuple[tuple[Mutation, str], ...] = (
    (adopt_what_may_be_anothers, "twins"),
    (ignore_what_others_may_have_sent, "lookalikes"),
)
"""Mutants that need two conversations which could be taken for each other, and which two."""

BY_CHANCE: tuple[Mutation, ...] = (
    adopt_any_sid,
    lease_renewed_in_memory_only,
    take_over_without_a_condition,
    leases_are_ignored,
    nobody_leaves_word,
    polls_past_the_deadline,
    a_young_run_that_is_not_known_is_gone,
)
"""Mutants that need several conversations, long runs or more faults to show up."""


def hunt_exhaustively(mutation: Mutation, *scenarios: Scenario) -> Result | None:
    """Return the first schedule that shows a mutant up, or None."""
    with mutation():
        for scenario in scenarios:
            for found in search_exhaustively(scenario, workers=1):
                if found.violations:
                    return found.violations[0]
    return None


def hunt_by_chance(mutation: Mutation, schedules: int = 3000) -> Result | None:
    """Return the first schedule that shows a mutant up, or None."""
    with mutation():
        return next((result for result in map(run_schedule, range(schedules)) if result.violation), None)
