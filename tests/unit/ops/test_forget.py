"""`ops forget`: a person is gone everywhere, the report says where not, and nothing brings the person back."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

import pytest

from core.errors import PermanentError
from core.outcome import Done
from sandbox.context_objects import RECIPIENT, make_body
from services.conversation_item import TableKey, iso
from services.dynamodb_service import DynamoDBConversationStore
from tests.fakes.clock import START, FakeClock
from tests.fakes.function import InMemoryFunction
from tests.simulation.table import SimulatedTable
from tests.unit.ops.conftest import Ops
from tests.unit.ops.deployment import OPENAI_SECRET, TWILIO_SECRET, Deployment
from tests.unit.ops.fake_aws import DLQ, QUEUE, FakeAws
from tests.unit.ops.records import make_closed_record, make_record

OTHER = "+447700900777"
FIRST, SECOND = ("SM" + digit * 32 for digit in "12")
AT_VENDORS: dict[str, Any] = {
    "whatsapp_credentials_id": TWILIO_SECRET,
    "ai_config": {"api_key_reference": OPENAI_SECRET},
    "record_version": Decimal(2),
    "write_number": Decimal(7),
}
KEYS = {"recipient_tel", "conversation_id"}
MARKER = {*KEYS, "closed_at", "forgotten_at", "expires_at"}


class Table(SimulatedTable):
    """The table, with what the operations command asks of it besides."""

    def describe_table(self, **_: str) -> dict[str, Any]:
        return {"Table": {"KeySchema": [{"AttributeName": self._partition_key, "KeyType": "HASH"}]}}


@dataclass
class Vendors:
    """OpenAI and Twilio: what they were told to delete, and which of it they refuse."""

    deleted: list[str] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)

    def eraser(self) -> "Vendors":
        return self

    def conversation(self, one: str, *_: Any) -> None:
        if one in self.refuses:
            raise PermanentError(f"the vendor refused {one}")
        self.deleted.append(one)

    response = thread = message = conversation


@pytest.fixture
def table(aws: FakeAws) -> SimulatedTable:
    deployment = Deployment(aws)
    deployment.sqs.attributes[QUEUE]["MessageRetentionPeriod"] = "345600"
    table = Table()
    aws.fake_dynamodb = cast("Any", table)
    return table


@pytest.fixture
def vendors(ops: Ops) -> Vendors:
    vendors = ops.vendors = Vendors()
    return vendors


def places(answer: Any) -> dict[str, tuple[int, int]]:
    return {place["place"]: (place["found"], place["gone"]) for place in answer["places"]}


def problems(answer: Any) -> list[str]:
    return [why for place in answer["places"] for why in place["left"]]


def fill(aws: FakeAws, table: SimulatedTable) -> None:
    """Put a person everywhere, and another person beside."""
    table.put(**make_closed_record("conv-0001", **AT_VENDORS))
    table.put(**make_record("conv-0002", openai_thread_id="conv_2", **AT_VENDORS))
    table.put(**make_record("conv-0003", recipient_tel=OTHER, **AT_VENDORS))
    for add in (aws.fake_sqs.add_dead_letter, lambda body: aws.fake_sqs.add(QUEUE, body)):
        add(make_body(conversation_id="conv-0002"))
        add(make_body(conversation_id="new", frontend_payload__recipient_data__recipient_tel=OTHER))


def test_a_person_is_deleted_everywhere_and_nobody_else(
    ops: Ops, aws: FakeAws, table: SimulatedTable, vendors: Vendors
) -> None:
    fill(aws, table)

    answer = ops.json("forget", "+44 7700 900123", "--yes")

    assert answer["done"] is True
    assert places(answer) == {"table": (2, 2), "OpenAI": (3, 3), "Twilio": (1, 1), "DLQ": (1, 1), "queue": (1, 1)}
    assert sorted(vendors.deleted) == sorted(["conv_2", "conv_abc", "resp_abc", FIRST])
    assert {key: set(item) for key, item in table.items.items() if key[0] == RECIPIENT} == {
        (RECIPIENT, "conv-0001"): MARKER,
        (RECIPIENT, "conv-0002"): MARKER,
    }
    assert "recipient_first_name" in table.items[OTHER, "conv-0003"]
    for queue in (QUEUE, DLQ):
        assert [OTHER in body for body in aws.fake_sqs.bodies(queue)] == [True]


def test_dry_run_says_what_there_is_and_touches_nothing(
    ops: Ops, aws: FakeAws, table: SimulatedTable, vendors: Vendors
) -> None:
    fill(aws, table)
    version = table.version

    answer = ops.json("forget", RECIPIENT, "--dry-run")

    assert (answer["dry_run"], answer["done"]) == (True, False)
    assert places(answer) == {"table": (2, 0), "OpenAI": (3, 0), "Twilio": (1, 0), "DLQ": (1, 0), "queue": (0, 0)}
    assert (table.version, vendors.deleted) == (version, [])
    assert [message.receives for message in aws.fake_sqs.queues[QUEUE]] == [0, 0]
    assert len(aws.fake_sqs.queues[DLQ]) == 2


def test_question_says_what_there_is_and_no_means_no(
    ops: Ops, aws: FakeAws, table: SimulatedTable, vendors: Vendors
) -> None:
    fill(aws, table)
    ops.someone_there = True

    alone, refused = ops("forget", RECIPIENT, given=""), ops("forget", RECIPIENT, given="n\n")

    assert (alone.exit_code, refused.exit_code, vendors.deleted) == (4, 4, [])
    assert (
        "Delete for good, of +44******0123, in dev (account 123456789012, eu-west-1): 2 items in table" in refused.err
    )


def test_second_run_finds_nothing_left(ops: Ops, aws: FakeAws, table: SimulatedTable, vendors: Vendors) -> None:
    fill(aws, table)
    ops("forget", RECIPIENT, "--yes")
    version, deleted = table.version, len(vendors.deleted)

    answer = ops.json("forget", RECIPIENT, "--yes")

    assert answer["done"] is True
    assert set(places(answer).values()) == {(0, 0)}
    assert (table.version, len(vendors.deleted)) == (version, deleted)


def test_what_a_vendor_refuses_is_reported_kept_by_id_alone_and_deleted_the_next_time(
    ops: Ops, table: SimulatedTable, vendors: Vendors
) -> None:
    table.put(**make_closed_record(**AT_VENDORS))
    vendors.refuses = {"resp_abc", FIRST}

    first = ops("forget", RECIPIENT, "--yes", "--json")

    assert first.exit_code == 1
    assert problems(first.answer) == [
        "response resp_abc: the vendor refused resp_abc",
        f"message {FIRST}: the vendor refused {FIRST}",
    ]
    assert set(table.items[RECIPIENT, "conv-0001"]) == {*KEYS, "closed_at", "forgotten_at", "vendor_ids"}

    vendors.refuses = set()
    second = ops.json("forget", RECIPIENT, "--yes")

    assert second["done"] is True
    assert vendors.deleted == ["conv_abc", "resp_abc", FIRST]
    assert set(table.items[RECIPIENT, "conv-0001"]) == MARKER


@pytest.mark.parametrize("partition_key", ["recipient_tel", "primary_channel"])
@pytest.mark.parametrize("had_record", [True, False], ids=["record", "message alone"])
@pytest.mark.usefixtures("vendors")
def test_message_that_comes_late_does_not_bring_the_person_back(
    ops: Ops, aws: FakeAws, clock: FakeClock, partition_key: str, *, had_record: bool
) -> None:
    """The function's own code honours the marker, whether the message was delayed, redriven or repeated."""
    Deployment(aws)
    table = Table(partition_key)
    aws.fake_dynamodb = cast("Any", table)
    if had_record:
        table.put(**(make_record(**AT_VENDORS) | {partition_key: RECIPIENT}))
    else:
        aws.fake_sqs.add_dead_letter(make_body())
    ops("forget", RECIPIENT, "--yes")
    store = DynamoDBConversationStore(cast("Any", table), "conversations-dev", table_key=TableKey(partition_key))
    function = InMemoryFunction(clock=clock, store=store)

    verdicts = [function.receive(message_id=f"m-{number}", receive_count=number) for number in (1, 2)]

    assert verdicts == [Done(), Done()]
    assert function.sent() == []
    (item,) = table.items.values()
    assert set(item) == {*MARKER - {"recipient_tel"}, partition_key}


def test_marker_goes_when_no_message_can_come_any_more(ops: Ops, aws: FakeAws, table: SimulatedTable) -> None:
    """Retentions of 4 and 14 days are 18; a redriven message has more, so it is 30 at least."""
    for days, kept in ((14, 30), (40, 44)):
        aws.fake_sqs.attributes[DLQ]["MessageRetentionPeriod"] = str(days * 86_400)
        table.put(**make_record("conv-0001"))

        ops("forget", RECIPIENT, "--yes")

        record = table.record((RECIPIENT, "conv-0001"))
        assert record is not None
        assert int(record["expires_at"]) == int(START.timestamp()) + kept * 86_400


def test_conversation_at_work_is_left_and_said(ops: Ops, table: SimulatedTable, vendors: Vendors) -> None:
    expires_at = Decimal(int(START.timestamp()) + 300)
    table.put(**make_record(lease_owner="m-1", lease_expires_at=expires_at, openai_thread_id="conv_1", **AT_VENDORS))

    ended = ops("forget", RECIPIENT, "--yes")

    assert ended.exit_code == 1
    assert "a delivery is at work on conv-0001: run this again in a few minutes" in ended.out
    assert vendors.deleted == []
    assert "recipient_first_name" in table.items[RECIPIENT, "conv-0001"]


def test_record_that_changes_meanwhile_is_left_and_said(ops: Ops, table: SimulatedTable, vendors: Vendors) -> None:
    table.put(**make_record(openai_thread_id="conv_1", **AT_VENDORS))
    original = table.put_item

    def change_first(**request: Any) -> Any:
        table.put_item = original  # type: ignore[method-assign]
        table.put(**make_record(updated_at=iso(START.replace(hour=11)), **AT_VENDORS))
        return original(**request)

    table.put_item = change_first  # type: ignore[method-assign]

    ended = ops("forget", RECIPIENT, "--yes", "--json")

    assert ended.exit_code == 1
    assert problems(ended.answer) == ["conv-0001 has changed meanwhile: run this again"]
    assert vendors.deleted == []


@pytest.mark.usefixtures("table")
def test_look_at_the_queue_costs_nobody_the_last_receive(ops: Ops, aws: FakeAws) -> None:
    """A message whose third receive the look has taken would go to the DLQ at its next one."""
    worn = aws.fake_sqs.add(
        QUEUE,
        make_body(frontend_payload__recipient_data__recipient_tel=OTHER),
        continuation={"DataType": "String", "StringValue": "{}"},
    )
    worn.receives, worn.group_id = 2, "acme"

    ops("forget", RECIPIENT, "--yes")

    (message,) = aws.fake_sqs.queues[QUEUE]
    assert message.message_id != worn.message_id
    assert (message.receives, message.body, message.group_id) == (1, worn.body, "acme")
    assert "continuation" in message.attributes


@pytest.mark.usefixtures("table")
def test_long_queue_is_not_looked_through(ops: Ops, aws: FakeAws) -> None:
    for _ in range(1001):
        aws.fake_sqs.add(QUEUE, "{}")

    ended = ops("forget", RECIPIENT, "--yes")

    assert ended.exit_code == 1
    assert "1001 messages wait, too many to look through" in ended.out
    assert {message.receives for message in aws.fake_sqs.queues[QUEUE]} == {0}


def test_record_of_another_program_names_what_it_names(ops: Ops, table: SimulatedTable, vendors: Vendors) -> None:
    table.put(
        recipient_tel=RECIPIENT,
        conversation_id="old",
        thread_id="thread_1",
        messages=[{"role": "user", "message_id": SECOND}, {"message_id": "wamid.1"}, "odd"],
        whatsapp_credentials_id=TWILIO_SECRET,
        company_whatsapp_number="+442079460000",
    )

    ended = ops("forget", RECIPIENT, "--yes", "--json")

    assert vendors.deleted == [SECOND]
    assert problems(ended.answer) == [
        "thread thread_1: its record does not say which secret opens the account. Delete it by hand"
    ]


def test_number_that_is_nowhere_is_fine(ops: Ops, table: SimulatedTable) -> None:
    answer = ops.json("forget", RECIPIENT, "--yes")

    assert (answer["done"], answer["kept_until"]) == (True, None)
    assert table.items == {}


def test_report_fits_60_columns(ops: Ops, aws: FakeAws, table: SimulatedTable, vendors: Vendors) -> None:
    fill(aws, table)
    vendors.refuses = {FIRST}
    ops.columns = 60

    shown = ops("forget", RECIPIENT, "--yes")

    assert max(map(len, shown.out.splitlines())) <= 60
    assert "  Twilio  0 of 1 gone\n" in shown.out
    assert "Not everything is gone: see above, and run this again." in shown.out


def test_letter_of_a_forgotten_person_is_harmless(ops: Ops, aws: FakeAws) -> None:
    aws.fake_sqs.add_dead_letter(make_body())
    aws.fake_dynamodb.put(
        {
            "recipient_tel": RECIPIENT,
            "conversation_id": "conv-0001",
            "closed_at": iso(START),
            "forgotten_at": iso(START),
        }
    )

    (group,) = ops.json("dlq", "peek")["groups"]

    assert (group["code"], group["harmless"]) == ("forgotten", True)
