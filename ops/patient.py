"""Patient: a deployment under examination; each thing is asked for once, when a check first needs it."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from ops.aws import Aws
from ops.aws_errors import asking_for
from ops.errors import AwsError
from ops.names import ALARM_PREFIX, Names
from utils.settings import Settings


class Patient:
    """What AWS says of one environment; each attribute raises an `AwsError` if AWS does not say it."""

    def __init__(self, aws: Aws, names: Names) -> None:
        self.aws = aws
        self.names = names
        self.deploy = f"Deploy again: make deploy ENV={names.environment}"

    @cached_property
    def account(self) -> str:
        with asking_for("the identity", self.aws.where):
            account: str = self.aws.identity.get_caller_identity()["Account"]
            return account

    @cached_property
    def queue(self) -> Mapping[str, str]:
        return self._queue(self.names.queue)

    @cached_property
    def dead_letter_queue(self) -> Mapping[str, str]:
        return self._queue(self.names.dead_letter_queue)

    @property
    def max_receive_count(self) -> int:
        """Receives after which SQS moves a message to the DLQ; a queue without a DLQ has no such number."""
        policy = json.loads(self.queue.get("RedrivePolicy", "{}"))
        return int(policy.get("maxReceiveCount", 1000))

    @cached_property
    def table(self) -> Mapping[str, Any]:
        with asking_for(f"the table {self.names.table}", self.aws.where):
            return self.aws.dynamodb.describe_table(TableName=self.names.table)["Table"]

    @cached_property
    def time_to_live(self) -> Mapping[str, Any]:
        with asking_for(f"the table {self.names.table}", self.aws.where):
            return self.aws.dynamodb.describe_time_to_live(TableName=self.names.table)["TimeToLiveDescription"]

    @cached_property
    def mappings(self) -> list[Mapping[str, Any]]:
        """The event source mappings that take from the queue, whichever function they feed."""
        with asking_for("the event source mappings of the queue", self.aws.where):
            pages = self.aws.functions.get_paginator("list_event_source_mappings").paginate(
                EventSourceArn=self.queue["QueueArn"]
            )
            return [mapping for page in pages for mapping in page["EventSourceMappings"]]

    @property
    def own_mappings(self) -> list[Mapping[str, Any]]:
        """Those of them that feed the function, or one of its aliases."""
        return [mapping for mapping in self.mappings if self.feeds_the_function(mapping)]

    def feeds_the_function(self, mapping: Mapping[str, Any]) -> bool:
        return str(mapping.get("FunctionArn", "")).split(":")[6:7] == [self.names.function]

    @property
    def invoked(self) -> str:
        """What the queue invokes: the function, or one of its aliases."""
        suffix = f":function:{self.names.function}"
        try:
            mappings = self.mappings
        except AwsError:
            return self.names.function
        for mapping in mappings:
            arn: str = mapping.get("FunctionArn", "")
            _, found, qualifier = arn.partition(suffix)
            if found and (not qualifier or qualifier.startswith(":")):
                return self.names.function + qualifier
        return self.names.function

    @cached_property
    def function(self) -> Mapping[str, Any]:
        """Configuration of the version that the queue invokes."""
        with asking_for(f"the function {self.names.function}", self.aws.where):
            return self.aws.functions.get_function_configuration(FunctionName=self.invoked)

    @cached_property
    def code_location(self) -> str:
        """Where the function's package can be fetched for some minutes."""
        with asking_for(f"the function {self.names.function}", self.aws.where):
            return str(self.aws.functions.get_function(FunctionName=self.invoked)["Code"].get("Location", ""))

    @cached_property
    def settings(self) -> Settings:
        """The function's settings as it reads them itself; raises a `SettingsError` as it would."""
        return Settings.from_environ(self.function.get("Environment", {}).get("Variables", {}))

    @cached_property
    def alarms(self) -> Mapping[str, Mapping[str, Any]]:
        """Alarm by name, those of other environments too."""
        with asking_for("the alarms", self.aws.where):
            pages = self.aws.alarms.get_paginator("describe_alarms").paginate(
                AlarmNamePrefix=ALARM_PREFIX,
                AlarmTypes=["MetricAlarm", "CompositeAlarm"],
            )
            found: list[Mapping[str, Any]] = []
            for page in pages:
                found += page.get("MetricAlarms", [])
                found += page.get("CompositeAlarms", [])
        return {alarm["AlarmName"]: alarm for alarm in found}

    def _queue(self, name: str) -> Mapping[str, str]:
        with asking_for(f"the queue {name}", self.aws.where):
            url = self.aws.sqs.get_queue_url(QueueName=name)["QueueUrl"]
            answer = self.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        attributes: Mapping[Any, str] = answer["Attributes"]
        return {**attributes, "QueueUrl": url}
