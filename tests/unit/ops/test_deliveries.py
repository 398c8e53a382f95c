"""`ops pause` and `ops resume`: everything is stopped and started, with AWS credentials and nothing else."""

import pytest

from tests.fakes.clock import FakeClock
from tests.unit.ops.conftest import Ops
from tests.unit.ops.deployment import FUNCTION_ARN, Deployment
from tests.unit.ops.fake_aws import QUEUE, FakeAws, client_error


@pytest.fixture
def deployment(aws: FakeAws) -> Deployment:
    return Deployment(aws)


def test_everything_is_paused_and_resumed(ops: Ops, deployment: Deployment) -> None:
    deployment.sqs.add(QUEUE, "{}")

    paused = ops.json("pause", "--yes")
    state_paused = deployment.mapping["State"]
    resumed = ops.json("resume", "--yes")

    assert (paused["wanted"], paused["states"], paused["changed"], paused["waiting"]) == ("off", ["Disabled"], True, 1)
    assert state_paused == "Disabled"
    assert (resumed["wanted"], resumed["states"], resumed["settled"]) == ("on", ["Enabled"], True)
    assert deployment.mapping["State"] == "Enabled"


def test_what_is_paused_already_is_said_and_not_asked_about(ops: Ops, deployment: Deployment) -> None:
    deployment.mapping["State"] = "Disabled"

    shown = ops("pause")

    assert shown.exit_code == 0
    assert "is paused already; 0 messages waiting" in shown.out
    assert "ops resume" in shown.out
    assert "update_event_source_mapping" not in deployment.functions.calls


def test_nothing_is_switched_without_a_yes(ops: Ops, deployment: Deployment) -> None:
    alone = ops("pause")
    ops.someone_there = True
    refused = ops("pause", given="n\n")

    assert (alone.exit_code, refused.exit_code, deployment.mapping["State"]) == (4, 4, "Enabled")
    assert f"Stop deliveries from {QUEUE} to whatsapp-channel-processor-dev (account 123456789012" in refused.err


def test_mapping_of_another_function_is_left_alone(ops: Ops, deployment: Deployment) -> None:
    other = {**deployment.mapping, "UUID": "other", "FunctionArn": f"{FUNCTION_ARN}-2", "State": "Enabled"}
    alias = {**deployment.mapping, "UUID": "alias", "FunctionArn": f"{FUNCTION_ARN}:live", "State": "Enabled"}
    deployment.mappings += [other, alias]

    ops("pause", "--yes")

    assert (deployment.mapping["State"], other["State"], alias["State"]) == ("Disabled", "Enabled", "Disabled")


def test_mapping_that_takes_too_long_is_a_problem(ops: Ops, deployment: Deployment, clock: FakeClock) -> None:
    deployment.functions.answers["update_event_source_mapping"] = lambda **_: deployment.mapping.update(
        State="Disabling"
    )

    ended = ops("pause", "--yes")

    assert ended.exit_code == 1
    assert f"{QUEUE} is still disabling. Look again: ops doctor --no-secrets" in ended.out
    assert sum(clock.sleeps) == 120


def test_nothing_to_switch_is_one_line(ops: Ops, deployment: Deployment) -> None:
    deployment.mappings.clear()

    ended = ops("pause", "--yes")

    assert ended.exit_code == 1
    assert ended.err.startswith(f"Error: Nothing feeds whatsapp-channel-processor-dev from {QUEUE}.")


def test_missing_permission_is_named(ops: Ops, deployment: Deployment) -> None:
    deployment.functions.errors["update_event_source_mapping"] = client_error(
        "AccessDeniedException", "UpdateEventSourceMapping"
    )

    ended = ops("pause", "--yes")

    assert ended.exit_code == 3
    assert "These credentials may not UpdateEventSourceMapping" in ended.err


def test_doctor_says_how_to_resume(ops: Ops, deployment: Deployment) -> None:
    deployment.mapping["State"] = "Disabled"

    assert "When they may go: ops resume" in ops("doctor", "--no-secrets").out
