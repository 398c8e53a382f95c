"""A run that can't have its stack ends at once, with one message that says what to do, and runs no test."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.engines.ministack import MiniStack
from sandbox.harness import Stack
from tools.infrastructure.errors import TerraformError

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
SCENARIOS = "tests/integration/product/test_messages.py"
AT_ONCE_SECONDS = 60
"""Most of it for Python to start on a busy machine; a stack takes longer, and so do the scenarios."""


@pytest.mark.parametrize(
    ("environ", "workers", "said"),
    [
        pytest.param(
            {"ENGINE": "localstack", "DOCKER_HOST": "tcp://127.0.0.1:1"},
            2,
            r"ENGINE=localstack needs Docker\. Docker does not answer: .*\nStart Docker .* ENGINE=ministack\.",
            id="no Docker",
        ),
        pytest.param(
            {"ENGINE": "ministack", "PATH": os.defpath},
            0,
            r"Terraform is not installed.* put it on the PATH\.",
            id="no Terraform",
        ),
        pytest.param(
            {"ENGINE": "moto"}, 0, r"ENGINE=moto is not an engine: set localstack or ministack", id="no engine"
        ),
    ],
)
def test_run_without_what_it_needs_ends_at_once_with_one_message(
    environ: dict[str, str], workers: int, said: str, tmp_path: Path
) -> None:
    arguments = ["-m", "integration", "-n", str(workers), f"--junitxml={tmp_path}/report.xml", "-p", "no:cacheprovider"]
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    began = time.monotonic()

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *arguments, SCENARIOS],
        cwd=ROOT,
        env={**own, **environ},
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )

    assert done.returncode == pytest.ExitCode.INTERRUPTED
    assert len(re.findall(said, done.stdout)) == 1, done.stdout
    assert re.fullmatch(r"no tests ran in \S+s( \(\S+\))?", done.stdout.strip().splitlines()[-1])
    assert "Traceback" not in done.stdout + done.stderr
    assert time.monotonic() - began < AT_ONCE_SECONDS


def test_provider_out_of_reach_is_named_with_what_to_do_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(tmp_path))
    engine = MiniStack()

    with (
        pytest.raises(TerraformError, match=r"MIRROR=.* does not hold hashicorp/aws [\d.]+ for (.|\n)*Unpack it"),
        Stack.start(engine, name="without-provider"),
    ):
        pytest.fail("it starts without a provider")

    assert engine.folder is None
