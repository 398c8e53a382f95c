"""What an account has under the names of an environment. Nothing here changes anything."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.infrastructure.adoption.clients import Clients, found, pages
from tools.infrastructure.adoption.present import topic_arn
from tools.infrastructure.environment import TAGS
from tools.infrastructure.sharing import KINDS

Facts = Mapping[str, Any]
"""What a service says of one resource; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What there is, as the services describe it.

    Attributes:
        queue: Attributes of the queue, with its `QueueUrl`.
        table: The table, with its `TimeToLive` and `Recovery`.
        role: The role, with its `Inline` policies by name and `Attached` ones by ARN.
        mappings: Everything that the queue feeds.
        dead_letter_sources: ARNs of other queues that use the DLQ.
        topic_users: Names of the alarms that tell the topic.
        secrets: Those of our kinds, those marked for deletion included.
    """

    names: Mapping[str, str]
    queue: Facts = field(default_factory=dict)
    dead_letter_queue: Facts = field(default_factory=dict)
    table: Facts = field(default_factory=dict)
    role: Facts = field(default_factory=dict)
    function: Facts = field(default_factory=dict)
    mappings: tuple[Facts, ...] = ()
    log_group: Facts = field(default_factory=dict)
    metric_filters: tuple[Facts, ...] = ()
    alarms: tuple[Facts, ...] = ()
    topic: Facts = field(default_factory=dict)
    key: Facts = field(default_factory=dict)
    secrets: tuple[Facts, ...] = ()
    dead_letter_sources: tuple[str, ...] = ()
    topic_users: tuple[str, ...] = ()
    tag_names: Mapping[str, str] = field(default_factory=lambda: TAGS)

    @classmethod
    def taken(cls, names: Mapping[str, str], clients: Clients, tag_names: Mapping[str, str] = TAGS) -> "Inventory":
        """Look at everything, by name."""
        queue, letters = (_queue(clients, names[name]) for name in ("queue", "dead_letter_queue"))
        redrives_to = json.loads(queue.get("RedrivePolicy", "{}")).get("deadLetterTargetArn", "")
        if not letters and redrives_to:
            names = {**names, "dead_letter_queue": redrives_to.rsplit(":", 1)[-1]}
            letters = _queue(clients, names["dead_letter_queue"])
        topic = _topic(clients, names["topic"])
        return cls(
            names=names,
            queue=queue,
            dead_letter_queue=letters,
            table=_table(clients, names["table"]),
            role=_role(clients, names["role"]),
            function=_function(clients, names["function"]),
            mappings=_mappings(clients, queue),
            log_group=_log_group(clients, names["log_group"]),
            metric_filters=tuple(
                pages(clients("logs"), "describe_metric_filters", "metricFilters", logGroupName=names["log_group"])
            ),
            alarms=_alarms(clients, names),
            topic=topic,
            key=_key(clients, f"alias/{names['key_alias']}"),
            secrets=_secrets(clients),
            dead_letter_sources=_sources(clients, letters, but=names["queue"]),
            topic_users=_topic_users(clients, topic),
            tag_names=tag_names,
        )

    def lines(self) -> list[str]:
        """Say for each resource whether it is there, and what hangs on it."""
        there = {
            "queue": self.queue,
            "dead_letter_queue": self.dead_letter_queue,
            "table": self.table,
            "function": self.function,
            "role": self.role,
            "log_group": self.log_group,
            "topic": self.topic,
        }
        lines = [
            f"{kind.replace('_', ' ')} {self.names[kind]}: {'found' if it else 'not there'}"
            for kind, it in there.items()
        ]
        indexes = [
            index["IndexName"]
            for kind in ("Global", "Local")
            for index in self.table.get(f"{kind}SecondaryIndexes") or []
        ]
        if indexes:
            lines.append(f"indexes of the table: {', '.join(indexes)}")
        if view := self.table.get("StreamSpecification", {}).get("StreamViewType"):
            lines.append(f"stream of the table: {view}")
        if policies := [*self.role.get("Inline", {}), *self.role.get("Attached", {})]:
            lines.append(f"policies of the role, which it keeps: {', '.join(policies)}")
        lines += [f"{mapping['FunctionArn']} is fed by the queue: {mapping['State']}" for mapping in self.mappings]
        lines += [f"alarm {alarm['AlarmName']}: found" for alarm in self.alarms]
        lines += [f"filter {item['filterName']}: found" for item in self.metric_filters]
        if self.dead_letter_sources:
            lines.append(f"others use the DLQ: {', '.join(self.dead_letter_sources)}")
        if self.topic_users:
            lines.append(f"these alarms tell the topic: {', '.join(self.topic_users)}")
        lines += [
            f"the topic tells {item['Protocol']} {item['Endpoint']}" for item in self.topic.get("Subscriptions", [])
        ]
        lines += [
            f"secret {secret['Name']}: {'marked for deletion' if 'DeletedDate' in secret else 'found'}"
            for secret in self.secrets
        ]
        return lines


def _queue(clients: Clients, name: str) -> Facts:
    answer = found(clients("sqs").get_queue_url, QueueName=name)
    return _queue_at(clients, answer["QueueUrl"]) if answer else {}


def _queue_at(clients: Clients, url: str) -> Facts:
    answer = found(clients("sqs").get_queue_attributes, QueueUrl=url, AttributeNames=["All"])
    return {**answer["Attributes"], "QueueUrl": url} if answer else {}


def _sources(clients: Clients, letters: Facts, *, but: str) -> tuple[str, ...]:
    """Ask every queue of the account; what SQS lists as sources of a DLQ is not known everywhere."""
    if not letters:
        return ()
    queues = (_queue_at(clients, url) for url in pages(clients("sqs"), "list_queues", "QueueUrls"))
    return tuple(
        sorted(
            queue["QueueArn"]
            for queue in queues
            if json.loads(queue.get("RedrivePolicy", "{}")).get("deadLetterTargetArn") == letters["QueueArn"]
            and queue["QueueArn"].rsplit(":", 1)[-1] != but
        )
    )


def _table(clients: Clients, name: str) -> Facts:
    client = clients("dynamodb")
    answer = found(client.describe_table, TableName=name)
    if not answer:
        return {}
    ttl = found(client.describe_time_to_live, TableName=name) or {}
    recovery = found(client.describe_continuous_backups, TableName=name) or {}
    return {
        **answer["Table"],
        "TimeToLive": ttl.get("TimeToLiveDescription", {}),
        "Recovery": recovery.get("ContinuousBackupsDescription", {}).get("PointInTimeRecoveryDescription", {}),
    }


def _role(clients: Clients, name: str) -> Facts:
    client = clients("iam")
    answer = found(client.get_role, RoleName=name)
    if not answer:
        return {}
    inline = pages(client, "list_role_policies", "PolicyNames", RoleName=name)
    attached = pages(client, "list_attached_role_policies", "AttachedPolicies", RoleName=name)
    return {
        **answer["Role"],
        "Inline": {
            policy: client.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"] for policy in inline
        },
        "Attached": {policy["PolicyArn"]: policy["PolicyName"] for policy in attached},
    }


def _function(clients: Clients, name: str) -> Facts:
    client = clients("lambda")
    answer = found(client.get_function, FunctionName=name)
    if not answer:
        return {}
    aliases = pages(client, "list_aliases", "Aliases", FunctionName=name)
    return {**answer["Configuration"], "Concurrency": answer.get("Concurrency", {}), "Aliases": aliases}


def _mappings(clients: Clients, queue: Facts) -> tuple[Facts, ...]:
    if not queue:
        return ()
    listed = pages(
        clients("lambda"), "list_event_source_mappings", "EventSourceMappings", EventSourceArn=queue["QueueArn"]
    )
    return tuple(listed)


def _log_group(clients: Clients, name: str) -> Facts:
    groups = pages(clients("logs"), "describe_log_groups", "logGroups", logGroupNamePrefix=name)
    return next((group for group in groups if group["logGroupName"] == name), {})


def _alarms(clients: Clients, names: Mapping[str, str]) -> tuple[Facts, ...]:
    stage = names["critical_alarm"].rsplit("-", 1)[-1]
    prefix = names.get("alarm_prefix", "WhatsAppProcessor")
    listed = pages(clients("cloudwatch"), "describe_alarms", "MetricAlarms")
    return tuple(
        alarm
        for alarm in listed
        if alarm["AlarmName"] == names["critical_alarm"]
        or (alarm["AlarmName"].startswith(prefix) and alarm["AlarmName"].endswith(f"-{stage}"))
    )


def _topic(clients: Clients, name: str) -> Facts:
    arn = topic_arn(clients, name)
    if not arn:
        return {}
    attributes = found(clients("sns").get_topic_attributes, TopicArn=arn) or {}
    subscriptions = pages(clients("sns"), "list_subscriptions_by_topic", "Subscriptions", TopicArn=arn)
    return {**attributes.get("Attributes", {}), "TopicArn": arn, "Subscriptions": subscriptions}


def _topic_users(clients: Clients, topic: Facts) -> tuple[str, ...]:
    if not topic:
        return ()
    alarms = pages(clients("cloudwatch"), "describe_alarms", "MetricAlarms")
    return tuple(sorted(alarm["AlarmName"] for alarm in alarms if topic["TopicArn"] in alarm.get("AlarmActions", [])))


def _key(clients: Clients, alias: str) -> Facts:
    aliases = pages(clients("kms"), "list_aliases", "Aliases")
    target = next((item.get("TargetKeyId") for item in aliases if item["AliasName"] == alias), None)
    answer = found(clients("kms").describe_key, KeyId=target) if target else None
    return answer["KeyMetadata"] if answer else {}


def _secrets(clients: Clients) -> tuple[Facts, ...]:
    listed = pages(clients("secretsmanager"), "list_secrets", "SecretList", IncludePlannedDeletion=True)
    ours = [secret for secret in listed if set(KINDS) & set(secret["Name"].split("/"))]
    return tuple(sorted(ours, key=lambda secret: str(secret["Name"])))
