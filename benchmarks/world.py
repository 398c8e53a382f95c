"""The world around a function: AWS by the embedded emulator, OpenAI and Twilio by the stubs, each its own process."""

import itertools
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from boto3.session import Session

from sandbox.context_objects import OPENAI_REFERENCE, TWILIO_REFERENCE, make_body
from sandbox.engines.ministack import MiniStack
from sandbox.stubs import OPENAI_KEY, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN
from sandbox.stubs.process import StubProcess

TABLE = "conversations-benchmark"
QUEUE = "benchmark"
JOURNAL_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class World:
    """A running world with the table, the queue and the secrets the function needs."""

    engine: MiniStack
    stubs: StubProcess
    queue_url: str

    def environ(self, *, aws: str | None = None, vendors: str | None = None, **settings: str) -> dict[str, str]:
        """Return the function's environment.

        Args:
            aws, vendors: Where these are reached, if not directly.
        """
        vendors = vendors or self.stubs.urls.twilio
        return {
            **self.engine.environ(),
            "AWS_ENDPOINT_URL": aws or self.engine.endpoint,
            "CONVERSATIONS_TABLE_NAME_DEV": TABLE,
            "WHATSAPP_QUEUE_URL": self.queue_url,
            "OPENAI_BASE_URL": f"{vendors}/v1",
            "TWILIO_API_BASE_URL": vendors,
            **settings,
        }

    def delivered(self, event: dict[str, Any]) -> dict[str, Any]:
        """Put an event's messages on the queue, receive them, and return it with handles that SQS knows."""
        sqs = self.aws_client("sqs")
        for record in event["Records"]:
            sqs.send_message(QueueUrl=self.queue_url, MessageBody=record["body"])
        received: list[dict[str, Any]] = []
        while len(received) < len(event["Records"]):
            answer = sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            received += answer.get("Messages", ())
        return {
            "Records": [
                {
                    **record,
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                }
                for record, message in zip(event["Records"], received, strict=True)
            ]
        }

    def item_bytes(self, event: dict[str, Any]) -> float:
        """Return the mean size of the records that an event's conversations left."""
        table = self.aws_client("dynamodb")
        sizes = []
        for record in event["Records"]:
            context = json.loads(record["body"])
            key = {
                "recipient_tel": {"S": context["frontend_payload"]["recipient_data"]["recipient_tel"]},
                "conversation_id": {"S": context["conversation_data"]["conversation_id"]},
            }
            sizes.append(item_size(table.get_item(TableName=TABLE, Key=key)["Item"]))
        return sum(sizes) / len(sizes)

    def aws_client(self, service: str) -> Any:
        environ = self.engine.environ()
        session: Any = Session(
            environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], region_name=environ["AWS_REGION"]
        )
        return session.client(service, endpoint_url=environ["AWS_ENDPOINT_URL"])


@contextmanager
def running_world() -> Iterator[World]:
    with MiniStack() as engine, StubProcess(journal_limit=JOURNAL_LIMIT) as stubs:
        world = World(engine, stubs, f"{engine.endpoint}/000000000000/{QUEUE}")
        world.aws_client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("recipient_tel", "conversation_id")
            ],
            KeySchema=[
                {"AttributeName": "recipient_tel", "KeyType": "HASH"},
                {"AttributeName": "conversation_id", "KeyType": "RANGE"},
            ],
        )
        world.aws_client("sqs").create_queue(QueueName=QUEUE, Attributes={"VisibilityTimeout": "360"})
        secrets = world.aws_client("secretsmanager")
        twilio = {"twilio_account_sid": TWILIO_ACCOUNT_SID, "twilio_auth_token": TWILIO_AUTH_TOKEN}
        secrets.create_secret(
            Name=TWILIO_REFERENCE, SecretString=json.dumps(twilio | {"twilio_template_sid": TEMPLATE})
        )
        secrets.create_secret(Name=OPENAI_REFERENCE, SecretString=json.dumps({"ai_api_key": OPENAI_KEY}))
        yield world


def item_size(item: Mapping[str, Any]) -> int:
    """Return about how large DynamoDB counts an item to be, in bytes.

    Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats".
    """
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "M":
            return 3 + len(content) + item_size(content)
        case "L":
            return 3 + sum(1 + _value_size(each) for each in content)
        case "N":
            return len(content) // 2 + 2
        case "BOOL" | "NULL":
            return 1
        case _:
            return len(content.encode())


TEMPLATE = "HX" + "1" * 32
"""A first message to a person who has not written needs a template, so this is what is measured."""


class Router:
    """Makes SQS events of conversations that nobody had before.

    The messages are on no queue, as their visibility plays no part in what is measured.
    """

    def __init__(self) -> None:
        self._run = uuid.uuid4().hex[:8]
        self._numbers = itertools.count(1)

    def event(self, messages: int) -> dict[str, Any]:
        return {"Records": [self._record() for _ in range(messages)]}

    def _record(self) -> dict[str, Any]:
        number = next(self._numbers)
        body = make_body(conversation_id=f"{self._run}-{number}", recipient_tel=f"+4477{number:08}")
        return {
            "messageId": str(uuid.uuid4()),
            "receiptHandle": uuid.uuid4().hex * 5,
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795339200000", "SenderId": "router"},
            "messageAttributes": {},
            "md5OfBody": "0" * 32,
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:benchmark",
            "awsRegion": "eu-west-1",
        }
