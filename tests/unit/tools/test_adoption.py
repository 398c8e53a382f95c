"""What `adopt` makes of an account: values that keep it, obstacles, changes in sentences, counts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hcl2
import pytest

from tools.infrastructure.adoption.adoption import Found, _settings
from tools.infrastructure.adoption.census import Census
from tools.infrastructure.adoption.changes import refuse_losses, refuse_unnamed, sentences
from tools.infrastructure.adoption.inventory import Inventory
from tools.infrastructure.adoption.names import names_of
from tools.infrastructure.adoption.present import Present, present, refuse_present
from tools.infrastructure.adoption.proposal import proposal
from tools.infrastructure.adoption.tfvars import hcl, missing, over
from tools.infrastructure.environment import _PLAIN, Environment
from tools.infrastructure.errors import TerraformError
from tools.infrastructure.plan import Change, Plan
from tools.infrastructure.runner import ROOT_MODULE

QUEUE_ARN = "arn:aws:sqs:eu-west-1:111122223333:ai-multi-comms-whatsapp-queue-dev"
TABLE_ARN = "arn:aws:dynamodb:eu-west-1:111122223333:table/conversations-dev"
FUNCTION_ARN = "arn:aws:lambda:eu-west-1:111122223333:function:whatsapp-channel-processor-dev"
STATEMENT = {
    "Sid": "Audit",
    "Effect": "Allow",
    "Principal": {"AWS": "444455556666"},
    "Action": "sqs:ReceiveMessage",
    "Resource": QUEUE_ARN,
}
TLS = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": QUEUE_ARN,
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def a_queue(**more: Any) -> dict[str, Any]:
    return {
        "QueueUrl": "https://sqs/queue",
        "QueueArn": QUEUE_ARN,
        "VisibilityTimeout": "905",
        "MessageRetentionPeriod": "345600",
        "MaximumMessageSize": "262144",
        **more,
    }


def a_table(**more: Any) -> dict[str, Any]:
    return {
        "TableName": "conversations-dev",
        "TableArn": TABLE_ARN,
        "KeySchema": [
            {"AttributeName": "recipient_tel", "KeyType": "HASH"},
            {"AttributeName": "conversation_id", "KeyType": "RANGE"},
        ],
        "AttributeDefinitions": [
            {"AttributeName": "recipient_tel", "AttributeType": "S"},
            {"AttributeName": "task_complete", "AttributeType": "N"},
        ],
        **more,
    }


def a_function(**more: Any) -> dict[str, Any]:
    return {
        "FunctionName": "whatsapp-channel-processor-dev",
        "Runtime": "python3.12",
        "MemorySize": 512,
        "Timeout": 200,
        "Concurrency": {},
        "Aliases": [],
        **more,
    }


def propose(environment: str = "dev", **found: Any) -> Any:
    return proposal(Inventory(names_of(environment, {}), **found), environment, _settings(ROOT_MODULE))


# What keeps it


def test_names_are_those_that_the_stack_gives() -> None:
    text = (ROOT_MODULE / "modules" / "stack" / "main.tf").read_text(encoding="utf-8")
    names = names_of("dev", {})

    for name in ("queue", "dead_letter_queue", "table", "role", "topic", "key_alias"):
        assert f'"{names[name].replace("dev", "${var.environment}")}"' in text
    assert names_of("dev", {"names": {"function": "f", "table": None}})["log_group"] == "/aws/lambda/f"


def test_an_empty_account_needs_no_more_than_a_mapping_that_waits() -> None:
    found = propose()

    assert found.variables == {
        "environment": "dev",
        "customer_managed_key": False,
        "keep_key": False,
        "event_source": {"enabled": False},
    }
    assert found.obstacles == ()


def test_a_queue_keeps_its_numbers_and_the_statements_of_others() -> None:
    policy = json.dumps({"Statement": [TLS, STATEMENT]})
    redrive = json.dumps({"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:111122223333:letters", "maxReceiveCount": 5})

    kept = propose(queue=a_queue(Policy=policy, RedrivePolicy=redrive)).variables["queue"]

    assert (kept["visibility_timeout_seconds"], kept["max_receive_count"], kept["max_message_size"]) == (905, 5, 262144)
    assert [json.loads(statement) for statement in kept["statements"]] == [STATEMENT]


def test_what_a_queue_cannot_keep_is_noted() -> None:
    redrive = json.dumps({"deadLetterTargetArn": "arn", "maxReceiveCount": 1})

    found = propose(queue=a_queue(RedrivePolicy=redrive, MaximumMessageSize="1048576"))

    assert "max_receive_count" not in found.variables["queue"]
    assert "max_message_size" not in found.variables["queue"]
    assert len(found.notes) == 2


def test_a_table_keeps_indexes_and_stream_of_others_with_the_types_of_their_keys() -> None:
    index = {
        "IndexName": "by-task",
        "KeySchema": [{"AttributeName": "task_complete", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    ours = {**index, "IndexName": "needs-attention-index"}
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}

    kept = propose(table=a_table(GlobalSecondaryIndexes=[index, ours], StreamSpecification=stream)).variables["table"]

    assert kept == {
        "partition_key": "recipient_tel",
        "indexes": {"by-task": {"hash_key": "task_complete", "hash_type": "N", "projection_type": "KEYS_ONLY"}},
        "stream_view_type": "NEW_IMAGE",
    }


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"table": a_table(LocalSecondaryIndexes=[{"IndexName": "by-time"}])}, "local index by-time"),
        ({"table": a_table(Replicas=[{"RegionName": "eu-north-1"}])}, "replicas in eu-north-1"),
        ({"table": a_table(KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}])}, "key is id and nothing"),
        ({"function": a_function(PackageType="Image")}, "container image"),
        ({"secrets": ({"Name": "openai-api-key/whatsapp", "DeletedDate": "now"},)}, "marked for deletion"),
    ],
    ids=["local index", "replica", "another key", "image", "deleted secret"],
)
def test_what_would_be_lost_is_an_obstacle_in_a_sentence(found: Mapping[str, Any], said: str) -> None:
    obstacles = propose(**found).obstacles

    assert len(obstacles) == 1
    assert said in obstacles[0]


def test_the_function_keeps_what_ours_knows_and_the_rest_is_named_without_its_value() -> None:
    variables = {"LOG_LEVEL": "DEBUG", "OLD_TOKEN": "hush"}
    function = a_function(Environment={"Variables": variables}, Runtime="python3.9", Layers=[{"Arn": "layer"}])

    found = propose(function=function, role={"Path": "/team/", "PermissionsBoundary": {"PermissionsBoundaryArn": "b"}})

    assert found.variables["function_settings"] == {"log_level": "DEBUG"}
    assert found.variables["function"] == {
        "memory_mb": 512,
        "timeout_seconds": 200,
        "architecture": "x86_64",
        "layers": ["layer"],
        "role_path": "/team/",
        "permissions_boundary_arn": "b",
    }
    assert any("OLD_TOKEN" in note for note in found.notes)
    assert not any("hush" in note for note in found.notes)


def test_an_alias_is_kept_where_the_queue_feeds_it() -> None:
    mapping = {"FunctionArn": f"{FUNCTION_ARN}:live", "BatchSize": 20, "State": "Enabled", "UUID": "u"}

    found = propose(function=a_function(Aliases=[{"Name": "live"}, {"Name": "old"}]), mappings=(mapping,))

    assert found.variables["function"]["alias_name"] == "live"
    assert found.variables["event_source"] == {"enabled": False, "batch_size": 10, "batching_window_seconds": 0}


def test_another_environments_secret_and_a_name_of_another_form_stay_outside() -> None:
    tags = [{"Key": "Project", "Value": "whatsapp-channel-processor"}, {"Key": "Environment", "Value": "prod"}]
    secrets = (
        {"Name": "openai-api-key/whatsapp", "Tags": tags},
        {"Name": "whatsapp-credentials/acme/spring/twilio"},
        {"Name": "team/whatsapp-credentials/acme/spring/twilio"},
    )

    kept = propose(secrets=secrets).variables

    assert kept["companies"] == {"acme": ["spring"]}
    assert kept["existing_secrets"] == ["openai-api-key/whatsapp", "team/whatsapp-credentials/acme/spring/twilio"]
    assert kept["openai_keys"] == []


def test_a_customers_key_and_a_topic_stay_where_they_are() -> None:
    key = "arn:aws:kms:eu-west-1:111122223333:key/k"

    kept = propose(queue=a_queue(KmsMasterKeyId="k"), topic={"TopicArn": "arn:topic"}, log_group={"kmsKeyId": key})

    assert kept.variables["existing"] == {"topic_arn": "arn:topic", "kms_key_arn": key}
    assert "customer_managed_key" not in kept.variables


# The file


def test_what_the_file_says_wins_and_only_the_rest_is_missing() -> None:
    proposed = {"queue": {"visibility_timeout_seconds": 905, "max_receive_count": 5}, "names": {"table": "t"}}
    said = {"queue": {"visibility_timeout_seconds": 400}}

    assert missing(proposed, said) == {"queue": {"max_receive_count": 5}, "names": {"table": "t"}}
    assert over(proposed, said)["queue"] == {"visibility_timeout_seconds": 400, "max_receive_count": 5}
    assert missing(proposed, over(proposed, said)) == {}


def test_a_written_file_says_what_was_meant_however_often_it_is_written() -> None:
    statement = json.dumps({"Resource": "arn:aws:iam::1:user/${aws:username}", "Sid": 'a "b"'})
    variables = {"queue": {"statements": [statement]}, "keep_key": False}

    once = hcl(variables)
    read: dict[str, Any] = hcl2.loads(once, serialization_options=_PLAIN)

    assert read["queue"]["statements"][0].replace("$${", "${") == statement
    assert hcl(read) == once


@pytest.mark.parametrize("existing", [{}, {"table_arn": TABLE_ARN}])
def test_a_table_that_is_left_outside_is_no_obstacle(existing: dict[str, str], tmp_path: Path) -> None:
    environment = Environment("dev", tmp_path / "dev.tfvars", {"existing": existing}, tmp_path)
    inventory = Inventory(names_of("dev", {}), table=a_table(LocalSecondaryIndexes=[{"IndexName": "by-time"}]))
    found = Found(environment, inventory, proposal(inventory, "dev", {}), Account(), tmp_path)

    if existing:
        found.refuse_obstacles()
    else:
        with pytest.raises(TerraformError, match="local index by-time"):
            found.refuse_obstacles()


# The plan


def plan_of(*changes: Change) -> Plan:
    return Plan(changes, {})


def test_each_change_of_what_exists_is_a_sentence() -> None:
    before, after = {"delay_seconds": 5, "tags": {}}, {"delay_seconds": 0, "tags": {"a": "b"}}
    queue = Change("q", "aws_sqs_queue", ("update",), before, after)
    same = Change("s", "aws_sqs_queue", ("no-op",), {"policy": ""}, {"policy": None})
    new = Change("n", "aws_sqs_queue", ("create",), {}, {"name": "n"})

    found = sentences(plan_of(queue, same, new))

    assert [str(sentence) for sentence in found] == ["q: delay_seconds changes from 5 to 0; tags: a come"]


def test_a_functions_variables_are_named_and_not_shown() -> None:
    before = {"environment": [{"variables": {"TOKEN": "hush", "LOG_LEVEL": "INFO"}}]}
    after = {"environment": [{"variables": {"LOG_LEVEL": "DEBUG", "VERSION": "1"}}], "filename": "zip"}

    (sentence,) = sentences(plan_of(Change("f", "aws_lambda_function", ("update",), before, after)))

    assert sentence.text == "its code becomes ours; environment changes: VERSION come; TOKEN go; LOG_LEVEL change"


def test_a_change_that_was_not_acknowledged_is_refused_with_what_to_say() -> None:
    changed = sentences(plan_of(Change("q", "aws_sqs_queue", ("update",), {"delay_seconds": 5}, {"delay_seconds": 0})))

    with pytest.raises(TerraformError, match="--accept 'q'"):
        refuse_unnamed(changed, ["other"])
    refuse_unnamed(changed, ["q"])


@pytest.mark.parametrize("actions", [("delete",), ("delete", "create")])
def test_nothing_that_exists_is_deleted_whatever_its_type(actions: tuple[str, ...]) -> None:
    change = Change("a", "aws_cloudwatch_dashboard", actions, {"dashboard_name": "d"}, {})

    with pytest.raises(TerraformError, match="a: it exists, and would be deleted"):
        refuse_losses(plan_of(change), expiring=0)


def test_expiry_is_a_loss_where_a_record_has_a_time_for_it() -> None:
    ttl = {"ttl": [{"attribute_name": "expires_at", "enabled": True}]}
    change = Change("t", "aws_dynamodb_table", ("update",), {"ttl": [{"enabled": False}]}, ttl)

    refuse_losses(plan_of(change), expiring=0)
    with pytest.raises(TerraformError, match="every record whose time"):
        refuse_losses(plan_of(change), expiring=1)


# What exists


class Account:
    """An account that has one queue, with a policy, and nothing else."""

    def __call__(self, service: str) -> "Account":
        assert service == "sqs"
        return self

    def get_queue_url(self, QueueName: str) -> dict[str, str]:  # noqa: N803 - AWS's names
        return {"QueueUrl": f"https://sqs/{QueueName}"}

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803
        return {"Attributes": {"Policy": "{}"}}


def test_what_would_be_created_and_exists_is_found_by_name_and_by_its_neighbour() -> None:
    module = "module.stack.module.queue[0]"
    plan = plan_of(
        Change(f"{module}.aws_sqs_queue.this", "aws_sqs_queue", ("create",), {}, {"name": "queue"}),
        Change(f"{module}.aws_sqs_queue_policy.this[0]", "aws_sqs_queue_policy", ("create",), {}, {}),
        Change(f"{module}.aws_sqs_queue_redrive_policy.this", "aws_sqs_queue_redrive_policy", ("create",), {}, {}),
        Change(f"{module}.aws_sqs_queue.dead_letter", "aws_sqs_queue", ("no-op",), {"name": "d"}, {"name": "d"}),
        Change("module.stack.terraform_data.any", "terraform_data", ("create",), {}, {}),
    )

    there = present(plan, Account())

    assert there == [
        Present(f"{module}.aws_sqs_queue.this", "https://sqs/queue"),
        Present(f"{module}.aws_sqs_queue_policy.this[0]", "https://sqs/queue"),
    ]
    with pytest.raises(TerraformError, match=r"(?s)dev's state is empty.*https://sqs/queue.*make adopt ENV=dev"):
        refuse_present(there, "dev", empty=True)
    refuse_present([], "dev", empty=True)


def test_an_import_block_names_address_and_id() -> None:
    assert Present('a.b["c"]', 'x"${y}').block() == 'import {\n  to = a.b["c"]\n  id = "x\\"$${y}"\n}\n'


# The count


def test_a_message_that_went_to_the_dlq_is_not_lost_and_a_record_that_is_gone_is() -> None:
    before = Census({"waiting": 3}, {"waiting": 1}, records=25, versions={"a": 2, "b": 1})

    assert Census({"waiting": 2}, {"waiting": 2}, records=25, versions={"a": 2, "b": 1}).lost(before) == []
    assert Census({"waiting": 2}, {"waiting": 1}, records=24, versions={"a": 1}).lost(before) == [
        "1 of 4 messages",
        "1 of 25 records",
        "1 of 2 versions of the secret a",
        "1 of 1 versions of the secret b",
    ]
