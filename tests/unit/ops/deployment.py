"""A deployment that is in order, for the doctor; a test breaks one thing."""

import json
from typing import Any

from ops.names import ALARMS, COMPOSITES, Names
from tests.unit.ops.fake_aws import ACCOUNT, DLQ, QUEUE, REGION, Canned, FakeAws, client_error

NAMES = Names.of("dev")
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{NAMES.function}"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:ai-comms-critical-alerts-dev"

OPENAI_SECRET = "openai-api-key/whatsapp"
TWILIO_SECRET = "whatsapp-credentials/acme/spring/twilio"


_NAMESPACE = "AIComms/WhatsAppProcessor/Dev"
WATCHED: dict[str, dict[str, Any]] = {
    "FinalDbUpdateFailure": {"Namespace": _NAMESPACE, "MetricName": "FinalDbUpdateFailureCount"},
    "HeartbeatLost": {"Namespace": _NAMESPACE, "MetricName": "HeartbeatLost"},
    "DeadLetterQueueDepth": {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [{"Name": "QueueName", "Value": DLQ}],
    },
    "Errors": {
        "Namespace": "AWS/Lambda",
        "MetricName": "Errors",
        "Dimensions": [{"Name": "FunctionName", "Value": NAMES.function}],
    },
}


class Deployment:
    """What AWS says of the environment `dev`."""

    def __init__(self, aws: FakeAws) -> None:
        self.aws = aws
        self.sqs, self.dynamodb, self.logs = aws.fake_sqs, aws.fake_dynamodb, aws.fake_logs
        self.sqs.attributes = {
            QUEUE: {
                "VisibilityTimeout": "360",
                "MessageRetentionPeriod": "345600",
                "RedrivePolicy": json.dumps(
                    {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{DLQ}", "maxReceiveCount": 3}
                ),
            },
            DLQ: {"MessageRetentionPeriod": "1209600"},
        }
        self.dynamodb.description = {
            "TableStatus": "ACTIVE",
            "KeySchema": schema("recipient_tel", "conversation_id"),
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "needs-attention-index",
                    "IndexStatus": "ACTIVE",
                    "KeySchema": schema("needs_attention", "updated_at"),
                }
            ],
        }
        self.dynamodb.time_to_live = {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
        self.logs.retention = {"retentionInDays": 365}
        self.logs.metric_filters = [NAMES.metric_filter]
        self.variables = {
            "CONVERSATIONS_TABLE_NAME_DEV": NAMES.table,
            "WHATSAPP_QUEUE_URL": f"https://sqs.test/{QUEUE}",
            "VERSION": "1.2.0",
        }
        self.function: dict[str, Any] = {
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "Handler": "index.lambda_handler",
            "Runtime": "python3.13",
            "MemorySize": 1024,
            "Timeout": 300,
            "Environment": {"Variables": self.variables},
        }
        self.mapping: dict[str, Any] = {
            "UUID": "11111111-2222-3333-4444-555555555555",
            "FunctionArn": FUNCTION_ARN,
            "State": "Enabled",
            "BatchSize": 10,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "LastProcessingResult": "No records processed",
        }
        self.mappings = [self.mapping]
        self.asked_functions: list[str] = []
        self.alarms: dict[str, dict[str, Any]] = {
            about: {
                "AlarmName": NAMES.alarm(about),
                "ActionsEnabled": True,
                "AlarmActions": [] if about in COMPOSITES else [TOPIC],
                "StateValue": "OK",
                **WATCHED.get(about, {}),
            }
            for about in ALARMS
        }
        self.subscriptions = [f"{TOPIC}:1"]
        self.secrets: dict[str, str | Exception] = {
            OPENAI_SECRET: json.dumps({"ai_api_key": "sk-test-key"}),
            TWILIO_SECRET: json.dumps(
                {
                    "twilio_account_sid": "AC" + "0" * 32,
                    "twilio_auth_token": "the-token",
                    "twilio_template_sid": "HX" + "1" * 32,
                }
            ),
        }
        self.identity = Canned(get_caller_identity={"Account": ACCOUNT})
        self.functions = Canned(
            get_function_configuration=self._function,
            get_function={"Code": {"Location": "https://packages.test/1"}},
            update_event_source_mapping=self._switch,
            get_event_source_mapping=lambda UUID: next(m for m in self.mappings if m["UUID"] == UUID),  # noqa: N803
            list_event_source_mappings=lambda **_: {"EventSourceMappings": self.mappings},
        )
        aws.others = {
            "sts": self.identity,
            "lambda": self.functions,
            "cloudwatch": Canned(
                describe_alarms=lambda **_: {
                    "MetricAlarms": [alarm for about, alarm in self.alarms.items() if about not in COMPOSITES],
                    "CompositeAlarms": [alarm for about, alarm in self.alarms.items() if about in COMPOSITES],
                }
            ),
            "sns": Canned(
                list_subscriptions_by_topic=lambda **_: {
                    "Subscriptions": [{"SubscriptionArn": arn} for arn in self.subscriptions]
                }
            ),
            "secretsmanager": Canned(
                list_secrets=lambda **_: {"SecretList": [{"Name": name} for name in ("other/secret", *self.secrets)]},
                get_secret_value=self._secret,
            ),
        }

    def _function(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.asked_functions.append(FunctionName)
        return self.function

    def _switch(self, *, UUID: str, Enabled: bool) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """Switch a mapping, which takes AWS a moment."""
        for mapping in self.mappings:
            if mapping["UUID"] == UUID:
                mapping["State"] = "Enabled" if Enabled else "Disabled"
        return {}

    def _secret(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803 - boto3's name
        value = self.secrets.get(SecretId, client_error("ResourceNotFoundException", "GetSecretValue"))
        if isinstance(value, Exception):
            raise value
        return {"SecretString": value}


def schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": sort, "KeyType": "RANGE"}, {"AttributeName": partition, "KeyType": "HASH"}]
