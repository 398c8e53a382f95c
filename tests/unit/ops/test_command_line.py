"""The command line: where it connects to, and how it says in one line what is wrong."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
from botocore.exceptions import (
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOTokenLoadError,
)

from ops.app import PROGRAM, app
from ops.aws import connect
from ops.errors import AwsError, ExitCode
from ops.schema import build_schema
from tests.unit.ops.conftest import Ops
from tests.unit.ops.fake_aws import DLQ, FakeAws, client_error

ROOT = Path(__file__).parents[3]

COMMANDS = [
    ("attention",),
    ("show", "conv-0001"),
    ("find", "+447700900123"),
    ("trace", "conv-0001"),
    ("dlq", "peek"),
    ("dlq", "redrive", "--all", "--yes"),
    ("doctor", "--no-secrets"),
    ("stats",),
    ("pause", "--yes"),
    ("export", "+447700900123"),
    ("forget", "+447700900123", "--dry-run"),
    ("dlq", "show", "m-1"),
    ("dlq", "drop", "m-1"),
]
"""Every command that asks AWS, besides `replay`, which takes a file."""

every_command = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:2]))


# Wrong command lines


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("nonsense",), "No such command 'nonsense'. See `ops --help`."),
        (("dlq", "nonsense"), "No such command 'nonsense'. See `ops dlq --help`."),
        (("show",), "Missing argument 'ID|NUMBER'. See `ops show --help`."),
        (("show", "a", "b"), "Got unexpected extra argument(s) (b). See `ops show --help`."),
        (("attention", "--nonsense"), "No such option: --nonsense. See `ops attention --help`."),
        (("attention", "--limit", "0"), "Input should be greater than or equal to 1. See `ops attention --help`."),
        (("attention", "--env", "Prod"), "No environment is called 'Prod'. Names are like dev, staging, prod."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_command_line_is_one_line(ops: Ops, arguments: tuple[str, ...], line: str) -> None:
    ended = ops(*arguments)

    assert ended.exit_code == 2
    assert ended.err.startswith("Error: ")
    assert ended.err.endswith(f"{line}\n")
    assert ended.err.count("\n") == 1
    assert ended.out == ""


@pytest.mark.parametrize("arguments", [("show",), ("attention", "--env", "Prod")], ids=" ".join)
def test_wrong_command_line_is_json_too(ops: Ops, arguments: tuple[str, ...]) -> None:
    ended = ops(*arguments, "--json")

    assert ended.exit_code == 2
    assert ended.answer["exit_code"] == 2
    assert ended.answer["message"]


@pytest.mark.parametrize("arguments", [(), ("dlq",)], ids=["ops", "ops dlq"])
def test_command_alone_shows_its_help(ops: Ops, arguments: tuple[str, ...]) -> None:
    ended = ops(*arguments)

    assert ended.exit_code == 2
    assert "Usage: ops" in ended.out
    assert "Error" not in ended.err


@pytest.mark.parametrize("command", [(), ("dlq",), ("validate", "FILE"), ("replay", "FILE"), *COMMANDS], ids=" ".join)
def test_every_command_has_help_that_fits_80_columns(ops: Ops, command: tuple[str, ...]) -> None:
    ops.columns = 80
    words = [word for word in command if word.islower() and "-" not in word]

    ended = ops(*words, "--help")

    assert ended.exit_code == 0
    assert max(map(len, ended.out.splitlines())) <= 80


@pytest.mark.parametrize("command", [(), ("dlq",), ("dlq", "peek"), ("show",)], ids=" ".join)
def test_short_flag_helps_too(ops: Ops, command: tuple[str, ...]) -> None:
    ended = ops(*command, "-h")

    assert (ended.exit_code, ended.out) == (0, ops(*command, "--help").out)


def test_version_is_the_projects(ops: Ops) -> None:
    ended = ops("--version")

    assert ended.exit_code == 0
    assert re.fullmatch(r"ops 0\.1\.0, Python 3\.\d+\.\d+\n", ended.out)


# Trouble with AWS


def no_region(_profile: str | None, _region: str | None) -> Any:
    return connect({}, None, None)


@every_command
@pytest.mark.parametrize("flags", [(), ("--json",)], ids=["", "json"])
def test_no_credentials_is_one_line(ops: Ops, command: tuple[str, ...], flags: tuple[str, ...]) -> None:
    class NoAccount(FakeAws):
        def _client(self, service: str) -> Any:
            raise NoCredentialsError

    ops.connect = lambda *_: NoAccount(ops.clock)

    ended = ops(*command, *flags)

    assert ended.exit_code == 3
    assert ended.err == (
        "Error: There are no usable AWS credentials (NoCredentialsError)."
        " Sign in (`aws sso login`, `aws configure`) or choose another AWS_PROFILE.\n"
    )
    assert (json.loads(ended.out)["exit_code"] == 3) if flags else (ended.out == "")


@every_command
def test_no_region_is_one_line(ops: Ops, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    ops.connect = no_region

    ended = ops(*command)

    assert ended.exit_code == 3
    assert ended.err == (
        "Error: There is no AWS region. Set AWS_REGION, pass --region, or give the AWS profile a region.\n"
    )


@pytest.mark.parametrize(
    ("error", "line"),
    [
        pytest.param(client_error("ExpiredToken"), "AWS does not accept these credentials (ExpiredToken)", id="old"),
        pytest.param(
            client_error("InvalidClientTokenId"), "AWS does not accept these credentials", id="unknown credentials"
        ),
        pytest.param(
            client_error("AccessDeniedException", "Query"),
            "These credentials may not Query on the table conversations-dev in eu-west-1. Ask for that permission",
            id="denied",
        ),
        pytest.param(
            client_error("ResourceNotFoundException"),
            "There is no table conversations-dev in eu-west-1. Is it another region (AWS_REGION)",
            id="missing",
        ),
        pytest.param(client_error("ThrottlingException"), "AWS is throttling requests for the table", id="throttled"),
        pytest.param(
            EndpointConnectionError(endpoint_url="http://127.0.0.1:9"),
            "No answer about the table conversations-dev from eu-west-1 (EndpointConnectionError). Check the network",
            id="not reached",
        ),
        pytest.param(ReadTimeoutError(endpoint_url="u"), "No answer about the table", id="no answer"),
        pytest.param(SSOTokenLoadError(error_msg="x"), "There are no usable AWS credentials", id="signed out"),
        pytest.param(
            client_error("InternalServerError", message="Oops."),
            "AWS refused the request for the table conversations-dev in eu-west-1: InternalServerError: Oops.",
            id="other",
        ),
    ],
)
def test_every_error_of_aws_is_one_line(ops: Ops, aws: FakeAws, error: Exception, line: str) -> None:
    aws.fake_dynamodb.errors["query"] = error

    ended = ops("attention")

    assert (ended.exit_code, ended.out) == (3, "")
    assert ended.err.startswith(f"Error: {line}")
    assert ended.err.count("\n") == 1


def test_number_in_an_error_is_masked(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.errors["query"] = client_error("ValidationException", message="no item +447700900123")

    ended = ops("attention", "--json")

    assert "+447700900123" not in ended.err + ended.out


# Where it connects to


def test_profile_and_region_are_the_usual_ones(ops: Ops) -> None:
    ops("attention")
    ops("attention", "--profile", "prod", "--region", "eu-central-1")

    assert ops.connected == [(None, None), ("prod", "eu-central-1")]


def test_names_may_be_replaced_one_by_one(ops: Ops) -> None:
    ended = ops("dlq", "peek", "--env", "prod", "--dlq", DLQ)

    assert ended.out == f"{DLQ} is empty.\n"


def test_unknown_profile_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")

    with pytest.raises(AwsError, match=r"nowhere.* could not be found") as caught:
        connect({}, "nowhere", "eu-west-1")

    assert isinstance(caught.value.__cause__, ProfileNotFound)


@pytest.mark.parametrize(
    ("endpoint", "emulated"),
    [
        (None, False),
        ("http://127.0.0.1:4566", True),
        ("https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com", False),
    ],
    ids=["AWS", "emulator", "VPC endpoint"],
)
def test_emulator_is_told_from_aws_by_its_endpoint(
    monkeypatch: pytest.MonkeyPatch, endpoint: str | None, *, emulated: bool
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)

    aws = connect({"AWS_REGION": "eu-west-1"}, None, None)

    assert (aws.region, aws.emulated) == ("eu-west-1", emulated)
    assert aws.where == (f"eu-west-1 at {endpoint}" if emulated else "eu-west-1")


# How it ends


def test_interrupt_ends_with_its_exit_code(ops: Ops, aws: FakeAws) -> None:
    aws.fake_dynamodb.errors["query"] = KeyboardInterrupt()  # type: ignore[assignment]

    ended = ops("attention")

    assert (ended.exit_code, ended.err) == (130, "Interrupted.\n")


def test_exit_codes_are_those_of_the_document() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

    assert [code for code in ExitCode if f"| {code.value} |" not in text] == []


def test_published_schema_is_the_one_of_the_answers() -> None:
    published = json.loads((ROOT / "docs" / "operations.schema.json").read_text(encoding="utf-8"))

    assert published == build_schema(), "run: python -m ops.schema > docs/operations.schema.json"


def test_every_command_has_its_answer_in_the_schema() -> None:
    commands: Any = typer.main.get_command(app)
    names = {
        f"{name} {below}".strip()
        for name, command in commands.commands.items()
        for below in getattr(command, "commands", [""])
    }

    assert {entry["title"] for entry in build_schema()["oneOf"]} == {*names, "(error)"}


def test_every_command_is_in_the_document_with_its_exit_codes() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    names = {entry["title"] for entry in build_schema()["oneOf"]} - {"(error)"}

    assert {name for name in names if f"\n## {name}\n" not in text} == set()


@pytest.mark.parametrize(
    ("words", "offered"),
    [("ops dlq re", ["redrive"]), ("ops a", ["attention"]), ("ops dlq redrive --dr", ["--dry-run"])],
)
def test_shell_completes_commands_and_options(tmp_path: Path, words: str, offered: list[str]) -> None:
    """By the launcher, from another folder, and by a link to it."""
    link = tmp_path / PROGRAM
    link.symlink_to(ROOT / "ops" / "ops")
    if not (ROOT / ".venv" / "bin" / "python").exists():
        pytest.skip("the launcher runs .venv, which `make setup` makes")

    done = subprocess.run(
        [str(link)],
        cwd=tmp_path,
        env={
            **os.environ,
            "_OPS_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        encoding="utf-8",
    )

    assert done.stdout.split() == offered, done.stderr
