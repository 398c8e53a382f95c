"""Drawing: scenarios by chance, and the ways in which the world is hostile to them."""

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random

from core.conversation import Mode
from sandbox.stubs import Fate, Shown
from sandbox.stubs.twilio_views import ALTERED
from tests.simulation.faults import Outage
from tests.simulation.old_records import random_old_record
from tests.simulation.scenario import (
    FILLING,
    PATIENCE_SECONDS,
    WATCH_SECONDS,
    Change,
    ForeignMessage,
    Forgery,
    Likeness,
    PlannedConversation,
    Scenario,
)

NEVER = 1e9
"""Seconds of a run that does not end."""

Hostility = Callable[[Random, "Scenario"], "Scenario"]
"""Makes a scenario worse in one way."""


def random_scenario(random: Random, *hostilities: Hostility) -> Scenario:
    """Return a scenario drawn by chance: few conversations, and often those that could be taken for each other.

    Args:
        hostilities: In which ways the world is hostile; none lets chance decide that too.
    """
    kind = random.choice((1, 1, 2, 3))
    scenario = Scenario(
        conversations=tuple(_conversation(random, number) for number in range(1, kind + 1)),
        batch_size=random.choice((1, 2, 10)),
        visibility_seconds=random.choice((360, 360, 90)),
        list_lag_seconds=random.choice((0.0, 5.0, 30.0)),
        rotates_at=random.random() * 400 if random.random() < 0.1 else None,
        clock_skew_seconds=random.choice((0.0, 1.0)),
        patience_seconds=random.choice((0, PATIENCE_SECONDS, PATIENCE_SECONDS, PATIENCE_SECONDS)),
        usual_seconds=random.choice((None, None, 1.0, 20.0, 600.0)),
        exact_delays=random.random() < 0.7,
        watch_seconds=random.choice((0, WATCH_SECONDS)),
    )
    for make_worse in hostilities or random.sample(HOSTILITIES, random.choice((0, 0, 1, 1, 2, 3))):
        scenario = make_worse(random, scenario)
    return scenario


def texts_not_shown(random: Random, scenario: Scenario) -> Scenario:
    return replace(scenario, shown=Shown.HIDDEN, with_service=random.random() < 0.5)


def texts_altered(random: Random, scenario: Scenario) -> Scenario:
    return replace(scenario, shown=random.choice(ALTERED), with_service=random.random() < 0.5)


def odd_rows(random: Random, scenario: Scenario) -> Scenario:
    odd = (
        Fate(status="failed", error_code=63016),
        Fate(status="undelivered", error_code=63024),
        Fate(status="canceled"),
        Fate(row={"date_created": None}),
        Fate(row={"date_created": "yesterday"}),
        Fate(row={"body": None}),
        Fate(row={"status": "on its way", "direction": None}),
    )
    return replace(scenario, fates=(Fate(), random.choice(odd)))


def foreign_writers(random: Random, scenario: Scenario) -> Scenario:
    def one() -> ForeignMessage:
        return ForeignMessage(
            conversation=random.randrange(len(scenario.conversations)),
            after_send=random.choice((-86_400.0, -3600.0, -60.0, -10.0, -1.0, 0.0, 2.0, 15.0, 60.0, 300.0, 7200.0)),
            likeness=random.choice(tuple(Likeness)),
            status=random.choice(("delivered", "failed", "read")),
            dated=random.random() < 0.9,
        )

    return replace(scenario, foreign=tuple(one() for _ in range(random.choice((1, 1, 2, 4)))))


def a_crowd(random: Random, scenario: Scenario) -> Scenario:
    return replace(scenario, crowd=220 if random.random() < 0.2 else 5)


def old_records(random: Random, scenario: Scenario) -> Scenario:
    siblings = tuple(random_old_record(random) for _ in range(random.choice((1, 2, 5))))
    first, *rest = scenario.conversations
    if random.random() < 0.5:
        first = replace(first, before=replace(random_old_record(random), same_reply=True))
    return replace(scenario, old=siblings, conversations=(first, *rest))


def replies_service(random: Random, scenario: Scenario) -> Scenario:
    return replace(scenario, replies=random.choice((1, 2, 4)))


def changed_messages(random: Random, scenario: Scenario) -> Scenario:
    first, *rest = scenario.conversations
    changed = replace(first, change=random.choice(tuple(Change)), duplicate_after=random.random() * 300)
    return replace(scenario, conversations=(changed, *rest))


def changed_account(random: Random, scenario: Scenario) -> Scenario:
    return replace(scenario, account_changes_at=random.random() * 400, account_stays=random.random() < 0.5)


def silent_dynamodb(random: Random, scenario: Scenario) -> Scenario:
    """Let DynamoDB fall silent when the first message is out, which may be shortly before the process ends."""
    first, *rest = scenario.conversations
    first = replace(first, run_seconds=random.choice((0.0, 200.0, 235.0, 255.0)))
    return replace(scenario, silent_seconds=random.choice((5.0, 30.0, 200.0)), conversations=(first, *rest))


def outages(random: Random, scenario: Scenario) -> Scenario:
    """Let one or two systems be away, for as long as a hiccup or longer than anybody's patience."""

    def one() -> Outage:
        begins = random.choice((0.0, random.random() * 60, random.random() * 1000))
        seconds = random.choice((20.0, 200.0, 2000.0, 7200.0, 15_000.0, 30_000.0))
        return Outage(
            random.choice(("model", "model", "whatsapp", "secrets", "store", "queue")), begins, begins + seconds
        )

    drawn = tuple(one() for _ in range(random.choice((1, 1, 2))))
    return replace(scenario, outages=drawn, redriven_at=random.choice((None, 40_000.0)))


def forged_continuations(random: Random, scenario: Scenario) -> Scenario:
    first, *rest = scenario.conversations
    forged = replace(first, forged=random.choice(tuple(Forgery)))
    return replace(scenario, conversations=(forged, *rest))


def no_right_to_put(_: Random, scenario: Scenario) -> Scenario:
    return replace(scenario, may_put=False)


def deliveries(random: Random, scenario: Scenario) -> Scenario:
    """Let messages be delivered, read or dropped, soon or late, with Twilio's word on it out of order, or never."""
    moments = (0.0, 2.0, 8.0, 30.0, 200.0, 1000.0, 2600.0, 3500.0, 5000.0)
    words = ("queued", "sending", "sent", "sent", "partially_delivered", "on its way")
    end = random.choice(("delivered", "read", "undelivered", "failed", "canceled", "sent"))
    course = [(random.choice(moments), random.choice(words)) for _ in range(random.choice((0, 1, 3)))]
    course.append((random.choice(moments), end))
    code = random.choice((None, 63016, 63024, 63049, 63021))
    fate = Fate(error_code=code, course=tuple(sorted(course)))
    return replace(scenario, fates=random.choice(((fate,), (fate, Fate()))), watch_seconds=WATCH_SECONDS)


HOSTILITIES: tuple[Hostility, ...] = (
    texts_not_shown,
    texts_altered,
    odd_rows,
    foreign_writers,
    a_crowd,
    old_records,
    replies_service,
    changed_messages,
    changed_account,
    silent_dynamodb,
    outages,
    outages,
    forged_continuations,
    no_right_to_put,
    deliveries,
)
"""Ways in which the world is not our friend."""


def _conversation(random: Random, number: int) -> PlannedConversation:
    mode = random.choice((Mode.FREE_FORM, Mode.FREE_FORM, Mode.TEMPLATE))
    same = random.random() < 0.5
    name = "everybody \u201chere\u201d" if same else f"number \u201c{number}\u201d here"
    if mode is Mode.TEMPLATE:
        variables = random.choice(({"1": name}, {"1": name, "2": "and \u2018more\u2019"}, {"1": "all"}))
        texts: tuple[str, ...] = (json.dumps(variables, ensure_ascii=False),)
    else:
        texts = tuple(f"Hello {name}, part {part}" + FILLING for part in range(random.choice((1, 1, 2, 3))))
    return PlannedConversation(
        conversation_id=f"conv-{number}",
        recipient_tel="+447700900101" if random.random() < 0.6 else f"+44770090010{number}",
        mode=mode,
        texts=texts,
        run_seconds=random.choice((0.0, 3.0, 30.0, 60.0, 200.0, 320.0, 700.0, 3000.0, NEVER)),
        sent_at=random.random() * random.choice((0.1, 10.0, 300.0)),
        duplicate_after=random.random() * 500 if random.random() < 0.25 else None,
        received_again_after=random.random() * 400 if random.random() < 0.15 else None,
        consents=random.random() < 0.97,
        unknown_for_seconds=random.choice((1.5, 33.0)) if random.random() < 0.2 else 0.0,
    )
