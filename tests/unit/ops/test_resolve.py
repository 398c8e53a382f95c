"""`ops resolve`: what a person decides ends a conversation that nobody else could, and nothing else does."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from core.conversation import ConversationKey, Failure, Step
from core.deliveries import DeliveryStatus, MessageDelivery
from core.errors import DeliveryUnknownError
from core.outcome import Done
from core.ports import TwilioMessage
from sandbox.context_objects import RECIPIENT, make_body
from services.conversation_item import iso
from services.dynamodb_service import DynamoDBConversationStore
from tests.fakes.clock import START, FakeClock
from tests.fakes.faulty import Faulty
from tests.fakes.function import SETTLE_SECONDS, InMemoryFunction
from tests.simulation.table import SimulatedTable
from tests.unit.ops.conftest import Ops
from tests.unit.ops.fake_aws import FakeAws
from tests.unit.ops.records import make_closed_record, make_error, make_record, make_watched_record

FIRST, SECOND, OTHER = ("SM" + digit * 32 for digit in "abc")
UNDECIDED = make_error(code="delivery_undecided")
SHOW = ("show", "conv-0001", "--recipient", RECIPIENT)
RESOLVE = ("resolve", "conv-0001", "--recipient", RECIPIENT)


class Table(SimulatedTable):
    """The table, with what the operations command asks of it besides."""

    def describe_table(self, **_: str) -> dict[str, Any]:
        return {"Table": {"KeySchema": [{"AttributeName": "recipient_tel", "KeyType": "HASH"}]}}


@pytest.fixture
def table(aws: FakeAws) -> SimulatedTable:
    table = Table()
    aws.fake_dynamodb = cast("Any", table)
    return table


@pytest.fixture
def function(table: SimulatedTable, clock: FakeClock) -> InMemoryFunction:
    """Return a function whose first answer from Twilio is lost."""
    function = InMemoryFunction(clock=clock, store=DynamoDBConversationStore(cast("Any", table), "conversations-dev"))
    function.whatsapp = Faulty(function.whatsapp)
    return function


def lose_the_answer(function: InMemoryFunction, clock: FakeClock, listed: list[TwilioMessage]) -> None:
    """Leave the conversation undecided between messages that Twilio shows without their text."""
    function.whatsapp.plan("send", DeliveryUnknownError("lost"))
    list_messages = function.whatsapp._port.list_messages
    function.whatsapp._port.list_messages = lambda *args: [*listed, *list_messages(*args)]
    for receive_count in (1, 2):
        function.receive(receive_count=receive_count)
        clock.advance(SETTLE_SECONDS)


def without_text(sid: str, clock: FakeClock) -> TwilioMessage:
    return TwilioMessage(sid, "", clock.now().replace(microsecond=0), "delivered", "outbound-api")


def record(table: SimulatedTable) -> dict[str, Any]:
    found = table.record((RECIPIENT, "conv-0001"))
    assert found is not None
    return found


def put(table: SimulatedTable, **overrides: Any) -> None:
    """Put a record whose function could not tell whether it was sent."""
    undecided: dict[str, Any] = {
        "record_version": Decimal(2),
        "write_number": Decimal(4),
        "last_error": UNDECIDED,
        "reply": {"mode": "free_form", "parts": ["Hello"], "tokens_in": Decimal(1), "tokens_out": Decimal(1)},
        "send_started_at": iso(START),
        "undecided": [{"sid": FIRST, "created_at": iso(START), "status": "sent", "shown": True}],
    }
    table.put(**make_record(**(undecided | overrides)))


def test_a_message_that_is_adopted_closes_its_conversation_at_the_next_delivery(
    ops: Ops, table: SimulatedTable, function: InMemoryFunction, clock: FakeClock
) -> None:
    lose_the_answer(function, clock, [without_text(FIRST, clock), without_text(SECOND, clock)])
    assert record(table)["last_error"]["code"] == "delivery_undecided"

    (shown,) = ops.json(*SHOW)["conversations"]
    answer = ops.json(*RESOLVE, "--adopt", SECOND, "--yes")
    verdict = function.receive(message_id="m-redriven")

    assert [row["sid"] for row in shown["undecided"]] == [FIRST, SECOND]
    assert (answer["choice"], answer["sid"], answer["between"]) == ("adopt", SECOND, [FIRST, SECOND])
    assert verdict == Done()
    assert function.sent() == []
    closed = record(table)
    assert closed["conversation_status"] == "initial_message_sent"
    assert [message["message_id"] for message in closed["messages"]] == [SECOND]
    assert closed["adopted_unseen"] == [SECOND]
    assert [(line["choice"], line["sid"], line["between"]) for line in closed["resolutions"]] == [
        ("adopt", SECOND, [FIRST, SECOND])
    ]
    assert "needs_attention" not in closed


def test_a_message_that_is_resent_goes_out_once_at_the_next_delivery(
    ops: Ops, table: SimulatedTable, function: InMemoryFunction, clock: FakeClock
) -> None:
    lose_the_answer(function, clock, [without_text(FIRST, clock), without_text(SECOND, clock)])

    ended = ops(*RESOLVE, "--resend", "--yes")
    first = function.receive(message_id="m-redriven")
    second = function.receive(message_id="m-duplicate")

    assert ended.exit_code == 0
    assert "to be sent again" in ended.out
    assert (first, second) == (Done(), Done())
    assert len(function.sent()) == 1
    assert record(table)["resolutions"][0]["choice"] == "resend"


def test_an_undecided_conversation_is_never_sent_by_itself(
    table: SimulatedTable, function: InMemoryFunction, clock: FakeClock
) -> None:
    lose_the_answer(function, clock, [without_text(FIRST, clock), without_text(SECOND, clock)])

    for number in range(3):
        function.receive(message_id=f"m-{number}")

    assert function.sent() == []
    assert [row["sid"] for row in record(table)["undecided"]] == [FIRST, SECOND]


@pytest.mark.parametrize(
    ("overrides", "arguments", "says"),
    [
        pytest.param({}, ("--adopt", OTHER), "none of the messages in question", id="not listed"),
        pytest.param({"undecided": []}, ("--adopt", "SM1"), "no SID of a message", id="no SID"),
        pytest.param({"last_error": make_error(code="delivery_unknown")}, ("--resend",), "not undecided", id="unknown"),
        pytest.param({"send_started_at": ...}, ("--resend",), "not undecided", id="nothing pending"),
        pytest.param({"send_started_at": "soon"}, ("--resend",), "cannot read", id="unreadable"),
        pytest.param(
            {"lease_owner": "other", "lease_expires_at": Decimal(int(START.timestamp()) + 300)},
            ("--resend",),
            "A delivery is at work",
            id="leased",
        ),
        pytest.param({"conversation_status": "initial_message_sent"}, ("--resend",), "is closed", id="closed"),
        pytest.param({"closed_at": iso(START)}, ("--adopt", FIRST), "is closed", id="closed under another status"),
    ],
)
def test_what_makes_no_sense_is_refused(
    ops: Ops, table: SimulatedTable, overrides: dict[str, Any], arguments: tuple[str, ...], says: str
) -> None:
    put(table, **overrides)
    before = record(table)

    ended = ops(*RESOLVE, *arguments, "--yes")

    assert ended.exit_code == 1
    assert says in ended.err
    assert record(table) == before


@pytest.mark.parametrize(
    "arguments",
    [(), ("--adopt", FIRST, "--resend"), ("--adopt", FIRST, "--seen"), ("--resend", "--seen")],
    ids=" ".join,
)
def test_one_thing_must_be_said(ops: Ops, table: SimulatedTable, arguments: tuple[str, ...]) -> None:
    put(table)

    ended = ops(*RESOLVE, *arguments, "--yes")

    assert ended.exit_code == 2


def test_nothing_is_written_unasked(ops: Ops, table: SimulatedTable) -> None:
    put(table)
    before = record(table)

    alone = ops(*RESOLVE, "--resend")
    ops.someone_there = True
    refused = ops(*RESOLVE, "--resend", given="n\n")

    assert (alone.exit_code, refused.exit_code) == (4, 4)
    assert "the person gets it twice" in refused.err
    assert record(table) == before


def test_a_record_that_changes_meanwhile_is_left_alone(ops: Ops, table: SimulatedTable, clock: FakeClock) -> None:
    put(table)
    ops.someone_there = True
    original = table.update_item

    def change(**request: Any) -> Any:
        put(table, write_number=Decimal(5))
        return original(**request)

    table.update_item = change  # type: ignore[method-assign]

    ended = ops(*RESOLVE, "--resend", "--yes")

    assert (ended.exit_code, clock.now()) == (1, START)
    assert "has changed meanwhile" in ended.err
    assert "resolutions" not in record(table)


FOREIGN = {"record_version": ..., "write_number": ..., "attempts": ..., "conversation_status": "processing"}
GONE: dict[str, Any] = {
    "reply": ...,
    "send_started_at": ...,
    "undecided": ...,
    "last_error": ...,
    "needs_attention": ...,
}


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [pytest.param(("--adopt", FIRST), 0, id="adopt"), pytest.param(("--resend",), 1, id="resend")],
)
def test_the_record_of_another_program_is_decided_too(
    ops: Ops, table: SimulatedTable, function: InMemoryFunction, arguments: tuple[str, ...], sent: int
) -> None:
    """Its program may have sent, or died before: the function leaves it alone until somebody says which."""
    put(table, **FOREIGN, **GONE)
    body = make_body()
    before = function.receive(body=body)
    assert before is not None

    ended = ops(*RESOLVE, *arguments, "--yes")
    verdict = function.receive(message_id="m-redriven", body=body)

    assert ended.exit_code == 0
    assert verdict == Done()
    assert len(function.sent()) == sent
    assert "closed_at" in record(table)


def test_show_says_what_to_do(ops: Ops, table: SimulatedTable) -> None:
    put(table)

    ended = ops(*SHOW)

    assert "Nobody can tell whether the message was sent" in ended.out
    assert f"{FIRST}" in ended.out
    assert "ops resolve conv-0001 --adopt SID" in ended.out


def test_a_closed_record_needs_no_decision(ops: Ops, table: SimulatedTable) -> None:
    table.put(**make_closed_record(adopted_unseen=[FIRST]))

    ended = ops(*SHOW, "--json")

    (shown,) = json.loads(ended.out)["conversations"]
    assert (shown["closed"], shown["undecided"], shown["adopted_unseen"]) == (True, [], [FIRST])


# Not delivered


def test_a_failure_that_a_person_has_dealt_with_needs_no_attention_and_keeps_its_reason(
    ops: Ops, table: SimulatedTable
) -> None:
    table.put(**make_watched_record())
    before = record(table)

    answer = ops.json(*RESOLVE, "--seen", "--yes")
    after = record(table)

    sid = "SM" + "1" * 32
    assert (answer["choice"], answer["sid"], answer["between"]) == ("seen", None, [sid])
    assert "needs_attention" not in after
    (audit,) = after["resolutions"]
    assert (audit["choice"], audit["between"]) == ("seen", [sid])
    kept = before.keys() - {"needs_attention", "updated_at"}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    shown = ops(*SHOW, "--no-secrets").out
    assert "WhatsApp did not deliver the message: twilio_63016.\nA person has dealt with it" in shown
    assert "--seen" not in shown


NEW_FAILURE = make_error(step="deliver", code="twilio_63024")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"last_error": NEW_FAILURE, "delivery_writes": Decimal(3)}, id="another part failed"),
        pytest.param({"last_error": NEW_FAILURE}, id="another failure"),
        pytest.param({"delivery_writes": Decimal(3)}, id="another look"),
        pytest.param({"needs_attention": ...}, id="somebody else was faster"),
    ],
)
def test_a_failure_that_the_person_has_not_seen_is_not_hidden(
    ops: Ops, table: SimulatedTable, changes: dict[str, Any]
) -> None:
    table.put(**make_watched_record())
    changed = make_watched_record(**changes)
    original = table.update_item

    def change(**request: Any) -> Any:
        table.put(**changed)
        return original(**request)

    table.update_item = change  # type: ignore[method-assign]

    ended = ops(*RESOLVE, "--seen", "--yes")

    assert ended.exit_code == 1
    assert "has changed meanwhile" in ended.err
    assert record(table) == changed


def test_a_failure_that_comes_after_it_needs_attention_again(ops: Ops, table: SimulatedTable, clock: FakeClock) -> None:
    """One part has failed and is dealt with; the other fails later."""
    store = DynamoDBConversationStore(cast("Any", table), "conversations-dev")
    watched = make_watched_record(sids=[FIRST, SECOND], delivery_watch_until=iso(START + timedelta(hours=1)))
    watched["deliveries"][SECOND] = {"status": "sent", "at": iso(START)}
    table.put(**watched)
    ops(*RESOLVE, "--seen", "--yes")
    seen = store.find(ConversationKey(RECIPIENT, "conv-0001"))
    assert seen is not None
    failed = MessageDelivery(DeliveryStatus.UNDELIVERED, clock.now(), 63024)
    failure = Failure(
        Step.DELIVER, "twilio_63024", "not delivered", clock.now(), permanent=True, message_id="m-9", receive_count=1
    )

    took = store.record_deliveries(seen, {**seen.deliveries, SECOND: failed}, failure, clock.now(), ends_watch=True)

    assert took
    assert record(table)["needs_attention"] == "yes"
    assert len(record(table)["resolutions"]) == 1


@pytest.mark.parametrize(
    ("found", "says"),
    [
        pytest.param(make_record(last_error=UNDECIDED), "--adopt SID, or that there is none: --resend", id="undecided"),
        pytest.param(make_record(), "Remove the cause and redrive", id="failed"),
        pytest.param(make_record(waiting={"reason": "model"}), "comes again by itself", id="waits"),
        pytest.param(make_watched_record("delivered", None), "needs no attention", id="delivered"),
        pytest.param(make_closed_record(), "needs no attention", id="sent"),
    ],
)
def test_seen_is_refused_where_nothing_was_left_undelivered(
    ops: Ops, table: SimulatedTable, found: dict[str, Any], says: str
) -> None:
    table.put(**found)
    before = record(table)

    ended = ops(*RESOLVE, "--seen", "--yes")

    assert ended.exit_code == 1
    assert says in ended.err
    assert record(table) == before


def test_a_closed_conversation_that_needs_attention_is_led_to_seen(ops: Ops, table: SimulatedTable) -> None:
    table.put(**make_watched_record())

    ended = ops(*RESOLVE, "--resend", "--yes")

    assert (ended.exit_code, "ops resolve conv-0001 --seen" in ended.err) == (1, True)


def test_seen_is_not_written_unasked(ops: Ops, table: SimulatedTable) -> None:
    table.put(**make_watched_record())
    before = record(table)

    assert ops(*RESOLVE, "--seen").exit_code == 4
    assert record(table) == before
    done = ops(*RESOLVE, "--seen", "--yes").out
    assert "dealt with, needs no attention" in done
    assert "redrive" not in done
