"""Which statements a policy loses to the next one."""

import json
from typing import Any

import pytest

from tools.infrastructure.policies import lost_statements

ROUTER = "arn:aws:iam::444455556666:role/router"


def statement(**elements: Any) -> dict[str, Any]:
    basic = {
        "Sid": "Router",
        "Effect": "Allow",
        "Principal": {"AWS": ROUTER},
        "Action": "sqs:SendMessage",
        "Resource": "arn:aws:sqs:eu-central-1:111122223333:queue",
    }
    return {name: value for name, value in {**basic, **elements}.items() if value is not None}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def lost(before: dict[str, Any], *after: dict[str, Any]) -> bool:
    return lost_statements(policy(before), policy(*after)) != []


FROM_A = {"ArnLike": {"aws:SourceArn": "arn:a"}}
FROM_A_AND_B = {"ArnLike": {"AWS:SourceArn": ["arn:b", "arn:a"]}}
NOT_TLS = {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(statement(), statement(Sid="Renamed"), id="another name"),
        pytest.param(statement(), statement(Sid=None), id="no name"),
        pytest.param(statement(), statement(Action=["sqs:SendMessage", "sqs:GetQueueUrl"]), id="one action more"),
        pytest.param(statement(), statement(Action="SQS:sendmessage"), id="an action in another case"),
        pytest.param(statement(), statement(Action="sqs:*"), id="a pattern over the action"),
        pytest.param(statement(), statement(Resource="*"), id="a pattern over the resource"),
        pytest.param(statement(), statement(Principal="*"), id="anyone"),
        pytest.param(statement(), statement(Principal={"AWS": [ROUTER, "222233334444"]}), id="one principal more"),
        pytest.param(
            statement(Principal={"AWS": "444455556666"}),
            statement(Principal={"AWS": "arn:aws:iam::444455556666:root"}),
            id="an account written otherwise",
        ),
        pytest.param(statement(Condition=FROM_A), statement(), id="a condition less"),
        pytest.param(statement(Condition=FROM_A), statement(Condition=FROM_A_AND_B), id="one source more"),
        pytest.param(
            statement(NotAction=["a:B"], Action=None), statement(NotAction=["A:b"], Action=None), id="NotAction"
        ),
    ],
)
def test_what_says_as_much_or_more_is_no_loss(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert not lost(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(statement(), statement(Effect="Deny"), id="another effect"),
        pytest.param(statement(), statement(Principal={"AWS": "arn:aws:iam::444455556666:role/other"}), id="who"),
        pytest.param(statement(), statement(Principal={"Service": "events.amazonaws.com"}), id="a service"),
        pytest.param(statement(Action="sqs:*"), statement(), id="a pattern becomes one action"),
        pytest.param(statement(), statement(Action="sqs:ReceiveMessage"), id="what"),
        pytest.param(statement(), statement(Resource="arn:aws:sqs:eu-central-1:111122223333:other"), id="on what"),
        pytest.param(statement(), statement(Condition=FROM_A), id="a condition more"),
        pytest.param(statement(Condition=FROM_A_AND_B), statement(Condition=FROM_A), id="one source less"),
        pytest.param(
            statement(Condition={"StringNotEquals": {"aws:SourceAccount": "1"}}),
            statement(Condition={"StringNotEquals": {"aws:SourceAccount": ["1", "2"]}}),
            id="one exception more",
        ),
        pytest.param(
            statement(NotAction=["a:B"], Action=None), statement(NotAction=["a:*"], Action=None), id="NotAction"
        ),
        pytest.param(statement(Effect="Deny", Condition=NOT_TLS), statement(), id="a Deny, which protects"),
    ],
)
def test_what_says_less_is_a_loss(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert lost(before, after)


def test_rights_may_move_to_several_statements() -> None:
    before = statement(Action=["sqs:SendMessage", "sqs:GetQueueUrl"])

    assert not lost(before, statement(Sid="A"), statement(Sid="B", Action="sqs:GetQueueUrl"))
    assert lost(before, statement(Sid="A"))


def test_a_lost_statement_is_told_by_its_name_or_what_it_allows() -> None:
    before = policy(statement(), statement(Sid=None, Action=["sqs:A", "sqs:B"]))

    assert lost_statements(before, None) == ["Router", "Allow sqs:A, sqs:B"]


def test_the_same_policy_in_another_order_loses_nothing() -> None:
    first, second = statement(Sid="A", Action=["a:B", "c:D"]), statement(Sid="B", Effect="Deny")

    assert lost_statements(policy(first, second), policy(second, {**first, "Action": ["c:D", "a:B"]})) == []
