"""DynamoDB service: the exact writes whose conditions carry the promise, and what each failure of them means.

What the writes do is proven by the contract of the store, on an emulator.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.stub import Stubber

from core.conversation import (
    Conversation,
    ConversationKey,
    EffectOwner,
    Failure,
    Mode,
    Reply,
    Run,
    SentPart,
    Status,
    Step,
    UndecidedRow,
    Usage,
)
from core.errors import LeaseHeldError, LostLeaseError, PermanentError, StoreUnavailableError
from core.lease import Lease
from core.ports import ChatMessage, Closing, Failing
from services.conversation_item import TableKey, iso, read_conversation
from services.dynamodb_service import DynamoDBConversationStore
from tests.fakes.clock import START

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "conversations-dev"
KEY = ConversationKey("+447700900123", "conv-1")
RAW_KEY = {"recipient_tel": {"S": "+447700900123"}, "conversation_id": {"S": "conv-1"}}
ENDS_AT = START.timestamp() + 345.5
MARK = Failure(Step.CLAIM, "unfinished", "at work", START, permanent=False, message_id="m-1", receive_count=1)
RAW_MARK = {
    "M": {
        "step": {"S": "claim"},
        "code": {"S": "unfinished"},
        "message": {"S": "at work"},
        "at": {"S": "2026-11-22T09:00:00.000Z"},
        "permanent": {"BOOL": False},
        "message_id": {"S": "m-1"},
        "receive_count": {"N": "1"},
    }
}
REPLY = Reply(Mode.FREE_FORM, ("Hello", "Bye"), Usage(120, 30))
OWNER = EffectOwner("+442079460000", "AC1", "whatsapp-credentials/acme/spring/twilio")
NOW = {"S": "2026-11-22T09:00:00.000Z"}
OTHERS_ITEM = {
    **RAW_KEY,
    "record_version": {"N": "2"},
    "write_number": {"N": "4"},
    "conversation_status": {"S": "processing"},
    "created_at": NOW,
    "lease_owner": {"S": "other"},
    "lease_expires_at": {"N": "1800000000.25"},
}
MY_ITEM = OTHERS_ITEM | {"lease_owner": {"S": "me"}}
FOREIGN_ITEM = MY_ITEM | {"conversation_status": {"S": "processing_reply"}, "write_number": {"N": "1"}}
CLOSED_ITEM = {**RAW_KEY, "conversation_status": {"S": "initial_message_sent"}, "created_at": NOW}


@pytest.fixture
def table() -> Iterator[Stubber]:
    client = boto3.client("dynamodb", region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def store_on(table: Stubber, **options: Any) -> DynamoDBConversationStore:
    return DynamoDBConversationStore(cast("DynamoDBClient", table.client), TABLE, **options)


@pytest.fixture
def store(table: Stubber) -> DynamoDBConversationStore:
    return store_on(table)


@pytest.fixture
def lease() -> Lease:
    lease = Lease("me")
    lease.take(KEY, ENDS_AT)
    return lease


def expect_put(table: Stubber, **changes: Any) -> None:
    item = {
        **RAW_KEY,
        "company_name": {"S": "Acme"},
        "processor_version": {"S": "unknown"},
        "record_version": {"N": "2"},
        "write_number": {"N": "1"},
        "conversation_status": {"S": "processing"},
        "created_at": NOW,
        "updated_at": NOW,
        "attempts": {"N": "1"},
        "task_complete": {"N": "0"},
        "lease_owner": {"S": "me"},
        "lease_expires_at": {"N": f"{ENDS_AT:.3f}"},
        "last_error": RAW_MARK,
        **changes,
    }
    table.add_response("put_item", {}, {"Item": item, **PUT_OPTIONS})


PUT_OPTIONS = {
    "TableName": TABLE,
    "ConditionExpression": "attribute_not_exists(recipient_tel)",
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}


def expect_update(
    table: Stubber,
    expression: str,
    condition: str,
    names: list[str],
    values: dict[str, Any],
    returns: str = "NONE",
    attributes: dict[str, Any] | None = None,
) -> None:
    table.add_response(
        "update_item",
        {"Attributes": attributes} if attributes else {},
        {
            "TableName": TABLE,
            "Key": RAW_KEY,
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in names},
            "ExpressionAttributeValues": values,
            "ReturnValues": returns,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        },
    )


OWN = "lease_owner = :me AND write_number < :write_number"
STATUSES = {
    ":status_0": {"S": "processing"},
    ":status_1": {"S": "sending"},
    ":status_2": {"S": "initial_message_sent"},
    ":status_3": {"S": "failed_validation"},
    ":status_4": {"S": "failed_secrets_fetch"},
    ":status_5": {"S": "failed_to_process_ai"},
    ":status_6": {"S": "failed_to_send_message"},
    ":status_7": {"S": "failed_unknown"},
}
OWN_AND_OUR_STATUS = f"{OWN} AND conversation_status IN ({', '.join(STATUSES)})"
FENCE = {":me": {"S": "me"}, ":write_number": {"N": "2"}}


def refuse(table: Stubber, operation: str, item: dict[str, Any] | None) -> None:
    """Let the condition of the next call fail because of `item`."""
    table.add_client_error(
        operation, "ConditionalCheckFailedException", modeled_fields={} if item is None else {"Item": item}
    )


def create(store: DynamoDBConversationStore, lease: Lease, *, needs_attention: bool = False) -> Conversation | None:
    return store.create(KEY, lease, {"company_name": "Acme"}, MARK, needs_attention=needs_attention)


# Claim


def test_a_claim_is_one_conditional_write_that_returns_what_it_meets(
    table: Stubber, store: DynamoDBConversationStore, lease: Lease
) -> None:
    expect_put(table)

    assert create(store, lease) is None


def test_a_claim_that_people_should_know_of_is_in_their_index(
    table: Stubber, store: DynamoDBConversationStore, lease: Lease
) -> None:
    expect_put(table, needs_attention={"S": "yes"})

    assert create(store, lease, needs_attention=True) is None


def test_a_record_that_is_not_kept_for_ever_has_its_end(table: Stubber, lease: Lease) -> None:
    ends = int((START + timedelta(days=30)).timestamp())
    expect_put(table, expires_at={"N": str(ends)})

    assert create(store_on(table, retention_days=30), lease) is None


def test_attributes_of_the_input_can_not_pose_as_the_records_own(
    table: Stubber, store: DynamoDBConversationStore, lease: Lease
) -> None:
    expect_put(table)

    attributes = {"company_name": "Acme", "conversation_status": "initial_message_sent", "lease_owner": "other"}
    assert store.create(KEY, lease, attributes, MARK, needs_attention=False) is None


def test_a_record_that_exists_is_read_from_the_refusal(
    table: Stubber, store: DynamoDBConversationStore, lease: Lease
) -> None:
    refuse(table, "put_item", OTHERS_ITEM)

    seen = create(store, lease)

    assert seen == Conversation(KEY, Status.PROCESSING, START, "other", 1_800_000_000.25)


def test_a_claim_whose_answer_was_lost_is_ours(table: Stubber, store: DynamoDBConversationStore, lease: Lease) -> None:
    refuse(table, "put_item", MY_ITEM)

    assert create(store, lease) is None


TAKE_OVER = {
    "record_version": {"N": "2"},
    "write_number": {"N": "5"},
    "updated_at": NOW,
    "lease_owner": {"S": "me"},
    "lease_expires_at": {"N": f"{ENDS_AT:.3f}"},
    "last_error": RAW_MARK,
}


def expect_take_over(
    table: Stubber, sets: dict[str, Any], removes: list[str], condition: str, values: dict[str, Any]
) -> None:
    removes = ["waiting", *removes]
    assignments = ", ".join(f"#{name} = :{name}" for name in sets)
    expect_update(
        table,
        f"SET {assignments} REMOVE {', '.join(f'#{name}' for name in removes)} ADD attempts :one",
        f"attribute_not_exists(closed_at) AND conversation_status <> :sent AND {condition}",
        [*sets, *removes],
        {
            **{f":{name}": value for name, value in sets.items()},
            ":one": {"N": "1"},
            ":sent": {"S": "initial_message_sent"},
            **values,
        },
        returns="ALL_NEW",
        attributes=MY_ITEM,
    )


def take_over(store: DynamoDBConversationStore, seen: Conversation, **options: bool) -> Conversation:
    lease = Lease("me")
    lease.take(KEY, ENDS_AT, seen.write_number + 1)
    return store.take_over(seen, lease, {"company_name": "Acme"}, MARK, **{"needs_attention": False, **options})


def test_a_lease_is_taken_only_as_it_was_seen(table: Stubber, store: DynamoDBConversationStore) -> None:
    expect_take_over(
        table,
        {"company_name": {"S": "Acme"}, **TAKE_OVER, "conversation_status": {"S": "processing"}},
        ["needs_attention"],
        "conversation_status = :seen_conversation_status AND write_number = :seen_write_number"
        " AND lease_owner = :seen_lease_owner AND lease_expires_at = :seen_lease_expires_at",
        {
            ":seen_conversation_status": {"S": "processing"},
            ":seen_write_number": {"N": "4"},
            ":seen_lease_owner": {"S": "other"},
            ":seen_lease_expires_at": {"N": "1800000000.250"},
        },
    )
    seen = Conversation(KEY, Status.PROCESSING, START, "other", 1_800_000_000.25, write_number=4)

    taken = take_over(store, seen)

    assert taken == Conversation(KEY, Status.PROCESSING, START, "me", 1_800_000_000.25)


def test_a_record_without_a_lease_is_taken_only_while_it_has_none(
    table: Stubber, store: DynamoDBConversationStore
) -> None:
    """It shows an intent: what the message says now may not be what it said then, and is not stored."""
    expect_take_over(
        table,
        {
            **TAKE_OVER,
            "conversation_status": {"S": "sending"},
            "outcome_unknown": {"BOOL": True},
            "needs_attention": {"S": "yes"},
        },
        [],
        "conversation_status = :seen_conversation_status AND write_number = :seen_write_number"
        " AND attribute_not_exists(lease_owner)",
        {":seen_conversation_status": {"S": "failed_to_send_message"}, ":seen_write_number": {"N": "4"}},
    )
    seen = Conversation(KEY, Status.FAILED_SEND, START, intent_at=START, write_number=4)

    take_over(store, seen, needs_attention=True)


def test_the_status_of_another_program_is_left_as_it_is(table: Stubber, store: DynamoDBConversationStore) -> None:
    expect_take_over(
        table,
        {"company_name": {"S": "Acme"}, **TAKE_OVER, "write_number": {"N": "1"}},
        ["needs_attention"],
        "conversation_status = :seen_conversation_status AND attribute_not_exists(write_number)"
        " AND attribute_not_exists(lease_owner)",
        {":seen_conversation_status": {"S": "retry"}},
    )

    take_over(store, Conversation(KEY, "retry", None))


@pytest.mark.parametrize("retention_days", [0, 90])
def test_a_corrected_message_keeps_its_record_for_longer_than_a_refusal(table: Stubber, retention_days: int) -> None:
    ends = {"expires_at": {"N": str(int((START + timedelta(days=90)).timestamp()))}} if retention_days else {}
    expect_take_over(
        table,
        {
            "company_name": {"S": "Acme"},
            **TAKE_OVER,
            "write_number": {"N": "1"},
            "conversation_status": {"S": "processing"},
        }
        | ends,
        ["needs_attention"] if retention_days else ["expires_at", "needs_attention"],
        "conversation_status = :seen_conversation_status AND attribute_not_exists(write_number)"
        " AND attribute_not_exists(lease_owner)",
        {":seen_conversation_status": {"S": "failed_validation"}},
    )

    take_over(store_on(table, retention_days=retention_days), Conversation(KEY, Status.FAILED_VALIDATION, START))


@pytest.mark.parametrize("item", [OTHERS_ITEM, CLOSED_ITEM, None], ids=["other", "closed", "gone"])
def test_a_record_that_changed_is_not_taken(
    table: Stubber, store: DynamoDBConversationStore, item: dict[str, Any] | None
) -> None:
    refuse(table, "update_item", item)

    with pytest.raises(LeaseHeldError):
        take_over(store, Conversation(KEY, Status.PROCESSING, START))


# Fenced writes


def test_an_intent_is_written_only_with_the_lease(
    table: Stubber, store: DynamoDBConversationStore, lease: Lease
) -> None:
    expect_update(
        table,
        "SET #reply = :reply, #sent_parts = :sent_parts, #send_started_at = :send_started_at, #send_from = :send_from,"
        " #send_account = :send_account, #send_credentials = :send_credentials, #updated_at = :updated_at,"
        " #write_number = :write_number, #conversation_status = :conversation_status REMOVE #outcome_unknown",
        OWN_AND_OUR_STATUS,
        [
            "reply",
            "sent_parts",
            "send_started_at",
            "send_from",
            "send_account",
            "send_credentials",
            "updated_at",
            "write_number",
            "conversation_status",
            "outcome_unknown",
        ],
        {
            **FENCE,
            **STATUSES,
            ":send_from": {"S": "+442079460000"},
            ":send_account": {"S": "AC1"},
            ":send_credentials": {"S": "whatsapp-credentials/acme/spring/twilio"},
            ":conversation_status": {"S": "sending"},
            ":reply": {
                "M": {
                    "mode": {"S": "free_form"},
                    "parts": {"L": [{"S": "Hello"}, {"S": "Bye"}]},
                    "tokens_in": {"N": "120"},
                    "tokens_out": {"N": "30"},
                }
            },
            ":sent_parts": {"L": [{"M": {"sid": {"S": "SM1"}, "sent_at": NOW}}]},
            ":send_started_at": NOW,
            ":updated_at": NOW,
        },
    )

    store.intend(lease, REPLY, [SentPart("SM1", START)], START, OWNER)


def test_a_run_is_recorded_in_one_write(table: Stubber, store: DynamoDBConversationStore, lease: Lease) -> None:
    expect_update(
        table,
        "SET #openai_thread_id = :openai_thread_id, #thread_id = :thread_id, #openai_response_id = :openai_response_id,"
        " #paid_runs = :paid_runs, #openai_started_at = :openai_started_at, #updated_at = :updated_at,"
        " #write_number = :write_number",
        OWN,
        [
            "openai_thread_id",
            "thread_id",
            "openai_response_id",
            "paid_runs",
            "openai_started_at",
            "updated_at",
            "write_number",
        ],
        {
            **FENCE,
            ":openai_thread_id": {"S": "conv_1"},
            ":thread_id": {"S": "conv_1"},
            ":openai_response_id": {"S": "resp_1"},
            ":paid_runs": {"N": "2"},
            ":openai_started_at": NOW,
            ":updated_at": NOW,
        },
    )

    store.record_run(lease, Run("conv_1", "resp_1", START, 2), START)


def test_a_record_is_closed_in_one_update(table: Stubber, store: DynamoDBConversationStore, lease: Lease) -> None:
    gone = [
        "lease_owner",
        "lease_expires_at",
        "send_started_at",
        "outcome_unknown",
        "send_from",
        "send_account",
        "send_credentials",
        "reply",
        "sent_parts",
        "last_error",
        "needs_attention",
        "undecided",
        "waiting",
    ]
    expect_update(
        table,
        "SET #closed_at = :closed_at, #processing_time_ms = :processing_time_ms,"
        " #initial_processing_time_ms = :initial_processing_time_ms, #updated_at = :updated_at,"
        " #last_owner = :last_owner, #write_number = :write_number, #conversation_status = :conversation_status,"
        " #task_complete = :task_complete,"
        " messages = list_append(if_not_exists(messages, :none), :messages)"
        f" REMOVE {', '.join(f'#{name}' for name in gone)}",
        OWN_AND_OUR_STATUS,
        [
            "closed_at",
            "processing_time_ms",
            "initial_processing_time_ms",
            "updated_at",
            "last_owner",
            "write_number",
            "conversation_status",
            "task_complete",
            *gone,
        ],
        {
            **FENCE,
            **STATUSES,
            ":closed_at": NOW,
            ":conversation_status": {"S": "initial_message_sent"},
            ":task_complete": {"N": "1"},
            ":processing_time_ms": {"N": "8250"},
            ":initial_processing_time_ms": {"N": "8250"},
            ":updated_at": NOW,
            ":last_owner": {"S": "me"},
            ":messages": {
                "L": [
                    {
                        "M": {
                            "message_id": {"S": "SM1"},
                            "role": {"S": "assistant"},
                            "content": {"S": "Hello"},
                            "timestamp": NOW,
                            "tokens": {"N": "30"},
                            "prompt_tokens": {"N": "420"},
                            "completion_tokens": {"N": "30"},
                            "total_tokens": {"N": "450"},
                        }
                    }
                ]
            },
            ":none": {"L": []},
        },
    )

    store.close(lease, Closing((ChatMessage("SM1", "Hello", START, Usage(420, 30)),), START, 8250))


def test_a_failure_releases_the_lease_in_the_same_update(
    table: Stubber, store: DynamoDBConversationStore, lease: Lease
) -> None:
    gone = [
        "lease_owner",
        "lease_expires_at",
        "undecided",
        "send_started_at",
        "outcome_unknown",
        "send_from",
        "send_account",
        "send_credentials",
        "openai_thread_id",
        "thread_id",
        "openai_response_id",
        "openai_started_at",
        "waiting",
    ]
    expect_update(
        table,
        "SET #last_error = :last_error, #updated_at = :updated_at, #needs_attention = :needs_attention,"
        " #last_owner = :last_owner, #write_number = :write_number, #conversation_status = :conversation_status"
        f" REMOVE {', '.join(f'#{name}' for name in gone)}",
        OWN_AND_OUR_STATUS,
        ["last_error", "updated_at", "needs_attention", "last_owner", "write_number", "conversation_status", *gone],
        {
            **FENCE,
            **STATUSES,
            ":conversation_status": {"S": "failed_to_process_ai"},
            ":last_error": RAW_MARK,
            ":needs_attention": {"S": "yes"},
            ":updated_at": NOW,
            ":last_owner": {"S": "me"},
        },
    )

    store.fail(lease, Failing(Status.FAILED_AI, MARK, sent=(), keep_intent=False, keep_run=False))


def test_a_failure_that_a_person_must_decide_names_the_messages_in_question(
    table: Stubber, store: DynamoDBConversationStore, lease: Lease
) -> None:
    asked: list[Any] = []
    table.client.meta.events.register("before-parameter-build", lambda params, **_: asked.append(params))
    table.add_response("update_item", {})
    rows = (UndecidedRow("SM1", START, "delivered", shown=False), UndecidedRow("SM2", None, "", shown=True))
    failing = Failing(Status.FAILED_SEND, MARK, sent=(), keep_intent=True, keep_run=True, undecided=rows)

    store.fail(lease, failing)

    (params,) = asked
    assert "REMOVE #lease_owner, #lease_expires_at" in params["UpdateExpression"]
    assert "send_started_at" not in params["UpdateExpression"]
    assert params["ExpressionAttributeValues"][":undecided"] == {
        "L": [
            {"M": {"sid": {"S": "SM1"}, "created_at": NOW, "status": {"S": "delivered"}, "shown": {"BOOL": False}}},
            {"M": {"sid": {"S": "SM2"}, "created_at": {"NULL": True}, "status": {"S": ""}, "shown": {"BOOL": True}}},
        ]
    }


WRITES_WITH_A_STATUS: dict[str, Callable[[DynamoDBConversationStore, Lease], None]] = {
    "intend": lambda store, lease: store.intend(lease, REPLY, [], START, OWNER),
    "close": lambda store, lease: store.close(
        lease, Closing((ChatMessage("SM1", "Hello", START, Usage(420, 30)),), START, 8250)
    ),
    "fail": lambda store, lease: store.fail(
        lease, Failing(Status.FAILED_AI, MARK, sent=(), keep_intent=False, keep_run=False)
    ),
}


@pytest.mark.parametrize("name", WRITES_WITH_A_STATUS)
def test_the_same_write_without_its_status_leaves_a_foreign_one(
    table: Stubber, store: DynamoDBConversationStore, lease: Lease, name: str
) -> None:
    asked: list[Any] = []
    table.client.meta.events.register("before-parameter-build", lambda params, **_: asked.append(params))
    refuse(table, "update_item", FOREIGN_ITEM)
    table.add_response("update_item", {})

    WRITES_WITH_A_STATUS[name](store, lease)

    first, second = asked
    assert "#conversation_status" in first["UpdateExpression"]
    assert "#conversation_status" not in second["UpdateExpression"]
    assert "#task_complete" not in second["UpdateExpression"]
    assert second["ConditionExpression"] == OWN
    number = ":write_number"
    assert first["ExpressionAttributeValues"][number] == second["ExpressionAttributeValues"][number]


@pytest.mark.parametrize("name", WRITES_WITH_A_STATUS)
def test_a_foreign_status_gives_no_right_to_a_record(
    table: Stubber, store: DynamoDBConversationStore, lease: Lease, name: str
) -> None:
    foreign = FOREIGN_ITEM | {"lease_owner": {"S": "other"}}
    refuse(table, "update_item", foreign)
    refuse(table, "update_item", foreign)

    with pytest.raises(LostLeaseError):
        WRITES_WITH_A_STATUS[name](store, lease)


def test_a_late_copy_of_a_write_undoes_nothing(table: Stubber, store: DynamoDBConversationStore, lease: Lease) -> None:
    """The record shows a later number: the copy has the number it was first made with."""
    refuse(table, "update_item", MY_ITEM | {"write_number": {"N": "3"}})

    with pytest.raises(LostLeaseError):
        store.intend(lease, REPLY, [], START, OWNER)


def test_a_write_that_the_sdk_repeats_is_done(table: Stubber, store: DynamoDBConversationStore, lease: Lease) -> None:
    refuse(table, "update_item", MY_ITEM | {"write_number": {"N": "2"}})

    store.intend(lease, REPLY, [], START, OWNER)


def test_a_renewal_never_shortens_a_lease(table: Stubber, store: DynamoDBConversationStore, lease: Lease) -> None:
    asked: list[Any] = []
    table.client.meta.events.register("before-parameter-build", lambda params, **_: asked.append(params))
    refuse(table, "update_item", MY_ITEM)

    store.renew(lease, ENDS_AT)

    assert asked[0]["ConditionExpression"] == "lease_owner = :me AND lease_expires_at < :lease_expires_at"
    assert "write_number" not in asked[0]["UpdateExpression"]


@pytest.mark.parametrize("retention_days", [0, 90])
def test_a_refused_message_creates_a_record_for_a_month_and_touches_none(table: Stubber, retention_days: int) -> None:
    ends = int((START + timedelta(days=30)).timestamp())
    item = {
        **RAW_KEY,
        "record_version": {"N": "2"},
        "conversation_status": {"S": "failed_validation"},
        "created_at": NOW,
        "updated_at": NOW,
        "task_complete": {"N": "0"},
        "last_error": RAW_MARK,
        "needs_attention": {"S": "yes"},
        "expires_at": {"N": str(ends)},
    }
    table.add_response("put_item", {}, {"Item": item, **PUT_OPTIONS})

    store_on(table, retention_days=retention_days).reject(KEY, MARK)


def test_a_refused_message_whose_keys_are_taken_leaves_the_record_as_it_is(
    table: Stubber, store: DynamoDBConversationStore
) -> None:
    refuse(table, "put_item", OTHERS_ITEM)

    store.reject(KEY, MARK)


def test_the_end_of_a_record_counts_from_its_last_write(table: Stubber) -> None:
    later, lease = START + timedelta(days=20), Lease("me")
    lease.take(KEY, ENDS_AT)
    expect_update(
        table,
        "SET #outcome_unknown = :outcome_unknown, #updated_at = :updated_at, #write_number = :write_number,"
        " #expires_at = :expires_at",
        OWN,
        ["outcome_unknown", "updated_at", "write_number", "expires_at"],
        {
            **FENCE,
            ":outcome_unknown": {"BOOL": True},
            ":updated_at": {"S": iso(later)},
            ":expires_at": {"N": str(int((later + timedelta(days=30)).timestamp()))},
        },
    )

    store_on(table, retention_days=30).record_unknown(lease, later)


def test_a_write_without_a_lease_is_not_even_tried(store: DynamoDBConversationStore) -> None:
    with pytest.raises(LostLeaseError):
        store.renew(Lease("me"), ENDS_AT)


@pytest.mark.parametrize("item", [OTHERS_ITEM, CLOSED_ITEM, None], ids=["other", "closed", "gone"])
def test_a_write_after_the_lease_was_lost_is_refused(
    table: Stubber, store: DynamoDBConversationStore, lease: Lease, item: dict[str, Any] | None
) -> None:
    refuse(table, "update_item", item)

    with pytest.raises(LostLeaseError):
        store.intend(lease, REPLY, [], START, OWNER)


def test_a_close_whose_answer_was_lost_is_done(table: Stubber, store: DynamoDBConversationStore, lease: Lease) -> None:
    refuse(table, "update_item", CLOSED_ITEM | {"last_owner": {"S": "me"}})

    store.close(lease, Closing((), START, 1))


def test_a_close_by_another_is_no_close_of_ours(table: Stubber, store: DynamoDBConversationStore, lease: Lease) -> None:
    refuse(table, "update_item", CLOSED_ITEM | {"last_owner": {"S": "other"}})

    with pytest.raises(LostLeaseError):
        store.close(lease, Closing((), START, 1))


def test_a_record_that_we_gave_up_and_another_took_is_not_ours(
    table: Stubber, store: DynamoDBConversationStore, lease: Lease
) -> None:
    refuse(table, "update_item", OTHERS_ITEM | {"last_owner": {"S": "me"}})

    with pytest.raises(LostLeaseError):
        store.close(lease, Closing((), START, 1))


# Others


def test_conversations_of_a_recipient_are_read_consistently_page_by_page(
    table: Stubber, store: DynamoDBConversationStore
) -> None:
    first = OTHERS_ITEM | {"conversation_id": {"S": "conv-0"}}
    query = {
        "TableName": TABLE,
        "KeyConditionExpression": "recipient_tel = :recipient",
        "ExpressionAttributeValues": {":recipient": {"S": "+447700900123"}},
        "ConsistentRead": True,
    }
    next_key = {**RAW_KEY, "conversation_id": {"S": "conv-0"}}
    table.add_response("query", {"Items": [first], "LastEvaluatedKey": next_key}, query)
    later = OTHERS_ITEM | {"conversation_id": {"S": "conv-2"}}
    table.add_response("query", {"Items": [OTHERS_ITEM, later]}, query | {"ExclusiveStartKey": next_key})

    found = store.conversations_with(KEY.recipient_tel)

    assert [conversation.key.conversation_id for conversation in found] == ["conv-0", "conv-1", "conv-2"]


# Failures


UNAVAILABLE = [
    ("ProvisionedThroughputExceededException", "dynamodb_provisioned_throughput_exceeded"),
    ("ThrottlingException", "dynamodb_throttling"),
    ("RequestLimitExceeded", "dynamodb_request_limit_exceeded"),
    ("InternalServerError", "dynamodb_internal_server"),
    ("ResourceNotFoundException", "dynamodb_resource_not_found"),
    ("AccessDeniedException", "dynamodb_access_denied"),
    ("ValidationException", "dynamodb_validation"),
]


@pytest.mark.parametrize(("aws_code", "code"), UNAVAILABLE)
@pytest.mark.parametrize("operation", ["put_item", "update_item", "query"])
def test_whatever_may_pass_is_transient(
    table: Stubber, store: DynamoDBConversationStore, lease: Lease, operation: str, aws_code: str, code: str
) -> None:
    table.add_client_error(operation, aws_code, "the text of the vendor +447700900123")
    calls: dict[str, Callable[[], object]] = {
        "put_item": lambda: create(store, lease),
        "update_item": lambda: store.renew(lease, ENDS_AT),
        "query": lambda: store.conversations_with(KEY.recipient_tel),
    }

    with pytest.raises(StoreUnavailableError) as caught:
        calls[operation]()

    assert caught.value.code == code
    assert "text of the vendor" not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [ReadTimeoutError(endpoint_url="https://dynamodb"), ConnectTimeoutError(endpoint_url="https://dynamodb")],
    ids=["read", "connect"],
)
def test_no_answer_is_transient(
    monkeypatch: pytest.MonkeyPatch, table: Stubber, store: DynamoDBConversationStore, lease: Lease, error: Exception
) -> None:
    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(table.client, "update_item", fail)

    with pytest.raises(StoreUnavailableError) as caught:
        store.renew(lease, ENDS_AT)

    assert caught.value.code in {"dynamodb_read_timeout", "dynamodb_connect_timeout"}


@pytest.mark.parametrize(
    "text",
    [
        "Item size has exceeded the maximum allowed size",
        "Item size to update has exceeded the maximum allowed size",
    ],
)
def test_a_record_that_is_too_large_stays_so(
    table: Stubber, store: DynamoDBConversationStore, lease: Lease, text: str
) -> None:
    table.add_client_error("update_item", "ValidationException", text)

    with pytest.raises(PermanentError) as caught:
        store.intend(lease, REPLY, [], START, OWNER)

    assert caught.value.code == "record_too_large"


# The table's key


def test_under_the_engines_later_key_every_write_and_read_names_that_key(table: Stubber, lease: Lease) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        asked.append((model.name, params))

    table.client.meta.events.register("before-parameter-build.dynamodb", note)
    for operation in ("put_item", "put_item", "update_item", "query"):
        table.add_response(operation, {"Items": []} if operation == "query" else {})
    store = store_on(table, table_key=TableKey("primary_channel"), processor_version="1.4.0")

    create(store, lease)
    store.reject(KEY, MARK)
    store.record_run(lease, Run("conv_1", "resp_1"), START)
    store.conversations_with(KEY.recipient_tel)

    (_, put), (_, rejected), (_, updated), (_, queried) = asked
    for item in (put["Item"], rejected["Item"]):
        assert item["primary_channel"] == item["recipient_tel"] == {"S": KEY.recipient_tel}
    assert put["Item"]["processor_version"] == {"S": "1.4.0"}
    assert put["ConditionExpression"] == rejected["ConditionExpression"] == "attribute_not_exists(primary_channel)"
    assert set(updated["Key"]) == {"primary_channel", "conversation_id"}
    assert queried["KeyConditionExpression"] == "primary_channel = :recipient"


def test_a_record_of_another_program_under_that_key_needs_no_other_name_of_the_number() -> None:
    item = {"primary_channel": "+447700900123", "conversation_id": "conv-1", "conversation_status": "retry"}

    assert read_conversation(item, TableKey("primary_channel")).key == ConversationKey("+447700900123", "conv-1")
