"""What a plan would lose. The plans are what `terraform show -json` printed of our stack on an emulator."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tools.infrastructure.errors import TerraformError
from tools.infrastructure.losses import HOLDERS, Loss, losses, refuse
from tools.infrastructure.plan import Change, Plan

PLANS = Path(__file__).parent / "plans"

TABLE = "module.stack.module.conversations.aws_dynamodb_table.this"
QUEUE = "module.stack.module.queue.aws_sqs_queue.this"
KEY = "module.stack.module.encryption[0].aws_kms_key.this"
ROLE = "module.stack.module.processor.aws_iam_role_policy.this"
LOG = "module.stack.module.processor.aws_cloudwatch_log_group.this"
SECRET = 'module.stack.module.secrets.aws_secretsmanager_secret.this["whatsapp-credentials/acme/winter/twilio"]'
SENDERS = "module.stack.module.queue.aws_sqs_queue_policy.this[0]"


def recorded(name: str) -> Plan:
    return Plan.parse((PLANS / f"{name}.json").read_text(encoding="utf-8"))


def one(kind: str, *, actions: Sequence[str] = ("update",), address: str = "", **parts: Any) -> Plan:
    return Plan((Change(address or f"{kind}.this", kind, tuple(actions), **parts),), {})


def said(plan: Plan) -> str:
    return "\n".join(map(str, losses(plan)))


# Recorded


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("table_replaced", {TABLE}),
        ("queue_replaced", {QUEUE}),
        ("company_removed", {SECRET}),
        ("retention", {LOG, QUEUE}),
        ("producer_removed", {SENDERS, KEY}),
        ("producer_changed", {SENDERS, KEY}),
        ("made_by_hand", {TABLE, SENDERS}),
        ("key_in_one_step", {KEY, ROLE}),
    ],
)
def test_a_recorded_plan_that_loses_something_says_where(name: str, lost: set[str]) -> None:
    assert {loss.address for loss in losses(recorded(name))} == lost


@pytest.mark.parametrize("name", ["key_first_step", "new_company", "kept_bigger"])
def test_a_recorded_plan_that_loses_nothing_is_free_to_go(name: str) -> None:
    plan = recorded(name)

    assert plan.changes
    assert losses(plan) == []


def test_what_people_added_by_hand_is_named_one_by_one() -> None:
    found = said(recorded("made_by_hand"))

    assert "the index by-company" in found
    assert "the stream" in found
    assert "the policy statement Reporting" in found


def test_a_key_in_use_cannot_be_let_go_even_by_name() -> None:
    with pytest.raises(TerraformError, match="customer_managed_key = false with keep_key = true first"):
        refuse(losses(recorded("key_in_one_step")), [KEY, ROLE])


def second_step() -> Plan:
    """Return the same plan for an environment where nothing is encrypted with the key any more."""
    changes = recorded("key_in_one_step").changes
    return Plan(tuple(change for change in changes if change.address in (KEY, ROLE)), {})


def test_a_key_that_nothing_uses_any_more_goes_by_name() -> None:
    refuse(losses(second_step()), [KEY, ROLE])


def test_a_key_is_not_let_go_without_its_name() -> None:
    with pytest.raises(TerraformError, match="whatever it still encrypts"):
        refuse(losses(second_step()), [ROLE])


# Refusing


def test_a_refusal_says_what_would_be_lost_and_how_to_want_it() -> None:
    with pytest.raises(TerraformError) as raised:
        refuse([Loss("a.b", "everything"), Loss('c.d["e"]', "the rest"), Loss("f.g", "one more")], ["a.b"])

    assert str(raised.value).splitlines() == [
        "Nothing was changed. This plan would lose:",
        '  c.d["e"]: the rest',
        "  f.g: one more",
        "If that is what you want, name it: --allow-destroy 'c.d[\"e\"]' --allow-destroy 'f.g'",
    ]


def test_a_neighbours_name_allows_nothing() -> None:
    with pytest.raises(TerraformError):
        refuse(
            [Loss("module.stack.module.queue.aws_sqs_queue.this", "messages")],
            ["module.stack.module.queue", "module.stack.module.queue.aws_sqs_queue.thi"],
        )


# Every kind


@pytest.mark.parametrize("kind", HOLDERS)
@pytest.mark.parametrize("actions", [("delete",), ("delete", "create"), ("create", "delete")])
def test_what_holds_data_is_neither_deleted_nor_replaced(kind: str, actions: tuple[str, ...]) -> None:
    assert len(losses(one(kind, actions=actions, before={"name": "x"}, after={"name": "y"}))) == 1


@pytest.mark.parametrize("kind", HOLDERS)
def test_what_terraform_only_forgets_is_not_lost(kind: str) -> None:
    assert losses(one(kind, actions=("forget",), before={"name": "x"}, after={"name": "x"})) == []


@pytest.mark.parametrize("kind", HOLDERS)
def test_what_is_created_loses_nothing(kind: str) -> None:
    created = one(kind, actions=("create",), after={"name": "x", "policy": None}, unknown={"policy": True})

    assert losses(created) == []


def index(name: str = "by-status", **attributes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "hash_key": "status",
        "range_key": "updated_at",
        "projection_type": "INCLUDE",
        "non_key_attributes": ["a", "b"],
        "read_capacity": 0,
        **attributes,
    }


TABLE_BEFORE: dict[str, Any] = {
    "global_secondary_index": [index()],
    "stream_enabled": True,
    "stream_view_type": "NEW_IMAGE",
    "point_in_time_recovery": [{"enabled": True, "recovery_period_in_days": 35}],
    "ttl": [{"enabled": False, "attribute_name": ""}],
    "replica": [{"region_name": "eu-west-3"}],
}


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        pytest.param({"global_secondary_index": []}, "the index by-status", id="an index"),
        pytest.param({"global_secondary_index": None}, "the index by-status", id="every index"),
        pytest.param({"global_secondary_index": [index("renamed")]}, "the index by-status", id="a renamed index"),
        pytest.param(
            {"global_secondary_index": [index(range_key="created_at")]}, "dropped and built again", id="its range key"
        ),
        pytest.param({"global_secondary_index": [index(hash_key="x")]}, "dropped and built again", id="its hash key"),
        pytest.param(
            {"global_secondary_index": [index(non_key_attributes=["a"])]}, "dropped and built again", id="its content"
        ),
        pytest.param(
            {"global_secondary_index": [index(projection_type="KEYS_ONLY", non_key_attributes=None)]},
            "dropped and built again",
            id="its projection",
        ),
        pytest.param({"stream_enabled": False}, "the stream", id="the stream"),
        pytest.param({"stream_enabled": None}, "the stream", id="the stream, unsaid"),
        pytest.param({"stream_view_type": "KEYS_ONLY"}, "the stream, which is replaced", id="the stream's content"),
        pytest.param(
            {"point_in_time_recovery": [{"enabled": False}]}, "retention: point-in-time recovery", id="recovery"
        ),
        pytest.param({"point_in_time_recovery": []}, "retention: point-in-time recovery", id="recovery, unsaid"),
        pytest.param(
            {"point_in_time_recovery": [{"enabled": True, "recovery_period_in_days": 7}]},
            "backups older than 7 days",
            id="a shorter recovery",
        ),
        pytest.param(
            {"ttl": [{"enabled": True, "attribute_name": "expires"}]}, "every record whose time in expires", id="a TTL"
        ),
        pytest.param({"replica": []}, "the replica in eu-west-3", id="a replica"),
    ],
)
def test_a_table_in_place_can_lose(after: dict[str, Any], lost: str) -> None:
    assert lost in said(one("aws_dynamodb_table", before=TABLE_BEFORE, after={**TABLE_BEFORE, **after}))


def test_a_table_that_gains_loses_nothing() -> None:
    gains = {
        "global_secondary_index": [index(non_key_attributes=["b", "a"], read_capacity=5), index("another")],
        "server_side_encryption": [{"enabled": True}],
    }

    assert said(one("aws_dynamodb_table", before=TABLE_BEFORE, after={**TABLE_BEFORE, **gains})) == ""


@pytest.mark.parametrize(
    ("before", "after", "lost"), [(30, 14, True), (0, 14, True), (None, 14, True), (14, 30, False), (14, 0, False)]
)
def test_a_log_loses_what_is_kept_shorter(before: int | None, after: int, lost: bool) -> None:
    plan = one(
        "aws_cloudwatch_log_group",
        before={"retention_in_days": before, "name": "x"},
        after={"retention_in_days": after},
    )

    assert bool(losses(plan)) is lost


@pytest.mark.parametrize(("before", "after", "lost"), [(1209600, 345600, True), (345600, 1209600, False)])
def test_a_queue_loses_what_is_kept_shorter(before: int, after: int, lost: bool) -> None:
    plan = one(
        "aws_sqs_queue", before={"message_retention_seconds": before}, after={"message_retention_seconds": after}
    )

    assert bool(losses(plan)) is lost


def test_a_key_that_is_switched_off_makes_everything_unreadable() -> None:
    assert "the use of the key" in said(one("aws_kms_key", before={"is_enabled": True}, after={"is_enabled": False}))


@pytest.mark.parametrize(("actions", "lost"), [(("delete",), True), (("delete", "create"), False)])
def test_the_way_to_the_dlq_is_not_taken_away(actions: tuple[str, ...], lost: bool) -> None:
    plan = one("aws_sqs_queue_redrive_policy", actions=actions, before={"queue_url": "x"}, after={"queue_url": "y"})

    assert bool(losses(plan)) is lost


@pytest.mark.parametrize(
    ("kind", "attribute"),
    [
        ("aws_sqs_queue_policy", "policy"),
        ("aws_sqs_queue", "policy"),
        ("aws_kms_key", "policy"),
        ("aws_iam_role_policy", "policy"),
        ("aws_iam_role", "assume_role_policy"),
        ("aws_sns_topic_policy", "policy"),
        ("aws_secretsmanager_secret_policy", "policy"),
    ],
)
def test_a_statement_is_missed_wherever_it_was(kind: str, attribute: str) -> None:
    statement = {"Sid": "Mine", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}
    before = {attribute: json.dumps({"Statement": [statement]})}
    after = {attribute: json.dumps({"Statement": []})}

    assert "the policy statement Mine" in said(one(kind, before=before, after=after))


def test_a_policy_that_goes_as_a_whole_loses_its_statements() -> None:
    before = {"policy": json.dumps({"Statement": {"Sid": "Mine", "Effect": "Deny", "Action": "*", "Resource": "*"}})}

    assert "Mine" in said(one("aws_sqs_queue_policy", actions=("delete",), before=before))


POLICY_BEFORE = {"policy": json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})}


def test_a_policy_that_cannot_be_seen_before_the_apply_counts_as_lost() -> None:
    plan = one("aws_iam_role_policy", before=POLICY_BEFORE, after={}, unknown={"policy": True})

    assert "known only while it is applied" in said(plan)


def test_a_policy_that_is_unknown_because_its_table_is_replaced_is_no_second_loss() -> None:
    table = Change("t.this", "aws_dynamodb_table", ("delete", "create"), before={"name": "x"}, after={"name": "x"})
    policy = Change("p.this", "aws_iam_role_policy", ("update",), before=POLICY_BEFORE, unknown={"policy": True})

    assert [loss.address for loss in losses(Plan((table, policy), {}))] == ["t.this"]


def test_data_sources_are_no_resources() -> None:
    document = {
        "resource_changes": [
            {
                "address": "data.aws_sqs_queue.this",
                "mode": "data",
                "type": "aws_sqs_queue",
                "change": {"actions": ["delete"], "before": {"name": "x"}, "after": None},
            }
        ]
    }

    assert Plan.of(document).changes == ()
