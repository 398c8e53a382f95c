"""A state belongs to one account and one region."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools.infrastructure.aws import Account
from tools.infrastructure.environment import Environment
from tools.infrastructure.errors import TerraformError
from tools.infrastructure.place import check_pins, check_state

HERE = Account("111122223333", "eu-central-1", None)


def environment(**variables: Any) -> Environment:
    return Environment("prod", Path("prod.tfvars"), variables, Path())


def state(*arns: str | None, mode: str = "managed") -> str:
    return json.dumps({"resources": [{"mode": mode, "instances": [{"attributes": {"arn": arn}} for arn in arns]}]})


def test_an_environment_is_deployed_to_the_account_and_region_it_names() -> None:
    check_pins(environment(aws_account_id="111122223333", aws_region="eu-central-1"), HERE)
    check_pins(environment(), HERE)


@pytest.mark.parametrize("pins", [{"aws_account_id": "999988887777"}, {"aws_region": "us-east-1"}])
def test_an_environment_is_deployed_nowhere_else(pins: dict[str, str]) -> None:
    with pytest.raises(TerraformError, match=r"pinned to .* Nothing was touched"):
        check_pins(environment(**pins), HERE)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="no state"),
        pytest.param(json.dumps({"version": 4, "resources": []}), id="an empty one"),
        pytest.param(state("arn:aws:sqs:eu-central-1:111122223333:queue"), id="of here"),
        pytest.param(state("arn:aws:iam::111122223333:role/r", None, "not an ARN"), id="of no region"),
        pytest.param(state("arn:aws:sqs:us-east-1:999988887777:queue", mode="data"), id="only looked at"),
    ],
)
def test_a_state_of_this_place_is_accepted(text: str) -> None:
    check_state("prod", text, HERE)


@pytest.mark.parametrize(
    "arn",
    [
        pytest.param("arn:aws:sqs:us-east-1:111122223333:queue", id="another region"),
        pytest.param("arn:aws:sqs:eu-central-1:999988887777:queue", id="another account"),
        pytest.param("arn:aws:iam::999988887777:role/r", id="another account's role"),
        pytest.param("arn:aws-cn:sqs:cn-north-1:999988887777:queue", id="another partition"),
    ],
)
def test_a_state_of_another_place_is_refused_even_if_part_of_it_is_here(arn: str) -> None:
    text = state("arn:aws:sqs:eu-central-1:111122223333:queue", arn)

    with pytest.raises(TerraformError, match="it would build a second stack"):
        check_state("prod", text, HERE)
