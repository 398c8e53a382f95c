"""Every output of our Terraform is used for what it is there for: one that is wrong, or that nobody uses, fails."""

import json
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from sandbox.harness import Conversation, Deployment
from tests.integration.product.alarm_listener import listening
from tests.integration.product.filter_pattern import FilterPattern

pytestmark = pytest.mark.integration

Use = Callable[[Deployment, Conversation], None]

USES: dict[str, Use] = {}
"""Output to what uses it, with a conversation of its own that nobody has sent yet."""


def use_of(*outputs: str) -> Callable[[Use], Use]:
    """Note what uses some outputs."""

    def note(use: Use) -> Use:
        USES.update(dict.fromkeys(outputs, use))
        return use

    return note


def queue_attributes(deployment: Deployment, queue_url: str) -> dict[str, str]:
    answer = deployment.aws.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])
    return dict(answer["Attributes"])


@use_of("queue_url", "queue_arn", "table_name", "log_group_name", "metrics_namespace", "function_name")
def a_message_becomes_a_record_and_a_log(deployment: Deployment, conversation: Conversation) -> None:
    outputs = deployment.outputs
    sent = deployment.aws.client("sqs").send_message(QueueUrl=outputs["queue_url"], MessageBody=conversation.body())
    conversation.wait_until_sent()
    key = {"recipient_tel": {"S": conversation.recipient_tel}, "conversation_id": {"S": conversation.conversation_id}}
    item = deployment.aws.client("dynamodb").get_item(TableName=outputs["table_name"], Key=key)["Item"]
    assert item["conversation_status"] == {"S": "initial_message_sent"}
    line = conversation.wait_for_line("conversation_closed")
    assert (line.json or {})["message_id"] == sent["MessageId"]
    metrics = [line.json["_aws"] for line in deployment.log.lines() if line.json is not None and line.is_metric]
    namespaces = {directive["Namespace"] for metric in metrics for directive in metric["CloudWatchMetrics"]}
    assert namespaces == {outputs["metrics_namespace"]}
    assert queue_attributes(deployment, outputs["queue_url"])["QueueArn"] == outputs["queue_arn"]
    functions = deployment.aws.client("lambda")
    answer = functions.invoke(FunctionName=outputs["function_name"], Payload=json.dumps({"Records": []}).encode())
    assert json.load(answer["Payload"]) == {"batchItemFailures": []}


@use_of("dead_letter_queue_url", "attention_index_name")
def a_refused_message_is_parked_and_needs_attention(deployment: Deployment, conversation: Conversation) -> None:
    outputs = deployment.outputs
    conversation.send(frontend_payload__recipient_data__comms_consent=False)
    conversation.wait_for_dead_letter()
    redrive = json.loads(queue_attributes(deployment, outputs["queue_url"])["RedrivePolicy"])
    parked = queue_attributes(deployment, outputs["dead_letter_queue_url"])
    assert redrive == {"deadLetterTargetArn": parked["QueueArn"], "maxReceiveCount": redrive["maxReceiveCount"]}
    assert int(redrive["maxReceiveCount"]) == deployment.settings.max_receive_count
    found = [
        record for record in deployment.needing_attention() if record["conversation_id"] == conversation.conversation_id
    ]
    assert len(found) == 1


@use_of("event_source_mapping_uuid")
def deliveries_stop_while_the_mapping_is_disabled(deployment: Deployment, conversation: Conversation) -> None:
    with deployment.paused():
        conversation.send()
        conversation.wait_for("it lies in the queue", deployment.queued, lambda counts: counts == (1, 0))
        assert conversation.record is None
    conversation.wait_until_sent()


@use_of("deliveries_enabled_at_creation")
def the_mapping_was_created_as_it_says(deployment: Deployment, _: Conversation) -> None:
    functions, uuid = deployment.aws.client("lambda"), deployment.outputs["event_source_mapping_uuid"]
    enabled = functions.get_event_source_mapping(UUID=uuid)["State"] == "Enabled"
    assert enabled is deployment.outputs["deliveries_enabled_at_creation"]


@use_of("function_environment", "role_policy")
def the_function_runs_as_it_says(deployment: Deployment, _: Conversation) -> None:
    outputs, configuration = deployment.outputs, deployment.function_configuration()
    variables = configuration["Environment"]["Variables"]
    assert variables == outputs["function_environment"]
    assert variables["WHATSAPP_QUEUE_URL"] == outputs["queue_url"]
    assert variables["METRICS_NAMESPACE"] == outputs["metrics_namespace"]
    iam, role = deployment.aws.client("iam"), configuration["Role"].rsplit("/", 1)[1]
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    assert documents == [json.loads(outputs["role_policy"])]
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []


@use_of("critical_filter_pattern", "alarm_names", "alarm_topic_arn")
def every_alarm_reaches_who_listens_to_the_topic(deployment: Deployment, conversation: Conversation) -> None:
    outputs, watch = deployment.outputs, deployment.aws.client("cloudwatch")
    FilterPattern(outputs["critical_filter_pattern"])
    filters = deployment.aws.client("logs").describe_metric_filters(logGroupName=outputs["log_group_name"])
    assert [one["filterPattern"] for one in filters["metricFilters"]] == [outputs["critical_filter_pattern"]]
    found = watch.describe_alarms(AlarmNames=outputs["alarm_names"], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    names = [alarm["AlarmName"] for alarm in found["MetricAlarms"]]
    composites = found["CompositeAlarms"]
    assert sorted([*names, *(one["AlarmName"] for one in composites)]) == sorted(outputs["alarm_names"])
    assert all(sum(f'ALARM("{name}")' in one["AlarmRule"] for one in composites) == 1 for name in names)
    with listening(deployment) as on_call:
        for name, state in product(names, ("OK", "ALARM")):
            watch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")
        conversation.wait_for(
            "on-call hears of each alarm",
            lambda: {one["AlarmName"] for one in on_call.heard() if one["NewStateValue"] == "ALARM"},
            lambda heard: heard == set(names),
        )
    for name in names:
        watch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="the test is over")


@use_of("dashboard_name")
def the_dashboard_shows_metrics_of_this_deployment(deployment: Deployment, _: Conversation) -> None:
    name = deployment.outputs["dashboard_name"]
    body = json.loads(deployment.aws.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"])
    shown = json.dumps(body["widgets"])
    for part in ("metrics_namespace", "function_name", "log_group_name"):
        assert deployment.outputs[part] in shown


@use_of("secret_names")
def the_secrets_are_there_and_have_been_given_a_value(deployment: Deployment, _: Conversation) -> None:
    secrets = deployment.aws.client("secretsmanager")
    for name in deployment.outputs["secret_names"]:
        assert json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])


@use_of("kms_key_arn")
def the_key_encrypts_whatever_holds_data(deployment: Deployment, _: Conversation) -> None:
    outputs, key = deployment.outputs, deployment.outputs["kms_key_arn"]
    assert deployment.aws.client("kms").describe_key(KeyId=key)["KeyMetadata"]["Enabled"] is True
    for queue_url in (outputs["queue_url"], outputs["dead_letter_queue_url"]):
        assert queue_attributes(deployment, queue_url)["KmsMasterKeyId"] == key
    assert table(deployment)["SSEDescription"]["KMSMasterKeyArn"] == key
    topic = deployment.aws.client("sns").get_topic_attributes(TopicArn=outputs["alarm_topic_arn"])
    assert topic["Attributes"]["KmsMasterKeyId"] == key
    (group,) = deployment.aws.client("logs").describe_log_groups(logGroupNamePrefix=outputs["log_group_name"])[
        "logGroups"
    ]
    assert group["kmsKeyId"] == key


@use_of("table_partition_key", "replies_index_name")
def the_table_has_the_key_and_the_index_it_says(deployment: Deployment, _: Conversation) -> None:
    described = table(deployment)
    (partition,) = [key["AttributeName"] for key in described["KeySchema"] if key["KeyType"] == "HASH"]
    indexes = {index["IndexName"] for index in described["GlobalSecondaryIndexes"]}
    assert partition == deployment.outputs["table_partition_key"]
    assert indexes == {deployment.outputs["attention_index_name"], deployment.outputs["replies_index_name"]}


@use_of("deletion_protection")
def the_table_is_guarded_as_it_says(deployment: Deployment, _: Conversation) -> None:
    assert table(deployment)["DeletionProtectionEnabled"] is deployment.outputs["deletion_protection"]


def table(deployment: Deployment) -> dict[str, Any]:
    answer = deployment.aws.client("dynamodb").describe_table(TableName=deployment.outputs["table_name"])
    return dict(answer["Table"])


@pytest.mark.parametrize("use", [pytest.param(use, id=use.__name__) for use in dict.fromkeys(USES.values())])
def test_outputs_are_good_for_their_use(use: Use, deployment: Deployment, conversation: Conversation) -> None:
    use(deployment, conversation)


def test_every_output_has_a_use(deployment: Deployment) -> None:
    assert sorted(deployment.outputs) == sorted(USES)
