"""The AWS adapters pass the contracts of their ports, on an emulator."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from core.delivery import Envelope
from core.ports import TwilioCredentials
from services.secrets_manager_service import SecretsManagerSecrets
from services.sqs_service import SqsMessageQueue
from tests.contracts.conversation_store import ConversationStoreContract, StoreLab
from tests.contracts.dynamodb import DynamoDBLab
from tests.contracts.message_queue import MessageQueueContract, QueueLab
from tests.contracts.secrets import SecretsContract, SecretsLab
from tests.fakes.queue import Put
from utils.redaction import Secret

pytestmark = pytest.mark.integration

AwsClient = Callable[[str], Any]


class TestDynamoDBConversationStore(ConversationStoreContract):
    @pytest.fixture
    def lab(self, aws_client: AwsClient) -> StoreLab:
        client = aws_client("dynamodb")
        table = f"conversations-{uuid.uuid4().hex}"
        client.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("recipient_tel", "conversation_id")
            ],
            KeySchema=[
                {"AttributeName": "recipient_tel", "KeyType": "HASH"},
                {"AttributeName": "conversation_id", "KeyType": "RANGE"},
            ],
        )
        return DynamoDBLab(client, table)


class SecretsManagerLab:
    def __init__(self, client: Any) -> None:
        self._client = client
        for secret in client.list_secrets()["SecretList"]:
            self.delete(secret["Name"])
        self.secrets = SecretsManagerSecrets(client, cache_seconds=300, monotonic=lambda: 0.0)

    def store_twilio(self, reference: str, credentials: TwilioCredentials) -> None:
        value = {
            "twilio_account_sid": credentials.account_sid,
            "twilio_auth_token": credentials.auth_token and credentials.auth_token.reveal(),
            "twilio_template_sid": credentials.template_sid,
            "twilio_messaging_service_sid": credentials.messaging_service_sid,
        }
        self._store(reference, json.dumps({name: text for name, text in value.items() if text}))

    def store_openai(self, reference: str, key: Secret) -> None:
        self._store(reference, json.dumps({"ai_api_key": key.reveal()}))

    def delete(self, reference: str) -> None:
        self._client.delete_secret(SecretId=reference, ForceDeleteWithoutRecovery=True)

    def _store(self, reference: str, value: str) -> None:
        try:
            self._client.create_secret(Name=reference, SecretString=value)
        except self._client.exceptions.ResourceExistsException:
            self._client.put_secret_value(SecretId=reference, SecretString=value)


class TestSecretsManagerSecrets(SecretsContract):
    @pytest.fixture
    def lab(self, aws_client: AwsClient) -> SecretsLab:
        return SecretsManagerLab(aws_client("secretsmanager"))


class SqsLab:
    def __init__(self, client: Any) -> None:
        self._client = client
        self._url = client.create_queue(QueueName=f"queue-{uuid.uuid4().hex}", Attributes={"VisibilityTimeout": "300"})[
            "QueueUrl"
        ]
        self._ids: dict[str, str] = {}
        self.queue = SqsMessageQueue(client, self._url)

    def receive(self, count: int) -> list[str]:
        for number in range(count):
            self._client.send_message(QueueUrl=self._url, MessageBody=str(number))
        received: list[Any] = []
        while len(received) < count:
            received += self._take()
        self._ids |= {message["ReceiptHandle"]: message["MessageId"] for message in received}
        return [message["ReceiptHandle"] for message in received]

    def delete(self, handle: str) -> None:
        self._client.delete_message(QueueUrl=self._url, ReceiptHandle=handle)

    def put(self) -> list[Put]:
        answer = self._client.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], WaitTimeSeconds=2
        )
        return [self._as_put(message) for message in answer.get("Messages", [])]

    def _as_put(self, message: Any) -> Put:
        """Return a message as an event of Lambda has it."""
        attributes = {
            name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
            for name, value in message["MessageAttributes"].items()
        }
        return Put(Envelope(message["Body"], attributes), attributes["continuation"]["stringValue"], 0)

    def visible(self, handles: list[str]) -> set[str]:
        found: set[str] = set()
        while messages := self._take():
            found |= {message["MessageId"] for message in messages}
        return {handle for handle in handles if self._ids[handle] in found}

    def _take(self) -> list[Any]:
        answer = self._client.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
        return list(answer.get("Messages", []))


class TestSqsMessageQueue(MessageQueueContract):
    @pytest.fixture
    def lab(self, aws_client: AwsClient) -> QueueLab:
        return SqsLab(aws_client("sqs"))
