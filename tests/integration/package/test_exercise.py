"""The trimmed package still does everything, with nothing else to import from."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from sandbox.stubs import OPENAI_KEY, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, StubServer, answer
from tests.integration.package.aws_server import aws_server
from tests.integration.package.conftest import OWN_PYTHON, RunBuilder
from tools.packaging.bytecode import find_compiler
from tools.packaging.target import Arch, Target

pytestmark = pytest.mark.integration

DEPLOYED_PYTHON = "3.13"
EXERCISE = Path(__file__).with_name("exercise.py")
PROBLEM = {"type": "https://twilio.com/problem", "title": "Refused", "status": 400, "code": 21211}


@pytest.fixture(scope="module")
def vendors() -> Iterator[StubServer]:
    with StubServer() as stubs:
        yield stubs


@pytest.fixture(scope="module", params=sorted({OWN_PYTHON, DEPLOYED_PYTHON}))
def seen(
    request: pytest.FixtureRequest,
    run_builder: RunBuilder,
    vendors: StubServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What came back when the unpacked package made every call, on the Python it was built for."""
    interpreter = find_compiler(Target(request.param, Arch.NATIVE), os.environ)
    if interpreter is None:
        pytest.skip(f"no Python {request.param} on this machine to run the package")
    folder = tmp_path_factory.mktemp("exercise")
    built = run_builder("--python", request.param, "--arch", "native", "--output", folder / "package.zip")
    assert built.returncode == 0, built.stderr
    ZipFile(folder / "package.zip").extractall(folder / "package")
    vendors.client.script("openai.responses.create", answer(429), match="too many")
    vendors.client.script("openai.responses.create", answer(503, raw="<html>"), match="break down")
    vendors.client.script("openai.responses.create", answer(503), match="ask twice")
    vendors.client.script("twilio.messages.create", answer(400), match="refuse this")
    vendors.client.script("twilio.messages.create", answer(400, PROBLEM), match="describe the problem")
    with aws_server() as aws_url:
        given = {
            "aws": aws_url,
            "openai": vendors.urls.openai,
            "openai_key": OPENAI_KEY,
            "twilio": vendors.urls.twilio,
            "twilio_sid": TWILIO_ACCOUNT_SID,
            "twilio_token": TWILIO_AUTH_TOKEN,
        }
        result = subprocess.run(
            [interpreter.path, "-I", "-S", EXERCISE, folder / "package", json.dumps(given)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            encoding="utf-8",
        )
    assert result.returncode == 0, result.stderr
    return dict(json.loads(result.stdout.splitlines()[-1]))


def test_nothing_is_imported_from_outside_the_package_and_the_standard_library(seen: dict[str, Any]) -> None:
    assert seen["from_elsewhere"] == []


def test_every_module_of_ours_can_be_imported(seen: dict[str, Any], checkout: Path) -> None:
    imported = seen["own"]["imported"]

    assert {"core.errors", "services", "utils.settings"} <= set(imported)
    if (checkout / "lambda" / "index.py").exists():
        assert seen["own"]["handler"]


def test_traceback_through_our_code_quotes_its_lines(seen: dict[str, Any]) -> None:
    assert "utils/settings.py" in seen["own"]["traceback"]
    assert "raise SettingsError(" in seen["own"]["traceback"]


def test_traceback_through_a_dependency_names_file_line_and_function_as_in_lambda(seen: dict[str, Any]) -> None:
    assert re.search(r'File "/var/task/twilio/base/version\.py", line \d+, in fetch', seen["twilio"]["traceback"])


def test_aws_clients_call_paginate_and_raise_their_errors(seen: dict[str, Any]) -> None:
    aws = seen["aws"]

    assert aws["attributes"] == {"attempts": "2"}
    assert aws["hidden"] == ["m-1"]
    assert aws["secret"] == "shh"
    assert aws["conflict"] == "ConditionalCheckFailedException"
    assert aws["unreachable"] == "EndpointConnectionError"
    assert aws["endpoints"] == {
        service: f"https://{service}.eu-west-2.amazonaws.com"
        for service in ("dynamodb", "secretsmanager", "sqs", "sts")
    }
    assert aws["paginators"] == [True, True]
    assert "table_exists" in aws["waiters"]
    assert ":type TableName: string" in aws["documented"]


def test_import_of_openai_imports_none_of_its_types_and_each_of_them_is_there_when_asked_for(
    seen: dict[str, Any],
) -> None:
    """See tools/packaging/reexports.py; before, an import brought in more than 400 modules of types."""
    names = seen["openai_names"]
    types = [name for name in names["imported"] if name.startswith("openai.types.")]

    assert len(types) < 40, types
    assert names["names"] > 500
    assert names["missing"] == []


def test_import_of_openai_imports_nothing_for_asynchronous_programs_which_still_work(seen: dict[str, Any]) -> None:
    """See tools/packaging/deferred.py; on an older Python, typing_extensions imports asyncio too."""
    assert "anyio" not in seen["openai_names"]["imported"]
    assert seen["responses"]["asynchronous"]


def test_responses_and_conversations_work_and_raise_their_errors(seen: dict[str, Any]) -> None:
    responses = seen["responses"]

    assert responses["first_status"] in {"queued", "in_progress"}
    assert responses["raw_status"] == 200
    assert responses["status"] == "completed"
    assert responses["variables"] == ["1"]
    assert responses["kinds"] == ["output_text"]
    assert responses["tokens"]
    assert responses["items"] == ["message", "message"]
    assert responses["plain"]
    assert responses["deleted"]
    assert responses["cancel_missing"][0] == responses["missing"][0] == "NotFoundError"
    assert responses["wrong_key"][0] == "AuthenticationError"
    assert responses["unreachable"][0] == "APIConnectionError"
    assert responses["limited"][0] == "RateLimitError"
    assert responses["broken"][0] == "InternalServerError"
    assert {"APIStatusError", "OpenAIError"} <= set(responses["limited"])


def test_assistants_work_and_raise_their_errors(seen: dict[str, Any]) -> None:
    assistants = seen["assistants"]

    assert assistants["thread"] == "thread"
    assert assistants["message"] == "text"
    assert assistants["raw_status"] == 200
    assert assistants["status"] == "completed"
    assert [bool(answer) for answer in assistants["answers"]] == [True]
    assert assistants["cancel_missing"][0] == "NotFoundError"
    assert assistants["deleted"]


def test_twilio_sends_lists_and_fetches_and_raises_its_errors(seen: dict[str, Any]) -> None:
    twilio = seen["twilio"]

    assert twilio["raw_status"] == 201
    assert {twilio["sid"], twilio["template_sid"]} < set(twilio["listed"])
    assert twilio["paged"] == len(twilio["listed"])
    assert twilio["fetched"] == "Hello"
    assert twilio["created"]
    assert twilio["wrong_token"][0] == twilio["refused"][0] == "TwilioRestException"
    assert twilio["described"][0] == "TwilioServiceException"
    assert twilio["unlisted"][0] == "TwilioException"
    assert twilio["unreachable"][0] == "ConnectionError"


def test_pydantic_validates_serialises_and_describes(seen: dict[str, Any]) -> None:
    assert seen["pydantic"] == {
        "back": "+447700900123",
        "faults": ["parts.0.at", "parts.0.count", "parts.0.tel"],
        "schema": ["at", "count", "tel"],
    }


def test_powertools_log_and_count(seen: dict[str, Any]) -> None:
    assert seen["powertools"] == {
        "keys": {
            "event": "message_sent",
            "conversation_id": "c-1",
            "function_request_id": "request-1",
            "correlation_id": "correlation-1",
        },
        "exception": "RuntimeError",
        "metrics": [1.0],
    }
