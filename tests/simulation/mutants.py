"""Mutants: the code under test, deliberately broken; a search that can't find the break is no search."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any
from unittest.mock import patch

from greenlet import getcurrent
from twilio.base.page import Page

import core.aftermath
import core.claim
import core.continuation
import core.deliveries
import core.pipeline
import core.postponement
import core.reconciler
import core.reconciliation
import core.resemblance
import core.run_watch
import services.conversation_item
import services.dynamodb_service
from core.aftermath import Aftermath
from core.attempt import Attempt
from core.batch import BatchProcessor, LeaseRenewal
from core.claim import Claims
from core.conversation import FAILURE_STATUS, Standing, Status, Step, WaitReason
from core.delivery import Delivery
from core.errors import LeaseHeldError
from core.lease import Lease
from core.outbox import Outbox
from core.outcome import Done, Postponed
from core.ports import Failing
from core.postponement import Postponement, Wait
from core.reconciler import Reconciler
from core.reconciliation import Adopt, NotSent, Undecided, decide
from core.watch import DeliveryWatch
from services.dynamodb_service import DynamoDBConversationStore
from tests.simulation import drawing
from tests.simulation.drawing import Hostility
from tests.simulation.expressions import placeholders
from tests.simulation.scenario import Scenario
from tests.simulation.schedule import Result, run_schedule
from tests.simulation.search import search_exhaustively
from tests.simulation.sqs import SimulatedQueue
from tests.simulation.wire import StoreWire, TwilioWire
from utils.settings import Settings

Mutation = Callable[[], Any]


def no_intent_record() -> Any:
    return patch.object(Outbox, "_intend", lambda self, *_: self._clock.now())


def without_condition(*methods: str) -> Any:
    """Let writes of the store's methods take effect whatever the record shows."""

    def update_item(self: StoreWire, **request: Any) -> dict[str, Any]:
        if self.doing[getcurrent()] in methods:
            request.pop("ConditionExpression", None)
            used = placeholders(request["UpdateExpression"])
            values = request["ExpressionAttributeValues"]
            request["ExpressionAttributeValues"] = {name: value for name, value in values.items() if name in used}
        return self._call(lambda: self._table.update_item(**request))

    return patch.object(StoreWire, "update_item", update_item)


def no_check_between_lease_and_send() -> Any:
    """Neither the lease, nor the fence of the intent, nor the moment until which a send may start."""
    stack = ExitStack()
    stack.enter_context(patch.object(Lease, "check", lambda *_: None))
    stack.enter_context(without_condition("intend"))
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
    stack = ExitStack()
    stack.enter_context(patch.object(Settings, "settle_seconds", 3.0))
    stack.enter_context(patch.object(Settings, "send_start_seconds", 5.0))
    return stack


def lease_renewed_in_memory_only() -> Any:
    def renew(self: LeaseRenewal, delivery: Any) -> bool:
        delivery.lease.expires_at = delivery.hidden_until - self._safety_margin_seconds
        return True

    return patch.object(LeaseRenewal, "__call__", renew)


def no_fencing() -> Any:
    return without_condition("record_run", "intend", "record_unknown", "renew", "close", "fail")


def claim_without_a_condition() -> Any:
    def put_item(self: StoreWire, *, Item: Any, **_: Any) -> dict[str, Any]:  # noqa: N803 - the SDK's name
        return self._call(lambda: self._table.put_item(Item=Item))

    return patch.object(StoreWire, "put_item", put_item)


def take_over_without_a_condition() -> Any:
    return without_condition("take_over")


def leases_are_ignored() -> Any:
    make = Claims.__init__

    def careless(self: Claims, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        self._clock_skew_seconds = -10_000

    return patch.object(Claims, "__init__", careless)


def failures_are_acknowledged() -> Any:
    give_back = Aftermath._give_back

    def acknowledge(self: Aftermath, *args: Any, **kwargs: Any) -> Done:
        give_back(self, *args, **kwargs)
        return Done()

    return patch.object(Aftermath, "_give_back", acknowledge)


def failures_are_not_recorded() -> Any:
    return patch.object(Aftermath, "_release", lambda _self, attempt, *_: attempt.delivery.lease.give_up())


def failed_sends_are_the_models_fault() -> Any:
    """No promise is broken but the record's: only the table of transitions tells."""
    return patch.dict(FAILURE_STATUS, {Step.SEND: Status.FAILED_AI})


def nobody_leaves_word() -> Any:
    mark = Claims._mark
    return patch.object(Claims, "_mark", lambda self, *args: replace(mark(self, *args), code="nothing"))


def intent_forgotten_when_the_outcome_is_unknown() -> Any:
    return patch.object(core.aftermath, "Failing", lambda **fields: Failing(**{**fields, "keep_intent": False}))


def intent_forgotten_when_the_record_was_not_read() -> Any:
    make = Attempt.__init__

    def careless(self: Attempt, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        self.maybe_sent = False

    return patch.object(Attempt, "__init__", careless)


def sent_parts_are_not_recorded() -> Any:
    intend = DynamoDBConversationStore.intend
    return patch.object(
        DynamoDBConversationStore,
        "intend",
        lambda self, lease, reply, _sent, *args: intend(self, lease, reply, [], *args),
    )


def sends_start_at_any_time() -> Any:
    return patch.object(TwilioWire, "_check_start", lambda _: None)


def start_is_checked_before_the_connection_stands() -> Any:
    return patch.object(TwilioWire, "checks_first", True)  # noqa: FBT003 - what is patched in


def run_is_not_recorded() -> Any:
    return patch.object(DynamoDBConversationStore, "record_run", lambda *_: None)


def a_run_is_forgotten_when_it_can_not_be_recorded() -> Any:
    return patch.object(Attempt, "insist", lambda _self, write: write())


def a_young_run_that_is_not_known_is_gone() -> Any:
    return patch.object(core.run_watch, "YOUNG_SECONDS", -1.0)


def polls_past_the_deadline() -> Any:
    return patch.object(Attempt, "wait", lambda self, seconds, _=0.0: self._clock.sleep(seconds + 60))


# Waiting in the queue


def acknowledged_before_it_is_put() -> Any:
    put = BatchProcessor._put

    def hasty(self: BatchProcessor, delivery: Delivery, postponed: Postponed) -> Any:
        queue: SimulatedQueue = self._queue._port  # type: ignore[attr-defined]
        queue.finish([(m, m.handle) for m in queue.messages if m.message_id == delivery.message_id], [])
        return put(self, delivery, postponed)

    return patch.object(BatchProcessor, "_put", hasty)


def acknowledged_though_it_was_not_put() -> Any:
    put = BatchProcessor._put

    def careless(self: BatchProcessor, delivery: Delivery, postponed: Postponed) -> Done:
        put(self, delivery, postponed)
        return Done()

    return patch.object(BatchProcessor, "_put", careless)


def put_before_the_record_is_written() -> Any:
    """The write that gives up the lease comes after the put."""
    postpone, put = DynamoDBConversationStore.postpone, BatchProcessor._put
    writes: dict[str, Callable[[], None]] = {}

    def later(self: DynamoDBConversationStore, lease: Lease, *args: Any, **kwargs: Any) -> None:
        key = lease.key

        def write() -> None:
            lease.key = key
            postpone(self, lease, *args, **kwargs)

        writes[lease.owner] = write

    def then_write(self: BatchProcessor, delivery: Delivery, postponed: Postponed) -> Any:
        ended = put(self, delivery, postponed)
        write = writes.pop(delivery.lease.owner, None)
        if write is not None:
            write()
        return ended

    stack = ExitStack()
    stack.enter_context(patch.object(DynamoDBConversationStore, "postpone", later))
    stack.enter_context(patch.object(BatchProcessor, "_put", then_write))
    return stack


def a_continuation_keeps_the_lease() -> Any:
    return patch.object(DynamoDBConversationStore, "postpone", lambda *_, **__: None)


def continuations_have_no_bound() -> Any:
    return patch.object(core.postponement, "MAX_NUMBER", 10**9)


def any_runs_result_is_used() -> Any:
    return patch.object(core.pipeline, "is_of_its_run", lambda *_: True)


def what_finds_anothers_lease_is_acknowledged() -> Any:
    of = Aftermath.of

    def careless(self: Aftermath, attempt: Attempt, error: Any) -> Any:
        outcome = of(self, attempt, error)
        return Done() if isinstance(error, LeaseHeldError) else outcome

    return patch.object(Aftermath, "of", careless)


def patience_is_that_of_the_first_message_for_ever() -> Any:
    return patch.object(core.continuation, "CLOCK_TOLERANCE", timedelta(days=365))


def outages_cost_receives() -> Any:
    plan = Postponement.plan

    def impatient(self: Postponement, error: Any, *args: Any) -> Any:
        planned = plan(self, error, *args)
        return None if isinstance(planned, Wait) and planned.reason is WaitReason.UNAVAILABLE else planned

    return patch.object(Postponement, "plan", impatient)


# In a hostile world


def hidden_texts_are_no_messages() -> Any:
    return _sees(lambda rows: [row for row in rows if row.body])


def undated_rows_are_no_messages() -> Any:
    return _sees(lambda rows: [row for row in rows if row.created_at is not None])


def _sees(look: Callable[[Any], Any]) -> Any:
    """Let reconciliation see only some of what Twilio lists."""
    return patch.object(
        core.reconciler, "decide", lambda ours, rivals, rows, *args: decide(ours, rivals, look(rows), *args)
    )


def altered_texts_are_other_texts() -> Any:
    return patch.object(core.resemblance, "fold", lambda text: text)


def windows_have_no_end() -> Any:
    return patch.object(core.reconciliation._Case, "in_window", lambda *_: True)


def only_the_first_page_is_read() -> Any:
    return patch.object(Page, "next_page_url", None)


def what_is_undecided_is_sent() -> Any:
    def rash(*args: Any) -> Any:
        decision, has_rivals = decide(*args)
        return (NotSent() if isinstance(decision, Undecided) else decision), has_rivals

    return patch.object(core.reconciler, "decide", rash)


def what_is_hidden_is_left_to_people() -> Any:
    """Never twice, and no use to anybody: only the bounds on what ends undecided tell."""

    def timid(*args: Any) -> Any:
        decision, has_rivals = decide(*args)
        return (Undecided((decision.message,)) if isinstance(decision, Adopt) else decision), has_rivals

    return patch.object(core.reconciler, "decide", timid)


def rivals_that_are_dead_may_get_an_answer() -> Any:
    return patch.object(Reconciler, "_answer_until", lambda _self, _other, now: now + timedelta(days=1))


def every_record_is_open() -> Any:
    return patch.object(services.conversation_item, "read_standing", lambda _: Standing.OPEN)


def statuses_of_others_are_overwritten() -> Any:
    return without_condition("take_over", "intend", "close", "fail")


def companies_are_not_compared() -> Any:
    return patch.object(core.claim, "check_owner", lambda *_: None)


def the_list_is_that_of_todays_account() -> Any:
    return patch.object(services.conversation_item, "_owner", lambda _: None)


def writes_have_no_number() -> Any:
    return patch.object(services.dynamodb_service, "_OWN", "lease_owner = :me")


def final_update_takes_as_long_as_any_other() -> Any:
    return patch.object(StoreWire, "closing", lambda self: self)


def deliveries_go_back() -> Any:
    return patch.object(core.deliveries, "moves", lambda old, new: old is not new)


def looks_are_recorded_without_a_condition() -> Any:
    return without_condition("record_deliveries")


def a_watch_ends_with_a_look_in_vain() -> Any:
    """Take Twilio's silence at the end for news."""
    look = DeliveryWatch._ask_about_all

    def ask(self: DeliveryWatch, *given: Any) -> Any:
        return look(self, *given)[0], None

    return patch.object(DeliveryWatch, "_ask_about_all", ask)


def undelivered_messages_are_counted_and_nobody_is_told() -> Any:
    return patch.object(DeliveryWatch, "_failure", lambda *_: None)


def duplicates_take_no_watch_over() -> Any:
    begin = DeliveryWatch.begin

    def only_first(self: DeliveryWatch, attempt: Attempt, until: Any) -> Any:
        return Done() if attempt.step is Step.CLAIM else begin(self, attempt, until)

    return patch.object(DeliveryWatch, "begin", only_first)


EXHAUSTIVELY: tuple[Mutation, ...] = (
    no_intent_record,
    no_check_between_lease_and_send,
    resend_at_once_after_a_timeout,
    reconcile_window_too_short,
    no_fencing,
    claim_without_a_condition,
    failures_are_acknowledged,
    failures_are_not_recorded,
    failed_sends_are_the_models_fault,
    intent_forgotten_when_the_outcome_is_unknown,
    intent_forgotten_when_the_record_was_not_read,
    sent_parts_are_not_recorded,
    sends_start_at_any_time,
    start_is_checked_before_the_connection_stands,
    run_is_not_recorded,
    a_run_is_forgotten_when_it_can_not_be_recorded,
)
"""Mutants that a pair of faults shows up."""

IN_ONE_SCENARIO: tuple[tuple[Mutation, str], ...] = (
    (adopt_what_may_be_anothers, "twins"),
    (ignore_what_others_may_have_sent, "lookalikes"),
    (rivals_that_are_dead_may_get_an_answer, "twins"),
    (writes_have_no_number, "two parts"),
    (acknowledged_before_it_is_put, "after a hold"),
    (acknowledged_though_it_was_not_put, "after a hold"),
    (put_before_the_record_is_written, "after a hold"),
    (a_continuation_keeps_the_lease, "after a hold"),
    (what_finds_anothers_lease_is_acknowledged, "free-form"),
    (looks_are_recorded_without_a_condition, "watched"),
    (hidden_texts_are_no_messages, "hidden text"),
    (what_is_hidden_is_left_to_people, "hidden text"),
)
"""Mutants that need a certain scenario, and which."""


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


IN_A_HOSTILE_WORLD: tuple[tuple[Mutation, Hostility], ...] = (
    (undated_rows_are_no_messages, drawing.odd_rows),
    (altered_texts_are_other_texts, drawing.texts_altered),
    (windows_have_no_end, drawing.foreign_writers),
    (what_is_undecided_is_sent, drawing.foreign_writers),
    (only_the_first_page_is_read, drawing.a_crowd),
    (every_record_is_open, drawing.old_records),
    (statuses_of_others_are_overwritten, drawing.replies_service),
    (companies_are_not_compared, drawing.changed_messages),
    (the_list_is_that_of_todays_account, drawing.changed_account),
    (final_update_takes_as_long_as_any_other, drawing.silent_dynamodb),
    (continuations_have_no_bound, drawing.forged_continuations),
    (any_runs_result_is_used, drawing.forged_continuations),
    (outages_cost_receives, drawing.outages),
    (deliveries_go_back, drawing.deliveries),
    (a_watch_ends_with_a_look_in_vain, drawing.deliveries),
    (undelivered_messages_are_counted_and_nobody_is_told, drawing.deliveries),
    (duplicates_take_no_watch_over, drawing.deliveries),
)
"""Mutants that need an unfriendly world to show up, and in which way unfriendly."""


def hunt_exhaustively(mutation: Mutation, *scenarios: Scenario) -> Result | None:
    """Return the first schedule that shows a mutant up, or None."""
    with mutation():
        for scenario in scenarios:
            for found in search_exhaustively(scenario, workers=1):
                if found.violations:
                    return found.violations[0]
    return None


def hunt_by_chance(mutation: Mutation, *hostilities: Hostility, schedules: int = 3000) -> Result | None:
    """Return the first schedule that shows a mutant up, or None."""

    def run(seed: int) -> Result:
        return run_schedule(seed, drawing.random_scenario(Random(seed), *hostilities) if hostilities else None)

    with mutation():
        return next((result for result in map(run, range(schedules)) if result.violation), None)
