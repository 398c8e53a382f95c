"""Role: what the function may do, with single permissions taken away for a while."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sandbox.harness import Deployment


class Permission(NamedTuple):
    """One action of one statement.

    Attributes:
        resource: The end of one ARN, where the statement has several; else empty.
    """

    sid: str
    action: str
    resource: str = ""


class Role:
    """The function's role and its one policy."""

    def __init__(self, deployment: Deployment) -> None:
        self._iam = deployment.aws.client("iam")
        self.arn = str(deployment.function_configuration()["Role"])
        self._name = self.arn.rsplit("/", 1)[1]
        (self._policy_name,) = self._iam.list_role_policies(RoleName=self._name)["PolicyNames"]
        self.policy: dict[str, Any] = json.loads(deployment.outputs["role_policy"])

    def permissions(self) -> list[Permission]:
        """Return every action of every statement; where a statement has several resources, once for each of them."""
        return [
            Permission(statement["Sid"], action, _end(arn) if len(statement["Resource"]) > 1 else "")
            for statement in self.policy["Statement"]
            for action in statement["Action"]
            for arn in statement["Resource"]
        ]

    def without(self, permission: Permission) -> dict[str, Any]:
        """Return the policy less one permission."""
        return {
            **self.policy,
            "Statement": [rest for one in self.policy["Statement"] for rest in _less(one, permission)],
        }

    @contextmanager
    def lacking(self, permission: Permission) -> Iterator[None]:
        """Hold the function to its policy less one permission, until the end of the block."""
        self._put(self.without(permission))
        try:
            yield
        finally:
            self._put(self.policy)

    @contextmanager
    def also(self, *statements: dict[str, Any]) -> Iterator[None]:
        """Hold the function to its policy and more, until the end of the block."""
        self._put({**self.policy, "Statement": [*self.policy["Statement"], *statements]})
        try:
            yield
        finally:
            self._put(self.policy)

    def _put(self, policy: dict[str, Any]) -> None:
        self._iam.put_role_policy(RoleName=self._name, PolicyName=self._policy_name, PolicyDocument=json.dumps(policy))


def _less(statement: dict[str, Any], permission: Permission) -> Iterator[dict[str, Any]]:
    """Yield what is left of a statement."""
    if statement["Sid"] != permission.sid:
        yield statement
        return
    actions = [action for action in statement["Action"] if action != permission.action]
    kept = [arn for arn in statement["Resource"] if permission.resource and _end(arn) != permission.resource]
    if actions:
        yield {**statement, "Action": actions}
    if kept:
        yield {**statement, "Sid": f"{permission.sid}Rest", "Action": [permission.action], "Resource": kept}


@contextmanager
def may_postpone(deployment: Deployment) -> Iterator[None]:
    """Let the function put messages on its queue, as Terraform does where it may wait there, until the block ends."""
    allowed = [
        {"Sid": sid, "Effect": "Allow", "Action": [action], "Resource": [deployment.outputs[resource]]}
        for sid, action, resource in (
            ("PostponeMessages", "sqs:SendMessage", "queue_arn"),
            ("EncryptMessagesWithKey", "kms:GenerateDataKey", "kms_key_arn"),
        )
    ]
    with Role(deployment).also(*allowed):
        yield


def _end(arn: str) -> str:
    return arn.rsplit(":", 1)[1]
