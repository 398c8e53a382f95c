"""`adopt`, as an operator runs it over what was made by hand, with the real provider: nothing is lost."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.engines.ministack import MiniStack
from tests.integration.terraform.by_hand import AUDITOR, PRODUCER, RECORDS, ByHand
from tests.integration.terraform.operator import Operator

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("ENGINE") == "localstack", reason="its own engine is MiniStack"),
]

QUIRKS = ("aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm", "aws_lambda_event_source_mapping")
"""What MiniStack describes incompletely, so that every plan wants it again; terraform/README.md names them."""


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    with MiniStack() as engine:
        yield Operator(tmp_path, engine)


def by_hand(operator: Operator, environment: str) -> ByHand:
    return ByHand(operator.aws, environment, f"python{operator.target.python}")


def accepted(said: str) -> list[str]:
    """Return the options that a refusal names."""
    return [word for address in re.findall(r"--accept '([^']+)'", said) for word in ("--accept", address)]


def census(operator: Operator, environment: str) -> dict[str, Any]:
    text = (operator.folder / "adoption" / environment / "census.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def left(said: str) -> list[str]:
    """Return what a second plan would still change, but for the engine's quirks."""
    found = re.search(r"A second plan would still change: (.*)", said)
    addresses = found[1].split(", ") if found else []
    return [address for address in addresses if not any(f".{quirk}." in address for quirk in QUIRKS)]


def test_a_stack_made_by_hand_is_adopted_and_given_back(operator: Operator) -> None:
    """One story, because each apply waits for SQS."""
    dev = by_hand(operator, "dev")
    dev.queues()
    dev.table()
    dev.secrets()
    dev.function()
    dev.alarm()
    dev.messages(waiting=4, in_flight=2, dead=3)

    a_deployment_points_to_adopt(operator)
    acknowledged = what_keeps_it_is_written_and_what_changes_is_said(operator)
    no_code_changes_under_a_function_that_is_fed(operator, dev, acknowledged)
    dev_is_adopted_whole(operator, dev, acknowledged)

    # The way back: nothing is touched, and it can be adopted again.
    assert "no longer Terraform's" in operator.run("disown", "--env", "dev", "--yes")
    assert dev.count() == RECORDS
    assert "make adopt ENV=dev" in operator.refused("plan", "--env", "dev")


def a_deployment_points_to_adopt(operator: Operator) -> None:
    operator.write("dev")
    said = operator.refused("deploy", "--env", "dev", "--yes")
    assert "dev's state is empty" in said
    assert "make adopt ENV=dev" in said


def what_keeps_it_is_written_and_what_changes_is_said(operator: Operator) -> list[str]:
    """Return the options that acknowledge all of it."""
    operator.write_only("dev", environment="dev", **operator.needed)
    said = operator.refused("adopt", "--env", "dev")
    assert '"visibility_timeout_seconds": 400' in said
    assert "do not show" not in said

    said = operator.refused("adopt", "--env", "dev", "--write", "--yes")
    assert "Acknowledge each" in said
    assert "its code becomes ours" in said
    return accepted(said)


def no_code_changes_under_a_function_that_is_fed(operator: Operator, dev: ByHand, acknowledged: list[str]) -> None:
    functions = operator.aws.client("lambda")
    functions.update_event_source_mapping(UUID=dev.mapping, Enabled=True)
    refused = operator.refused("adopt", "--env", "dev", "--yes", *acknowledged)
    assert f"--no-enabled --uuid {dev.mapping}" in refused
    functions.update_event_source_mapping(UUID=dev.mapping, Enabled=False)


def dev_is_adopted_whole(operator: Operator, dev: ByHand, acknowledged: list[str]) -> None:
    """Messages are sent once more, because the old function has had the first ones."""
    dev.messages(waiting=4, in_flight=2, dead=0)
    done = operator.adopt("dev", *acknowledged)

    assert left(done) == []
    counted = census(operator, "dev")
    assert counted["before"] == counted["after"]
    assert counted["after"]["records"] == RECORDS
    assert counted["after"]["versions"] == {"openai-api-key/whatsapp": 2, "whatsapp-credentials/acme/spring/twilio": 2}
    assert counted["after"]["dead_letters"]["waiting"] == 3
    assert counted["after"]["queue"]["waiting"] >= 4
    assert counted["after"]["queue"]["in flight"] >= 2
    assert "Router" in dev.statements()
    assert operator.mapping()["State"] == "Disabled"
    backup = operator.folder / "adoption" / "dev" / "backup"
    assert (backup / "function.zip").stat().st_size > 0
    assert "do not show" not in (backup / "function.json").read_text(encoding="utf-8")
    assert "nothing to adopt" in operator.run("adopt", "--env", "dev", "--yes")


def test_a_second_environment_keeps_what_others_made_on_it(operator: Operator) -> None:
    """Another index, a stream, a neighbour of the DLQ, statements, a role under a path, and secrets that are dev's."""
    stage = by_hand(operator, "stage")
    stage.secrets(owner="dev")
    stage.queues(statements=(PRODUCER, AUDITOR))
    neighbour = stage.neighbour_of_the_dead_letters()
    stage.table(others=True)
    stage.function(path="/teams/messaging/")
    stage.messages(waiting=1, in_flight=1, dead=1)
    operator.write_only("stage", environment="stage", **operator.needed)
    refused = operator.refused("adopt", "--env", "stage", "--write", "--yes")
    assert "aws_secretsmanager_secret" not in refused, "they are dev's"

    assert left(operator.adopt("stage", *accepted(refused))) == []
    table = operator.aws.client("dynamodb").describe_table(TableName="conversations-stage")["Table"]
    assert {index["IndexName"] for index in table["GlobalSecondaryIndexes"]} >= {"task-complete-index"}
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE"
    letters = operator.aws.client("sqs").get_queue_attributes(QueueUrl=stage.dead_letter_url, AttributeNames=["All"])
    assert neighbour in letters["Attributes"]["RedriveAllowPolicy"]
    assert stage.statements() >= {"Router", "Audit"}
    assert operator.aws.client("iam").get_role(RoleName=stage.role_name)["Role"]["Path"] == "/teams/messaging/"
    counted = census(operator, "stage")
    assert counted["before"] == counted["after"]
    assert counted["after"]["records"] == stage.count() == RECORDS
    assert (counted["after"]["queue"]["waiting"], counted["after"]["queue"]["in flight"]) == (1, 1)


def test_what_cannot_be_adopted_is_refused_in_a_sentence(operator: Operator) -> None:
    dev = by_hand(operator, "dev")
    dev.queues()
    dev.table(local_index=True)
    dev.secrets()
    operator.aws.client("secretsmanager").delete_secret(SecretId="openai-api-key/whatsapp", RecoveryWindowInDays=7)

    said = operator.refused("adopt", "--env", "dev", "--write", "--yes")

    assert "The table has the local index created-at-index" in said
    assert "restore-secret --secret-id openai-api-key/whatsapp" in said
    assert dev.count() == RECORDS
    assert not (operator.folder / "adoption").exists()
