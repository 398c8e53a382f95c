"""Who is paged, and how often: the alarms as Terraform plans them, on metrics of the real code."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from sandbox.context_objects import TWILIO_REFERENCE, make_body
from tests.unit.alarms.cloudwatch import MINUTE, Change, changes
from tests.unit.alarms.day import DAY, HOUR, Day
from tests.unit.alarms.definitions import PAGER, TICKETS, TOPIC, Definitions, planned

KEY_EXPIRES, KEY_IS_BACK = 6 * HOUR, 6 * HOUR + 30 * MINUTE
OUTAGE_BEGINS, OUTAGE_ENDS = 12 * HOUR, 14 * HOUR


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Definitions:
    return planned(tmp_path_factory.mktemp("alerting"))


@pytest.fixture(scope="module")
def ordinary_day() -> Day:
    """2 % refused recipients, half of them by Twilio at once and half by WhatsApp later; an expired key; an outage."""
    day = Day()
    recipients = day.send_all_day(72)
    day.twilio.refused = dict.fromkeys(recipients[17::100], 21610)
    day.undelivered = set(recipients[67::100])
    tokens = day.twilio.accepted_tokens
    day.at(KEY_EXPIRES, lambda: setattr(day.twilio, "accepted_tokens", set()))
    day.at(KEY_IS_BACK, lambda: setattr(day.twilio, "accepted_tokens", tokens))
    day.at(OUTAGE_BEGINS, lambda: setattr(day.openai, "down", True))
    day.at(OUTAGE_ENDS, lambda: setattr(day.openai, "down", False))
    day.live()
    return day


def history(definitions: Definitions, day: Day, until: int = DAY) -> list[Change]:
    return list(changes(definitions, day.metrics, until))


def begins(history: list[Change], key: str) -> list[int]:
    return [change.moment for change in history if change.alarm == key and change.rings]


def ends(history: list[Change], key: str) -> list[int]:
    return [change.moment for change in history if change.alarm == key and not change.rings]


def assert_ordinary(told: list[Change]) -> None:
    key, outage = begins(told, "Paging")
    assert KEY_EXPIRES < key <= KEY_EXPIRES + 5 * MINUTE
    assert OUTAGE_BEGINS < outage <= OUTAGE_BEGINS + 30 * MINUTE
    assert begins(told, "ConfigurationFaults") == [key]
    assert begins(told, "VendorDown") == [outage]
    key_ends, outage_ends = ends(told, "Paging")
    assert KEY_IS_BACK < key_ends <= KEY_IS_BACK + HOUR
    assert OUTAGE_ENDS < outage_ends <= OUTAGE_ENDS + HOUR


# The day


def test_on_an_ordinary_day_the_pager_rings_once_for_the_key_and_once_for_the_outage(
    definitions: Definitions, ordinary_day: Day
) -> None:
    assert_ordinary(history(definitions, ordinary_day))


def test_on_an_ordinary_day_one_note_is_taken(definitions: Definitions, ordinary_day: Day) -> None:
    told = history(definitions, ordinary_day)

    assert len(ordinary_day.dead_letters) == 12
    assert len(begins(told, "Notes")) == 1
    assert ends(told, "Notes") == []
    assert not begins(told, "UndeliveredRate")
    assert not begins(told, "DeadLetterQueueGrowth")


def test_on_an_ordinary_day_everybody_else_gets_the_message(ordinary_day: Day) -> None:
    assert len(ordinary_day.twilio.delivered) == 1200 - 12


def test_each_composite_tells_who_acts_and_every_alarm_the_topic(definitions: Definitions) -> None:
    paging, notes = definitions.composites["Paging"], definitions.composites["Notes"]

    assert (set(paging.actions), set(notes.actions)) == ({PAGER}, {TICKETS})
    assert paging.children.isdisjoint(notes.children)
    assert paging.children | notes.children == set(definitions.metric_alarms)
    assert {alarm.actions for alarm in definitions.metric_alarms.values()} == {frozenset({TOPIC})}


# What a message can bring about


BAD_BODIES: dict[str, Callable[[int], str]] = {
    "not JSON": lambda _: "{",
    "no consent": lambda n: make_body(conversation_id=f"b-{n}", frontend_payload__recipient_data__comms_consent=False),
    "a company that does not exist": lambda n: make_body(
        conversation_id=f"b-{n}", credentials="whatsapp-credentials/nobody/nothing/twilio"
    ),
    "a key that does not exist": lambda n: make_body(
        conversation_id=f"b-{n}",
        company_data_payload__ai_config__openai_config__whatsapp__api_key_reference="openai-api-key/nobody",
    ),
    "an assistant that does not exist": lambda n: make_body(
        conversation_id=f"b-{n}",
        company_data_payload__ai_config__openai_config__whatsapp__assistant_id_template_sender="nobody",
    ),
    "a sender that does not exist": lambda n: make_body(
        conversation_id=f"b-{n}",
        company_data_payload__channel_config__whatsapp__company_whatsapp_number="+442079469999",
    ),
}


@pytest.mark.parametrize("warm", [True, False], ids=["while others are sent", "while nothing else is sent"])
def test_a_flood_of_bad_bodies_pages_nobody(definitions: Definitions, warm: bool) -> None:
    day = Day()
    if warm:
        day.send_all_day(120, until=3 * HOUR)
    for number in range(1000):
        make = list(BAD_BODIES.values())[number % len(BAD_BODIES)]
        day.send(HOUR + number, make(number))
    day.live(3 * HOUR)

    told = history(definitions, day, 3 * HOUR)

    assert len(day.dead_letters) == 1000
    assert not begins(told, "Paging")
    assert len(begins(told, "Notes")) == 1
    assert len(begins(told, "DeadLetterQueueGrowth")) == 1


def test_a_letter_in_the_dlq_keeps_no_other_fault_from_paging(definitions: Definitions) -> None:
    day = Day()
    recipients = day.send_all_day(120, until=4 * HOUR)
    day.twilio.refused = {recipients[0]: 21610}
    day.at(3 * HOUR, lambda: setattr(day.twilio, "accepted_tokens", set()))
    day.live(4 * HOUR)

    told = history(definitions, day, 4 * HOUR)

    assert begins(told, "DeadLetterQueueDepth")[0] < HOUR
    assert len(begins(told, "Paging")) == 1
    assert 3 * HOUR < begins(told, "Paging")[0] <= 3 * HOUR + 5 * MINUTE


# What the setup brings about


def denied_secret(day: Day) -> None:
    day.client.denied.add(TWILIO_REFERENCE)


def removed_sender(day: Day) -> None:
    day.twilio.senders.clear()


def rejected_key(day: Day) -> None:
    day.openai.accepted_keys = set()


def denied_put(day: Day) -> None:
    day.openai.down = True
    day.deny_puts()


@pytest.mark.parametrize("fault", [denied_secret, removed_sender, rejected_key, denied_put])
def test_a_fault_of_the_setup_pages_once(definitions: Definitions, fault: Callable[[Day], None]) -> None:
    day = Day()
    day.send_all_day(120, until=3 * HOUR)
    day.at(HOUR, lambda: fault(day))
    day.live(3 * HOUR)

    told = history(definitions, day, 3 * HOUR)

    (page,) = begins(told, "Paging")
    assert HOUR < page <= HOUR + 10 * MINUTE  # a secret is cached for five minutes
    assert begins(told, "ConfigurationFaults") == [page]


@pytest.mark.parametrize("each_seconds", [300, 1800])
def test_a_rejected_key_pages_once_however_few_messages_there_are(
    definitions: Definitions, each_seconds: float
) -> None:
    day = Day()
    day.send_all_day(each_seconds, until=5 * HOUR)
    day.at(HOUR, lambda: rejected_key(day))
    day.live(5 * HOUR)

    assert len(begins(history(definitions, day, 5 * HOUR), "Paging")) == 1


# Rates and starts


@pytest.mark.parametrize(("every", "pages"), [(50, 0), (5, 1)], ids=["2 percent", "20 percent"])
def test_undelivered_messages_page_by_their_rate(definitions: Definitions, every: int, pages: int) -> None:
    day = Day()
    day.undelivered = set(day.send_all_day(until=4 * HOUR)[::every])
    day.live(4 * HOUR)

    told = history(definitions, day, 4 * HOUR)

    assert len(begins(told, "UndeliveredRate")) == len(begins(told, "Paging")) == pages


@pytest.mark.parametrize(("adopted", "sent", "pages"), [(9, 20, 0), (30, 3000, 0), (30, 300, 1)])
def test_adopted_messages_page_by_their_rate(definitions: Definitions, adopted: int, sent: int, pages: int) -> None:
    day = Day()
    for number in range(sent):
        day.clock.elapsed_seconds = number * HOUR / sent
        day.telemetry.metric("MessagesSent")
        if number % (sent // adopted) == 0 and number // (sent // adopted) < adopted:
            day.telemetry.metric("AdoptedUnseen")

    told = history(definitions, day, 3 * HOUR)

    assert len(begins(told, "AdoptedUnseen")) == len(begins(told, "Paging")) == pages


@pytest.mark.parametrize(("errors", "pages"), [([600.0], 0), ([600.0, 960.0, 1320.0], 1)], ids=["a crash", "no start"])
def test_a_function_that_can_not_start_pages(definitions: Definitions, errors: list[float], pages: int) -> None:
    day = Day()
    for moment in range(0, HOUR, MINUTE):
        day.metrics.put(moment, "AWS/Lambda", "Errors", float(moment in errors), FunctionName="the-function")

    assert len(begins(history(definitions, day, 2 * HOUR), "Paging")) == pages


def test_a_conversation_that_can_not_be_closed_pages(definitions: Definitions) -> None:
    day = Day()
    day.metrics.put(HOUR, "AIComms/WhatsAppProcessor/Dev", "FinalDbUpdateFailureCount", 1)

    assert begins(history(definitions, day, 2 * HOUR), "Paging") == [HOUR + MINUTE]


# The test itself


BROKEN: dict[str, Callable[[Definitions], Definitions]] = {
    "another metric": lambda d: with_alarm(
        d, "VendorDown", metrics={"metric": d.metric_alarms["ConversationsWaiting"].metrics["metric"]}
    ),
    "a threshold nobody reaches": lambda d: with_alarm(d, "ConfigurationFaults", threshold=1e6),
    "a letter pages": lambda d: with_page(d, "DeadLetterQueueDepth"),
    "a rate that normal refusals reach": lambda d: with_alarm(
        d,
        "UndeliveredRate",
        expression="100 * FILL(undelivered, 0) / (FILL(undelivered, 0) + FILL(delivered, 0))",
        threshold=1.0,
    ),
}


def with_alarm(definitions: Definitions, key: str, **changed: object) -> Definitions:
    alarm = replace(definitions.metric_alarms[key], **changed)  # type: ignore[arg-type]
    return replace(definitions, metric_alarms={**definitions.metric_alarms, key: alarm})


def with_page(definitions: Definitions, key: str) -> Definitions:
    paging = definitions.composites["Paging"]
    paging = replace(paging, children=paging.children | {key})
    return replace(definitions, composites={**definitions.composites, "Paging": paging})


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_alarm_shows_on_an_ordinary_day(definitions: Definitions, ordinary_day: Day, broken: str) -> None:
    told = history(BROKEN[broken](definitions), ordinary_day)

    with pytest.raises((AssertionError, ValueError)):
        assert_ordinary(told)
