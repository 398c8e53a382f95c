"""Secrets whose names are taken, and secrets that others live on."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tools.infrastructure.errors import TerraformError
from tools.infrastructure.plan import Change, Plan
from tools.infrastructure.secret_names import TakenName, refuse_foreign, restore, taken_names
from tools.infrastructure.sharing import refuse_shared

NAME = "whatsapp-credentials/acme/winter/twilio"
ADDRESS = f'module.stack.module.secrets.aws_secretsmanager_secret.this["{NAME}"]'
KIND = "aws_secretsmanager_secret"


def arn(name: str) -> str:
    return f"arn:aws:secretsmanager:eu-central-1:111122223333:secret:{name}-AbCdEf"


def secret(
    *, environment: str | None = "dev", project: str = "whatsapp-channel-processor", deleted: bool = False
) -> Any:
    tags = [{"Key": "Project", "Value": project}]
    if environment:
        tags.append({"Key": "Environment", "Value": environment})
    return {"ARN": arn(NAME), "Tags": tags, **({"DeletedDate": datetime(2026, 11, 1, tzinfo=UTC)} if deleted else {})}


class Secrets:
    """Secrets Manager, as far as it is asked."""

    def __init__(self, code: str = "ResourceNotFoundException", **known: Any) -> None:
        self.known = known
        self.code = code
        self.restored: list[str] = []

    def describe_secret(self, *, SecretId: str) -> Any:  # noqa: N803 - boto3's name
        if SecretId not in self.known:
            raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "DescribeSecret")
        return self.known[SecretId]

    def restore_secret(self, *, SecretId: str) -> None:  # noqa: N803 - boto3's name
        self.restored.append(SecretId)


def plan(*actions: str) -> Plan:
    return Plan((Change(ADDRESS, KIND, actions, before={"name": NAME}, after={"name": NAME}),), {})


def taken(known: Any, *actions: str) -> list[TakenName]:
    client: Any = Secrets(**{NAME: known})
    return taken_names(plan(*actions), client)


def test_a_free_name_is_nobodys() -> None:
    client: Any = Secrets()

    assert taken_names(plan("create"), client) == []


def test_a_secret_marked_for_deletion_is_found_with_its_owner() -> None:
    assert taken(secret(deleted=True), "create") == [TakenName(ADDRESS, NAME, arn(NAME), "dev", deleted=True)]


@pytest.mark.parametrize("actions", [("update",), ("delete",), ("no-op",)])
def test_only_what_would_be_created_is_looked_up(actions: tuple[str, ...]) -> None:
    assert taken(secret(), *actions) == []


def test_what_cannot_be_seen_is_an_error() -> None:
    client: Any = Secrets(code="AccessDeniedException")

    with pytest.raises(TerraformError, match="cannot be seen"):
        taken_names(plan("create"), client)


def test_ours_is_restored() -> None:
    found = taken(secret(deleted=True), "create")
    client: Any = Secrets()

    refuse_foreign(found, "dev")
    restore(found[0], client)

    assert client.restored == [arn(NAME)]


def test_a_live_one_needs_no_restoring() -> None:
    client: Any = Secrets()

    restore(taken(secret(), "create")[0], client)

    assert client.restored == []


@pytest.mark.parametrize(
    ("known", "owner"),
    [
        pytest.param(secret(environment="prod"), "exists, made by prod", id="another environment's"),
        pytest.param(secret(environment="prod", deleted=True), "marked for deletion, made by prod", id="deleted"),
        pytest.param(secret(environment=None), "something else than this Terraform", id="without an environment"),
        pytest.param(secret(project="other"), "something else than this Terraform", id="of another project"),
    ],
)
def test_what_is_not_ours_is_refused(known: Any, owner: str) -> None:
    with pytest.raises(TerraformError, match=owner):
        refuse_foreign(taken(known, "create"), "dev")


# Destroying


class Tagging:
    """The tagging API, which knows functions and secrets by environment."""

    def __init__(self, functions: list[str], secrets: dict[str, list[str]]) -> None:
        self.pages = {
            "lambda:function": [self._mapping(f"arn:aws:lambda:x:1:function:{name}", name) for name in functions],
            "secretsmanager:secret": [
                self._mapping(arn(name), env) for env, names in secrets.items() for name in names
            ],
        }

    def _mapping(self, arn: str, environment: str) -> dict[str, Any]:
        return {"ResourceARN": arn, "Tags": [{"Key": "Environment", "Value": environment}]}

    def get_paginator(self, _name: str) -> "Tagging":
        return self

    def paginate(self, *, TagFilters: Any, ResourceTypeFilters: list[str]) -> Iterator[Any]:  # noqa: N803
        assert TagFilters == [{"Key": "Project", "Values": ["whatsapp-channel-processor"]}]
        for mapping in self.pages[ResourceTypeFilters[0]]:
            yield {"ResourceTagMappingList": [mapping]}


OPENAI = "openai-api-key/whatsapp"
OPENAI_ADDRESS = f'module.stack.module.secrets.aws_secretsmanager_secret.this["{OPENAI}"]'


def destruction(name: str = OPENAI) -> Plan:
    return Plan((Change(OPENAI_ADDRESS, KIND, ("delete",), before={"name": name}),), {})


def destroy(tagging: Any, *, named: list[str] | None = None, name: str = OPENAI) -> None:
    refuse_shared(destruction(name), "dev", tagging, named or [])


@pytest.mark.parametrize(
    "tagging",
    [
        pytest.param(Tagging(["dev"], {"dev": [OPENAI]}), id="alone"),
        pytest.param(Tagging(["dev", "prod"], {"dev": [OPENAI], "prod": ["openai-api-key/prod"]}), id="each its own"),
        pytest.param(Tagging([], {"dev": [OPENAI], "prod": []}), id="no other function"),
    ],
)
def test_a_secret_that_nobody_else_needs_goes(tagging: Tagging) -> None:
    destroy(tagging)


@pytest.mark.parametrize("name", [OPENAI, NAME, "ai-multi-comms/openai-api-key/whatsapp-prod"])
def test_a_secret_that_another_environment_lives_on_stays(name: str) -> None:
    with pytest.raises(TerraformError, match=r"prod has no (openai-api-key|whatsapp-credentials) secret of its own"):
        destroy(Tagging(["dev", "prod"], {"dev": [name], "prod": []}), name=name)


def test_it_goes_when_it_is_named() -> None:
    destroy(Tagging(["dev", "prod"], {"dev": [OPENAI]}), named=[OPENAI_ADDRESS])
