"""The role may do what the function does, and nothing else: its policy against the calls of every adapter."""

import ast
import inspect
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from botocore import xform_name

import composition
import services
from core.conversation import (
    Conversation,
    ConversationKey,
    EffectOwner,
    Failure,
    Mode,
    Reply,
    Run,
    Status,
    Step,
    Usage,
    Waiting,
    WaitReason,
)
from core.delivery import Envelope
from core.lease import Lease
from core.ports import Closing, Failing, Parked
from services.dynamodb_service import DynamoDBConversationStore
from services.secrets_manager_service import SecretsManagerSecrets
from services.sqs_service import SqsMessageQueue
from tests.fakes.clock import START
from utils.redaction import Secret
from utils.secret_reference import kind_of

IAM = (Path(__file__).resolve().parents[3] / "terraform" / "modules" / "processor" / "iam.tf").read_text(
    encoding="utf-8"
)
TABLE, QUEUE_URL = "conversations-dev", "https://sqs.eu-west-1.amazonaws.com/123456789012/queue"
KEY = ConversationKey("+447700900123", "conv-1")
MARK = Failure(Step.CLAIM, "unfinished", "at work", START, permanent=False, message_id="m-1", receive_count=1)
SEEN = Conversation(KEY, Status.PROCESSING, START, lease_owner="other", lease_expires_at=1.0)
FAILING = Failing(status=Status.FAILED_AI, failure=MARK, sent=(), keep_intent=False, keep_run=False)
WAITING = Waiting(WaitReason.MODEL, START, START)
PARKED = Parked(Run("conv_1", "resp_1"), 2, "acme", "spring", "+442079460000")
REPLY = Reply(Mode.FREE_FORM, ("Hello",), Usage(1, 1))


# What the policy allows


class Statement(NamedTuple):
    actions: frozenset[str]
    resources: tuple[str, ...]


def statements() -> dict[str, Statement]:
    found = re.findall(r"(\w+) = \{\s+actions\s+= \[([^\]]*)\]\s+resources = \[?([^\n]*?)\]?\n", IAM)
    return {
        name: Statement(frozenset(re.findall(r'"([^"]+)"', actions)), tuple(resources.split(", ")))
        for name, actions, resources in found
    }


POLICY = statements()
ALLOWED = frozenset().union(*(statement.actions for statement in POLICY.values()))

POLLER = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
"""What Lambda does in the name of the role. Source: AWS Lambda Developer Guide, "Creating and configuring an Amazon SQS
event source mapping"."""

SERVICES_OF_LAMBDA = {"ec2", "logs", "xray", "kms"}
"""Services that others ask in the role's name (Lambda, SQS, DynamoDB, Secrets Manager); the function never does."""


# What the function calls


class Call(NamedTuple):
    service: str
    operation: str
    parameters: dict[str, Any]

    @property
    def action(self) -> str:
        """The permission that the call needs; a batch needs that of its entries."""
        return f"{self.service}:{self.operation.removesuffix('Batch')}"


class Answered:
    status_code = 200


ANSWERS: dict[str, Any] = {
    "GetSecretValue": {
        "SecretString": json.dumps({"twilio_account_sid": "AC" + "1" * 32, "twilio_auth_token": "t", "ai_api_key": "k"})
    },
    "UpdateItem": {
        "Attributes": {
            "recipient_tel": {"S": KEY.recipient_tel},
            "conversation_id": {"S": KEY.conversation_id},
            "conversation_status": {"S": "processing"},
            "created_at": {"S": "2026-11-22T09:00:00.000Z"},
        }
    },
    "Query": {"Items": []},
}


@dataclass
class Recorder:
    """Real clients of the SDK, whose calls end before the network."""

    calls: list[Call]

    def client(self, service: str) -> Any:
        client = boto3.client(
            service,  # type: ignore[call-overload]
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

        def answer(model: Any, **_: Any) -> tuple[Answered, Any]:
            return Answered(), ANSWERS.get(model.name, {})

        def note(params: dict[str, Any], model: Any, **_: Any) -> None:
            self.calls.append(Call(service, model.name, params))

        client.meta.events.register("before-parameter-build", note)
        client.meta.events.register("before-call", answer)
        return client


OWNER = EffectOwner("+442079460000", "AC1", "whatsapp-credentials/acme/spring/twilio")


def lease() -> Lease:
    lease = Lease("me")
    lease.take(KEY, START.timestamp() + 60)
    return lease


CALLS: dict[type, dict[str, Callable[[Any], object]]] = {
    DynamoDBConversationStore: {
        "create": lambda store: store.create(KEY, lease(), {"company_id": "acme"}, MARK, needs_attention=True),
        "take_over": lambda store: store.take_over(SEEN, lease(), {"company_id": "acme"}, MARK, needs_attention=False),
        "annotate": lambda store: store.annotate(SEEN, MARK),
        "record_run": lambda store: store.record_run(lease(), Run("conv_1", "resp_1"), START),
        "resume": lambda store: store.resume(KEY, PARKED, lease(), MARK, needs_attention=False),
        "postpone": lambda store: store.postpone(lease(), FAILING, WAITING, needs_attention=False),
        "intend": lambda store: store.intend(lease(), REPLY, [], START, OWNER),
        "record_unknown": lambda store: store.record_unknown(lease(), START),
        "renew": lambda store: store.renew(lease(), START.timestamp() + 90),
        "close": lambda store: store.close(
            lease(), Closing(messages=(), processing_time_ms=1, at=START, watch_until=START)
        ),
        "fail": lambda store: store.fail(lease(), FAILING),
        "reject": lambda store: store.reject(KEY, MARK),
        "conversations_with": lambda store: store.conversations_with(KEY.recipient_tel),
        "find": lambda store: store.find(KEY),
        "record_deliveries": lambda store: store.record_deliveries(SEEN, {}, MARK, START, ends_watch=True),
    },
    SecretsManagerSecrets: {
        "twilio": lambda secrets: secrets.twilio("whatsapp-credentials/acme/spring/twilio"),
        "openai": lambda secrets: secrets.openai("openai-api-key/whatsapp"),
        "drop": lambda secrets: secrets.drop("openai-api-key/whatsapp", Secret("k")),
    },
    SqsMessageQueue: {
        "hide": lambda queue: queue.hide(["handle-1", "handle-2"], 360),
        "put": lambda queue: queue.put(Envelope("{}"), "{}", 30),
    },
}


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    """Everything that the adapters ask of AWS, every method called once."""
    recorder = Recorder([])
    adapters = [
        DynamoDBConversationStore(recorder.client("dynamodb"), TABLE, retention_days=30),
        SecretsManagerSecrets(recorder.client("secretsmanager"), 300, lambda: 0.0),
        SqsMessageQueue(recorder.client("sqs"), QUEUE_URL),
    ]
    for adapter in adapters:
        for call in CALLS[type(adapter)].values():
            call(adapter)
    return recorder.calls


@pytest.mark.parametrize("adapter", CALLS, ids=lambda adapter: adapter.__name__)
def test_every_method_of_an_adapter_is_called(adapter: type) -> None:
    public = {name for name, _ in inspect.getmembers(adapter, inspect.isfunction) if not name.startswith("_")}

    assert set(CALLS[adapter]) == public


def test_every_call_in_the_code_was_made(calls: list[Call]) -> None:
    """A call in a branch that no method took above would be missed."""
    written = {name for path in Path(services.__path__[0]).glob("*.py") for name in aws_calls(path)}

    assert written == {xform_name(call.operation) for call in calls}


def test_the_function_has_clients_of_these_services_alone(calls: list[Call]) -> None:
    tree = ast.parse(inspect.getsource(composition))
    made = {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "client"
        if isinstance(call.args[0], ast.Constant)
    }

    assert made == {call.service for call in calls}


def aws_calls(path: Path) -> set[str]:
    """Return the operations that a module asks of an AWS client, which it keeps as `_client`."""
    names = set()
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        target = call.func.value
        clients = target.values if isinstance(target, ast.BoolOp) else [target]
        if any(isinstance(client, ast.Attribute) and client.attr == "_client" for client in clients):
            first = call.args[0] if call.args else None
            paged = call.func.attr == "get_paginator" and isinstance(first, ast.Constant)
            names.add(str(first.value) if paged and isinstance(first, ast.Constant) else call.func.attr)
    return names


# The two agree


def test_every_statement_of_the_policy_is_read() -> None:
    assert len(POLICY) == len(re.findall(r"^\s+actions\s+= ", IAM, re.MULTILINE))
    assert "*" not in "".join(ALLOWED - {"kms:GenerateDataKey*", "kms:ReEncrypt*"})


def test_the_role_may_do_what_the_function_and_lambda_do_and_nothing_else(calls: list[Call]) -> None:
    asked = {action for action in ALLOWED if action.split(":")[0] not in SERVICES_OF_LAMBDA}

    assert asked == {call.action for call in calls} | POLLER


def test_the_function_never_asks_what_lambda_asks_for_it(calls: list[Call]) -> None:
    assert {action.split(":")[0] for action in ALLOWED} == {call.service for call in calls} | SERVICES_OF_LAMBDA


def test_the_role_may_do_it_to_what_the_function_works_on_and_to_nothing_else(calls: list[Call]) -> None:
    """The table itself and no index of it, the queue it came from, and secrets by name (processor.tftest.hcl)."""
    assert POLICY["KeepConversations"].resources == ("var.table_arn",)
    assert POLICY["ReceiveMessages"].resources == ("var.queue_arn",)
    assert POLICY["ReadSecrets"].resources == ("local.secret_arns",)
    for call in calls:
        if call.service == "dynamodb":
            assert call.parameters["TableName"] == TABLE
            assert "IndexName" not in call.parameters
        elif call.service == "sqs":
            assert call.parameters["QueueUrl"] == QUEUE_URL
        else:
            assert kind_of(call.parameters["SecretId"])
