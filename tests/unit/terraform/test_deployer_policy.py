"""What a deployer may do: by the names that the stack gives, for every kind of resource, and never everything."""

import json
import re
from pathlib import Path
from typing import Any

from tools.infrastructure.adoption.names import names_of

TERRAFORM = Path(__file__).resolve().parents[3] / "terraform"
TEXT = (TERRAFORM / "deployer-policy.json").read_text(encoding="utf-8")
STATEMENTS: list[dict[str, Any]] = json.loads(TEXT)["Statement"]

SERVICE_OF = {
    "aws_cloudwatch_log": "logs",
    "aws_cloudwatch_query": "logs",
    "aws_cloudwatch": "cloudwatch",
    "aws_dynamodb": "dynamodb",
    "aws_iam": "iam",
    "aws_kms": "kms",
    "aws_lambda": "lambda",
    "aws_secretsmanager": "secretsmanager",
    "aws_sns": "sns",
    "aws_sqs": "sqs",
}


def service_of(kind: str) -> str:
    return next(service for prefix, service in SERVICE_OF.items() if kind.startswith(prefix))


def test_it_speaks_of_the_names_that_the_stack_gives() -> None:
    names = names_of("ENVIRONMENT", {})

    for kind in ("queue", "dead_letter_queue", "table", "function", "role", "topic", "key_alias", "log_group"):
        assert names[kind] in TEXT, kind


def test_every_service_of_the_stack_can_be_written() -> None:
    kinds = {
        kind
        for path in (TERRAFORM / "modules").glob("*/*.tf")
        for kind in re.findall(r'^resource "(aws_\w+)"', path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    written = {action.split(":")[0] for one in STATEMENTS for action in one["Action"] if "Describe" not in action}

    assert {service_of(kind) for kind in kinds} <= written


def test_nothing_is_allowed_by_a_wildcard_and_the_role_goes_to_lambda_alone() -> None:
    assert not any("*" in action for statement in STATEMENTS for action in statement["Action"])
    passing = [statement for statement in STATEMENTS if "iam:PassRole" in statement["Action"]]
    assert [statement["Condition"] for statement in passing] == [
        {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    ]


def test_no_value_of_a_secret_is_read() -> None:
    assert "secretsmanager:GetSecretValue" not in TEXT
