"""`python -m tools.terraform`, as an operator runs it: what it refuses, and what a deployment leaves alone.

The command runs in a copy of the tools and of terraform/, against an engine that comes and goes.
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from sandbox.engines.engine import REGION
from sandbox.engines.ministack import MiniStack
from tests.integration.terraform.operator import Operator

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("ENGINE") == "localstack", reason="its own engine is MiniStack"),
]

OPENAI = "openai-api-key/whatsapp"
TWILIO = "whatsapp-credentials/acme/winter/twilio"
TWILIO_ADDRESS = f'module.stack.module.secrets.aws_secretsmanager_secret.this["{TWILIO}"]'
POLICY_ADDRESS = "module.stack.module.processor.aws_iam_role_policy.this"


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    with MiniStack() as engine:
        yield Operator(tmp_path, engine)


def empty_zip() -> bytes:
    """Return the smallest code that the engine takes; nobody calls it."""
    data = io.BytesIO()
    with ZipFile(data, "w") as package:
        package.writestr("index.py", "")
    return data.getvalue()


def test_what_an_operator_can_do_wrong_is_refused_and_nothing_is_lost(operator: Operator) -> None:
    """One stack and one story, because each apply waits for SQS."""
    secrets = operator.aws.client("secretsmanager")
    operator.write("dev")
    operator.run("deploy", "--env", "dev", "--yes")
    assert operator.mapping()["State"] == "Disabled", "the secrets are empty"

    for name in (OPENAI, TWILIO):
        secrets.put_secret_value(SecretId=name, SecretString=f"value of {name}")
    operator.switch(on=True)

    # Another region, another account.
    said = operator.refused("deploy", "--env", "dev", "--yes", AWS_REGION="us-east-1")
    assert "it would build a second stack" in said
    operator.write("dev", aws_region=REGION)
    assert f"pinned to region {REGION}" in operator.refused("deploy", "--env", "dev", "--yes", AWS_REGION="us-east-1")
    operator.write("dev", aws_account_id="111122223333")
    assert "pinned to account 111122223333" in operator.refused("deploy", "--env", "dev", "--yes")
    operator.write("dev")
    assert "aws_region is us-east-1" in operator.refused(
        "deploy", "--env", "dev", "--yes", TF_VAR_aws_region="us-east-1"
    )

    # A package for another Python.
    operator.write("dev", function={"runtime": operator.another_runtime})
    assert "The package was built for" in operator.refused("deploy", "--env", "dev", "--yes")

    # A second environment that would create the same secrets.
    operator.write("stage")
    assert f"{TWILIO}: exists, made by dev" in operator.refused("plan", "--env", "stage")

    # A company goes, by name, and comes back with its value. Deliveries go on.
    operator.write("dev", companies={"acme": ["spring"]})
    said = operator.refused("deploy", "--env", "dev", "--yes")
    assert f"--allow-destroy '{TWILIO_ADDRESS}'" in said
    assert "DeletedDate" not in operator.secret(TWILIO)
    assert f"--allow-destroy '{POLICY_ADDRESS}'" in said, "it loses the right to read that secret"
    operator.run(
        "deploy", "--env", "dev", "--yes", "--allow-destroy", TWILIO_ADDRESS, "--allow-destroy", POLICY_ADDRESS
    )
    assert "DeletedDate" in operator.secret(TWILIO)
    operator.write("dev")
    operator.run("deploy", "--env", "dev", "--yes")
    assert secrets.get_secret_value(SecretId=TWILIO)["SecretString"] == f"value of {TWILIO}"
    assert operator.mapping()["State"] == "Enabled", "who started deliveries wants them on"

    # What was stopped stays stopped.
    operator.switch(on=False)
    operator.write("dev", function={"memory_mb": 512})
    operator.run("deploy", "--env", "dev", "--yes")
    assert operator.mapping()["State"] == "Disabled", "who stopped deliveries wants them off"

    # Another environment lives on dev's secrets.
    functions = operator.aws.client("lambda")
    functions.create_function(
        FunctionName="whatsapp-channel-processor-prod",
        Role="arn:aws:iam::000000000000:role/any",
        Runtime="python3.13",
        Handler="index.lambda_handler",
        Code={"ZipFile": empty_zip()},
        Tags={"Project": "whatsapp-channel-processor", "Environment": "prod"},
    )
    assert "prod has no openai-api-key secret of its own" in operator.refused("destroy", "--env", "dev", "--yes")
    functions.delete_function(FunctionName="whatsapp-channel-processor-prod")
    operator.run("destroy", "--env", "dev", "--yes")
    assert functions.list_functions()["Functions"] == []
