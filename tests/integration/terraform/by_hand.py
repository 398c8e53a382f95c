"""A stack as the LLD's commands make it, without Terraform: every resource, with data in each."""

import io
import json
import zipfile
from typing import Any

from sandbox.engines.engine import REGION
from sandbox.harness.aws import Aws

ACCOUNT = "000000000000"
RECORDS = 25
CODE = "def lambda_handler(event, context):\n    return {}\n"
PRODUCER = {
    "Sid": "Router",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::111122223333:role/channel-router"},
    "Action": "sqs:SendMessage",
}
AUDITOR = {
    "Sid": "Audit",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::444455556666:root"},
    "Action": ["sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
}


class ByHand:
    """Makes the resources of one environment, one call after the other."""

    def __init__(self, aws: Aws, environment: str, runtime: str) -> None:
        self._aws = aws
        self._runtime = runtime
        self.environment = environment
        self.stage = environment.title()
        self.queue_name = f"ai-multi-comms-whatsapp-queue-{environment}"
        self.table_name = f"conversations-{environment}"
        self.function_name = f"whatsapp-channel-processor-{environment}"
        self.role_name = f"ai-multi-comms-whatsapp-processor-{environment}-role"

    # What a person types

    def queues(self, *, statements: tuple[dict[str, Any], ...] = (PRODUCER,)) -> None:
        sqs = self._aws.client("sqs")
        letters = sqs.create_queue(
            QueueName=f"ai-multi-comms-whatsapp-dlq-{self.environment}",
            Attributes={"MessageRetentionPeriod": "1209600"},
        )["QueueUrl"]
        self.dead_letter_url = letters
        arn = sqs.get_queue_attributes(QueueUrl=letters, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.queue_url = sqs.create_queue(
            QueueName=self.queue_name,
            Attributes={
                "VisibilityTimeout": "400",
                "MessageRetentionPeriod": "600000",
                "MaximumMessageSize": "262144",
                "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 4}),
            },
        )["QueueUrl"]
        own = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.queue_name}"
        policy = {"Version": "2012-10-17", "Statement": [{**statement, "Resource": own} for statement in statements]}
        sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes={"Policy": json.dumps(policy)})

    def neighbour_of_the_dead_letters(self) -> str:
        """Make a queue of somebody else's that uses the DLQ too."""
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:ai-multi-comms-whatsapp-dlq-{self.environment}"
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
        self._aws.client("sqs").create_queue(QueueName="neighbour", Attributes={"RedrivePolicy": redrive})
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:neighbour"

    def messages(self, *, waiting: int, in_flight: int, dead: int) -> None:
        """Send messages; those in flight are received and kept, so they are sent before the others."""
        self._send(self.queue_url, in_flight)
        for _ in range(in_flight):
            self._aws.client("sqs").receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=1)
        self._send(self.queue_url, waiting)
        self._send(self.dead_letter_url, dead)

    def _send(self, url: str, count: int) -> None:
        for number in range(count):
            self._aws.client("sqs").send_message(QueueUrl=url, MessageBody=f"message {number}")

    def table(self, *, local_index: bool = False, others: bool = False) -> None:
        """Make the table with records of the original component, which has no `expires_at`."""
        key = [
            {"AttributeName": "recipient_tel", "KeyType": "HASH"},
            {"AttributeName": "conversation_id", "KeyType": "RANGE"},
        ]
        attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("recipient_tel", "conversation_id")]
        more: dict[str, Any] = {}
        if local_index:
            attributes.append({"AttributeName": "created_at", "AttributeType": "S"})
            more["LocalSecondaryIndexes"] = [
                {
                    "IndexName": "created-at-index",
                    "KeySchema": [key[0], {"AttributeName": "created_at", "KeyType": "RANGE"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ]
        if others:
            attributes.append({"AttributeName": "task_complete", "AttributeType": "N"})
            more["GlobalSecondaryIndexes"] = [
                {
                    "IndexName": "task-complete-index",
                    "KeySchema": [{"AttributeName": "task_complete", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ]
            more["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        client = self._aws.client("dynamodb")
        client.create_table(
            TableName=self.table_name,
            KeySchema=key,
            AttributeDefinitions=attributes,
            BillingMode="PAY_PER_REQUEST",
            **more,
        )
        for number in range(RECORDS):
            client.put_item(
                TableName=self.table_name,
                Item={
                    "recipient_tel": {"S": f"+4477009{number:05}"},
                    "conversation_id": {"S": f"old-{number}"},
                    "conversation_status": {"S": "initial_message_sent"},
                    "created_at": {"S": "2025-01-01T09:00:00+00:00Z"},
                    "task_complete": {"N": "1"},
                },
            )

    def function(self, *, path: str = "/") -> None:
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
        iam = self._aws.client("iam")
        role = iam.create_role(RoleName=self.role_name, Path=path, AssumeRolePolicyDocument=json.dumps(trust))
        iam.put_role_policy(
            RoleName=self.role_name,
            PolicyName="by-hand",
            PolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}
            ),
        )
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as package:
            package.writestr("index.py", CODE)
        functions = self._aws.client("lambda")
        functions.create_function(
            FunctionName=self.function_name,
            Role=role["Role"]["Arn"],
            Runtime=self._runtime,
            Handler="index.lambda_handler",
            Code={"ZipFile": code.getvalue()},
            Timeout=200,
            MemorySize=512,
            Architectures=["x86_64"],
            Environment={"Variables": {"LOG_LEVEL": "DEBUG", "OLD_API_TOKEN": "do not show", "STAGE": self.stage}},
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=self.function_name)
        self.mapping = functions.create_event_source_mapping(
            FunctionName=self.function_name,
            EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.queue_name}",
            BatchSize=1,
            Enabled=False,
        )["UUID"]
        self._aws.client("logs").create_log_group(logGroupName=f"/aws/lambda/{self.function_name}")

    def alarm(self) -> None:
        namespace = f"AIComms/WhatsAppProcessor/{self.stage}"
        topic = self._aws.client("sns").create_topic(Name=f"ai-comms-critical-alerts-{self.environment}")["TopicArn"]
        self._aws.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="oncall@example.com")
        self._aws.client("logs").put_metric_filter(
            logGroupName=f"/aws/lambda/{self.function_name}",
            filterName=f"FinalDbUpdateFailureFilter-{self.stage}",
            filterPattern='"final DynamoDB update failed"',
            metricTransformations=[
                {"metricName": "FinalDbUpdateFailureCount", "metricNamespace": namespace, "metricValue": "1"}
            ],
        )
        self._aws.client("cloudwatch").put_metric_alarm(
            AlarmName=f"WhatsAppProcessorFinalDbUpdateFailureAlarm-{self.stage}",
            Namespace=namespace,
            MetricName="FinalDbUpdateFailureCount",
            Statistic="Sum",
            Period=300,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="notBreaching",
            AlarmActions=[topic],
        )

    def secrets(self, *, owner: str | None = None) -> None:
        """Make the two secrets, each with a version before the one that counts; an environment of ours may own them."""
        client = self._aws.client("secretsmanager")
        of_ours = {"Project": "whatsapp-channel-processor", "Environment": str(owner)}
        tags = [{"Key": key, "Value": value} for key, value in of_ours.items()] if owner else []
        for name in ("openai-api-key/whatsapp", "whatsapp-credentials/acme/spring/twilio"):
            client.create_secret(Name=name, SecretString="first", Tags=tags)
            client.put_secret_value(SecretId=name, SecretString=f"value of {name}")

    # What is there

    def count(self) -> int:
        pages = self._aws.client("dynamodb").get_paginator("scan").paginate(TableName=self.table_name)
        return sum(page["Count"] for page in pages)

    def statements(self) -> set[str]:
        answer = self._aws.client("sqs").get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["Policy"])
        return {statement["Sid"] for statement in json.loads(answer["Attributes"]["Policy"])["Statement"]}
