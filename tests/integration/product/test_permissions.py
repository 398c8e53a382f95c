"""The function's role is exactly enough: whatever is taken away from it is missed.

The rest of the suite shows that it is enough, where the engine holds the function to it. What the engine asks no
permission for, because on AWS it is Lambda or DynamoDB that acts in the role's name, is asked of its policy simulator.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from sandbox.engines.engine import REGION, Ability
from sandbox.harness import Conversation, Deployment, LogLine
from sandbox.harness.plan import openai_secret, twilio_secret
from sandbox.stubs import drop
from tests.integration.conftest import MakeConversation
from tests.integration.role import Permission, Role
from utils.secret_reference import kind_of

pytestmark = pytest.mark.integration

Scene = Callable[[Conversation], None]

MISSED_BY_THE_FUNCTION: dict[Permission, Scene] = {}
"""Permission to the scene that fails without it, and shows in what way."""


def missed_in(sid: str, action: str, resource: str = "") -> Callable[[Scene], Scene]:
    """Note what fails without a permission."""

    def note(scene: Scene) -> Scene:
        MISSED_BY_THE_FUNCTION[Permission(sid, action, resource)] = scene
        return scene

    return note


@missed_in("KeepConversations", "dynamodb:PutItem")
def no_conversation_is_claimed(conversation: Conversation) -> None:
    conversation.send()
    failed = conversation.wait_for_line("message_failed")
    assert (said(failed)["step"], said(failed)["code"]) == ("claim", "dynamodb_access_denied")
    assert conversation.record is None


@missed_in("KeepConversations", "dynamodb:UpdateItem")
def no_run_is_recorded(conversation: Conversation) -> None:
    conversation.send()
    failed = conversation.wait_for_line("message_failed")
    assert (said(failed)["step"], said(failed)["code"]) == ("ask", "dynamodb_access_denied")
    conversation.wait_for_line("failure_not_recorded")
    assert conversation.messages == []


@missed_in("KeepConversations", "dynamodb:Query")
def no_lost_answer_is_reconciled(conversation: Conversation) -> None:
    """Twilio lists the message, and nobody may look whether it is another conversation's."""
    conversation.stubs.script("twilio.messages.create", drop(after_effect=True), match=conversation.recipient_tel)
    conversation.send()
    looks = conversation.wait_for(
        "Twilio is asked again", lambda: conversation.journal("twilio.messages.list"), lambda looks: len(looks) > 1
    )
    assert all(len(look.answer_json["messages"]) == 1 for look in looks)
    assert (conversation.record or {})["conversation_status"] == "sending"


@missed_in("ReadSecrets", "secretsmanager:GetSecretValue", "openai-api-key/denied-??????")
def no_openai_key_is_read(conversation: Conversation) -> None:
    reference = "openai-api-key/denied"
    conversation.deployment.store_secret(reference, openai_secret())
    conversation.send(company_data_payload__ai_config__openai_config__whatsapp__api_key_reference=reference)
    failed = conversation.wait_for_status("failed_secrets_fetch")
    assert failed["last_error"]["code"] == "secret_access_denied"
    assert reference in failed["last_error"]["message"]


@missed_in("ReadSecrets", "secretsmanager:GetSecretValue", "whatsapp-credentials/acme/denied/twilio-??????")
def no_twilio_credentials_are_read(conversation: Conversation) -> None:
    reference = "whatsapp-credentials/acme/denied/twilio"
    conversation.deployment.store_secret(reference, twilio_secret())
    conversation.send(credentials=reference)
    failed = conversation.wait_for_status("failed_secrets_fetch")
    assert failed["last_error"]["code"] == "secret_access_denied"
    assert reference in failed["last_error"]["message"]


@missed_in("ReceiveMessages", "sqs:ChangeMessageVisibility")
def no_refused_message_hurries_to_the_dlq(conversation: Conversation) -> None:
    """Nor is any message kept hidden, or given back until its vendor is ready."""
    since = conversation.deployment.now_ms()
    message_id = conversation.send(frontend_payload__recipient_data__comms_consent=False)

    def refused() -> list[LogLine]:
        lines = conversation.deployment.log.lines(since)
        return [line for line in lines if line.event == "visibility_not_changed" and message_id in line.text]

    conversation.wait_for("the message keeps its visibility timeout", refused)
    assert conversation.deployment.queued() == (0, 1)


def said(line: LogLine) -> dict[str, Any]:
    """Return what a line says."""
    assert line.json is not None
    return line.json


@dataclass(frozen=True, slots=True)
class Call:
    """What AWS asks for in the name of the role; `on` names the output whose resource it is about."""

    who: str
    action: str
    on: str
    context: dict[str, str] = field(default_factory=dict)


POLLER, RUNTIME, SECRETS, TABLE = "Lambda's poller", "Lambda's log delivery", "Secrets Manager and SQS", "DynamoDB"
FOR_SECRETS = {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}
FOR_THE_TABLE = {"kms:ViaService": f"dynamodb.{REGION}.amazonaws.com"}

MISSED_BY_AWS = {
    Permission("WriteLog", "logs:CreateLogStream"): Call(RUNTIME, "logs:CreateLogStream", "log_group_name"),
    Permission("WriteLog", "logs:PutLogEvents"): Call(RUNTIME, "logs:PutLogEvents", "log_group_name"),
    Permission("ReceiveMessages", "sqs:ReceiveMessage"): Call(POLLER, "sqs:ReceiveMessage", "queue_arn"),
    Permission("ReceiveMessages", "sqs:DeleteMessage"): Call(POLLER, "sqs:DeleteMessage", "queue_arn"),
    Permission("ReceiveMessages", "sqs:GetQueueAttributes"): Call(POLLER, "sqs:GetQueueAttributes", "queue_arn"),
    Permission("DecryptWithKey", "kms:Decrypt"): Call(SECRETS, "kms:Decrypt", "kms_key_arn", FOR_SECRETS),
    Permission("EncryptItemsWithKey", "kms:DescribeKey"): Call(TABLE, "kms:DescribeKey", "kms_key_arn", FOR_THE_TABLE),
    Permission("EncryptItemsWithKey", "kms:Encrypt"): Call(TABLE, "kms:Encrypt", "kms_key_arn", FOR_THE_TABLE),
    Permission("EncryptItemsWithKey", "kms:GenerateDataKey*"): Call(
        TABLE, "kms:GenerateDataKey", "kms_key_arn", FOR_THE_TABLE
    ),
    Permission("EncryptItemsWithKey", "kms:ReEncrypt*"): Call(TABLE, "kms:ReEncryptFrom", "kms_key_arn", FOR_THE_TABLE),
}
"""Permission to the call that somebody else makes in the role's name, by the documents of that service."""


def resource_of(deployment: Deployment, call: Call) -> str:
    """Return the ARN that a call is about."""
    output = str(deployment.outputs[call.on])
    if call.on != "log_group_name":
        return output
    account = deployment.outputs["queue_arn"].split(":")[4]
    return f"arn:aws:logs:{REGION}:{account}:log-group:{output}:log-stream:2026/11/22/[$LATEST]0"


@pytest.mark.parametrize(
    ("permission", "scene"),
    [pytest.param(one, scene, id=f"{one.action}-{scene.__name__}") for one, scene in MISSED_BY_THE_FUNCTION.items()],
)
def test_function_misses_each_permission(
    permission: Permission,
    scene: Scene,
    make_conversation: MakeConversation,
    deployment: Deployment,
    needs: Callable[[Ability], None],
) -> None:
    needs(Ability.ROLE_ENFORCEMENT)
    conversation = make_conversation()

    with Role(deployment).lacking(permission):
        scene(conversation)


@pytest.mark.parametrize(
    ("permission", "call"),
    [pytest.param(one, call, id=f"{call.who}-{one.action}") for one, call in MISSED_BY_AWS.items()],
)
def test_aws_misses_each_permission_that_it_uses_in_the_name_of_the_role(
    permission: Permission, call: Call, deployment: Deployment, needs: Callable[[Ability], None]
) -> None:
    needs(Ability.POLICY_SIMULATOR)
    role, iam = Role(deployment), deployment.aws.client("iam")

    def decision(policy: dict[str, Any], context: dict[str, str]) -> str:
        answer = iam.simulate_custom_policy(
            PolicyInputList=[json.dumps(with_conditions_met(policy, context))],
            ActionNames=[call.action],
            ResourceArns=[resource_of(deployment, call)],
        )
        (result,) = answer["EvaluationResults"]
        return str(result["EvalDecision"])

    assert decision(role.policy, call.context) == "allowed"
    assert decision(role.without(permission), call.context) == "implicitDeny"
    if call.context:
        assert decision(role.policy, {}) == "implicitDeny"


def with_conditions_met(policy: dict[str, Any], context: dict[str, str]) -> dict[str, Any]:
    """Return a policy without the conditions that a context meets: the engines' simulators know no context."""
    statements = [
        {name: value for name, value in statement.items() if name != "Condition" or not is_met(value, context)}
        for statement in policy["Statement"]
    ]
    return {**policy, "Statement": statements}


def is_met(condition: dict[str, dict[str, str | list[str]]], context: dict[str, str]) -> bool:
    """Whether a condition of equal strings is met; another kind of condition is not."""
    wanted = condition.get("StringEquals", {})
    return set(condition) == {"StringEquals"} and all(
        context.get(key) in ([values] if isinstance(values, str) else values) for key, values in wanted.items()
    )


def test_every_permission_is_missed_by_somebody(deployment: Deployment) -> None:
    missed = set(MISSED_BY_THE_FUNCTION) | set(MISSED_BY_AWS)

    assert set(map(of_a_kind, Role(deployment).permissions())) == set(map(of_a_kind, missed))


def of_a_kind(permission: Permission) -> Permission:
    """Return a permission with the kind of secret in the place of its name: one of each kind stands for all."""
    return permission._replace(resource=kind_of(permission.resource.removesuffix("-??????")) or permission.resource)
