"""Secrets that a plan would create although their names are taken.

A deleted secret keeps its name, and its value, for the days of its recovery window; a live one belongs to somebody.
Either makes `terraform apply` fail half way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tools.infrastructure.environment import TAGS
from tools.infrastructure.errors import TerraformError
from tools.infrastructure.plan import Plan

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

PROJECT = "whatsapp-channel-processor"
"""The tag Project of everything that our Terraform makes."""


@dataclass(frozen=True, slots=True)
class TakenName:
    """A secret that exists, and where a plan would create it once more.

    Attributes:
        environment: Of this project, whose Terraform made it; None: it was made otherwise.
        deleted: Whether it is marked for deletion, and can be restored.
    """

    address: str
    name: str
    arn: str
    environment: str | None
    deleted: bool


def owner_of(secret: Mapping[str, Any], names: Mapping[str, str] = TAGS) -> str | None:
    """Return the environment of this project whose Terraform made a secret."""
    tags = {tag["Key"]: tag["Value"] for tag in secret.get("Tags", [])}
    return tags.get(names["environment"]) if tags.get(names["project"]) == PROJECT else None


def taken_names(plan: Plan, client: "SecretsManagerClient", tag_names: Mapping[str, str] = TAGS) -> list[TakenName]:
    """Look up the name of every secret that the plan would create."""
    found = []
    for change in plan.of_type("aws_secretsmanager_secret"):
        if not change.creates or not isinstance(change.after.get("name"), str):
            continue
        try:
            secret = client.describe_secret(SecretId=change.after["name"])
        except ClientError as exc:
            if exc.response["Error"]["Code"] == "ResourceNotFoundException":
                continue
            raise TerraformError(f"Whether the secret {change.after['name']} exists cannot be seen: {exc}") from exc
        owner = owner_of(dict(secret), tag_names)
        found.append(
            TakenName(change.address, change.after["name"], secret["ARN"], owner, deleted="DeletedDate" in secret)
        )
    return found


def refuse_foreign(taken: list[TakenName], environment: str) -> None:
    """Refuse to create what belongs to another environment, or to nobody we know.

    Raises:
        TerraformError: With each secret, and what can be done.
    """
    foreign = [secret for secret in taken if secret.environment != environment]
    if not foreign:
        return
    lines = "\n".join(
        f"  {secret.name}: {'marked for deletion' if secret.deleted else 'exists'},"
        f" made by {secret.environment or 'something else than this Terraform'}"
        for secret in foreign
    )
    raise TerraformError(
        f"Nothing was changed. {environment} would create secrets whose names are taken in this account:\n{lines}\n"
        f"Give {environment} names of its own (openai_keys, companies), or share the secret: leave its name out here,"
        " and where a customer managed key encrypts it, name that key in secret_key_arns. A secret marked for deletion"
        " frees its name with `aws secretsmanager delete-secret --force-delete-without-recovery --secret-id NAME`."
    )


def restore(secret: TakenName, client: "SecretsManagerClient") -> None:
    """Take back the deletion of a secret; its value is as it was."""
    if secret.deleted:
        client.restore_secret(SecretId=secret.arn)
